"""RevokeCertificate: final, recorded before it is answered, and in the CRL by the next scheduled run.

Source: AWS Private CA API, RevokeCertificate; RFC 5280 section 5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import compromise, events, find, state
from chalicelib.crl import distribution_points, revocation_configuration
from chalicelib.ocsp import responders
from chalicelib.operations import certificates
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.records import Revocation
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

STATES = frozenset({"ACTIVE", "DISABLED"})
_NOT_REVOKING = "The certificate authority {arn} is not in a valid state for revoking certificates."
_ATTEMPTS = 8


def revoke_certificate(rt: Runtime, caller: Caller, request: shapes.RevokeCertificateRequest) -> None:
    """Revoke a certificate by its serial number, even if its issuance failed or has not finished.

    After a compromise the CA's account certifies the key of the certificate no more.

    Raises:
        InvalidStateException: the CA is neither ACTIVE nor DISABLED.
        InvalidRequestException: the serial is not hexadecimal, or names a root's own certificate, in any status.
        ResourceNotFoundException: the CA has reserved no such serial number.
        RequestAlreadyProcessedException: the certificate is revoked already, or has expired.
    """
    text = request["CertificateSerial"]
    try:
        serial_number = arns.parse_serial(text)
    except ValueError as error:
        raise errors.InvalidRequestException(
            f"CertificateSerial '{text}' must be hexadecimal digits, in pairs with colons or without separators.",
            member=("CertificateSerial",),
        ) from error
    for _ in range(_ATTEMPTS):
        ca = find.find(rt, caller, request["CertificateAuthorityArn"])
        record = _revocable(rt, ca, serial_number)
        revoked_at = rt.now()
        reason = request["RevocationReason"]
        revocation = Revocation(
            ca_arn=ca.arn,
            serial_number=serial_number,
            revoked_at=revoked_at,
            reason=reason,
            not_after=record.not_after,
            entry_der=crl_tbs.encode_entry(serial_number, revoked_at, reason),
            crl_partition=record.crl_partition,
        )
        try:
            _start_crl(rt, ca)
            is_responder = record.requested_by == responders.REQUESTED_BY
            compromised = compromise.key_sha256(record, reason)
            rt.store.revoke_certificate(record, revocation, of_responder=is_responder, compromised=compromised)
        except ConflictError:
            continue  # the CA or the certificate has changed: look again
        events.certificate_revoked(rt, record)
        return
    raise errors.ConcurrentModificationException(f"Other updates of {ca.arn} are still running; try again.")


def _revocable(rt: Runtime, ca: CertificateAuthority, serial_number: int) -> Certificate:
    """The record of a certificate that may be revoked now; a root's own never may, whatever the CA's status."""
    is_installed_root = ca.type == "ROOT" and ca.certificate_der is not None
    root_serial = state.issuer_of(ca).serial_number if is_installed_root else None
    record = rt.store.get_certificate(ca.arn, serial_number) if serial_number < 1 << 128 else None
    if serial_number == root_serial or (record is not None and certificates.is_root_certificate(record)):
        raise errors.InvalidRequestException("Self-signed certificate can not be revoked")
    state.check_status(ca, rt.now(), STATES, _NOT_REVOKING)
    if record is None:
        raise errors.ResourceNotFoundException(
            f"Could not find a certificate with serial {serial_number:x} of certificate authority {ca.arn}."
        )
    if record.revoked_at is not None:
        raise errors.RequestAlreadyProcessedException(
            f"The certificate {record.arn} is revoked already.", reason="It is revoked already."
        )
    if record.not_after < rt.now():
        raise errors.RequestAlreadyProcessedException(
            f"The certificate {record.arn} has expired and cannot be revoked.",
            reason="It has expired and cannot be revoked.",
        )
    return record


def _start_crl(rt: Runtime, ca: CertificateAuthority) -> None:
    """Start the first CRL of a CA whose CRLs were switched on after its certificates were issued."""
    if not revocation_configuration.crl_enabled(ca) or revocation_configuration.is_partitioned(ca):
        return
    point = distribution_points.for_complete_crl(rt, ca)
    if point not in ca.distribution_points:
        rt.store.start_crl(ca, point, due_at=rt.now())
