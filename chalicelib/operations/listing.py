"""Lists of certificates, of an account or of one CA: searched, filtered, sorted, counted, page by page.

A list of at most `MOST` index entries is read as a whole, so it can have any filter and order, and its count is exact.
A longer one is walked in the order of an index, from either end, and a page examines a bounded number of entries.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors
from chalicelib.frozen import dataclass
from chalicelib.operations import listing_search, paging
from chalicelib.operations.listing_question import ALWAYS, Between, Question, asked
from chalicelib.store.listing_queries import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.operations.listing_question import Asked
    from chalicelib.operations.search import Match
    from chalicelib.records import Certificate
    from chalicelib.runtime import Caller, Runtime
    from chalicelib.store.listing_queries import Entry, Time

MOST = listing_search.MOST
EXAMINED = 300  # certificates read for a page of a longer list
_CHUNK = 100
_PART = EXAMINED - 1  # certificates of a page of everything
_LAST = "last"
_MOST_REVOKED = 500  # revocations read for a count
_NOT_OF_LIST = "The NextToken is not from this list."
# Orders within the entries read. Sorting is stable, so equal entries stay in the order of their index.
_SORTED: dict[str, Callable[[Asked, Certificate], object]] = {
    "issued": lambda _, record: record.reserved_at,
    "expires": lambda _, record: record.not_after,
    "name": lambda ask, record: ask.shown(record).summary.name.casefold(),
}


class Count(NamedTuple):
    """The number of certificates in a list.

    Attributes:
        sign: "=": exactly this number; ">": more; "<": at most this number.
    """

    number: int
    sign: str = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of a list.

    Attributes:
        number, pages: of this page, from 1, and of all; 0 where a list is walked.
        previous, following, last: tokens of other pages; empty: there is none. The first page has no token.
        order: of the list, perhaps not the requested one; "-revoked": the last revocation first.
        is_partial: there may be more matches than those counted; the following page looks for them.
    """

    matches: tuple[Match, ...]
    count: Count
    order: str
    number: int = 0
    pages: int = 0
    previous: str = ""
    following: str = ""
    last: str = ""
    is_partial: bool = False


def certificates(rt: Runtime, caller: Caller, question: Question, token: str = "", *, limit: int) -> Listed:
    """List a page of certificates; the caller's operation is SearchCertificates.

    Raises:
        AccessDeniedException: the caller may not search in the CA.
        ResourceNotFoundException: there is no such CA.
        ValidationException: the token is not from this list, or the text is no ARN.
    """
    ask = asked(rt, caller, question)
    if ask.lookup is not None:
        return _searched(ask, token, limit)
    period = _period(ask)
    entries = _whole(ask, period)
    return (
        _walked(ask, period, token, limit)
        if entries is None
        else _read(ask, _Source(period.kind, entries), token, limit)
    )


