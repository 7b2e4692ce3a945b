"""CAs from creation to deletion: Create-, Describe-, List-, Update-, Delete-, RestoreCertificateAuthority.

Source: AWS Private CA API; User Guide, "Creating a private CA", "Updating your private CA", "Deleting your private CA".
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.ca import events, find, signing, state
from chalicelib.crl import distribution_points, revocation_configuration
from chalicelib.keystore import KeyRefusedError
from chalicelib.ocsp import responders
from chalicelib.operations import idempotency, paging, tags
from chalicelib.operations.refusals import as_api_errors
from chalicelib.pki.x509 import algorithms, csr, names
from chalicelib.records import CertificateAuthority
from chalicelib.store import ConflictError, TokenMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib import shapes
    from chalicelib.records import StoredStatus
    from chalicelib.runtime import Caller, Runtime

MAX_PAGE = 100
DEFAULT_DELETION_DAYS = 30
KEY_TAG = "signet:kms-key"  # the id or ARN of a KMS key of the owner's, which becomes the CA's
_STANDARDS = frozenset({"FIPS_140_2_LEVEL_2_OR_HIGHER", "FIPS_140_2_LEVEL_3_OR_HIGHER"})
_RECONFIGURABLE = frozenset({"PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED"})
_SWITCHABLE = frozenset({"ACTIVE", "DISABLED"})
_DELETABLE = frozenset({"CREATING", "PENDING_CERTIFICATE", "DISABLED", "EXPIRED", "FAILED"})
_WITHOUT_RESTORE_WINDOW = frozenset({"CREATING", "FAILED"})
_NOT_UPDATABLE = "The certificate authority must be in the ACTIVE or DISABLED state to be updated"
_NOT_DELETABLE = "The certificate authority is not in a valid state for deletion."
_NOT_RESTORABLE = "The certificate authority is not in a valid state for restoration."


def create_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.CreateCertificateAuthorityRequest
) -> shapes.CreateCertificateAuthorityResponse:
    """Make a CA with its key and CSR; it then waits for its certificate.

    Raises:
        InvalidArgsException: algorithms, subject, security standard or revocation settings contradict one another, the
            key that a tag names cannot be the CA's, or the token was used with other parameters.
        InvalidTagException: a tag breaks the rules.
        ValidationException: the CRL bucket cannot be used.
    """
    token = request.get("IdempotencyToken")
    parameters = {name: value for name, value in request.items() if name != "IdempotencyToken"}
    reservation = idempotency.token_of(rt, caller, "CreateCertificateAuthority", token, parameters)
    try:
        ca = planned(rt, caller, request)
        revocation_configuration.check_ocsp(rt, ca.revocation_configuration)
        revocation_configuration.check_bucket(rt, ca.arn, ca.revocation_configuration)
    except errors.ApiError:
        # A retry asks for what was made when bucket, key and settings still let it.
        made = None if reservation is None else rt.store.certificate_authority_of(reservation, now=rt.now())
        if made is None:
            raise
        return {"CertificateAuthorityArn": made}
    try:
        arn = rt.store.reserve_certificate_authority(ca, reservation, now=rt.now())
    except TokenMismatchError as error:
        raise errors.InvalidArgsException(idempotency.mismatch(rt, token)) from error
    if arn == ca.arn:
        _furnish(rt, ca)
    return {"CertificateAuthorityArn": arn}


def planned(rt: Runtime, caller: Caller, request: shapes.CreateCertificateAuthorityRequest) -> CertificateAuthority:
    """The CA that the request asks for, or a refusal; nothing is touched."""
    configuration: dict[str, Any] = dict(request["CertificateAuthorityConfiguration"])
    standard = request.get("KeyStorageSecurityStandard", "FIPS_140_2_LEVEL_3_OR_HIGHER")
    if standard not in _STANDARDS:
        raise errors.InvalidArgsException(
            "A certificate authority cannot be created in this region with the specified security standard."
        )
    with as_api_errors():
        _check_configuration(configuration)
    given_tags = tags.merged((), request.get("Tags", []))
    _check_named_key(rt, given_tags, configuration["KeyAlgorithm"])
    region, now = rt.settings.region, rt.now()
    ca_arn = arns.CertificateAuthorityArn(arns.partition_of(region), region, caller.account_id, str(uuid.uuid4()))
    return CertificateAuthority(
        arn=str(ca_arn),
        type=request["CertificateAuthorityType"],
        status="CREATING",
        created_at=now,
        last_state_change_at=now,
        configuration=configuration,
        revocation_configuration=revocation_configuration.normalized(request.get("RevocationConfiguration")),
        key_storage_security_standard=standard,
        usage_mode=request.get("UsageMode", "GENERAL_PURPOSE"),
        tags=given_tags,
    )


def _named_key(given_tags: tuple[tuple[str, str | None], ...]) -> str | None:
    return dict(given_tags).get(KEY_TAG)


def _check_named_key(rt: Runtime, given_tags: tuple[tuple[str, str | None], ...], key_algorithm: str) -> None:
    named = _named_key(given_tags)
    if named is None:
        return
    try:
        rt.keys.check_key(named, key_algorithm)
    except KeyRefusedError as error:
        raise errors.InvalidArgsException(f"The tag {KEY_TAG} is refused. {error}") from error


def _check_configuration(configuration: Mapping[str, Any]) -> None:
    key_algorithm = configuration["KeyAlgorithm"]
    if key_algorithm not in algorithms.KEY_ALGORITHMS:
        raise errors.InvalidArgsException(
            f"Key algorithm {key_algorithm} is not supported here. Supported key algorithms are: "
            f"{', '.join(algorithms.KEY_ALGORITHMS)}."
        )
    algorithms.require_compatible(configuration["SigningAlgorithm"], key_algorithm)
    names.encode_subject(configuration["Subject"])
    csr.check_csr_extensions(configuration.get("CsrExtensions"))


def _furnish(rt: Runtime, ca: CertificateAuthority) -> None:
    """Give a CA in CREATING its key and CSR: what will be signed is on record before it is signed."""
    try:
        key_id = rt.keys.create_key(ca.arn, ca.configuration["KeyAlgorithm"], named=_named_key(ca.tags))
        public_key = rt.keys.private_key(key_id, ca.arn).public_key()
        tbs_der = csr.build_ca_csr_tbs(ca.configuration, public_key)
        ca = _advance(rt, ca, key_id=key_id, csr_tbs_sha256=signing.tbs_sha256(tbs_der))
        csr_der = signing.sign(rt, ca, "CSR", tbs_der, ca.configuration["SigningAlgorithm"])
        _advance(rt, ca, csr_der=csr_der, status="PENDING_CERTIFICATE", last_state_change_at=rt.now())
    except Exception:
        _undo(rt, ca)
        raise
    events.authority_created(rt, ca.arn)


def _advance(rt: Runtime, ca: CertificateAuthority, **changes: Any) -> CertificateAuthority:
    """Change a CA that is being created; tags may be set meanwhile, but it must still be in CREATING."""
    while True:
        try:
            return rt.store.update_certificate_authority(ca, replace(ca, **changes))
        except ConflictError as error:
            current = rt.store.get_certificate_authority(ca.arn)
            if current is None or current.status != "CREATING" or current.version == ca.version:
                raise errors.ServiceUnavailable("The creation was given up meanwhile; try again.") from error
            ca = current


def _undo(rt: Runtime, ca: CertificateAuthority) -> None:
    """Forget a CA whose creation failed, unless it came to be after all.

    If this fails too, reconciliation gives the CA up as FAILED and destroys its key.
    """
    try:
        current = rt.store.get_certificate_authority(ca.arn)
        if current is None:
            rt.keys.delete_key(rt.keys.key_id_of(ca.arn), ca.arn)
        elif current.status == "CREATING":
            purge(rt, current)
        if current is None or current.status == "CREATING":
            events.creation_failed(rt, ca.arn)
        elif current.status == "PENDING_CERTIFICATE":  # its end is on record, and only the answer was lost
            events.authority_created(rt, ca.arn)
    except Exception:  # noqa: BLE001  the first failure is what the caller has to hear of
        logs.log_exception("create_undo_failed", ca=ca.arn)


def purge(rt: Runtime, ca: CertificateAuthority) -> None:
    """Destroy the key of a CA that nobody can use any more, then forget the CA; may be repeated after a crash.

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
    """A CA as it is, whatever its state."""
    return {"CertificateAuthority": _described(rt, find.find(rt, caller, request["CertificateAuthorityArn"]))}


