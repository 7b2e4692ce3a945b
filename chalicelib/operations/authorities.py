"""CAs from their creation on: Describe-, List-, Update-, Delete-, RestoreCertificateAuthority.

Source: AWS Private CA API; User Guide, "Updating your private CA", "Deleting your private CA".
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization, sharing
from chalicelib.ca import find, state
from chalicelib.crl import distribution_points, publication, revocation_configuration
from chalicelib.ocsp import responders
from chalicelib.operations import paging

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority, StoredStatus
    from chalicelib.runtime import Caller, Runtime

MAX_PAGE = 100
DEFAULT_DELETION_DAYS = 30
_RECONFIGURABLE = frozenset({"PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED"})
_SWITCHABLE = frozenset({"ACTIVE", "DISABLED"})
_DELETABLE = frozenset({"CREATING", "PENDING_CERTIFICATE", "DISABLED", "EXPIRED", "FAILED"})
_WITHOUT_RESTORE_WINDOW = frozenset({"CREATING", "FAILED"})
_NOT_UPDATABLE = "The certificate authority must be in the ACTIVE or DISABLED state to be updated"
_NOT_DELETABLE = "The certificate authority is not in a valid state for deletion."
_NOT_RESTORABLE = "The certificate authority is not in a valid state for restoration."


def purge(rt: Runtime, ca: CertificateAuthority) -> None:
    """Destroy the key of a CA that nobody can use any more, then its records; may be repeated after a crash.

    Raises:
        ConflictError: the CA changed meanwhile; nothing was destroyed.
    """
    doomed = rt.store.update_certificate_authority(ca, replace(ca, key_id=None))
    policy = rt.store.get_policy(ca.arn)
    if policy is not None:
        rt.store.delete_policy(policy)
    responders.forget(rt, ca.arn)
    rt.keys.delete_key(rt.keys.key_id_of(ca.arn), ca.arn)
    rt.store.purge_certificate_authority(doomed)


def describe_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.DescribeCertificateAuthorityRequest
) -> shapes.DescribeCertificateAuthorityResponse:
    """Describe a CA, whatever its status."""
    return {"CertificateAuthority": describe(rt, find.find(rt, caller, request["CertificateAuthorityArn"]))}


def list_certificate_authorities(
    rt: Runtime, caller: Caller, request: shapes.ListCertificateAuthoritiesRequest
) -> shapes.ListCertificateAuthoritiesResponse:
    """List the caller's CAs in a region, or those of others that share them, by id, at most 100, DELETED ones too.

    Raises:
        InvalidNextTokenException: the token is not from this list.
    """
    owner = request.get("ResourceOwner", "SELF")
    list_name = f"ListCertificateAuthorities/{owner}/{caller.region}"
    try:
        after = paging.decode(rt, caller, list_name, request.get("NextToken"))
    except paging.TokenError as error:
        raise errors.InvalidNextTokenException(str(error), member=("NextToken",)) from error
    limit = min(request.get("MaxResults", MAX_PAGE), MAX_PAGE)
    list_page = _own_page if owner == "SELF" else _shared_page
    page, last, now = *list_page(rt, caller, limit, after), rt.now()
    visible = [ca for ca in page if ca.restorable_until is None or ca.restorable_until > now]
    response: shapes.ListCertificateAuthoritiesResponse = {
        "CertificateAuthorities": [describe(rt, ca) for ca in visible]
    }
    if last is not None:
        response["NextToken"] = paging.encode(rt, caller, list_name, arns.parse_ca_arn(last).ca_id)
    return response


def _own_page(
    rt: Runtime, caller: Caller, limit: int, after: str | None
) -> tuple[list[CertificateAuthority], str | None]:
    """A page of the caller's CAs, and the ARN it ends at if another one follows."""
    cas = rt.store.list_certificate_authorities(caller.account_id, limit=limit + 1, after=after, region=caller.region)
    return cas[:limit], cas[limit - 1].arn if len(cas) > limit else None


def _shared_page(
    rt: Runtime, caller: Caller, limit: int, after: str | None
) -> tuple[list[CertificateAuthority], str | None]:
    """The same for CAs of other accounts that the caller may describe."""
    ca_arns = rt.store.list_shared(caller.account_id, limit=limit + 1, after=after, region=caller.region)
    reader = replace(caller, operation="DescribeCertificateAuthority")
    cas = [
        rt.store.get_certificate_authority(arn)
        for arn in sharing.accepted(rt, caller.account_id, ca_arns[:limit])
        if authorization.is_shared(rt, reader, arn)
    ]
    return [ca for ca in cas if ca is not None], ca_arns[limit - 1] if len(ca_arns) > limit else None


