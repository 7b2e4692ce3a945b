"""The calendar of expiries, a month on a page, and its feeds for calendar programs."""

from __future__ import annotations

import calendar as months
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.api.base_url import base_url
from chalicelib.console import needs, render, web
from chalicelib.console.parts import notes
from chalicelib.expiry import feeds, icalendar, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.expiry.listing import Expiring

SECTION = "calendar"
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1971, 9997
_MOST_AUTHORITIES = 5  # named on a day
_MOST_DESCRIPTION = 100
_NO_MONTH = "It must be a month such as 2030-01."


class Day(NamedTuple):
    """A day of the page.

    Attributes:
        number: of certificates that expire.
        authorities: CAs that expire, the first few; `more` counts the others.
    """

    date: date
    number: int
    authorities: Sequence[Expiring]
    more: int
    is_outside: bool
    is_today: bool


def show(visit: Visit) -> WireResponse:
    """The month in the query, or the present one."""
    return _page(visit)


def create_feed(visit: Visit) -> WireResponse:
    """Make a feed, and show its address once."""
    description = visit.form.get("feed_description")
    if len(description) > _MOST_DESCRIPTION:
        return _page(visit, {"feed_description": f"It must be at most {_MOST_DESCRIPTION} characters."})
    try:
        secret = feeds.create(visit.rt, visit.caller, description)
    except ValueError as error:
        return _page(visit, {"feed_description": str(error)})
    path = f"calendar/{visit.caller.account_id}/{secret}.ics"
    return render.page(visit, "calendar_feed.html", title="Calendar feed", section=SECTION, url=_absolute(visit, path))


def revoke_feed(visit: Visit) -> WireResponse:
    """End a feed."""
    if not feeds.revoke(visit.rt, visit.caller, visit.form.get("feed")):
        raise web.NotFoundError
    return notes.done(visit, SECTION, "feed_revoked")


def read_feed(visit: Visit) -> WireResponse:
    """The calendar behind a secret address, without a session."""
    secret = visit.named["feed"].removesuffix(".ics")
    found = feeds.read(visit.rt, visit.named["account"], secret, visit.request.source_ip)
    if isinstance(found, feeds.Rejected):
        wait = {"Retry-After": str(found.wait)} if found.wait else {}
        text = "Too many requests." if found.wait else "There is no such feed."
        return web.answer(text, status=found.status, content_type=web.TEXT, headers=wait)
    return web.answer(found, content_type=icalendar.CONTENT_TYPE, headers={"Cache-Control": "private, max-age=300"})


def _page(visit: Visit, problems: Mapping[str, str] | None = None) -> WireResponse:
    rt, today = visit.rt, visit.rt.now().date()
    typed = visit.query.get("month", "")
    first = _month_of(typed) or today.replace(day=1)
    wrong = {"month": _NO_MONTH} if typed and not _month_of(typed) else {}
    may_feed = all(needs.is_allowed(rt, visit.caller, need, "*") for need in feeds.NEEDS)
    return render.page(
        visit,
        "calendar.html",
        title="Calendar",
        section=SECTION,
        status=422 if wrong or problems else 200,
        first=first,
        weeks=_weeks(visit, first, today),
        before=_neighbour(first, -1),
        after=_neighbour(first, 40),
        feeds=feeds.of_caller(rt, visit.caller) if may_feed else [],
        may_feed=may_feed,
        typed={"month": typed or f"{first:%Y-%m}"} | dict(visit.form.fields),
        problems=wrong | dict(problems or {}),
        note=notes.take(visit),
    )


def _month_of(text: str) -> date | None:
    match = _MONTH.fullmatch(text)
    if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        return None
    return date(int(match[1]), int(match[2]), 1)


def _neighbour(first: date, days: int) -> str:
    return f"{first + timedelta(days=days):%Y-%m}"


def _weeks(visit: Visit, first: date, today: date) -> list[list[Day]]:
    """The weeks of a month, from Monday on, with what expires on each day in UTC."""
    weeks = months.Calendar().monthdatescalendar(first.year, first.month)
    days = [day for week in weeks for day in week]
    edges = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (*days, days[-1] + timedelta(days=1))]
    account_id = visit.caller.account_id
    counts = dict(zip(days, visit.rt.store.count_certificates(account_id, "expires", edges), strict=True))
    cas: dict[date, list[Expiring]] = {}
    for ca in listing.authorities(visit.rt, account_id):
        cas.setdefault(ca.not_after.date(), []).append(ca)
    return [[_day(day, counts[day], cas.get(day, []), first, today) for day in week] for week in weeks]


def _day(day: date, number: int, cas: list[Expiring], first: date, today: date) -> Day:
    named, more = cas[:_MOST_AUTHORITIES], max(len(cas) - _MOST_AUTHORITIES, 0)
    return Day(day, number, named, more, day.month != first.month, day == today)


def _absolute(visit: Visit, path: str) -> str:
    """The full address of a page, as the visitor's browser reaches this server."""
    return f"{base_url(visit.request)}/{web.ROOT}/{path}"