def list_certificate_authorities(
    rt: Runtime, caller: Caller, request: shapes.ListCertificateAuthoritiesRequest
) -> shapes.ListCertificateAuthoritiesResponse:
    """The caller's CAs, or those shared with the caller, by their ids, at most 100 a page; DELETED ones are among them.

    Raises:
        InvalidNextTokenException: the token is not one of this list.
    """
    owner = request.get("ResourceOwner", "SELF")
    list_name = f"ListCertificateAuthorities/{owner}"
    try:
        after = paging.decode(rt, caller, list_name, request.get("NextToken"))
    except paging.TokenError as error:
        raise errors.InvalidNextTokenException(str(error)) from error
    limit = min(request.get("MaxResults", MAX_PAGE), MAX_PAGE)
    list_page = _own_page if owner == "SELF" else _shared_page
    page, last, now = *list_page(rt, caller, limit, after), rt.now()
    visible = [ca for ca in page if ca.restorable_until is None or ca.restorable_until > now]
    response: shapes.ListCertificateAuthoritiesResponse = {
        "CertificateAuthorities": [_described(rt, ca) for ca in visible]
    }
    if last is not None:
        response["NextToken"] = paging.encode(rt, caller, list_name, arns.parse_ca_arn(last).ca_id)
    return response


def _own_page(
    rt: Runtime, caller: Caller, limit: int, after: str | None
) -> tuple[list[CertificateAuthority], str | None]:
    """A page of the caller's CAs, and where it ends if another one follows."""
    found = rt.store.list_certificate_authorities(caller.account_id, limit=limit + 1, after=after)
    return found[:limit], found[limit - 1].arn if len(found) > limit else None