def describe(rt: Runtime, ca: CertificateAuthority) -> shapes.CertificateAuthority:
    """A CA as DescribeCertificateAuthority and ListCertificateAuthorities show it."""
    description: dict[str, Any] = {
        "Arn": ca.arn,
        "OwnerAccount": arns.parse_ca_arn(ca.arn).account_id,
        "CreatedAt": ca.created_at,
        "LastStateChangeAt": ca.last_state_change_at,
        "Type": ca.type,
        "Status": state.status_of(ca, rt.now()),
        "CertificateAuthorityConfiguration": ca.configuration,
        "RevocationConfiguration": ca.revocation_configuration,
        "KeyStorageSecurityStandard": ca.key_storage_security_standard,
        "UsageMode": ca.usage_mode,
    }
    if ca.certificate_der is not None:
        issuer = state.issuer_of(ca)
        description |= {
            "Serial": arns.serial_pairs(issuer.serial_number),
            "NotBefore": issuer.not_before,
            "NotAfter": issuer.not_after,
        }
    optional = {"FailureReason": ca.failure_reason, "RestorableUntil": ca.restorable_until}
    return description | {name: value for name, value in optional.items() if value is not None}  # type: ignore[return-value]  # built member by member from the model's names


def update_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.UpdateCertificateAuthorityRequest
) -> None:
    """Disable or enable a CA, or change its revocation configuration, or both at once.

    Raises:
        InvalidStateException: the status forbids it; it can change only while ACTIVE or DISABLED.
        InvalidArgsException: the request has neither, asks for another status, or its settings contradict one another.
        ValidationException: the CRL bucket cannot be used.
    """
    status = request.get("Status")
    requested = request.get("RevocationConfiguration")
    if status is None and requested is None:
        raise errors.InvalidArgsException("At least one of Status and RevocationConfiguration must be given.")
    if status is not None and status not in _SWITCHABLE:
        raise errors.InvalidArgsException(
            f"Status {status} cannot be set: only ACTIVE and DISABLED can.", member=("Status",)
        )
    arn = request["CertificateAuthorityArn"]
    states = _RECONFIGURABLE if status is None else _SWITCHABLE
    ca = find.require(rt, caller, arn, states, _NOT_UPDATABLE)
    if requested is not None:
        wanted = revocation_configuration.normalized(requested, ca.revocation_configuration)
        revocation_configuration.check_ocsp(rt, wanted)
        revocation_configuration.take_bucket(rt, arn, wanted)

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_status(ca, rt.now(), states, _NOT_UPDATABLE)
        if requested is not None:
            configuration = revocation_configuration.normalized(requested, ca.revocation_configuration)
            ca = revocation_configuration.with_ocsp(replace(ca, revocation_configuration=configuration))
        return ca if status is None else _in_status(rt, ca, status)  # type: ignore[arg-type]  # one of _SWITCHABLE

    changed = find.modify(rt, caller, arn, change)
    if requested is not None:
        distribution_points.retire_unused(rt, changed)
        publication.make_due(rt, changed)


def _in_status(rt: Runtime, ca: CertificateAuthority, status: StoredStatus) -> CertificateAuthority:
    return ca if ca.status == status else replace(ca, status=status, last_state_change_at=rt.now())


def delete_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.DeleteCertificateAuthorityRequest
) -> None:
    """Delete a CA: it can be restored for 7 to 30 days; a CA whose creation failed is gone at once.

    Raises:
        InvalidStateException: the CA is ACTIVE or DELETED.
    """
    window = timedelta(days=request.get("PermanentDeletionTimeInDays", DEFAULT_DELETION_DAYS))

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_status(ca, rt.now(), _DELETABLE, _NOT_DELETABLE)
        now = rt.now()
        until = now if ca.status in _WITHOUT_RESTORE_WINDOW else now + window
        deleted = _in_status(rt, ca, "DELETED")
        return replace(deleted, status_before_deletion=ca.status, restorable_until=until)

    ca = find.modify(rt, caller, request["CertificateAuthorityArn"], change)
    if ca.status_before_deletion in _WITHOUT_RESTORE_WINDOW:
        purge(rt, ca)


def restore_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.RestoreCertificateAuthorityRequest
) -> None:
    """Give a DELETED CA its former status back.

    Raises:
        InvalidStateException: the CA is not DELETED.
    """

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_status(ca, rt.now(), {"DELETED"}, _NOT_RESTORABLE)
        restored = _in_status(rt, ca, ca.status_before_deletion or "DISABLED")
        return replace(restored, status_before_deletion=None, restorable_until=None)

    ca = find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)
    publication.make_due(rt, ca)
