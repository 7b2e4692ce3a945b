"""Issuing the certificate of a CA by another CA, or by itself, and installing it."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import find, state
from chalicelib.console import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.client import Client
    from chalicelib.console.web import Visit
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime
    from chalicelib.shapes import GetCertificateResponse

_LOOKS, _LOOK_SECONDS = 15, 0.2  # to wait for a certificate that another request is signing


def csr_of(client: Client, arn: str) -> str:
    """The CSR of a CA in PEM."""
    return client.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn)["Csr"]


def request(visit: Visit, issuer_arn: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """IssueCertificate for the CSR of the page's CA.

    Args:
        visit: to a page of the CA.
        issuer_arn: of the CA that signs.
        members: those that the form decides, with the name of a template in `TemplateArn`.

    Raises:
        ApiError: the visitor may not read the CSR or the CA that signs.
    """
    issuer = web.authority(visit.rt, visit.caller, issuer_arn).described
    partition = arns.parse_ca_arn(issuer_arn).partition
    return {
        "CertificateAuthorityArn": issuer_arn,
        "Csr": csr_of(visit.client, visit.ca.arn).encode(),
        "SigningAlgorithm": issuer["CertificateAuthorityConfiguration"]["SigningAlgorithm"],
        **members,
        "TemplateArn": str(arns.TemplateArn(partition, members["TemplateArn"])),
    }


def issue_and_install(visit: Visit, asked: Mapping[str, Any]) -> None:
    """Issue the certificate of the page's CA, and install it.

    If the button is pressed several times at once, one certificate is issued, and each answer waits for it.

    Raises:
        ApiError: an operation refuses.
    """
    client, arn, certificate_arn = visit.client, visit.ca.arn, ""
    present = hashlib.sha256(visit.ca.record.certificate_der or b"").hexdigest()
    token = hashlib.sha256(f"{arn} {asked['TemplateArn']} {asked['Validity']} {present}".encode()).hexdigest()[:36]
    try:
        certificate_arn = client.call("IssueCertificate", **asked, IdempotencyToken=token)["CertificateArn"]
        signed = _signed(client, asked["CertificateAuthorityArn"], certificate_arn)
        chain = signed.get("CertificateChain")
        client.call(
            "ImportCertificateAuthorityCertificate",
            CertificateAuthorityArn=arn,
            Certificate=signed["Certificate"].encode(),
            **({"CertificateChain": chain.encode()} if chain else {}),
        )
    except errors.ApiError:
        if not _is_installed(visit.rt, as_it_is_now(visit), certificate_arn):
            raise


def _signed(client: Client, ca_arn: str, certificate_arn: str) -> GetCertificateResponse:
    """The certificate once it is signed, perhaps by another request.

    Raises:
        RequestInProgressException: signing takes too long.
    """
    named = {"CertificateAuthorityArn": ca_arn, "CertificateArn": certificate_arn}
    for _ in range(_LOOKS):
        with suppress(errors.RequestInProgressException):
            return client.call("GetCertificate", **named)
        time.sleep(_LOOK_SECONDS)
    return client.call("GetCertificate", **named)


def as_it_is_now(visit: Visit) -> CertificateAuthority:
    """The CA after a change, read again."""
    return find.find(visit.rt, visit.caller, visit.ca.arn)


def _is_installed(rt: Runtime, ca: CertificateAuthority, certificate_arn: str) -> bool:
    """Tell whether the CA is ACTIVE with this very certificate: another request has installed it."""
    if state.status_of(ca, rt.now()) != "ACTIVE":
        return False
    return certificate_arn.endswith(f"/{arns.serial_hex(state.issuer_of(ca).serial_number)}")
