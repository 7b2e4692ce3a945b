"""Pages of CAs of other accounts: the answers of the operations that the CA's policy allows, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.parts import authority_page, authority_rows, notes
from chalicelib.console.views import certificate, certificate_files

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Authority, Visit

_MOST_DIGITS = 32
_NO_SERIAL = f"Enter 1 to {_MOST_DIGITS} hexadecimal digits, with or without colons."


def show_overview(visit: Visit) -> WireResponse:
    """The description of the CA."""
    return authority_page.show(
        visit,
        "other_account_authority.html",
        "",
        commands=(command("DescribeCertificateAuthority", _request(visit.ca)),),
        subject=authority_rows.subject(visit.ca.described),
    )


def _request(ca: Authority) -> dict[str, str]:
    return {"CertificateAuthorityArn": ca.arn}


def show_tags(visit: Visit) -> WireResponse:
    """The tags, which only the owner can change."""
    request = _request(visit.ca)
    tags = visit.client.call("ListTags", **request)["Tags"]
    return authority_page.show(
        visit, "other_account_tags.html", "tags", commands=(command("ListTags", request),), tags=tags
    )


def show_permissions(visit: Visit) -> WireResponse:
    """The permissions of services; the policy is shown to the owner alone."""
    request = _request(visit.ca)
    permissions = visit.client.call("ListPermissions", **request)["Permissions"]
    return authority_page.show(
        visit,
        "other_account_permissions.html",
        "sharing",
        commands=(command("ListPermissions", request),),
        permissions=permissions,
    )


def find_certificate(visit: Visit) -> WireResponse:
    """Find a certificate by its serial number: other accounts can get one, but not search."""
    typed = visit.query.get("serial", "").strip()
    digits = typed.replace(":", "").lower()
    if re.fullmatch(f"[0-9a-f]{{1,{_MOST_DIGITS}}}", digits):
        return web.redirect(visit, authority_page.address(visit.ca.ca_id, f"certificates/{int(digits, 16):032x}"))
    wanted = _request(visit.ca) | {"CertificateArn": f"{visit.ca.arn}/certificate/SERIAL"}
    return authority_page.show(
        visit,
        "other_account_certificates.html",
        "certificates",
        commands=(command("GetCertificate", wanted),),
        problems={"serial": _NO_SERIAL} if typed else {},
        typed={"serial": typed},
    )


def show_certificate(visit: Visit) -> WireResponse:
    """A certificate, as GetCertificate returns it."""
    return render.page(
        visit,
        "other_account_certificate.html",
        title="Certificate",
        section=certificate.SECTION,
        commands=(command("GetCertificate", certificate_files.request(visit)),),
        note=notes.take(visit),
        **certificate_files.decoded_parts(visit, certificate_files.get(visit)),
        **_names(visit),
    )


def _names(visit: Visit) -> dict[str, Any]:
    return {
        "ca_id": visit.ca.ca_id,
        "serial": visit.named["serial"],
        "owner": arns.parse_ca_arn(visit.ca.arn).account_id,
    }


def revoke_form(visit: Visit) -> WireResponse:
    """Ask for the reason, and for confirmation."""
    return _revoke_page(visit, "")


def revoke(visit: Visit) -> WireResponse:
    """Revoke a certificate; a second press is told that it is revoked already."""
    try:
        visit.client.call("RevokeCertificate", **_revocation(visit))
    except errors.ApiError as error:
        return _revoke_page(visit, reason_of(error))
    return authority_page.done(visit, f"certificates/{visit.named['serial']}", "revoked_there")


def _revocation(visit: Visit) -> dict[str, str]:
    reason = visit.form.get("reason") or "UNSPECIFIED"
    return _request(visit.ca) | {"CertificateSerial": visit.named["serial"], "RevocationReason": reason}


def _revoke_page(visit: Visit, problem: str) -> WireResponse:
    revocation = _revocation(visit)
    return render.page(
        visit,
        "other_account_revoke.html",
        title="Revoke this certificate?",
        section=certificate.SECTION,
        status=422 if problem else 200,
        commands=(command("RevokeCertificate", revocation),),
        problem=problem,
        chosen=revocation["RevocationReason"],
        reasons=certificate.REASONS,
        **_names(visit),
    )


def refused(visit: Visit) -> WireResponse:
    """A page that the CA's policy does not allow, or that is its owner's alone."""
    granted = visit.ca.granted
    return render.page(
        visit,
        "other_account_refused.html",
        title="Not allowed",
        status=403,
        owner=arns.parse_ca_arn(visit.ca.arn).account_id,
        allowed=sorted(granted.operations) if granted else [],
        note=notes.take(visit),
    )
