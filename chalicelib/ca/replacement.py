"""The effects of a new certificate for a CA: the chains that it breaks or shortens.

The cost does not grow with the number of certificates: each CA is judged by itself, its certificates by
indexes and by a sample of the newest.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.audit import notes, parameters
from chalicelib.ca import chains, iterate, state
from chalicelib.pki import paths
from chalicelib.pki.errors import PkiError
from chalicelib.store import Span, StoreError
from chalicelib.store.codecs import micros

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.ca.chains import Index
    from chalicelib.pki.paths import Link, Path
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime

MOST_COUNTED = 100  # certificates of a CA
_COUNTED_CAS = 20  # whose certificates are counted and sampled
_SAMPLE = 50
_MOST_ISSUED = 200  # certificates of CAs that are not here
_CA_TEMPLATES = ("SubordinateCACertificate", "BlankSubordinateCACertificate")
_LAST = "9" * 20


class Effect(NamedTuple):
    """A chain that changes for the worse.

    Attributes:
        name: of the CA whose chain it is.
        ca_arn: empty if the CA is not here.
        text: may contain names that others chose.
        at: when it stops verifying; None: at once.
    """

    name: str
    ca_arn: str
    text: str
    at: datetime | None = None


def cautions(before: Path, after: Path) -> list[str]:
    """The properties of a CA that a new certificate takes away, in sentences."""
    old, new = before[0], after[0]
    found = []
    if paths.ends(after) < paths.ends(before):
        found.append(f"It expires sooner: on {paths.ends(after):%Y-%m-%d} instead of {paths.ends(before):%Y-%m-%d}.")
    if new.path_length is not None and (old.path_length is None or new.path_length < old.path_length):
        instead = "any number" if old.path_length is None else old.path_length
        found.append(f"Its path length gets smaller: {new.path_length} instead of {instead}.")
    if [link.identity for link in before[1:2]] != [link.identity for link in after[1:2]]:
        by, instead = (path[1].name if len(path) > 1 else "itself" for path in (after, before))
        found.append(f"Another CA signs it: “{by}” instead of “{instead}”.")
    if _restrictions([new]) != _restrictions([old]):
        found.append("Its name constraints or its purposes change.")
    return found


def _restrictions(path: Path | list[Link]) -> list[object]:
    return [(link.constraints, link.purposes) for link in path if link.constraints or link.purposes]


def effects(rt: Runtime, ca: CertificateAuthority, after: Path, now: datetime) -> list[Effect]:
    """The chains that a new certificate of a CA breaks or shortens.

    Args:
        rt: the runtime.
        ca: as it is, with a certificate.
        after: the other certificate, and its chain.
        now: the time.
    """
    before = chains.installed(ca)
    cas = [other for other in iterate.of_account(rt, arns.parse_ca_arn(ca.arn).account_id) if other.arn != ca.arn]
    others = {other.arn: path for other in cas if (path := chains.installed(other))}
    known = {path[0].identity: path for path in others.values()}
    old, new = known | {before[0].identity: before}, known | {after[0].identity: after}
    found = _of_own(rt, ca, chains.present(before, old), chains.present(after, new), now)
    below = [
        (other, chains.present(others[other.arn], old), chains.present(others[other.arn], new))
        for other in cas
        if other.arn in others and state.status_of(other, now) in {"ACTIVE", "DISABLED"}
    ]
    changed = [(other, was, becomes) for other, was, becomes in below if was != becomes]
    for number, (other, was, becomes) in enumerate(changed):
        effect = _of_path(state.name_of(other), other.arn, was, becomes, now)
        if effect is None and number < _COUNTED_CAS:
            found += _of_sample(rt, other, was, becomes, now)
        elif effect is not None:
            counted = _certificates(rt, other.arn, effect.at, now) if number < _COUNTED_CAS else ""
            found.append(effect._replace(text=f"{effect.text}{counted}"))
    return [*found, *_of_issued(rt, ca, (before, after), old, now)]


def _of_path(name: str, ca_arn: str, was: Path, becomes: Path, now: datetime) -> Effect | None:
    """The effect on one chain; None if it verifies as before."""
    before = paths.problems(was, now)
    gone = [words for words in paths.problems(becomes, now) if words not in before]
    if gone:
        return Effect(name, ca_arn, " ".join(["Its chain no longer verifies.", *gone]))
    end = paths.ends(becomes)
    if end < paths.ends(was):
        text = f"It is valid until {becomes[0].not_after:%Y-%m-%d}, and its chain verifies only until {end:%Y-%m-%d}."
        return Effect(name, ca_arn, text, end)
    return _of_levels(name, ca_arn, was, becomes)


def _of_levels(name: str, ca_arn: str, was: Path, becomes: Path) -> Effect | None:
    """The effect on the levels of CAs below a CA; None if none is lost."""
    before, after = paths.levels(was), paths.levels(becomes)
    if after is None or (before is not None and after >= before):
        return None
    own = becomes[0].path_length
    allowed = "any number of" if own is None else own
    text = f"It may have {allowed} levels of CAs below it, but its chain allows only {after}."
    return Effect(name, ca_arn, text)


def _certificates(rt: Runtime, ca_arn: str, end: datetime | None, now: datetime) -> str:
    """The number of a CA's certificates that outlast its chain, in a sentence; empty if there is none.

    Args:
        rt: the runtime.
        ca_arn: of the CA.
        end: when the chain stops verifying; None: at once.
        now: the time.
    """
    span = Span("expires", f"{micros(end or now) + 1:020d}", _LAST)
    number = len(rt.store.find_certificates(ca_arn, span, limit=MOST_COUNTED))
    if not number:
        return ""
    more = " or more" if number == MOST_COUNTED else ""
    counted = "One certificate" if number == 1 else f"{number}{more} certificates"
    if end is None:
        return f" {counted} that it issued {'stops' if number == 1 else 'stop'} verifying with it."
    return f" {counted} {'is' if number == 1 else 'are'} valid for longer."


def _of_own(rt: Runtime, ca: CertificateAuthority, was: Path, becomes: Path, now: datetime) -> list[Effect]:
    """The effects on the certificates that the CA has issued."""
    found, end = [], paths.ends(becomes)
    if end < paths.ends(was) and (counted := _certificates(rt, ca.arn, end, now)):
        text = f"What it has issued verifies only until {end:%Y-%m-%d}.{counted}"
        found.append(Effect(state.name_of(ca), ca.arn, text, end))
    return [*found, *_of_sample(rt, ca, was, becomes, now)]


def _of_sample(rt: Runtime, ca: CertificateAuthority, was: Path, becomes: Path, now: datetime) -> list[Effect]:
    """The effect on the newest certificates, if name constraints or purposes change."""
    if _restrictions(was) == _restrictions(becomes):
        return []
    newest = [read for issued in rt.store.last_certificates(ca.arn, limit=_SAMPLE) if (read := _valid(issued, now))]
    refused = []
    for certificate in newest:
        before = paths.problems((certificate, *was), now)
        refused += [words for words in paths.problems((certificate, *becomes), now) if words not in before][:1]
    if not refused:
        return []
    text = f"Of its newest {len(newest)} certificates, {len(refused)} no longer verify. {refused[0]}"
    return [Effect(state.name_of(ca), ca.arn, text)]


def _valid(certificate: Certificate, now: datetime) -> Link | None:
    """A certificate that is valid; None if it is not."""
    if certificate.certificate_der is None or certificate.revoked_at is not None or certificate.not_after < now:
        return None
    return paths.read(certificate.certificate_der)


def _of_issued(
    rt: Runtime, ca: CertificateAuthority, own: tuple[Path, Path], index: Index, now: datetime
) -> Iterator[Effect]:
    """Yield the effects on CAs that are not here, and whose certificates the CA has issued."""
    newest: dict[object, Link] = {}
    for name in _CA_TEMPLATES:
        for _, serial_number in rt.store.find_certificates(ca.arn, Span("template", name, name), limit=_MOST_ISSUED):
            record = rt.store.get_certificate(ca.arn, serial_number)
            link = _valid(record, now) if record else None
            if link is not None and link.identity not in index:
                newest[link.identity] = link
    for link in newest.values():
        before, after = ((link, *path) for path in own)
        effect = _of_path(link.name, "", before, after, now)
        if effect is not None:
            yield effect


def warn(rt: Runtime, old: CertificateAuthority, new: CertificateAuthority) -> None:
    """Log and record the effects of a CA's new certificate; an outage of the store does not undo the installation."""
    if old.certificate_der is None or (old.certificate_der, old.chain_der) == (new.certificate_der, new.chain_der):
        return
    now = rt.now()
    try:
        after = chains.installed(new)
        found = [f"{effect.name}: {effect.text}" for effect in effects(rt, old, after, now)]
        found = [*paths.problems(after, now), *cautions(chains.installed(old), after), *found]
    except (PkiError, StoreError):
        logs.log_exception("replacement_not_judged", ca=new.arn)
        return
    if found:
        warnings = [parameters.bounded(words) for words in found[: parameters.MOST_ELEMENTS]]
        notes.note(warnings=warnings)
        logs.log("ca_certificate_replaced_for_the_worse", level=logging.WARNING, ca=new.arn, warnings=warnings)