def everything(rt: Runtime, caller: Caller, question: Question, *, most: int) -> Iterator[Match]:
    """Yield the certificates of a list, up to a number and as many pages as that takes of certificates without filters.

    Raises: as `certificates` does.
    """
    token, left = "", most
    for _ in range(-(-most // _PART)):
        listed = certificates(rt, caller, question, token, limit=_PART)
        yield from listed.matches[:left]
        left -= len(listed.matches)
        token = listed.following
        if not token or left <= 0:
            return


def count(rt: Runtime, caller: Caller, question: Question, known: dict[str, bool] | None = None) -> Count:
    """Count a list without a text, as its pages do; `known` as in `asked`."""
    ask = asked(rt, caller, question, known)
    period = _period(ask)
    entries = _whole(ask, period)
    if entries is None:
        return _count_of_walk(ask, period)
    if not _needs_records(ask, period.kind):
        return Count(len(entries))
    others = _not_issued(ask) if ask.question.state == "ISSUED" and _is_of_state_alone(ask, period) else None
    if others is not None:
        return Count(sum((entry.ca_id, entry.serial) not in others for entry in entries))
    return Count(len(_matching(ask, entries)))


def next_to_expire(rt: Runtime, caller: Caller, known: dict[str, bool] | None = None, *, limit: int) -> list[Match]:
    """The certificates that expire next, without revoked ones; it examines as many as a page does."""
    ask = asked(rt, caller, Question(state="ISSUED"), known)
    rows, _, _ = _rows(ask, Period(caller.account_id, "expires", ask.now), "", limit, backwards=False)
    return [match for _, match in rows[:limit]]


def _is_of_state_alone(ask: Asked, period: Period) -> bool:
    """Tell whether nothing but the state narrows an index of expiry."""
    return (
        period.kind == "expires"
        and ask.is_filtered_by_state_alone
        and ask.question.issued == ask.question.revoked == ALWAYS
    )


def _not_issued(ask: Asked) -> set[tuple[str, str]] | None:
    """The certificates that are revoked, by CA and serial number; None where keys do not tell which are not ISSUED."""
    store, scope = ask.rt.store, ask.ca_arn or ask.caller.account_id
    revoked = store.entries_by_time(Period(scope, "revoked"), limit=MOST + 1)
    cas = [ask.arn_of(ca_id) for ca_id in ask.authorities()]
    if len(revoked) > MOST or len(cas) > store.most_searched() or store.count_failed(cas):
        return None
    if store.list_due("PENDING", now=ask.now, limit=1):
        return None
    return {(entry.ca_id, entry.serial) for entry in revoked}


# the index


def _period(ask: Asked) -> Period:
    """The index of time that is read: the narrowest that the question allows, without knowing how many are in it."""
    question, scope = ask.question, ask.ca_arn or ask.caller.account_id
    if question.revoked != ALWAYS or question.state == "REVOKED":
        return Period(scope, "revoked", *question.revoked)
    begins, ends = question.expires
    if question.state == "ISSUED":
        begins = max(begins or ask.now, ask.now)
    if question.state == "EXPIRED":
        ends = min(ends or ask.now, ask.now)
    if question.issued == ALWAYS and (begins, ends) != ALWAYS:
        return Period(scope, "expires", begins, ends)
    return Period(scope, "issued", *question.issued)


def _whole(ask: Asked, period: Period) -> list[Entry] | None:
    """All entries of a period that the caller may see, the last first; None where there are too many to read."""
    number, is_exact = ask.rt.store.count_by_time(period, most=MOST)
    if not is_exact:
        return None
    entries = ask.rt.store.entries_by_time(period, backwards=True, limit=number) if number else []
    return [entry for entry in entries if ask.may_see(entry.ca_id)]


def _needs_records(ask: Asked, kind: Time | None) -> bool:
    """Tell whether only records say which entries of an index are in the list."""
    periods: dict[Time, Between] = {
        "issued": ask.question.issued,
        "expires": ask.question.expires,
        "revoked": ask.question.revoked,
    }
    if any(period != ALWAYS for time, period in periods.items() if time != kind):
        return True
    is_state_of_index = kind == "revoked" and ask.question.state == "REVOKED"
    return not ask.is_filtered_by_state_alone if is_state_of_index else ask.is_filtered


def _matching(ask: Asked, entries: list[Entry]) -> list[Certificate]:
    return [record for record in ask.records(entries) if record is not None and ask.passes(record)]


# lists that are read as a whole


class _Source(NamedTuple):
    """Index entries of a list, or of more than it.

    Attributes:
        kind: the time of their index; None: they are names, which have the time of issuance.
        begin: where the search began that found them; empty: at the beginning.
        rest: where the search goes on for more; empty: that is all.
    """

    kind: Time | None
    entries: list[Entry]
    begin: str = ""
    rest: str = ""


def _read(ask: Asked, source: _Source, token: str, limit: int) -> Listed:
    """A page of a list by its number, from 1, which is the token; without one, the first."""
    kind, entries, begin, rest = source
    order = ask.question.order
    wanted, is_reverse = order.removeprefix("-"), order.startswith("-")
    number = _number(token)
    if _needs_records(ask, kind) or wanted != (kind or "issued"):
        by = partial(_SORTED[wanted], ask)
        matches = sorted(_matching(ask, entries), key=by, reverse=is_reverse)  # type: ignore[arg-type]  # comparable
        total, shown = len(matches), matches[(number - 1) * limit : number * limit]
    else:
        entries = sorted(entries, key=lambda entry: entry.time, reverse=is_reverse)
        total, shown = len(entries), _matching(ask, entries[(number - 1) * limit : number * limit])
    pages = max(1, -(-total // limit))
    behind = f".{paging.encode(ask.rt, ask.caller, _name(ask), begin)}" if begin else ""
    following = f"{number + 1}{behind}" if number < pages else ""
    if rest and not following:
        following = f"1.{paging.encode(ask.rt, ask.caller, _name(ask), rest)}"
    return Listed(
        matches=tuple(map(ask.shown, shown)),
        count=Count(total, ">" if rest or begin else "="),
        order=order,
        number=number,
        pages=pages,
        previous=f"{number - 1}{behind}" if number > 1 else "",
        following=following,
        last=f"{pages}{behind}" if number < pages else "",
        is_partial=bool(rest),
    )


def _number(token: str) -> int:
    if not token:
        return 1
    if re.fullmatch("[1-9][0-9]{0,5}", token, re.ASCII) is None:
        raise errors.ValidationException(_NOT_OF_LIST, member=("NextToken",))
    return int(token)


def _searched(ask: Asked, token: str, limit: int) -> Listed:
    """A page of a search's results."""
    number, _, sealed = token.partition(".")
    begin = _position(ask, sealed) if sealed else ""
    entries, rest = listing_search.found(ask, ask.lookup, begin) if ask.lookup else ([], "")
    return _read(ask, _Source(None, entries, begin, rest), number, limit)


# lists that are walked


def _walked(ask: Asked, period: Period, token: str, limit: int) -> Listed:
    """A page from a position on, in the direction of the list or against it.

    A token holds the direction and the position, or is "last". The number of a page, from when the list was shorter,
    leads to its beginning.
    """
    period, order = _order_of_walk(ask, period)
    place = "" if re.fullmatch("[0-9]{1,6}", token, re.ASCII) else token if token == _LAST else _position(ask, token)
    is_back, beyond = place[:1] in {"<", _LAST[0]}, "" if place == _LAST else place[1:]
    rows, examined, is_over = _rows(ask, period, beyond, limit, backwards=order.startswith("-") != is_back)
    if is_back and is_over and len(rows) <= limit:
        return _walked(ask, period, "", limit)  # the beginning
    more = "" if is_over and len(rows) <= limit else examined if len(rows) <= limit else rows[limit - 1][0]
    rows = rows[:limit][:: -1 if is_back else 1]
    edge = rows[-1][0] if rows else ""
    ahead, behind = (edge if place != _LAST else "", more) if is_back else (more, rows[0][0] if rows and place else "")
    return Listed(
        matches=tuple(match for _, match in rows),
        count=_count_of_walk(ask, period),
        order=order,
        previous=_token(ask, "<", behind),
        following=_token(ask, ">", ahead),
        last=_LAST if ahead else "",
        is_partial=not rows and bool(ahead or behind),
    )


def _order_of_walk(ask: Asked, period: Period) -> tuple[Period, str]:
    """The index in whose order a list is walked: the requested one, unless it reads all certificates for a few."""
    wanted, sign = ask.question.order.removeprefix("-"), "-" if ask.question.order.startswith("-") else ""
    if wanted == period.kind:
        return period, ask.question.order
    if wanted == "expires" and period.begins is None and period.ends is None and period.kind == "issued":
        return period._replace(kind="expires"), ask.question.order
    if period.kind == "expires":
        return period, "expires"
    return period, f"{sign if wanted == 'issued' else '-'}{period.kind}"


def _rows(
    ask: Asked, period: Period, beyond: str, limit: int, *, backwards: bool
) -> tuple[list[tuple[str, Match]], str, bool]:
    """Up to `limit` + 1 matches with their positions, the last position that was examined, and whether that is all."""
    rows: list[tuple[str, Match]] = []
    examined = 0
    while examined < EXAMINED:
        size = min(limit + 1 if not examined else _CHUNK, EXAMINED - examined)
        entries = ask.rt.store.entries_by_time(period, beyond=beyond, backwards=backwards, limit=size)
        seen = [entry for entry in entries if ask.may_see(entry.ca_id)]
        for entry, record in zip(seen, ask.records(seen), strict=True):
            if record is not None and len(rows) <= limit and ask.passes(record):
                rows.append((entry.position, ask.shown(record)))
        examined += len(entries)
        beyond = entries[-1].position if entries else beyond
        if len(entries) < size or len(rows) > limit:
            return rows, beyond, len(entries) < size
    return rows, beyond, False


def _count_of_walk(ask: Asked, period: Period) -> Count:
    """The count of a list that is too long to read: exact if an index tells it."""
    number, is_exact = ask.rt.store.count_by_time(period)
    if not ask.sees_all():
        return Count(number, "<")
    if not _needs_records(ask, period.kind):
        return Count(number, "=" if is_exact else ">")
    if ask.question.state == "ISSUED" and _is_of_state_alone(ask, period):
        return _count_valid(ask, period, Count(number, "=" if is_exact else ">"))
    return Count(number, "<")


def _count_valid(ask: Asked, period: Period, unexpired: Count) -> Count:
    """The count of valid certificates: not expired, revoked or FAILED; a bound if these are many."""
    of_all = period._replace(kind="revoked", begins=None, ends=None)
    revocations, _ = ask.rt.store.count_by_time(of_all)
    if revocations > _MOST_REVOKED:
        least = unexpired.number - revocations
        return Count(least, ">") if period.ends is None and least > 0 else Count(unexpired.number, "<")
    records = ask.records(ask.rt.store.entries_by_time(of_all, limit=_MOST_REVOKED))
    in_period = Between(period.begins, period.ends)
    revoked = sum(record is not None and in_period.has(record.not_after) for record in records)
    failed = ask.rt.store.count_failed([ask.arn_of(ca_id) for ca_id in ask.authorities()[:_CHUNK]])
    return Count(unexpired.number - revoked - failed, ">" if failed else unexpired.sign)


# tokens


def _name(ask: Asked) -> str:
    return f"Listing/{ask.question!r}"


def _token(ask: Asked, direction: str, position: str) -> str:
    return paging.encode(ask.rt, ask.caller, _name(ask), direction + position) if position else ""


def _position(ask: Asked, token: str) -> str:
    try:
        return paging.decode(ask.rt, ask.caller, _name(ask), token or None) or ""
    except paging.TokenError as error:
        raise errors.ValidationException(str(error), member=("NextToken",)) from error
