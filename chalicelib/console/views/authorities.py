"""The list of CAs, own ones and those that others share, and the introduction where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.console import navigation, render, web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_rows

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
PAGE = 20


def home(visit: Visit) -> WireResponse:
    """Where the console begins."""
    return web.redirect(visit, navigation.HOME)


def list_authorities(visit: Visit) -> WireResponse:
    """A page of the CAs: own ones, and on the first page those of others; without any, the introduction."""
    token, of_others = visit.query.get("next"), "shared" in visit.query
    own, following = ([], None) if of_others else _own(visit, token)
    shared, shared_following = ([], None) if token else authority_rows.list_shared(visit, PAGE)
    begins = not token and not of_others
    if begins and not (own or following or shared or shared_following):
        return render.page(
            visit,
            "introduction.html",
            title="Private certificate authority",
            section=SECTION,
            commands=(command("ListCertificateAuthorities"),),
        )
    others = (command("ListCertificateAuthorities", {"ResourceOwner": "OTHER_ACCOUNTS"}),)
    return render.page(
        visit,
        "authorities.html",
        title="Private certificate authorities",
        section=SECTION,
        commands=(command("ListCertificateAuthorities"), *(others if shared else ())),
        rows=authority_rows.rows(visit, own),
        next_token=following,
        first=begins,
        lists_own=not of_others,
        shared=shared,
        shared_token=shared_following,
    )


def _own(visit: Visit, token: str | None) -> tuple[list[Any], str | None]:
    given = {"MaxResults": PAGE} | ({"NextToken": token} if token else {})
    answer = visit.call("ListCertificateAuthorities", **given)
    return answer["CertificateAuthorities"], answer.get("NextToken")
