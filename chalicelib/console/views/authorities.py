"""The list of CAs, the account's own and those that other accounts share, and the introduction if there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_rows

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
PAGE = 20


def home(visit: Visit) -> WireResponse:
    """Go on to the first section that the visitor may see; "Your access" is everybody's."""
    return web.redirect(visit, next(path for _, path, _ in render.SECTIONS if visit.may(path)))


def list_authorities(visit: Visit) -> WireResponse:
    """A page of the account's CAs, the first with those of other accounts; without any CA, the introduction."""
    client, token, of_others = visit.client, visit.query.get("next"), visit.query.get("shared")
    rows, following = ([], None) if of_others else authority_rows.list_of_account(client, token, PAGE)
    others, others_following = ([], None) if token else authority_rows.list_of_other_accounts(client, of_others, PAGE)
    is_first = not token and not of_others
    if is_first and not (rows or following or others or others_following):
        return render.page(
            visit,
            "introduction.html",
            title="Private certificate authority",
            section=SECTION,
            commands=(command("ListCertificateAuthorities"),),
        )
    commands = [command("ListCertificateAuthorities")]
    if others:
        commands.append(command("ListCertificateAuthorities", {"ResourceOwner": "OTHER_ACCOUNTS"}))
    return render.page(
        visit,
        "authorities.html",
        title="Private certificate authorities",
        section=SECTION,
        commands=tuple(commands),
        rows=rows,
        next_token=following,
        first=is_first,
        of_account=not of_others,
        others=others,
        others_token=others_following,
    )
