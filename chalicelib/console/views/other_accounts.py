"""Pages of a CA that another account shares: what the operations say that its policy allows, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page, authority_rows, notes
from chalicelib.console.views import certificate, certificate_files

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_MOST_DIGITS = 32
_NO_SERIAL = f"It must be 1 to {_MOST_DIGITS} hexadecimal digits, with colons or without."


def show_overview(visit: Visit) -> WireResponse:
    """The CA as it is described."""
    ca = authority_page.describe(visit)
    return authority_page.show(
        visit,
        "other_account_authority.html",
        "",
        ca=ca,
        commands=(command("DescribeCertificateAuthority", _named(visit)),),
        subject=authority_rows.subject(ca),
    )


def _named(visit: Visit) -> dict[str, str]:
    return {"CertificateAuthorityArn": visit.ca_arn}


def show_tags(visit: Visit) -> WireResponse:
    """The tags, which its owner changes."""
    tags = visit.call("ListTags", **_named(visit))["Tags"]
    return authority_page.show(
        visit, "other_account_tags.html", "tags", commands=(command("ListTags", _named(visit)),), tags=tags
    )


def show_permissions(visit: Visit) -> WireResponse:
    """The permissions of services, which its owner gives; the policy is told to its owner alone."""
    given = visit.call("ListPermissions", **_named(visit))["Permissions"]
    shown = (command("ListPermissions", _named(visit)),)
    return authority_page.show(visit, "other_account_permissions.html", "sharing", commands=shown, permissions=given)


def find_certificate(visit: Visit) -> WireResponse:
    """A certificate by its serial number: others may get one, but not search."""
    typed = visit.query.get("serial", "").strip()
    digits = typed.replace(":", "").lower()
    if re.fullmatch(f"[0-9a-f]{{1,{_MOST_DIGITS}}}", digits):
        return web.redirect(visit, authority_page.address(visit, f"certificates/{int(digits, 16):032x}"))
    wanted = _named(visit) | {"CertificateArn": f"{visit.ca_arn}/certificate/SERIAL"}
    return authority_page.show(
        visit,
        "other_account_certificates.html",
        "certificates",
        commands=(command("GetCertificate", wanted),),
        problems={"serial": _NO_SERIAL} if typed else {},
        typed={"serial": typed},
    )


def show_certificate(visit: Visit) -> WireResponse:
    """What GetCertificate says of a certificate."""
    return render.page(
        visit,
        "other_account_certificate.html",
        title="Certificate",
        section=certificate.SECTION,
        commands=(command("GetCertificate", certificate_files.request(visit)),),
        note=notes.take(visit),
        **certificate_files.decoded_parts(certificate_files.got(visit)),
        **_names(visit),
    )


def _names(visit: Visit) -> dict[str, Any]:
    return {
        "ca_id": visit.named["ca_id"],
        "serial": visit.named["serial"],
        "owner": arns.parse_ca_arn(visit.ca_arn).account_id,
    }


def revoke_form(visit: Visit) -> WireResponse:
    """The question whether to revoke."""
    return _revoke_page(visit, "")


def revoke(visit: Visit) -> WireResponse:
    """Revoke a certificate; pressed twice, the second time leads to what the first did."""
    try:
        visit.call("RevokeCertificate", **_revocation(visit))
    except errors.RequestAlreadyProcessedException:
        return _revoke_page(visit, "It is revoked already.")
    except errors.ApiError as error:
        return _revoke_page(visit, in_words(error.message))
    return authority_page.done(visit, f"certificates/{visit.named['serial']}", "revoked_there")


def _revocation(visit: Visit) -> dict[str, str]:
    reason = visit.form.get("reason") or "UNSPECIFIED"
    return _named(visit) | {"CertificateSerial": visit.named["serial"], "RevocationReason": reason}


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
