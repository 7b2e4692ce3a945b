"""Feeds of expiries as calendars, by secret addresses that need no session.

A feed is a record under the SHA-256 of its secret, which is shown once. It shows what its principal may see: if the
principal is deleted, or loses the right to list CAs or to search certificates, the feed ends.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import hosts, rates
from chalicelib.access import authorization
from chalicelib.expiry import icalendar, listing
from chalicelib.identities import ADMINISTRATOR, CalendarFeed
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.expiry.listing import Expiring
    from chalicelib.runtime import Runtime

NEEDS = ("ListCertificateAuthorities", "SearchCertificates")
MOST = 20  # feeds of an account
LISTED = 100  # certificates that have events of their own; on later days they are counted
HORIZON, COUNTED_DAYS = timedelta(days=400), 92
CACHED = timedelta(minutes=5)
REFRESHED = timedelta(hours=6)
_GUESSES = {"rate": 10.0, "most": 50.0}  # of a source
_READS = {"rate": 0.1, "most": 10.0}  # of a feed


class Rejected(NamedTuple):
    """A refusal: its status, and the seconds to wait; 0 for none."""

    status: int
    wait: int = 0


def create(rt: Runtime, caller: Caller, description: str) -> str:
    """Make a feed of a caller's principal; returns its secret: 43 characters of base64url.

    Raises:
        ValueError: the account has too many feeds already.
    """
    if len(rt.store.list_entities(CalendarFeed, caller.account_id)) >= MOST:
        raise ValueError(f"An account may have {MOST} feeds: revoke one first.")
    secret = secrets.token_urlsafe(32)
    rt.store.put_entity(
        CalendarFeed(
            account_id=caller.account_id,
            name=_hash(secret),
            principal=caller.principal,
            description=description,
            created_at=rt.now(),
        )
    )
    return secret


def of_caller(rt: Runtime, caller: Caller) -> list[CalendarFeed]:
    """The feeds that a caller may revoke: those of its principal; for the administrator all, the oldest first."""
    found = rt.store.list_entities(CalendarFeed, caller.account_id)
    is_all = caller.principal == ADMINISTRATOR
    return sorted(
        (feed for feed in found if is_all or feed.principal == caller.principal), key=lambda feed: feed.created_at
    )


def revoke(rt: Runtime, caller: Caller, name: str) -> bool:
    """End a feed, named by its hash; False if the caller has no such feed."""
    feed = next((feed for feed in of_caller(rt, caller) if feed.name == name), None)
    if feed is not None:
        rt.store.delete_entity(feed)
    return feed is not None


def read(rt: Runtime, account_id: str, secret: str, source_ip: str) -> str | Rejected:
    """The calendar behind a secret address. A wrong secret costs one read, and each source has few tries."""
    now = rt.now()
    guesses = rates.of_source(rt.rate_tokens, "calendar-guess", hosts.network_of(source_ip), **_GUESSES, now=now)
    if not rates.has_token(rt.rate_tokens, guesses, **_GUESSES, now=now):
        return Rejected(429, 1)
    feed = rt.store.get_entity(CalendarFeed, account_id, _hash(secret))
    if feed is None or not _may(rt, feed):
        rates.take(rt.rate_tokens, guesses, **_GUESSES, now=now)
        return Rejected(404)
    if not rates.take(rt.rate_tokens, ("calendar", feed.name), **_READS, now=now):
        return Rejected(429, 10)
    return _text(rt, account_id, now)


def _may(rt: Runtime, feed: CalendarFeed) -> bool:
    """True if the principal that made a feed still exists, and may still see its contents."""
    if feed.principal != ADMINISTRATOR:
        principal = rt.store.get_principal(feed.account_id, feed.principal)
        if principal is None or principal.created_at > feed.created_at:  # a later one with the same name
            return False
    caller = Caller(account_id=feed.account_id, access_key_id="", principal=feed.principal)
    return all(
        authorization.decide(rt, replace(caller, operation=need), authorization.NO_RESOURCE).allowed for need in NEEDS
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(rt: Runtime, account_id: str, now: datetime) -> str:
    known, at = rt.known.get(("calendar", account_id), ("", now - CACHED))
    if known and abs(now - at) < CACHED:
        return str(known)
    text = icalendar.calendar(f"Signet: expiry in {account_id}", _events(rt, account_id, now), now, refreshed=REFRESHED)
    rt.known["calendar", account_id] = (text, now)
    return text


def _events(rt: Runtime, account_id: str, now: datetime) -> Iterator[icalendar.Event]:
    since = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for authority in listing.authorities(rt, account_id):
        if authority.not_after >= since:
            yield _event(authority, "CA")
    found, more = listing.certificates(rt, account_id, since, since + HORIZON, limit=LISTED, renewals=False)
    counted_from = since + HORIZON
    if more:  # from the last day that is listed on; all that were looked at may be revoked
        last = found[-1].not_after if found else since
        counted_from = last.replace(hour=0, minute=0, second=0, microsecond=0)
    for certificate in found:
        if certificate.not_after < counted_from:
            yield _event(certificate, "Certificate")
    if more:
        yield from _counts(rt, account_id, counted_from)


def _event(expiring: Expiring, what: str) -> icalendar.Event:
    ca_id = arns.parse_ca_arn(expiring.ca_arn).ca_id
    uid = f"{expiring.serial or 'ca'}.{ca_id}@signet"
    names = f"Names: {', '.join(expiring.names)}\n" if expiring.names else ""
    return icalendar.Event(uid, expiring.not_after, f"{what} {expiring.name} expires", f"{names}{expiring.arn}")


def _counts(rt: Runtime, account_id: str, since: datetime) -> Iterator[icalendar.Event]:
    """An event for each day on which certificates expire; revoked and renewed ones are counted, too."""
    days = [since + timedelta(days=number) for number in range(COUNTED_DAYS + 1)]
    for day, number in zip(days, rt.store.count_certificates(account_id, "expires", days), strict=False):
        if number:
            what = "1 certificate expires" if number == 1 else f"{number} certificates expire"
            yield icalendar.Event(f"{day:%Y%m%d}.{account_id}@signet", day.date(), what)
