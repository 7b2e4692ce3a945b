"""CreateCertificateAuthority: a CA with its key and its CSR.

Source: AWS Private CA API, CreateCertificateAuthority; User Guide, "Creating a private CA".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.ca import events, signing, subjects
from chalicelib.crl import revocation_configuration
from chalicelib.keystore import KeyRefusedError
from chalicelib.operations import authorities, idempotency, quotas, tags
from chalicelib.operations.refusals import as_api_errors
from chalicelib.pki.errors import ConstraintError, within
from chalicelib.pki.x509 import algorithms, csr, keys, names
from chalicelib.records import CertificateAuthority
from chalicelib.regions import CHINA_STANDARD
from chalicelib.store import ConflictError, KeyTakenError, TokenMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib import shapes
    from chalicelib.runtime import Caller, Runtime

_DEFAULTS = {"KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER", "UsageMode": "GENERAL_PURPOSE"}
_STANDARDS = frozenset({"FIPS_140_2_LEVEL_2_OR_HIGHER", "FIPS_140_2_LEVEL_3_OR_HIGHER"})


def create_certificate_authority(
    rt: Runtime, caller: Caller, request: shapes.CreateCertificateAuthorityRequest
) -> shapes.CreateCertificateAuthorityResponse:
    """Create a CA with its key and CSR; its status is then PENDING_CERTIFICATE.

    Raises:
        InvalidArgsException: algorithms, subject, security standard or revocation settings contradict one another, the
            key named by a tag cannot be the CA's, or the token was used with other parameters.
        InvalidTagException: a tag breaks the rules.
        ValidationException: the CRL bucket cannot be used.
        LimitExceededException: the account has as many CAs as the setting allows.
    """
    token = request.get("IdempotencyToken")
    reservation = idempotency.token_of(rt, caller, "CreateCertificateAuthority", token, _counting(request))
    try:
        ca = planned(rt, caller, request)
        quotas.check_authorities(rt, caller.account_id)
        revocation_configuration.check_ocsp(rt, ca.revocation_configuration)
        revocation_configuration.take_bucket(rt, ca.arn, ca.revocation_configuration)
        _take_subject(rt, ca)
    except errors.ApiError:
        # The first request met the rules; bucket, key and settings may have changed since.
        created = None if reservation is None else rt.store.certificate_authority_of(reservation, now=rt.now())
        if created is None:
            raise
        return {"CertificateAuthorityArn": created}
    try:
        arn = rt.store.reserve_certificate_authority(ca, reservation, now=rt.now())
    except TokenMismatchError as error:
        raise errors.InvalidArgsException(idempotency.mismatch(rt, token), member=("IdempotencyToken",)) from error
    except KeyTakenError as error:
        taken = f"The KMS key {_named_key(ca.tags)} cannot be used for a CA: it belongs to a CA already."
        raise _refused_key(ca.tags, taken) from error
    if arn == ca.arn:
        _furnish(rt, ca)
    return {"CertificateAuthorityArn": arn}


def _counting(request: shapes.CreateCertificateAuthorityRequest) -> dict[str, Any]:
    """The parameters that must not differ under one token: tags may, as in AWS's guide, but not the CA's key.

    A default counts as the same whether the request names it or not.
    """
    counting = {name: value for name, value in request.items() if name not in {"IdempotencyToken", "Tags"}}
    return {
        **_DEFAULTS,
        **counting,
        "RevocationConfiguration": revocation_configuration.normalized(request.get("RevocationConfiguration")),
        "Key": [tag for tag in request.get("Tags", []) if tag["Key"] == tags.KEY_TAG],
    }


def planned(rt: Runtime, caller: Caller, request: shapes.CreateCertificateAuthorityRequest) -> CertificateAuthority:
    """Check a request and return the CA it asks for; nothing is written. Errors as in creation, except the bucket's."""
    configuration: dict[str, Any] = dict(request["CertificateAuthorityConfiguration"])
    standard = request.get("KeyStorageSecurityStandard", _DEFAULTS["KeyStorageSecurityStandard"])
    region, now = rt.settings.region, rt.now()
    if standard not in ({CHINA_STANDARD} if arns.partition_of(region) == "aws-cn" else _STANDARDS):
        raise errors.InvalidArgsException(
            "A certificate authority cannot be created in this region with the specified security standard.",
            member=("KeyStorageSecurityStandard",),
        )
    with as_api_errors(), within("CertificateAuthorityConfiguration"):
        _check_configuration(configuration)
    tag_pairs = tags.merged((), request.get("Tags", []))
    key_sha256 = _key_sha256(rt, caller, tag_pairs, configuration["KeyAlgorithm"])
    ca_arn = arns.CertificateAuthorityArn(arns.partition_of(region), region, caller.account_id, rt.new_id())
    return CertificateAuthority(
        arn=str(ca_arn),
        type=request["CertificateAuthorityType"],
        status="CREATING",
        created_at=now,
        last_state_change_at=now,
        configuration=configuration,
        revocation_configuration=revocation_configuration.normalized(request.get("RevocationConfiguration")),
        key_storage_security_standard=standard,
        usage_mode=request.get("UsageMode", _DEFAULTS["UsageMode"]),
        tags=tag_pairs,
        key_sha256=key_sha256,
    )


