"""Trust in the root of a CA: its file, and the commands that make programs accept it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import trust
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_page, certificate_story
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import display, summary
from chalicelib.pki.x509.reading import parse_certificate
from chalicelib.trust import Root

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


class Way(NamedTuple):
    """Commands that make some programs trust the root, and that undo it."""

    title: str
    note: str
    install: str
    remove: str


def show(visit: Visit) -> WireResponse:
    """The root above the CA, and the commands for each place where programs look for roots."""
    root = _root(visit)
    certificate = parse_certificate(root.der)
    file = _file(root)
    return authority_page.show(
        visit,
        "trust.html",
        "certificate",
        subtitle="Trust its root",
        commands=(command("GetCertificateAuthorityCertificate", {"CertificateAuthorityArn": visit.ca.arn}),),
        root=certificate_story.chain_of(visit, [root.der])[0],
        is_root=certificate.is_self_issued,
        fingerprints=display.fingerprints(root.der).lines,
        file=file,
        der=f"data:application/pkix-cert;base64,{base64.b64encode(root.der).decode()}",
        ways=[_way(store, root, file) for store in trust.STORES.values()],
        is_laptop=visit.rt.settings.state == "sqlite",
    )


def download(visit: Visit) -> WireResponse:
    """The root above the CA, in PEM."""
    root = _root(visit)
    return web.download(pem.encode(root.der) + "\n", _file(root))


def _root(visit: Visit) -> Root:
    """The last certificate of the CA's chain."""
    answer = visit.client.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=visit.ca.arn)
    text = answer.get("CertificateChain") or answer["Certificate"]
    return Root([encoded for _, encoded in pem.blocks(text.encode())][-1])


def _file(root: Root) -> str:
    return f"{summary.file_stem(certificate_story.name_of(parse_certificate(root.der)), 'root')}.pem"


def _way(store: trust.Store, root: Root, file: str) -> Way:
    install, remove = (
        "\n".join(trust.line(store, words, root, file=file) for words in commands)
        for commands in (store.install, store.remove)
    )
    return Way(store.title, store.note, install, remove)
