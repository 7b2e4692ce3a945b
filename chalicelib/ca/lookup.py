"""Finding a CA for a caller, its state as the clock shows it, and changing it without losing anybody's update."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.access import resource_policy
from chalicelib.pki.issuing import planning
from chalicelib.pki.x509 import names
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from chalicelib.pki.issuing.planning import Issuer
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

T = TypeVar("T")
_ATTEMPTS = 8
_ENDING = frozenset({"ACTIVE", "DISABLED"})
_PAGE = 100
# Status is told of the certificates of a DELETED CA, which may be restored, but not of an EXPIRED one, which has none
# that is valid.
WITH_STATUS_SERVICE = frozenset({"ACTIVE", "DISABLED", "DELETED"})
_CA_RESOURCE = re.compile(r"arn:[^:]+:acm-pca:[^:]*:[0-9]*:certificate-authority/[^/]+")


@lru_cache(maxsize=256)
def _issuer(certificate_der: bytes, chain_der: tuple[bytes, ...]) -> Issuer:
    return planning.issuer_of(certificate_der, chain_der)


def issuer_of(ca: CertificateAuthority) -> Issuer:
    """The CA as an issuer; it must have a certificate."""
    if ca.certificate_der is None:
        raise ValueError(f"{ca.arn} has no certificate.")
    return _issuer(ca.certificate_der, ca.chain_der)


def status_of(ca: CertificateAuthority, now: datetime) -> str:
    """The state as Describe shows it: EXPIRED is what ACTIVE and DISABLED become when the certificate has ended."""
    return status_until(ca, issuer_of(ca).not_after if ca.status in _ENDING else None, now)


def status_until(ca: CertificateAuthority, not_after: datetime | None, now: datetime) -> str:
    """The same for who knows already when the certificate ends."""
    return "EXPIRED" if ca.status in _ENDING and not_after is not None and now > not_after else ca.status


def every_authority(rt: Runtime) -> Iterator[CertificateAuthority]:
    """All CAs of all accounts, read in pages."""
    for account in rt.store.list_accounts():
        yield from of_account(rt, account)


def of_account(rt: Runtime, account_id: str) -> Iterator[CertificateAuthority]:
    """All CAs of an account, read in pages."""
    after: str | None = None
    while page := rt.store.list_certificate_authorities(account_id, limit=_PAGE, after=after):
        yield from page
        after = page[-1].arn.rsplit("/", 1)[1]


def look_at(
    ca: CertificateAuthority, look: Callable[[CertificateAuthority], Iterable[T]], failed: Callable[[str, str], T]
) -> list[T]:
    """What a look at one CA finds; if that fails, `failed` of its ARN and why: a spoiled record hides no other CA."""
    try:
        return list(look(ca))
    except Exception as error:  # noqa: BLE001  told as a problem of this CA
        logs.log_exception("look_failed", ca=ca.arn)
        return [failed(ca.arn, f"{type(error).__name__}: {error}"[:200])]


def of_others(rt: Runtime, caller: Caller, operations: Collection[str]) -> Iterator[CertificateAuthority]:
    """The CAs of other accounts whose policies name the caller's and allow all of these operations, read in pages."""
    after: str | None = None
    while page := rt.store.list_shared(caller.account_id, limit=_PAGE, after=after):
        for arn in page:
            allowed = all(is_shared(rt, replace(caller, operation=name), arn) for name in operations)
            ca = rt.store.get_certificate_authority(arn) if allowed else None
            if ca is not None and not _is_gone(ca, rt.now()):
                yield ca
        after = page[-1].rsplit("/", 1)[1]


def _is_gone(ca: CertificateAuthority, now: datetime) -> bool:
    return ca.restorable_until is not None and ca.restorable_until <= now


def name_of(ca: CertificateAuthority) -> str:
    """What people call a CA: its tag Name, its common name, or else its id."""
    subject = names.encode_subject(ca.configuration["Subject"])
    return dict(ca.tags).get("Name") or names.common_name(subject) or arns.parse_ca_arn(ca.arn).ca_id


def find(
    rt: Runtime, caller: Caller, arn: str, *, cached: bool = False, template_arn: str = ""
) -> CertificateAuthority:
    """The caller's CA, or one whose owner lets the caller do this operation (with this template) by a resource policy.

    Raises:
        InvalidArnException: the ARN names something that is not a CA.
        ResourceNotFoundException: the caller has no such CA; the same text whether it exists for others or not.
    """
    missing = errors.ResourceNotFoundException(f"Could not find Certificate Authority {arn}.")
    try:
        parsed = arns.parse_ca_arn(arn)
    except arns.ArnError as error:
        if _CA_RESOURCE.fullmatch(arn):
            raise missing from None
        raise errors.InvalidArnException(f"{error}.") from error
    if parsed.region != rt.settings.region:
        raise missing
    if parsed.account_id != caller.account_id and not is_shared(rt, caller, arn, template_arn):
        raise missing
    ca = rt.store.get_certificate_authority(arn, cached=cached)
    if ca is None or _is_gone(ca, rt.now()):
        raise missing
    return ca


def is_shared(rt: Runtime, caller: Caller, arn: str, template_arn: str = "") -> bool:
    """Whether the CA of another account has a policy that lets the caller do this operation."""
    policy = rt.store.get_policy(arn)
    if policy is None:
        return False
    context = {resource_policy.PRINCIPAL_ACCOUNT: caller.account_id, resource_policy.TEMPLATE_ARN: template_arn}
    return resource_policy.allows(resource_policy.parse(policy.text, arn), caller.operation, context)


def require(
    rt: Runtime, caller: Caller, arn: str, states: Collection[str], refusal: str, *, cached: bool = False
) -> CertificateAuthority:
    """The caller's CA in one of these states; otherwise `InvalidStateException` with `refusal` ({arn} is filled in)."""
    ca = find(rt, caller, arn, cached=cached)
    if cached and status_of(ca, rt.now()) not in states:
        ca = find(rt, caller, arn)
    check_state(ca, rt.now(), states, refusal)
    return ca


def check_state(ca: CertificateAuthority, now: datetime, states: Collection[str], refusal: str) -> None:
    """Raise `InvalidStateException` unless the CA is in one of these states."""
    if status_of(ca, now) not in states:
        raise errors.InvalidStateException(refusal.format(arn=ca.arn))


def check_not_deleted(ca: CertificateAuthority, now: datetime) -> None:
    """Raise `InvalidStateException`, in AWS's words, if the CA is DELETED."""
    if status_of(ca, now) == "DELETED":
        raise errors.InvalidStateException("The certificate authority is in the DELETED state")


def modify(
    rt: Runtime,
    caller: Caller,
    arn: str,
    change: Callable[[CertificateAuthority], CertificateAuthority],
    *,
    busy: type[errors.ApiError] = errors.ConcurrentModificationException,
) -> CertificateAuthority:
    """Change a CA: read, decide, write if nobody wrote meanwhile; else again.

    `change` gets the CA as it is and returns it as it shall be, or raises; it may run several times.

    Raises:
        ConcurrentModificationException: others kept winning; or `busy`, where the operation has no such exception.
    """
    for _ in range(_ATTEMPTS):
        old = find(rt, caller, arn)
        new = change(old)
        if new == old:
            return old
        try:
            return rt.store.update_certificate_authority(old, new)
        except ConflictError:
            continue
    raise busy(f"Other updates of {arn} are still running; try again.", retry_after_seconds=1)