def _take_subject(rt: Runtime, ca: CertificateAuthority) -> None:
    member = ("CertificateAuthorityConfiguration", "Subject")
    try:
        subjects.take(rt, ca.arn, names.encode_subject(ca.configuration["Subject"]), member)
    except ConstraintError as error:
        raise errors.InvalidArgsException(str(error), member=member) from error


def _named_key(tag_pairs: tuple[tuple[str, str | None], ...]) -> str | None:
    """The key of the owner's that the tags name; a tag without a value names none that exists."""
    pairs = dict(tag_pairs)
    return pairs[tags.KEY_TAG] or "" if tags.KEY_TAG in pairs else None


def _key_sha256(
    rt: Runtime, caller: Caller, tag_pairs: tuple[tuple[str, str | None], ...], key_algorithm: str
) -> str | None:
    """Check the key that the tags name, and return the hash of its public key; None if they name none."""
    named = _named_key(tag_pairs)
    if named is None:
        return None
    try:
        return keys.key_sha256(rt.keys.check_key(named, key_algorithm, caller.account_id))
    except KeyRefusedError as error:
        raise _refused_key(tag_pairs, str(error)) from error


def _refused_key(tag_pairs: tuple[tuple[str, str | None], ...], reason: str) -> errors.ApiError:
    position = [key for key, _ in tag_pairs].index(tags.KEY_TAG)
    member = ("Tags", position, "Value")
    return errors.InvalidArgsException(f"The tag {tags.KEY_TAG} is refused. {reason}", reason=reason, member=member)


def _check_configuration(configuration: Mapping[str, Any]) -> None:
    key_algorithm = configuration["KeyAlgorithm"]
    if key_algorithm not in algorithms.KEY_ALGORITHMS:
        raise errors.InvalidArgsException(
            f"Key algorithm {key_algorithm} is not supported here. Supported key algorithms are: "
            f"{', '.join(algorithms.KEY_ALGORITHMS)}.",
            member=("CertificateAuthorityConfiguration", "KeyAlgorithm"),
        )
    algorithms.require_compatible(configuration["SigningAlgorithm"], key_algorithm)
    with within("Subject"):
        names.encode_subject(configuration["Subject"])
    csr.check_csr_extensions(configuration.get("CsrExtensions"))


def _furnish(rt: Runtime, ca: CertificateAuthority) -> None:
    """Give a CREATING CA its key and CSR; the hash of the CSR's content is on record before it is signed."""
    try:
        key_id = rt.keys.create_key(ca.arn, ca.configuration["KeyAlgorithm"], named=_named_key(ca.tags))
        public_key = rt.keys.private_key(key_id, ca.arn).public_key()
        tbs_der = csr.build_ca_csr_tbs(ca.configuration, public_key)
        key_sha256, csr_sha256 = keys.key_sha256(public_key), signing.tbs_sha256(tbs_der)
        ca = _advance(rt, ca, key_id=key_id, key_sha256=key_sha256, csr_tbs_sha256=csr_sha256)
        csr_der = signing.sign(rt, ca, "CSR", tbs_der, ca.configuration["SigningAlgorithm"])
        _advance(rt, ca, csr_der=csr_der, status="PENDING_CERTIFICATE", last_state_change_at=rt.now())
    except Exception:
        _undo(rt, ca)
        raise
    events.authority_created(rt, ca.arn)


def _advance(rt: Runtime, ca: CertificateAuthority, **changes: Any) -> CertificateAuthority:
    """Change a CREATING CA; tags may be set meanwhile, but its status must not change."""
    while True:
        try:
            return rt.store.update_certificate_authority(ca, replace(ca, **changes))
        except ConflictError as error:
            current = rt.store.get_certificate_authority(ca.arn)
            if current is None or current.status != "CREATING" or current.version == ca.version:
                raise errors.ServiceUnavailable("The creation was given up meanwhile; try again.") from error
            ca = current


def _undo(rt: Runtime, ca: CertificateAuthority) -> None:
    """Remove a CA whose creation failed, unless it was recorded after all.

    If this fails too, reconciliation marks the CA as FAILED and destroys its key.
    """
    try:
        current = rt.store.get_certificate_authority(ca.arn)
        if current is None:
            rt.keys.delete_key(rt.keys.key_id_of(ca.arn), ca.arn)
        elif current.status == "CREATING":
            authorities.purge(rt, current)
        if current is None or current.status == "CREATING":
            events.creation_failed(rt, ca.arn)
        elif current.status == "PENDING_CERTIFICATE":  # the write succeeded, and only the answer was lost
            events.authority_created(rt, ca.arn)
    except Exception:  # noqa: BLE001  the caller must learn of the first failure
        logs.log_exception("create_undo_failed", ca=ca.arn)
