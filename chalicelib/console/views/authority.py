"""A CA's first page, its certificate in words, and what has happened at it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_page, authority_rows, lifecycle
from chalicelib.console.views.wizard import own_arn
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import display
from chalicelib.reports import activity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.reports.activity import Activity


def show_overview(visit: Visit) -> WireResponse:
    """A CA as it is, and what can be done with it."""
    ca = authority_page.describe(visit)
    return authority_page.show(
        visit,
        "authority.html",
        "",
        ca=ca,
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": ca["Arn"]}),),
        subject=authority_rows.subject(ca),
        actions=lifecycle.actions_of(ca["Status"]),
        installable=lifecycle.is_installable(ca["Type"], ca["Status"]),
    )


# certificate


def show_certificate(visit: Visit) -> WireResponse:
    """The certificate and each one above it, decoded."""
    found = _certificates(visit)
    arn = {"CertificateAuthorityArn": visit.ca_arn}
    return authority_page.show(
        visit,
        "authority_certificate.html",
        "certificate",
        commands=(command("GetCertificateAuthorityCertificate", arn, "--output text"),),
        certificates=[(display.of_certificate(each), pem.encode(each)) for each in found],
        files=[(name, label) for name, (label, _) in _FILES.items()][: None if len(found) > 1 else 1],
        binary_files=_binary_files(found),
    )


def _certificates(visit: Visit) -> list[bytes]:
    """The CA's certificate and its chain, in DER."""
    answer = visit.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=visit.ca_arn)
    texts = (answer["Certificate"], answer.get("CertificateChain", ""))
    return [der for text in texts for _, der in pem.blocks(text.encode())]


# What can be downloaded as text: by file name, what it is, and which of the certificates are in it.
_FILES = {
    "certificate.pem": ("Certificate (PEM)", slice(0, 1)),
    "chain.pem": ("Chain (PEM)", slice(1, None)),
    "full-chain.pem": ("Certificate and chain (PEM)", slice(None)),
}


def download_certificate(visit: Visit) -> WireResponse:
    """The certificate, its chain, or both, as a file of PEM."""
    name = visit.named["file"]
    chosen = _certificates(visit)[_FILES[name][1]] if name in _FILES else []
    if not chosen:
        raise web.NotFoundError
    return web.download(display.full_chain(chosen[0], chosen[1:]), f"{visit.named['ca_id']}.{name}")


def _binary_files(found: list[bytes]) -> list[tuple[str, str, str]]:
    """What can be downloaded otherwise: file name, what it is, and its content as an address (RFC 2397).

    It is in the page, because API Gateway hands a binary answer to a browser as base64.
    """
    return [
        ("cer", "Certificate (DER)", _data("application/pkix-cert", found[0])),
        ("p7b", "PKCS #7 (DER)", _data("application/x-pkcs7-certificates", display.pkcs7_bundle(found))),
    ]


def _data(content_type: str, octets: bytes) -> str:
    return f"data:{content_type};base64,{base64.b64encode(octets).decode()}"


# activity


class Event(NamedTuple):
    """Something that happened.

    Attributes:
        about: whom it happened to; may be text of others.
    """

    at: datetime
    what: str
    about: str = ""
    serial: str = ""


def show_activity(visit: Visit) -> WireResponse:
    """What has happened lately, the newest first."""
    arn = own_arn(visit)
    found = activity.activity(visit.rt, visit.caller, arn)
    return authority_page.show(
        visit,
        "authority_activity.html",
        "activity",
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": arn}),),
        events=sorted(_events(found), key=lambda each: each.at, reverse=True),
        last=activity.LAST,
    )


def _events(found: Activity) -> Iterator[Event]:
    yield Event(found.created_at, "CA created")
    if found.last_state_change_at != found.created_at:
        yield Event(found.last_state_change_at, "State changed")
    for crl in found.crls:
        if crl.state.published_at is not None:
            yield Event(crl.state.published_at, "CRL published", f"Number {crl.state.published_number}")
    for each in found.issued:
        what = "Certificate requested" if each.record.issued_at is None else "Certificate issued"
        serial = arns.serial_hex(each.record.serial_number)
        yield Event(each.record.issued_at or each.record.reserved_at, what, each.summary.subject, serial)
    for each in found.revoked:
        if each.record.revoked_at is not None:
            serial = arns.serial_hex(each.record.serial_number)
            yield Event(each.record.revoked_at, "Certificate revoked", each.summary.subject, serial)
    for report in found.audit_reports:
        yield Event(report.created_at, "Audit report requested", report.status.capitalize())
