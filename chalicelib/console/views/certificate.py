"""The page of a certificate: its contents, its status at this moment, downloads, and its revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.ca import state as ca_state
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.parts import acme, authority_page, authority_rows, certificate_rows, notes, reachability
from chalicelib.console.views import certificate_files
from chalicelib.monitor import certificate_status
from chalicelib.ocsp import answers
from chalicelib.operations import certificates, revocation, search
from chalicelib.operations.search import Filters

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.operations.search import Match
    from chalicelib.records import Certificate, CertificateAuthority

SECTION = "certificates"
# Each reason with its label, and when to choose it. Source: RFC 5280 section 5.3.1.
REASONS = {
    "UNSPECIFIED": ("Unspecified", "None of these reasons, or no need to state one."),
    "KEY_COMPROMISE": ("Key compromise", "Somebody else has, or may have, the private key."),
    "CERTIFICATE_AUTHORITY_COMPROMISE": ("CA compromise", "Somebody else has, or may have, the private key of a CA."),
    "AFFILIATION_CHANGED": ("Affiliation changed", "A name in the certificate is no longer correct."),
    "SUPERSEDED": ("Superseded", "Another certificate has replaced it."),
    "CESSATION_OF_OPERATION": ("Cessation of operation", "The certificate is no longer needed."),
    "PRIVILEGE_WITHDRAWN": ("Privilege withdrawn", "Its holder may no longer do what the certificate allows."),
    "A_A_COMPROMISE": ("AA compromise", "Somebody else has, or may have, the key of an attribute authority."),
}


def why_final(ca: CertificateAuthority, record: Certificate, now: datetime) -> str:
    """The reason why a certificate cannot be revoked; empty if it can."""
    if certificates.is_root_certificate(record):
        return "A root cannot revoke its own certificate: clients have to stop trusting it."
    if record.revoked_at is not None:
        return "The certificate is revoked already, and that is final."
    if record.not_after < now:
        return "The certificate has expired: no client accepts it any more."
    status = ca_state.status_of(ca, now)
    return "" if status in revocation.STATES else f"The CA has the status {status} and revokes nothing."


def _find(visit: Visit) -> Match:
    """The certificate that the path names.

    Raises:
        NotFoundError: the CA has no such certificate.
    """
    by_serial = Filters(serial_number=int(visit.named["serial"], 16))
    matches, _ = search.search_certificates(visit.rt, visit.caller, visit.ca.arn, by_serial)
    if not matches:
        raise web.NotFoundError
    return matches[0]


def _common(visit: Visit, certificate: Match) -> dict[str, Any]:
    """The values of every page about a certificate."""
    return {
        "ca_id": visit.ca.ca_id,
        "serial": visit.named["serial"],
        "name": visit.ca.name,
        "certificate": certificate,
        "row": certificate_rows.rows([certificate])[0],
        "final": why_final(visit.ca.record, certificate.record, visit.rt.now()),
        "reasons": REASONS,
        "section": SECTION,
    }


def show_certificate(visit: Visit) -> WireResponse:
    """A certificate; or only its status, which the page asks for again until OCSP and CRL show a revocation."""
    certificate = _find(visit)
    status_now = certificate_status.status_of(visit.rt, visit.ca.record, certificate.record)
    common, looks = _common(visit, certificate), reachability.of_authority(visit.rt, visit.ca.record)
    if visit.query.get("part") == "status":
        return render.page(visit, "certificate_status.html", title="", status_now=status_now, looks=looks, **common)
    request = certificate_files.request(visit)
    try:
        parts, unreadable = certificate_files.decoded_parts(visit, visit.client.call("GetCertificate", **request)), ""
    except errors.ApiError as error:
        parts, unreadable = {}, error.reason
    return render.page(
        visit,
        "certificate.html",
        title=certificate.summary.subject or "Certificate",
        commands=(command("GetCertificate", request),),
        status_now=status_now,
        renewable=not certificates.is_root_certificate(certificate.record),
        looks=looks,
        note=notes.take(visit),
        unreadable=unreadable,
        acme=acme.requester(certificate.record.requested_by),
        **parts,
        **common,
    )


def revoke_form(visit: Visit) -> WireResponse:
    """Show what the revocation will change, and ask for the reason."""
    return _revoke_page(visit, _find(visit), "")


def revoke(visit: Visit) -> WireResponse:
    """Revoke the certificate; a second press leads to the result of the first."""
    page = f"certificates/{visit.named['serial']}"
    try:
        visit.client.call("RevokeCertificate", **_request(visit, visit.form.get("reason")))
    except errors.ApiError as error:
        certificate = _find(visit)
        if certificate.record.revoked_at is not None:
            return web.redirect(visit, authority_page.address(visit.ca.ca_id, page))
        return _revoke_page(visit, certificate, reason_of(error))
    return authority_page.done(visit, page, "revoked")


def _request(visit: Visit, reason: str) -> dict[str, str]:
    return {
        "CertificateAuthorityArn": visit.ca.arn,
        "CertificateSerial": visit.named["serial"],
        "RevocationReason": reason,
    }


def _revoke_page(visit: Visit, certificate: Match, problem: str) -> WireResponse:
    rt, ca, common = visit.rt, visit.ca.record, _common(visit, certificate)
    asked = visit.form.get("reason") or (visit.query.get("reason", "") if web.asks_for_commands(visit) else "")
    chosen = asked if asked in REASONS else "UNSPECIFIED"
    return render.page(
        visit,
        "revoke.html",
        title="This certificate cannot be revoked" if common["final"] else "Revoke this certificate?",
        status=422 if problem else 200,
        commands=() if common["final"] else (command("RevokeCertificate", _request(visit, chosen)),),
        problem=problem,
        chosen=chosen,
        crl=certificate_status.status_of(rt, ca, certificate.record).crl,
        crl_light=authority_rows.light(rt, ca),
        crl_at_latest=rt.now() + certificate_status.CRL_WITHIN,
        ocsp_on=bool(ca.ocsp_key_hashes),
        ocsp_seconds=int(certificate_status.OCSP_WITHIN.total_seconds()),
        ocsp_kept_hours=int(answers.VALIDITY.total_seconds() // 3600),
        **common,
    )
