"""A certificate as GetCertificate returns it: decoded, in full, and as files; the same for every account.

Long parts that are rarely needed have pages of their own, so that the certificate's page stays light.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.parts import certificate_story
from chalicelib.journal import issuances
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import display, summary

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.shapes import GetCertificateResponse

_MOST_BUNDLES = 200  # that are read for a proof: 51,200 entries


def request(visit: Visit) -> dict[str, str]:
    """The request for the certificate that the path names."""
    arn = f"{visit.ca.arn}/certificate/{visit.named['serial']}"
    return {"CertificateAuthorityArn": visit.ca.arn, "CertificateArn": arn}


def get(visit: Visit) -> GetCertificateResponse:
    """The certificate that the path names, and its chain.

    Raises:
        ApiError: GetCertificate refuses it.
    """
    return visit.client.call("GetCertificate", **request(visit))


def decoded_parts(visit: Visit, answer: GetCertificateResponse) -> dict[str, Any]:
    """The certificate in words and decoded, and its chain, for the templates of its page and of its files."""
    ders = ders_of(answer)
    return {
        "story": certificate_story.of_certificate(ders[0], visit.rt.now(), visit.named["serial"]),
        "links": certificate_story.chain_of(visit, ders),
        "decoded": display.of_certificate(ders[0]),
        "chain": [display.of_certificate(der) for der in ders[1:]],
    }


def ders_of(answer: GetCertificateResponse) -> list[bytes]:
    """The certificate and its chain, in DER."""
    text = answer["Certificate"] + "\n" + answer.get("CertificateChain", "")
    return [der for _, der in pem.blocks(text.encode())]


# Which of the certificate and the CAs above it are in a download, by the end of its name.
_PARTS = {"": slice(0, 1), "-chain": slice(1, None), "-fullchain": slice(None)}


def download_certificate(visit: Visit) -> WireResponse:
    """The certificate in PEM."""
    return _download(visit, "")


def download_chain(visit: Visit) -> WireResponse:
    """The CAs above the certificate in PEM, up to the root."""
    return _download(visit, "-chain")


def download_full_chain(visit: Visit) -> WireResponse:
    """The certificate with the CAs above it in PEM, in the order that servers expect."""
    return _download(visit, "-fullchain")


def _download(visit: Visit, ending: str) -> WireResponse:
    """A file named after the certificate's host and its own content."""
    ders = ders_of(get(visit))
    chosen = ders[_PARTS[ending]]
    if not chosen:
        raise web.NotFoundError
    stem = certificate_story.of_certificate(ders[0], visit.rt.now(), visit.named["serial"]).stem
    return web.download(pem.encode_all(chosen) + "\n", f"{stem}{ending}.pem")


def download_proof(visit: Visit) -> WireResponse:
    """The proof that the journal has the certificate; its entry is looked for around the time of issuance."""
    get(visit)
    serial = visit.named["serial"]
    record = visit.rt.store.get_certificate(visit.ca.arn, int(serial, 16))
    log = visit.rt.journal.log
    checkpoint, tree = log.published()
    at = record.issued_at if record else None
    found = issuances.find(tree, serial, ca_id=visit.ca.ca_id, at=at, most=_MOST_BUNDLES)
    if checkpoint is None or found is None:
        raise errors.ResourceNotFoundException(
            "The journal does not have this certificate yet: it follows within seconds. "
            "If the certificate is older than the journal, `signet log prove` finds it."
        )
    proof = issuances.prove(tree, found, checkpoint, log.verifier_key).encode()
    return web.download(proof, f"{serial}.tlog-proof", "text/plain; charset=utf-8")


def show_full(visit: Visit) -> WireResponse:
    """Every name and value, and the PEM."""
    answer = get(visit)
    ders = ders_of(answer)
    decoded = display.of_certificate(ders[0])
    return _page(visit, "certificate_full.html", ders[0], pem=answer["Certificate"], decoded=decoded)


def show_binary(visit: Visit) -> WireResponse:
    """Binary files, which the page itself holds.

    API Gateway sends binary answers only to clients that name their type first in Accept, and browsers do not.
    """
    ders = ders_of(get(visit))
    files = {
        "der": ("application/pkix-cert", ders[0]),
        "p7b": ("application/x-pkcs7-certificates", display.pkcs7_bundle(ders)),
    }
    addresses = {name: f"data:{kind};base64,{base64.b64encode(body).decode()}" for name, (kind, body) in files.items()}
    names = [section for section in display.of_certificate(ders[0]) if section.title in {"Issuer", "Subject"}]
    stem = certificate_story.of_certificate(ders[0], visit.rt.now(), visit.named["serial"]).stem
    return _page(visit, "certificate_binary.html", ders[0], files=addresses, names=names, stem=stem)


def _page(visit: Visit, template: str, certificate_der: bytes, **values: Any) -> WireResponse:
    return render.page(
        visit,
        template,
        title=summary.of_certificate(certificate_der).subject or "Certificate",
        section="certificates",
        commands=(command("GetCertificate", request(visit)),),
        ca_id=visit.ca.ca_id,
        serial=visit.named["serial"],
        **values,
    )
