"""A certificate's page: what it says, its status at this moment, downloads, and revoking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import errors
from chalicelib.ca import find
from chalicelib.ca import state as ca_state
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_rows, notes
from chalicelib.console.views import certificate_files, certificate_search
from chalicelib.console.views.wizard import own_arn
from chalicelib.monitor import certificate_status
from chalicelib.ocsp import answers
from chalicelib.operations import certificates, revocation, search
from chalicelib.operations.search import Filters

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.operations.search import Found
    from chalicelib.records import CertificateAuthority

SECTION = "certificates"
# Each reason, what it is called, and when it is right. Source: RFC 5280 section 5.3.1.
REASONS = {
    "UNSPECIFIED": ("Unspecified", "None of these, or nobody needs to know."),
    "KEY_COMPROMISE": ("Key compromise", "Somebody else has, or may have, the private key."),
    "CERTIFICATE_AUTHORITY_COMPROMISE": ("CA compromise", "The same, for the certificate of a CA."),
    "AFFILIATION_CHANGED": ("Affiliation changed", "A name in it is no longer right."),
    "SUPERSEDED": ("Superseded", "Another certificate has taken its place."),
    "CESSATION_OF_OPERATION": ("Cessation of operation", "It is not needed any more."),
    "PRIVILEGE_WITHDRAWN": ("Privilege withdrawn", "Its holder may no longer do what it says."),
    "A_A_COMPROMISE": ("AA compromise", "An attribute authority's key is known to others."),
}


class _Shown(NamedTuple):
    """A certificate of the visitor's CA."""

    ca: CertificateAuthority
    found: Found


def _final(visit: Visit, shown: _Shown) -> str:
    """Why the certificate cannot be revoked; empty where it can be."""
    now, record = visit.rt.now(), shown.found.record
    if certificates.is_root_certificate(record):
        return "It is the root's own certificate, which a root cannot revoke: clients have to stop trusting it."
    if record.revoked_at is not None:
        return "It is revoked already, and that is final."
    if record.not_after < now:
        return "It has expired: no client accepts it any more."
    state = ca_state.status_of(shown.ca, now)
    return "" if state in revocation.STATES else f"The CA is in the state {state}, in which it revokes nothing."


def _shown(visit: Visit) -> _Shown:
    """What the path names.

    Raises:
        NotFoundError: the CA has no such certificate.
    """
    arn, caller = own_arn(visit), visit.caller
    ca = find.find(visit.rt, caller, arn)
    found, _ = search.search_certificates(visit.rt, caller, arn, Filters(serial_number=int(visit.named["serial"], 16)))
    if not found:
        raise web.NotFoundError
    return _Shown(ca, found[0])


def _names(visit: Visit, shown: _Shown) -> dict[str, Any]:
    """What every page about a certificate shows."""
    return {
        "ca_id": visit.named["ca_id"],
        "serial": visit.named["serial"],
        "name": ca_state.name_of(shown.ca),
        "found": shown.found,
        "row": certificate_search.rows([shown.found])[0],
        "final": _final(visit, shown),
        "reasons": REASONS,
        "section": SECTION,
    }


def show_certificate(visit: Visit) -> WireResponse:
    """Everything about a certificate; or that part alone which asks again until OCSP and CRL show a revocation."""
    shown = _shown(visit)
    status_now = certificate_status.status_of(visit.rt, shown.ca, shown.found.record)
    if visit.query.get("part") == "status":
        return render.page(visit, "certificate_status.html", title="", status_now=status_now, **_names(visit, shown))
    request = {"CertificateAuthorityArn": shown.ca.arn, "CertificateArn": shown.found.record.arn}
    try:
        parts, unreadable = certificate_files.decoded_parts(visit.call("GetCertificate", **request)), ""
    except errors.ApiError as error:
        parts, unreadable = {}, error.message
    return render.page(
        visit,
        "certificate.html",
        title=shown.found.summary.subject or "Certificate",
        commands=(command("GetCertificate", request),),
        status_now=status_now,
        note=notes.take(visit),
        unreadable=unreadable,
        **parts,
        **_names(visit, shown),
    )


def revoke_form(visit: Visit) -> WireResponse:
    """What revoking it changes, and the question whether to."""
    return _revoke_page(visit, _shown(visit), "")


def revoke(visit: Visit) -> WireResponse:
    """Revoke it; pressed twice, the second time leads to what the first did."""
    shown = _shown(visit)
    try:
        visit.call("RevokeCertificate", **_revocation(visit, shown, visit.form.get("reason")))
    except errors.RequestAlreadyProcessedException:
        return web.redirect(visit, f"cas/{visit.named['ca_id']}/certificates/{visit.named['serial']}")
    except errors.ApiError as error:
        return _revoke_page(visit, shown, in_words(error.message))
    return notes.done(visit, f"cas/{visit.named['ca_id']}/certificates/{visit.named['serial']}", "revoked")


def _revocation(visit: Visit, shown: _Shown, reason: str) -> dict[str, str]:
    return {
        "CertificateAuthorityArn": shown.ca.arn,
        "CertificateSerial": visit.named["serial"],
        "RevocationReason": reason,
    }


def _revoke_page(visit: Visit, shown: _Shown, problem: str) -> WireResponse:
    rt, ca = visit.rt, shown.ca
    chosen = visit.form.get("reason") or "UNSPECIFIED"
    return render.page(
        visit,
        "revoke.html",
        title="This certificate cannot be revoked" if _final(visit, shown) else "Revoke this certificate?",
        status=422 if problem else 200,
        commands=() if _final(visit, shown) else (command("RevokeCertificate", _revocation(visit, shown, chosen)),),
        problem=problem,
        chosen=chosen,
        crl=certificate_status.status_of(rt, ca, shown.found.record).crl,
        crl_light=authority_rows.light(rt, ca),
        crl_at_latest=rt.now() + certificate_status.CRL_WITHIN,
        ocsp_on=bool(ca.ocsp_key_hashes),
        ocsp_seconds=int(certificate_status.OCSP_WITHIN.total_seconds()),
        ocsp_kept_hours=int(answers.VALIDITY.total_seconds() // 3600),
        **_names(visit, shown),
    )
