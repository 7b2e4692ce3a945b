"""A certificate as GetCertificate gives it: decoded, and as files; the same for whoever may get it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from chalicelib.console import web
from chalicelib.pki import decoded, pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


_CONTENT_TYPES = {"der": "application/pkix-cert", "p7b": "application/x-pkcs7-certificates"}


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
    """What GetCertificate gives, decoded, and as files.

    Binary files lie in the page itself: API Gateway gives binary answers to whoever names their type first in Accept,
    and browsers do not.
    """
    ders = ders_of(answer)
    files = {"der": ders[0], "p7b": decoded.pkcs7_bundle(ders)}
    return {
        "pem": answer["Certificate"],
        "decoded": decoded.of_certificate(ders[0]),
        "chain": [decoded.of_certificate(each) for each in ders[1:]],
        "files": {
            name: f"data:{_CONTENT_TYPES[name]};base64,{base64.b64encode(body).decode()}"
            for name, body in files.items()
        },
    }


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
    return web.download(decoded.full_chain(ders[0], ders[1:]), f"{visit.named['serial']}.chain.pem")
