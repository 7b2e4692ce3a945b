"""A CA's own CSR and certificate: GetCertificateAuthorityCsr, Import- and GetCertificateAuthorityCertificate.

Source: AWS Private CA API; User Guide, "Installing the CA certificate".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.audit import notes
from chalicelib.ca import find, replacement, state
from chalicelib.crl import publication, revocation_configuration
from chalicelib.operations.refusals import as_api_errors
from chalicelib.pki import installation
from chalicelib.pki.asn1 import pem

if TYPE_CHECKING:
    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

_WITH_CSR = frozenset({"PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED"})
_WITH_CERTIFICATE = frozenset({"ACTIVE", "DISABLED", "EXPIRED"})
# AWS has this text for both reads, even if the certificate is missing.
_NO_CSR = "The certificate authority {arn} is not in the correct state to have a certificate signing request."
_NOT_IMPORTABLE = "The certificate authority {arn} is not in a valid state for importing a certificate."


def get_certificate_authority_csr(
    rt: Runtime, caller: Caller, request: shapes.GetCertificateAuthorityCsrRequest
) -> shapes.GetCertificateAuthorityCsrResponse:
    """The CA's CSR: the same bytes every time, even for a renewal.

    Raises:
        RequestInProgressException: the CA is being created.
        InvalidStateException: the CA is FAILED or DELETED.
    """
    ca = find.find(rt, caller, request["CertificateAuthorityArn"])
    if ca.status == "CREATING":
        raise errors.RequestInProgressException("The certificate signing request is being created; try again.")
    state.check_status(ca, rt.now(), _WITH_CSR, _NO_CSR)
    return {"Csr": pem.encode(ca.csr_der or b"", "CERTIFICATE REQUEST")}


def import_certificate_authority_certificate(
    rt: Runtime, caller: Caller, request: shapes.ImportCertificateAuthorityCertificateRequest
) -> None:
    """Install the CA's certificate and chain, or its renewal; a DISABLED CA stays disabled.

    AWS refuses no renewal because of broken chains below the CA, so they are only logged and recorded as warnings.

    Raises:
        InvalidStateException: the CA is CREATING, FAILED or DELETED.
        MalformedCertificateException: something does not parse, or a field is invalid.
        CertificateMismatchException: the certificate is not for this CA, or breaks a condition of its signer.
        InvalidRequestException: a chain is missing, or present for a root; or the certificate is self-signed for a
            subordinate.
        ValidationException: basic constraints or path lengths do not hold.
    """
    before: CertificateAuthority | None = None

    def change(ca: CertificateAuthority) -> CertificateAuthority:
        nonlocal before
        before, now = ca, rt.now()
        state.check_status(ca, now, _WITH_CSR, _NOT_IMPORTABLE)
        with as_api_errors():
            imported = installation.check_import(
                certificate_pem=request["Certificate"],
                chain_pem=request.get("CertificateChain"),
                ca_type=ca.type,
                csr_der=ca.csr_der or b"",
                now=now,
                gate=rt.settings.gate,
            )
            if ca.certificate_der is not None:
                installation.check_renewal(ca.certificate_der, imported.certificate_der)
        installed = replace(ca, certificate_der=imported.certificate_der, chain_der=imported.chain_der)
        installed = installed if installed == ca else replace(installed, installed_at=now)
        installed = revocation_configuration.with_ocsp(installed)
        if state.status_of(ca, now) == "PENDING_CERTIFICATE":
            return replace(installed, status="ACTIVE", last_state_change_at=now)
        if state.status_of(ca, now) == "EXPIRED":
            return replace(installed, last_state_change_at=now)
        return installed

    ca = find.modify(rt, caller, request["CertificateAuthorityArn"], change)
    publication.make_due(rt, ca)
    if before is not None:
        _note(before, ca)
        replacement.warn(rt, before, ca)


def _note(before: CertificateAuthority, after: CertificateAuthority) -> None:
    """Note for the record which certificate was installed, and which one it replaces."""
    serials = {"serialNumber": arns.serial_hex(state.issuer_of(after).serial_number)}
    if before.certificate_der not in {None, after.certificate_der}:
        serials["replacedSerialNumber"] = arns.serial_hex(state.issuer_of(before).serial_number)
    notes.note(**serials)


def get_certificate_authority_certificate(
    rt: Runtime, caller: Caller, request: shapes.GetCertificateAuthorityCertificateRequest
) -> shapes.GetCertificateAuthorityCertificateResponse:
    """The CA's certificate, and its chain from the parent to the root; a root has no chain.

    Raises:
        InvalidStateException: the CA has no certificate, or is FAILED or DELETED.
    """
    ca = find.require(rt, caller, request["CertificateAuthorityArn"], _WITH_CERTIFICATE, _NO_CSR)
    response: shapes.GetCertificateAuthorityCertificateResponse = {"Certificate": pem.encode(ca.certificate_der or b"")}
    if ca.chain_der:
        response["CertificateChain"] = pem.encode_all(ca.chain_der)
    return response