def _shared_page(
    rt: Runtime, caller: Caller, limit: int, after: str | None
) -> tuple[list[CertificateAuthority], str | None]:
    """A page of the CAs that others let the caller see."""
    found = rt.store.list_shared(caller.account_id, limit=limit + 1, after=after)
    seer = replace(caller, operation="DescribeCertificateAuthority")
    seen = [rt.store.get_certificate_authority(arn) for arn in found[:limit] if find.is_shared(rt, seer, arn)]
    return [ca for ca in seen if ca is not None], found[limit - 1] if len(found) > limit else None


def _described(rt: Runtime, ca: CertificateAuthority) -> shapes.CertificateAuthority:
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
            "Serial": colon_hex(issuer.serial_number),
            "NotBefore": issuer.not_before,
            "NotAfter": issuer.not_after,
        }
    optional = {"FailureReason": ca.failure_reason, "RestorableUntil": ca.restorable_until}
    return description | {name: value for name, value in optional.items() if value is not None}  # type: ignore[return-value]  # built member by member from the model's names


def colon_hex(serial_number: int) -> str:
    """A serial number as lower-case hex pairs with colons, as AWS prints it."""
    return serial_number.to_bytes(max(1, (serial_number.bit_length() + 7) // 8)).hex(":")


def update_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.UpdateCertificateAuthorityRequest
) -> None:
    """Disable or enable a CA, or change its revocation configuration, or both at once.

    Raises:
        InvalidStateException: the state forbids it; the status can change only while ACTIVE or DISABLED.
        InvalidArgsException: neither is given, another status is asked for, or settings contradict one another.
        ValidationException: the CRL bucket cannot be used.
    """
    status = request.get("Status")
    given = request.get("RevocationConfiguration")
    if status is None and given is None:
        raise errors.InvalidArgsException("At least one of Status and RevocationConfiguration must be given.")
    if status is not None and status not in _SWITCHABLE:
        raise errors.InvalidArgsException(f"Status {status} cannot be set: only ACTIVE and DISABLED can.")
    arn = request["CertificateAuthorityArn"]
    states = _RECONFIGURABLE if status is None else _SWITCHABLE
    ca = find.require(rt, caller, arn, states, _NOT_UPDATABLE)
    if given is not None:
        wanted = revocation_configuration.normalized(given, ca.revocation_configuration)
        revocation_configuration.check_ocsp(rt, wanted)
        revocation_configuration.check_bucket(rt, arn, wanted)

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_state(ca, rt.now(), states, _NOT_UPDATABLE)
        if given is not None:
            configuration = revocation_configuration.normalized(given, ca.revocation_configuration)
            ca = revocation_configuration.with_ocsp(replace(ca, revocation_configuration=configuration))
        return ca if status is None else _in_status(rt, ca, status)  # type: ignore[arg-type]  # one of _SWITCHABLE

    changed = find.modify(rt, caller, arn, change)
    if given is not None:
        distribution_points.record_ends(rt, changed)
        _publish_soon(rt, changed)


def _publish_soon(rt: Runtime, ca: CertificateAuthority) -> None:
    """Make the CA's CRLs due: they follow what has changed within a minute."""
    for each in distribution_points.crl_arns(ca, rt.now()):
        rt.store.schedule_crl(each, due_at=rt.now())


def _in_status(rt: Runtime, ca: CertificateAuthority, status: StoredStatus) -> CertificateAuthority:
    return ca if ca.status == status else replace(ca, status=status, last_state_change_at=rt.now())


def delete_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.DeleteCertificateAuthorityRequest
) -> None:
    """Delete a CA: it can be restored for 7 to 30 days; one that never came to be is gone at once.

    Raises:
        InvalidStateException: the CA is ACTIVE or DELETED.
    """
    window = timedelta(days=request.get("PermanentDeletionTimeInDays", DEFAULT_DELETION_DAYS))

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_state(ca, rt.now(), _DELETABLE, _NOT_DELETABLE)
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
    """Bring a DELETED CA back to the state it had.

    Raises:
        InvalidStateException: the CA is not DELETED.
    """

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        state.check_state(ca, rt.now(), {"DELETED"}, _NOT_RESTORABLE)
        restored = _in_status(rt, ca, ca.status_before_deletion or "DISABLED")
        return replace(restored, status_before_deletion=None, restorable_until=None)

    ca = find.modify(rt, caller, request["CertificateAuthorityArn"], change, busy=errors.ThrottlingException)
    _publish_soon(rt, ca)
