"""The records of a home itself: its clock, what the monitor saw, and how far its audit trail and its journal are.

All are frozen; times are aware UTC datetimes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMark:
    """What is on record about the clock; see `chalicelib.clock`.

    Attributes:
        newest_at: the newest time that the clock has shown since it last went back.
        settled_at: the last time before the clock jumped ahead, while that jump is in doubt; None: nothing is.
        jumped_from, jumped_to: the last jump beyond a day in either direction; None: none is remembered.
        undecided: who has yet to decide again what they decided before the clock went back: `clock.DECIDERS`.
        version: grows by one with every write; an update is conditional on it.
    """

    newest_at: datetime
    settled_at: datetime | None = None
    jumped_from: datetime | None = None
    jumped_to: datetime | None = None
    undecided: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The monitor's last look at a distribution point or an OCSP URL.

    Attributes:
        at: when it looked.
        problem: the first thing that was wrong, in a sentence; empty if nothing was.
        since: when it began to see the same.
    """

    url: str
    at: datetime
    problem: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """The monitor's last looks at the distribution points and OCSP URLs of a CA.

    Attributes:
        source: where the monitor looked from.
        looked_at: when it last looked at any of them.
        looks: those with a problem first, a bounded number.
        others: the number of further URLs, none of which had a problem.
        version: grows by one with every write; an update is conditional on it.
    """

    ca_arn: str
    source: str
    looked_at: datetime
    looks: tuple[Look, ...] = ()
    others: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The signed head of a chain of audit records.

    Attributes:
        chain, sequence, sha256: of the last record.
        signature: of these three by the installation's key, Base64.
        expires_at: when the chain's first record may be deleted; None: never.
    """

    chain: str
    sequence: int
    sha256: str
    signature: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalVerification:
    """How the whole journal was verified last.

    Attributes:
        verified_at: when.
        size: number of its entries.
        problems: how many were found; 0: it is as it was signed.
    """

    verified_at: datetime
    size: int
    problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead:
    """How far the journal is, as the store knows it.

    Attributes:
        size: number of entries in the journal.
        root: of its tree, in hex; empty before the first checkpoint.
        published_at: when the last checkpoint was published that the store knows of.
        assigned: the items of the outbox whose entries follow, in this order.
        waiting: how many entries these have.
        confirmed: the journal has them, and `size` counts them; only their removal is left.
        listed_to: while the journal begins, what was there before it is listed: the keys of the last item, as JSON, or
            "" at the beginning; None: everything is listed.
        version: grows by one with every write; an update is conditional on it. 0: there is no journal yet.
    """

    size: int = 0
    root: str = ""
    published_at: datetime | None = None
    assigned: tuple[str, ...] = ()
    waiting: int = 0
    confirmed: bool = False
    listed_to: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """An item of the outbox: its name, and the entries of one write."""

    name: str
    entries: tuple[bytes, ...]
