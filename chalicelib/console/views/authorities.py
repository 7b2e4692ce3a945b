"""The list of CAs, the account's own and those that other accounts share, and the introduction if there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.api import signet_endpoints
from chalicelib.ca import iterate
from chalicelib.console import render, severity, text, web
from chalicelib.console.commands import command, in_region
from chalicelib.console.forms import authority_filters
from chalicelib.console.parts import authority_rows, sorting

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
PAGE = 20
COLUMNS: sorting.Columns = {
    "name": ("Name", "name", "-name"),
    "type": ("Type", "type", "-type"),
    "status": ("Status", "status", "-status"),
    "expires": ("Expires", "expires", "-expires"),
    "created": ("Created", "-created", "created"),
}


def home(visit: Visit) -> WireResponse:
    """Go on to the first section that the visitor may see; "Your access" is everybody's."""
    return web.redirect(visit, next(path for _, path, _ in render.SECTIONS if visit.may(path)))


def list_authorities(visit: Visit) -> WireResponse:
    """A page of the account's CAs, the first with those of other accounts; without any CA, the introduction."""
    signet_endpoints.acting(visit.rt, visit.caller, "ListCertificateAuthorities")
    typed, problems = authority_filters.read(visit.query)
    of_others, token = visit.query.get("shared"), visit.query.get("page", "")
    cas = [] if of_others or problems else list(iterate.of_account(visit.rt, visit.caller.account_id))
    good = {name: value for name, value in typed.items() if name not in problems}
    listed = authority_filters.listed(visit.rt, cas, good)
    number = int(token) if re.fullmatch("[1-9][0-9]{0,5}", token, re.ASCII) else 1
    is_first = number == 1 and not of_others and not typed
    others, others_following = (
        authority_rows.list_of_other_accounts(visit.client, of_others, PAGE) if of_others or is_first else ([], None)
    )
    if is_first and not (listed or others or others_following):
        return _introduction(visit)
    here, regions = visit.rt.settings.region, authority_filters.regions_of(cas)
    asked = [name for name in regions if good.get("region", name) == name] or [here]
    commands = [command("ListCertificateAuthorities")] if here in asked else []
    commands += [in_region(command("ListCertificateAuthorities"), region) for region in asked if region != here]
    if others:
        commands.append(command("ListCertificateAuthorities", {"ResourceOwner": "OTHER_ACCOUNTS"}))
    shown = listed[(number - 1) * PAGE : number * PAGE]
    address, pages = visit.link("cas"), max(1, -(-len(listed) // PAGE))
    return render.page(
        visit,
        "authorities.html",
        title="Private certificate authorities",
        section=SECTION,
        status=422 if problems else 200,
        commands=tuple(commands),
        here=address,
        typed=typed,
        problems=problems,
        is_filtered=bool(typed.keys() - {"sort"}),
        regions=[(name, name) for name in regions],
        statuses=[(name, severity.AUTHORITY[name].word) for name in authority_filters.STATUSES],
        types=[(name, text.word(name)) for name in authority_filters.TYPES],
        expiries=list(authority_filters.EXPIRIES.items()),
        columns=sorting.headings(address, typed, good.get("sort", authority_filters.ORDERS[0]), COLUMNS),
        rows=authority_rows.rows(visit.rt, [row.ca for row in shown]),
        total=len(listed),
        number=number,
        number_of_pages=pages,
        pages=sorting.pages(address, typed, _places(number, pages)),
        of_account=not of_others,
        others=others,
        others_token=others_following,
    )


def _introduction(visit: Visit) -> WireResponse:
    return render.page(
        visit,
        "introduction.html",
        title="Private certificate authority",
        section=SECTION,
        commands=(command("ListCertificateAuthorities"),),
    )


def _places(number: int, pages: int) -> tuple[tuple[str, str, str], ...]:
    """The relation, label and number of each page that a page links to."""
    return (
        ("first", "First page", "1" if number > 1 else ""),
        ("prev", "Previous page", str(number - 1) if number > 1 else ""),
        ("next", "Next page", str(number + 1) if number < pages else ""),
        ("last", "Last page", str(pages) if number < pages else ""),
    )
