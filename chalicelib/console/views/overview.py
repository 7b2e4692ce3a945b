"""The overview, which is the first page of the console, and the hierarchy of CAs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib.console import render, severity, web
from chalicelib.console.commands import command
from chalicelib.console.parts import certificate_story, charts, totals
from chalicelib.console.parts.authority_rows import light_of
from chalicelib.reports import overview as account_overview
from chalicelib.reports.hierarchy import hierarchy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.parts.authority_rows import Light
    from chalicelib.console.web import Visit
    from chalicelib.reports.hierarchy import Node
    from chalicelib.reports.overview import Attention, Bar, CrlAge

MOST_CRLS, MOST_CRL_ROWS, MOST_ATTENTION = 12, 50, 30  # as bars, as rows of the table, and of items
BRANCHES = 50  # of the hierarchy, on a page


class Figure(NamedTuple):
    """A chart with its summary, and the table behind it."""

    name: str
    title: str
    says: str
    unit: str
    chart: charts.Columns
    paths: tuple[str, ...]


class CrlBar(NamedTuple):
    """The used part of a CRL's validity, in percent."""

    age: CrlAge
    ca_id: str
    used: float
    light: Light


class Branch(NamedTuple):
    """A CA in the hierarchy.

    Attributes:
        level: from 1; the node's parent is the last one before it with a lower level.
        parent: the name of the CA above it; empty at the top.
        owner: the account that owns it; empty if it is the visitor's.
        begin, end: of its certificate's validity, from 0 to 100; None without a certificate.
    """

    node: Node
    ca_id: str
    begin: float | None
    end: float | None
    tone: str
    word: str
    level: int = 1
    parent: str = ""
    owner: str = ""


def overview(visit: Visit) -> WireResponse:
    """The items that need attention, then the charts; without any CA, the introduction."""
    account = account_overview.overview(visit.rt, visit.caller, visit.rt.now())
    if not account.authorities:
        return web.redirect(visit, "cas")
    return render.page(
        visit,
        "overview.html",
        title="Overview",
        section="overview",
        commands=(command("ListCertificateAuthorities"),),
        attention=[
            (item, severity.ATTENTION[item.severity], _link(visit, item)) for item in account.attention[:MOST_ATTENTION]
        ],
        more_attention=len(account.attention) - MOST_ATTENTION,
        tiles=totals.tiles(account),
        next_expiries=account.totals.next_expiries,
        figures=_figures(account),
        crls=[_crl_bar(age, visit.rt.now()) for age in account.crls[:MOST_CRL_ROWS]],
        number_of_crls=len(account.crls),
        most_crls=MOST_CRLS,
        most_crl_rows=MOST_CRL_ROWS,
        authorities=account.authorities,
        urls=account.urls,
        unseen=account.unseen,
        width=charts.WIDTH,
        height=charts.HEIGHT,
    )


def _link(visit: Visit, attention: Attention) -> str:
    """The path of the page about an item; empty if there is none."""
    if attention.ca_arn:
        return f"cas/{attention.ca_arn.rsplit('/', 1)[1]}"
    if attention.kind == "CLOCK_JUMPED":
        return ""
    begins = attention.at or visit.rt.now()
    return totals.of_period("expires", begins, begins + account_overview.WEEK)


def _figures(account: account_overview.Overview) -> list[Figure]:
    days, weeks = f"in the last {account_overview.DAYS} days", f"in the next {account_overview.WEEKS} weeks"
    return [
        _figure("issued", "Certificates issued", days, "Day", account.issued),
        _figure("expiring", "Expiring certificates", weeks, "Week from", account.expiring),
        _figure("revoked", "Revocations", days, "Day", account.revoked),
    ]


def _figure(name: str, title: str, period: str, unit: str, bars: Sequence[Bar]) -> Figure:
    total, most = sum(bar.number for bar in bars), max(bars, key=lambda bar: bar.number)
    says = f"{total:,} {period}"
    if most.number:
        when = "on" if unit == "Day" else "in the week from"
        says += f"; peak {most.number:,} {when} {most.begins.day} {most.begins:%B}"
    chart = charts.columns([(f"{bar.begins:%Y-%m-%d}", bar.number) for bar in bars])
    kind, length = ("expires" if name == "expiring" else name), bars[1].begins - bars[0].begins
    return Figure(
        name, title, says, unit, chart, tuple(totals.of_period(kind, bar.begins, bar.begins + length) for bar in bars)
    )


def _crl_bar(age: CrlAge, now: datetime) -> CrlBar:
    state = age.crl.state
    used = 0.0
    if state.published_at is not None and state.next_update is not None:
        used = charts.Scale(state.published_at, state.next_update).at(now)
    return CrlBar(age, age.ca_arn.rsplit("/", 1)[1], used, light_of(age.crl.condition, age.verdicts))


def show_hierarchy(visit: Visit) -> WireResponse:
    """Each CA below the one that signed it, with a bar for its validity."""
    nodes, now = list(_flat(hierarchy(visit.rt, visit.caller))), visit.rt.now()
    asked = visit.query.get("begin", "")
    begin = int(asked) if re.fullmatch("[0-9]{1,6}", asked, re.ASCII) else 0
    end = begin + BRANCHES
    times = [time for node, _, _ in nodes for time in (node.not_before, node.not_after) if time]
    scale = charts.Scale(min((*times, now)), max((*times, now)))
    return render.page(
        visit,
        "hierarchy.html",
        title="Hierarchy",
        section="hierarchy",
        commands=(command("ListCertificateAuthorities"),),
        branches=[
            _branch(node, scale, now)._replace(level=level, parent=parent, owner=_other_owner(visit, node))
            for node, level, parent in nodes[begin:end]
        ],
        above=_above(nodes, begin),
        begin=begin,
        following=end if end < len(nodes) else 0,
        number=len(nodes),
        scale=scale,
        today=scale.at(now),
    )


def _flat(forest: Sequence[Node]) -> Iterator[tuple[Node, int, str]]:
    """Each node before those below it, with its level and its parent's name; no recursion, as trees can be deep."""
    waiting = [(node, 1, "") for node in reversed(forest)]
    while waiting:
        node, level, parent = waiting.pop()
        yield node, level, parent
        waiting += [(child, level + 1, node.name) for child in reversed(node.children)]


def _above(nodes: Sequence[tuple[Node, int, str]], begin: int) -> list[str]:
    """The names of the CAs above the first one of a page, the top first."""
    level, names = nodes[begin][1] if begin < len(nodes) else 0, list[str]()
    for node, other, _ in reversed(nodes[:begin]):
        if other < level:
            level, names = other, [node.name, *names]
    return names


def _other_owner(visit: Visit, node: Node) -> str:
    account = arns.parse_ca_arn(node.arn).account_id if node.arn else ""
    return "" if account == visit.caller.account_id else account


def _branch(node: Node, scale: charts.Scale, now: datetime) -> Branch:
    times: dict[str, Any] = {"begin": None, "end": None}
    if node.not_before is not None and node.not_after is not None:
        times = {"begin": scale.at(node.not_before), "end": scale.at(node.not_after)}
    tone, word = _life(node, now)
    return Branch(node, node.arn.rsplit("/", 1)[-1], **times, tone=tone, word=word)


def _life(node: Node, now: datetime) -> tuple[str, str]:
    """The tone of a validity bar, and the word that says the same."""
    if node.not_after is None or node.not_before is None:
        return "muted", "no certificate yet"
    word, tone = certificate_story.left_of(node.not_before, node.not_after, now)
    return tone, word
