"""What a principal may do: each operation with the reason, on one CA or on all, and the table that shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.access import authorization, principals, sharing
from chalicelib.api import dispatch
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.access.policy import Decision, Statement
    from chalicelib.runtime import Caller, Runtime

ALL_CAS = authorization.NO_RESOURCE
_OF_ACCOUNT = ("CreateCertificateAuthority", "ListCertificateAuthorities", "ManageIssuingPresets")  # about no CA
_OPERATIONS = (*sorted({*dispatch.OPERATIONS} - {*_OF_ACCOUNT}), "ReadAuditRecord", "SearchCertificates")
_MOST_NAMED = 20


class Right(NamedTuple):
    """One operation, whether it is allowed, and the reason: templates, a statement, or the missing permission."""

    operation: str
    allowed: bool
    reason: str


def rights_of(rt: Runtime, caller: Caller, ca_arn: str, *, identity: Sequence[Statement] | None = None) -> list[Right]:
    """Judge every operation.

    Args:
        rt: the runtime.
        caller: whose rights they are.
        ca_arn: of a CA, or `ALL_CAS`.
        identity: the statements to judge by, instead of those of the caller's principal.
    """
    rows = [*((name, ALL_CAS) for name in _OF_ACCOUNT), *((name, ca_arn) for name in _OPERATIONS)]
    return [_right(rt, replace(caller, operation=name), resource, identity) for name, resource in rows]


def _right(rt: Runtime, caller: Caller, resource: str, identity: Sequence[Statement] | None) -> Right:
    decision = authorization.decide(rt, caller, resource, identity=identity)
    if caller.operation != "IssueCertificate":
        return Right(caller.operation, decision.allowed, _reason(decision))
    templates = list(sharing.templates_of(rt, caller, resource, identity=identity))
    every = len(templates) == len(TEMPLATES)
    reason = "by every template" if every else f"by {', '.join(templates)}" if templates else _reason(decision)
    return Right(caller.operation, bool(templates), reason)


def _reason(decision: Decision) -> str:
    side = "" if decision.side == "identity" else " of the CA's resource policy"
    if decision.statement is not None:
        return f"{decision.statement.label}{side}"
    return "no policy allows it"


def named_authorities(rt: Runtime, account_id: str, principal: str) -> list[str]:
    """The ARNs of CAs that the policies of a principal name without wildcards."""
    found = []
    for statement in principals.statements_of(rt, account_id, principal):
        for pattern in statement.resources.patterns:
            try:
                found.append(str(arns.parse_ca_arn(pattern)))
            except arns.ArnError:
                continue
    return list(dict.fromkeys(found))[:_MOST_NAMED]
