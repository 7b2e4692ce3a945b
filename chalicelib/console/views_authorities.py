"""The list of CAs, and the introduction where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import authority_rows, navigation, render, web
from chalicelib.console.cli_commands import command

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
PAGE = 20


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
        rows=authority_rows.rows(visit, found),
        next_token=answer.get("NextToken"),
        first=not token,
    )
