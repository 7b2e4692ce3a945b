"""Finding a CA for a caller, and changing it without losing a concurrent update."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization
from chalicelib.ca import state
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

_ATTEMPTS = 8
_CA_RESOURCE = re.compile(r"arn:[^:]+:acm-pca:[^:]*:[0-9]*:certificate-authority/[^/]+")


def arn_of(rt: Runtime, account_id: str, ca_id: str) -> str:
    """The ARN of an account's CA with this id, in whichever region; without such a CA, in this one."""
    found = rt.store.authority_arn(account_id, ca_id) if len(rt.settings.regions_served) > 1 else None
    return found or arn_here(rt, account_id, ca_id)


def at(rt: Runtime, arn: str) -> Runtime:
    """The home in the region of a CA, for what no signature brings to a region; without a CA as it is."""
    try:
        return rt.in_region(arns.parse_ca_arn(arn).region)
    except arns.ArnError:
        return rt


def arn_here(rt: Runtime, account_id: str, ca_id: str) -> str:
    """The ARN of an account's CA with this id in this region, if there is one."""
    region = rt.settings.region
    return str(arns.CertificateAuthorityArn(arns.partition_of(region), region, account_id, ca_id))


def find(rt: Runtime, caller: Caller, arn: str, *, template_arn: str = "", cached_if: str = "") -> CertificateAuthority:
    """The CA, if policies let the caller do this operation on it (with this template).

    Args:
        rt: the runtime.
        caller: who asks, and for which operation.
        arn: of the CA.
        template_arn: for IssueCertificate.
        cached_if: a copy that may be seconds old will do if it has this status; by default none will.

    Raises:
        AccessDeniedException: they do not; nobody has looked whether there is such a CA.
        InvalidArnException: the ARN names something that is not a CA.
        ResourceNotFoundException: there is no such CA.
    """
    region = ""
    try:
        region = arns.parse_ca_arn(arn).region
    except arns.ArnError as error:
        if not _CA_RESOURCE.fullmatch(arn):
            raise errors.InvalidArnException(f"{error}.") from error
    authorization.check(rt, caller, arn, template_arn)
    is_here, now = region == rt.settings.region, rt.now()
    ca = rt.store.get_certificate_authority(arn, cached=bool(cached_if)) if is_here else None
    if cached_if and ca is not None and state.status_of(ca, now) != cached_if:
        ca = rt.store.get_certificate_authority(arn)
    if ca is None or state.is_gone(ca, now):
        raise errors.ResourceNotFoundException(f"Could not find Certificate Authority {arn}.")
    return ca


def require(rt: Runtime, caller: Caller, arn: str, statuses: Collection[str], refusal: str) -> CertificateAuthority:
    """The caller's CA, if it has one of these statuses.

    Raises:
        InvalidStateException: it has none of them; the text is `refusal`, with {arn} filled in.
        ResourceNotFoundException: the caller has no such CA.
    """
    ca = find(rt, caller, arn)
    state.check_status(ca, rt.now(), statuses, refusal)
    return ca


def modify(
    rt: Runtime,
    caller: Caller,
    arn: str,
    change: Callable[[CertificateAuthority], CertificateAuthority],
    *,
    busy: type[errors.ApiError] = errors.ConcurrentModificationException,
) -> CertificateAuthority:
    """Change a CA: read it, apply `change`, write it unless somebody else wrote meanwhile; then start again.

    `change` takes the CA as it is and returns the new one, or raises; it may run several times.

    Raises:
        ConcurrentModificationException: other writers won every time; or `busy`, for operations without this exception.
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
