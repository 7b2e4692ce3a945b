"""A certificate as GetCertificate gives it: decoded, in full, and as files; the same for whoever may get it.

What is long and rarely needed has pages of its own, so that the certificate's page stays light.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import display, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


def request(visit: Visit) -> dict[str, str]:
    """What asks for the certificate that the path names."""
    arn = f"{visit.ca_arn}/certificate/{visit.named['serial']}"
    return {"CertificateAuthorityArn": visit.ca_arn, "CertificateArn": arn}


def got(visit: Visit) -> Mapping[str, str]:
    """What GetCertificate answers.

    Raises:
        ApiError: it refuses.
    """
    answer: Mapping[str, str] = visit.call("GetCertificate", **request(visit))
    return answer


def decoded_parts(answer: Mapping[str, str]) -> dict[str, Any]:
    """What GetCertificate gives, decoded."""
    first, *chain = ders_of(answer)
    return {"decoded": display.of_certificate(first), "chain": [display.of_certificate(each) for each in chain]}


def ders_of(answer: Mapping[str, str]) -> list[bytes]:
    """The certificate and its chain."""
    text = answer["Certificate"] + "\n" + answer.get("CertificateChain", "")
    return [der for _, der in pem.blocks(text.encode())]


def download_certificate(visit: Visit) -> WireResponse:
    """The certificate in PEM."""
    return web.download(got(visit)["Certificate"] + "\n", f"{visit.named['serial']}.pem")


def download_chain(visit: Visit) -> WireResponse:
    """The certificate with the CAs above it in PEM, as servers want it."""
    ders = ders_of(got(visit))
    return web.download(display.full_chain(ders[0], ders[1:]), f"{visit.named['serial']}.chain.pem")


def show_full(visit: Visit) -> WireResponse:
    """Every name and value, and the PEM."""
    answer = got(visit)
    parts = decoded_parts(answer)
    return _page(visit, "certificate_full.html", ders_of(answer)[0], pem=answer["Certificate"], **parts)


def show_binary(visit: Visit) -> WireResponse:
    """Binary files, which lie in the page itself.

    API Gateway gives binary answers to whoever names their type first in Accept, and browsers do not.
    """
    ders = ders_of(got(visit))
    files = {
        "der": ("application/pkix-cert", ders[0]),
        "p7b": ("application/x-pkcs7-certificates", display.pkcs7_bundle(ders)),
    }
    addresses = {name: f"data:{kind};base64,{base64.b64encode(body).decode()}" for name, (kind, body) in files.items()}
    names = [each for each in display.of_certificate(ders[0]) if each.title in {"Issuer", "Subject"}]
    return _page(visit, "certificate_binary.html", ders[0], files=addresses, names=names)


def _page(visit: Visit, template: str, certificate_der: bytes, **values: Any) -> WireResponse:
    return render.page(
        visit,
        template,
        title=summary.of_certificate(certificate_der).subject or "Certificate",
        section="certificates",
        commands=(command("GetCertificate", request(visit)),),
        ca_id=visit.named["ca_id"],
        serial=visit.named["serial"],
        **values,
    )
