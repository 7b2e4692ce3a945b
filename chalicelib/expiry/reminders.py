"""Reminders of expiries: some days before, once for each threshold, independently for every channel.

A channel of an account has one record: the time up to which everything has been sent, and the delivery under way. A run
takes what has crossed a threshold since then. So after a pause the next run sends what was missed, once, for the
nearest threshold; and the cost follows what expires, not the number of certificates.

A conditional write claims a delivery before it is sent, so that only one of two schedulers sends it. It is repeated,
with growing pauses and under the same id, until the channel accepts it. One message names at most `LISTED` certificates
for each threshold, as many as fit into an event, and counts the others.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import logs
from chalicelib.ca import listener
from chalicelib.expiry import channels, listing
from chalicelib.identities import Reminding
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from chalicelib.expiry.channels import Message
    from chalicelib.expiry.listing import Expiring
    from chalicelib.runtime import Runtime

LISTED = 50
MOST_BYTES = 200_000  # of what a message names: EventBridge and SNS take 256 KB
EVERY = timedelta(minutes=9)  # the schedule comes every ten, and not to the second
LEASE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)
LAG = timedelta(minutes=1)  # of the index behind the latest writes


class Window(NamedTuple):
    """A window of expiries that cross a threshold: from `since` on and before `until`."""

    days: int
    since: datetime
    until: datetime


class Due(NamedTuple):
    """The contents of a window; `more` counts certificates that are not named."""

    window: Window
    found: list[Expiring]
    more: int


def run(rt: Runtime, *, seconds: float) -> dict[str, int]:
    """Send what is due, for a bounded number of seconds; returns the numbers of messages sent and failed."""
    ends, results = time.monotonic() + seconds, {"sent": 0, "failed": 0}
    if not rt.settings.reminder_days:
        return results
    for account_id in rt.store.list_accounts():
        if account_id == listener.ACCOUNT:  # its certificates renew themselves
            continue
        cas = cache(partial(_authorities, rt, account_id))
        for channel, send in channels.chosen(rt.settings).items():
            if time.monotonic() >= ends:
                return results
            result = _remind(rt, account_id, channel, send, cas)
            if result:
                results[result] += 1
    return results


def windows(at: datetime, told_until: datetime | None, days: Sequence[int]) -> list[Window]:
    """The windows that cross a threshold between two times; each expiry is in one, that of its nearest threshold.

    Args:
        at: the later time.
        told_until: the earlier time; None: the first message, which covers what has already passed a threshold.
        days: thresholds.
    """
    made: list[Window] = []
    floor = at if told_until is None else None
    for number in sorted(set(days)):
        threshold = timedelta(days=number)
        since = floor if told_until is None else told_until + threshold
        if floor is not None and (since is None or since < floor):
            since = floor
        until = at + threshold
        if since is not None and since < until:
            made.append(Window(number, since, until))
        floor = until
    return made


def states(rt: Runtime, account_id: str) -> list[Reminding]:
    """The record of each channel of an account that has one."""
    return rt.store.list_entities(Reminding, account_id)


def _remind(
    rt: Runtime,
    account_id: str,
    channel: str,
    send: Callable[[Runtime, Message], None],
    cas: Callable[[], list[Expiring]],
) -> str:
    """Look at a channel, and send what is due: "sent" or "failed"; empty if there is nothing to do.

    `cas` reads the CAs of the account, once for all channels.
    """
    now = rt.now()
    state = rt.store.get_entity(Reminding, account_id, channel) or _new(rt, account_id, channel)
    if state is None or now < state.next_at <= now + LONGEST_PAUSE:  # a later time comes from a clock that ran ahead
        return ""
    at = state.claimed_at or max(now - LAG, state.told_until or now - LAG)
    crossed = windows(at, state.told_until, rt.settings.reminder_days)
    found = [due for window in crossed if (due := _due(rt, account_id, window, cas()))]
    try:
        if not found:
            rt.store.update_entity(state, _told(state, at, now))
            return ""
        taken = rt.store.update_entity(
            state,
            replace(
                state,
                claimed_at=at,
                delivery_id=state.delivery_id or str(uuid.uuid4()),
                attempts=state.attempts + 1,
                next_at=now + LEASE,
            ),
        )
    except ConflictError:
        return ""  # another process has taken it
    return _sent(rt, taken, send, message(rt, taken, found))


def _sent(rt: Runtime, taken: Reminding, send: Callable[[Runtime, Message], None], made: Message) -> str:
    try:
        send(rt, made)
    except channels.DeliveryError as error:
        pause = min(timedelta(minutes=1) * 2 ** min(taken.attempts - 1, 10), LONGEST_PAUSE)
        failed, result = replace(taken, next_at=rt.now() + pause, failure=str(error)[:300]), "failed"
        logs.log(
            "reminder_failed", logging.WARNING, channel=taken.name, attempts=taken.attempts, problem=str(error)[:300]
        )
    else:
        failed = replace(_told(taken, taken.claimed_at or rt.now(), rt.now()), delivered_at=rt.now())
        result = "sent"
        logs.log("reminder_sent", channel=taken.name, delivery=taken.delivery_id, reminders=len(made.body["reminders"]))
    try:
        rt.store.update_entity(taken, failed)
    except ConflictError:  # the lease was over, and another process sends it again: at least once
        logs.log("reminder_taken_over", logging.WARNING, channel=taken.name)
    return result


def _new(rt: Runtime, account_id: str, channel: str) -> Reminding | None:
    state = Reminding(account_id=account_id, name=channel, next_at=rt.now())
    try:
        rt.store.put_entity(state)
    except ConflictError:
        return None
    return state


def _told(state: Reminding, at: datetime, now: datetime) -> Reminding:
    return replace(state, told_until=at, claimed_at=None, delivery_id="", attempts=0, failure="", next_at=now + EVERY)


def _authorities(rt: Runtime, account_id: str) -> list[Expiring]:
    return list(listing.authorities(rt, account_id))


def _due(rt: Runtime, account_id: str, window: Window, authorities: Sequence[Expiring]) -> Due | None:
    found, more = listing.certificates(rt, account_id, window.since, window.until, limit=LISTED)
    cas = [ca for ca in authorities if window.since <= ca.not_after < window.until]
    return Due(window, [*cas, *found], more) if cas or found or more else None


def message(rt: Runtime, taken: Reminding, found: Sequence[Due]) -> Message:
    """The message about the expiries that are due: for programs, and as text for people."""
    found = _fitting(found)
    body = {
        "version": 1,
        "id": taken.delivery_id,
        "account": taken.account_id,
        "region": rt.settings.region,
        "time": _iso(rt.now()),
        "reminders": [_reminder(due.window.days, each) for due in found for each in due.found],
        "notListed": [
            {"days": due.window.days, "certificates": due.more, "until": _iso(due.window.until)}
            for due in found
            if due.more
        ],
    }
    return channels.Message(taken.delivery_id, taken.account_id, body, _text(rt, found))


def _fitting(found: Sequence[Due]) -> list[Due]:
    """The due expiries that a message has room to name; the last ones are only counted."""
    left, made = MOST_BYTES, []
    for due in found:
        named = 0
        for each in due.found:
            left -= len(json.dumps(_reminder(due.window.days, each)))
            named += left >= 0
        made.append(due._replace(found=due.found[:named], more=due.more + len(due.found) - named))
    return made


def _reminder(days: int, expiring: Expiring) -> dict[str, Any]:
    kind = {"certificate": "CERTIFICATE", "ca": "CERTIFICATE_AUTHORITY"}[expiring.kind]
    return {
        "days": days,
        "kind": kind,
        "arn": expiring.arn,
        "certificateAuthorityArn": expiring.ca_arn,
        "name": expiring.name,
        "names": list(expiring.names),
        "serial": expiring.serial,
        "notAfter": _iso(expiring.not_after),
    }


def _text(rt: Runtime, found: Sequence[Due]) -> str:
    now, lines = rt.now(), []
    for due in found:
        for each in due.found:
            what = "CA" if each.kind == "ca" else "Certificate"
            word = "expired" if each.not_after <= now else "expires"
            lines.append(f"{what} {each.name} {word} on {each.not_after:%Y-%m-%d at %H:%M} UTC: {each.arn}")
        if due.more:
            lines.append(f"And {due.more} more certificates expire before {due.window.until:%Y-%m-%d}.")
    return "\n".join(lines)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
