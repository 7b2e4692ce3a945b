"""The list of CAs, the introduction where there is none, and a CA's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import authority_rows, navigation, render, web
from chalicelib.console.cli_commands import command
from chalicelib.console.views_wizard import own_arn

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
PAGE = 20
# What a page says after something was done: the last word of a redirect's query, and its text.
NOTES = {
    "installed": "The certificate is installed. This certificate authority issues now.",
}


def home(visit: Visit) -> WireResponse:
    """Where the console begins."""
    return web.redirect(visit, navigation.HOME)


def list_authorities(visit: Visit) -> WireResponse:
    """A page of the CAs; without any, the introduction."""
    token = visit.query.get("next")
    given = {"MaxResults": PAGE} | ({"NextToken": token} if token else {})
    answer = visit.call("ListCertificateAuthorities", **given)
    found, shown = answer["CertificateAuthorities"], (command("ListCertificateAuthorities"),)
    if not found and not token and "NextToken" not in answer:
        return render.page(
            visit, "introduction.html", title="Private certificate authority", section=SECTION, commands=shown
        )
    return render.page(
        visit,
        "authorities.html",
        title="Private certificate authorities",
        section=SECTION,
        commands=shown,
        rows=[authority_rows.row(visit, each) for each in found],
        next_token=answer.get("NextToken"),
        first=not token,
    )


def show_authority(visit: Visit) -> WireResponse:
    """A CA as it is."""
    arn = own_arn(visit)
    request = {"CertificateAuthorityArn": arn}
    ca = visit.call("DescribeCertificateAuthority", **request)["CertificateAuthority"]
    shown = authority_rows.row(visit, ca)
    return render.page(
        visit,
        "authority.html",
        title=shown.name or shown.common_name,
        section=SECTION,
        commands=(command("DescribeCertificateAuthority", request),),
        row=shown,
        ca=ca,
        subject=authority_rows.subject(ca),
        note=NOTES.get(visit.query.get("done", ""), ""),
    )
