"""The first page of a CA, and its certificate decoded."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_page, authority_rows, lifecycle
from chalicelib.pki import paths
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import display

if TYPE_CHECKING:
    from chalicelib.api.client import Client
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.pki.paths import Link
    from chalicelib.records import FormerCertificate

MOST_FORMER = 20


def show_overview(visit: Visit) -> WireResponse:
    """The facts of a CA, and the actions that its status allows."""
    ca = visit.ca.described
    return authority_page.show(
        visit,
        "authority.html",
        "",
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": visit.ca.arn}),),
        subject=authority_rows.subject(ca),
        actions=lifecycle.actions_of(ca["Status"]),
        installable=lifecycle.is_installable(ca["Type"], ca["Status"]),
    )


# certificate


def show_certificate(visit: Visit) -> WireResponse:
    """The certificate and each one above it, decoded."""
    certificates = _certificates(visit.client, visit.ca.arn)
    arn = {"CertificateAuthorityArn": visit.ca.arn}
    return authority_page.show(
        visit,
        "authority_certificate.html",
        "certificate",
        commands=(command("GetCertificateAuthorityCertificate", arn, "--output text"),),
        certificates=[(display.of_certificate(der), pem.encode(der)) for der in certificates],
        files=[(name, label) for name, (label, _) in _FILES.items()][: None if len(certificates) > 1 else 1],
        binary_files=_binary_files(certificates),
        former=_former(visit) if visit.ca.granted is None else [],
    )


def _former(visit: Visit) -> list[tuple[FormerCertificate, Link]]:
    """The certificates that the CA had before, the newest first."""
    former = visit.rt.store.former_certificates(visit.ca.arn, limit=MOST_FORMER)
    return [(each, paths.read(each.certificate_der)) for each in former]


def _certificates(client: Client, ca_arn: str) -> list[bytes]:
    """The CA's certificate and its chain, in DER."""
    answer = client.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=ca_arn)
    texts = (answer["Certificate"], answer.get("CertificateChain", ""))
    return [der for text in texts for _, der in pem.blocks(text.encode())]


# Downloads in PEM: by file name, the label, and which of the certificates are in it.
_FILES = {
    "certificate.pem": ("Certificate (PEM)", slice(0, 1)),
    "chain.pem": ("Chain (PEM)", slice(1, None)),
    "full-chain.pem": ("Certificate and chain (PEM)", slice(None)),
}


def download_certificate(visit: Visit) -> WireResponse:
    """The certificate, its chain, or both, as a file of PEM."""
    name = visit.named["file"]
    chosen = _certificates(visit.client, visit.ca.arn)[_FILES[name][1]] if name in _FILES else []
    if not chosen:
        raise web.NotFoundError
    return web.download(display.full_chain(chosen[0], chosen[1:]), f"{visit.ca.ca_id}.{name}")


def _binary_files(certificates: list[bytes]) -> list[tuple[str, str, str]]:
    """Downloads in DER: file suffix, label, and the content as a data URL (RFC 2397).

    The page itself holds them, because API Gateway hands a binary answer to a browser as base64.
    """
    return [
        ("cer", "Certificate (DER)", _data("application/pkix-cert", certificates[0])),
        ("p7b", "PKCS #7 (DER)", _data("application/x-pkcs7-certificates", display.pkcs7_bundle(certificates))),
    ]


def _data(content_type: str, octets: bytes) -> str:
    return f"data:{content_type};base64,{base64.b64encode(octets).decode()}"
