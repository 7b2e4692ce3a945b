"""The CAs of a caller as a forest, each below the CA that signed it; external CAs are known from the chains.

CAs of other accounts are part of it if their policies let the caller read what it shows: description and chain.

The signer of a CA is the first certificate of its chain, which was verified when it was installed. Subject and key
identify a CA, so that a renewed certificate does not make it another one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

from chalicelib.ca import iterate, state
from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

EXTERNAL = "EXTERNAL"
_READ = ("DescribeCertificateAuthority", "GetCertificateAuthorityCertificate")
_READABLE = frozenset({"ACTIVE", "DISABLED", "EXPIRED"})  # whose certificates others may get
_Identity = tuple[bytes, bytes] | str  # subject and key; of a CA without a certificate its ARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A CA, and the CAs below it by name.

    Attributes:
        name: as `ca.state.name_of` has it; of an external CA its common name, or its whole subject.
        arn: empty for an external CA.
        type, status: as Describe shows them; of an external CA "EXTERNAL".
        not_before, not_after: None where the CA has no certificate yet.
    """

    name: str
    arn: str
    type: str
    status: str
    not_before: datetime | None
    not_after: datetime | None
    children: tuple[Node, ...] = ()


class _Certificate(NamedTuple):
    identity: tuple[bytes, bytes]
    not_before: datetime
    not_after: datetime


def hierarchy(rt: Runtime, caller: Caller) -> tuple[Node, ...]:
    """Build the forest of the CAs that the caller owns or may read, each level by name.

    If CAs are their own ancestors, one of them is the top of a tree.
    """
    nodes: dict[_Identity, list[Node]] = defaultdict(list)
    external: dict[_Identity, list[Node]] = {}
    parents: dict[_Identity, _Identity] = {}  # from the CAs themselves; their chains fill the gaps
    links: dict[_Identity, _Identity] = {}
    for ca in chain(iterate.of_account(rt, caller.account_id), _of_others(rt, caller)):
        path = _path(ca)
        nodes[path[0].identity if path else ca.arn].append(_node(ca, path, rt.now()))
        external |= {certificate.identity: [_external(certificate)] for certificate in path[1:]}
        parents |= {lower.identity: upper.identity for lower, upper in pairwise(path[:2])}
        links |= {lower.identity: upper.identity for lower, upper in pairwise(path[1:])}
    return _forest(external | nodes, links | parents)


def _of_others(rt: Runtime, caller: Caller) -> Iterator[CertificateAuthority]:
    """CAs of other accounts, without tags: the caller may not read their names."""
    for ca in iterate.of_others(rt, caller, _READ):
        if state.status_of(ca, rt.now()) in _READABLE:
            yield replace(ca, tags=())


def _path(ca: CertificateAuthority) -> list[_Certificate]:
    """The CA's certificate and its chain; empty where it has none."""
    return [_read(certificate) for certificate in (ca.certificate_der, *ca.chain_der) if certificate is not None]


@lru_cache(maxsize=4096)
def _read(certificate_der: bytes) -> _Certificate:
    """Read what is shown of a certificate; it was verified when it was installed."""
    members = der.read(certificate_der).children()[0].children()
    certificate = x509.load_der_x509_certificate(certificate_der)
    return _Certificate(
        identity=(members[5].der, members[6].der),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _node(ca: CertificateAuthority, path: list[_Certificate], now: datetime) -> Node:
    not_before, not_after = (path[0].not_before, path[0].not_after) if path else (None, None)
    return Node(
        name=state.name_of(ca),
        arn=ca.arn,
        type=ca.type,
        status=state.status_until(ca, not_after, now),
        not_before=not_before,
        not_after=not_after,
    )


def _external(certificate: _Certificate) -> Node:
    subject_der, _ = certificate.identity
    return Node(
        name=names.common_name(subject_der) or names.rfc2253(subject_der),
        arn="",
        type=EXTERNAL,
        status=EXTERNAL,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )


def _forest(nodes: Mapping[_Identity, list[Node]], parents: Mapping[_Identity, _Identity]) -> tuple[Node, ...]:
    """Find the trees from the tops downwards, then build them from below, however deep they are."""
    children: dict[_Identity | None, list[_Identity]] = defaultdict(list)
    for identity in nodes:
        parent = parents.get(identity)
        children[None if parent == identity else parent].append(identity)
    tops, order = dict.fromkeys(children[None]), dict.fromkeys(_below(children[None], children))
    for identity in nodes:
        if identity not in order:
            top = _ancestor_of_itself(identity, parents)
            tops[top] = None
            order |= dict.fromkeys(_below([top], children))
    grown: dict[_Identity, list[Node]] = {}
    for identity in reversed(order):
        below = [node for child in children[identity] if child not in tops for node in grown[child]]
        first, *others = nodes[identity]
        grown[identity] = [replace(first, children=_sorted(below)), *others]
    return _sorted(node for top in tops for node in grown[top])


def _below(tops: list[_Identity], children: Mapping[_Identity | None, list[_Identity]]) -> list[_Identity]:
    """The tops and everything below them, each after its parent."""
    ordered: dict[_Identity, None] = {}
    waiting = list(tops)
    while waiting:
        identity = waiting.pop()
        if identity not in ordered:
            ordered[identity] = None
            waiting += children.get(identity, [])
    return list(ordered)


def _ancestor_of_itself(identity: _Identity, parents: Mapping[_Identity, _Identity]) -> _Identity:
    """A CA above this one that is its own ancestor; there is one, because no top is above it."""
    seen: set[_Identity] = set()
    while identity not in seen:
        seen.add(identity)
        identity = parents[identity]
    return identity


def _sorted(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (node.name.casefold(), node.arn)))
