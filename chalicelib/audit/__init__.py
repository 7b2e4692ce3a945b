"""The audit record port: who did what, chained so that no record can be removed, changed or moved unnoticed.

A trail appends events and reads them. Here are the port, the shape of an event, the chain, and two trails: JSON lines
in files, and items of the store's table. It decides nothing: `recording` says what is recorded, and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.audit.chain import Verdict


class AuditError(Exception):
    """An event cannot be recorded or read; the text names the reason and no content."""


def nothing() -> None:
    """Wait for nothing: what `append` returns where a record is durable, or need not be."""


class Found(NamedTuple):
    """A record, and its position: text that `newest` and `get` take back."""

    position: str
    record: dict[str, Any]


class Trail(Protocol):
    """Where events are recorded. Times come from the caller: a trail reads no clock."""

    def append(self, event: Mapping[str, Any], *, now: datetime, durable: bool) -> Callable[[], None]:
        """Record an event, so that it survives the end of the process.

        Args:
            event: as `events` makes it.
            now: the time.
            durable: it has to survive a loss of power as well.

        Returns:
            a function that waits until it does, and raises `AuditError` if it does not.

        Raises:
            AuditError: it is not recorded.
        """
        ...

    def newest(self, account_id: str, *, before: str = "", now: datetime) -> Iterator[Found]:
        """Yield the records that concern an account, the newest first, before a position.

        Raises:
            AuditError: they cannot be read, or `before` is not a position.
        """
        ...

    def get(self, account_id: str, position: str) -> Found | None:
        """Return a record that concerns an account; None if there is none at this position."""
        ...

    def publish(self) -> None:
        """Make what was appended durable, and publish its signed head."""
        ...

    def verify(self, now: datetime, noted: tuple[int, str] | None = None) -> Verdict:
        """Verify every record against its chain, and the chains against their published heads.

        Args:
            now: the time.
            noted: sequence number and SHA-256 of a record that somebody noted elsewhere; it has to be on a chain.
        """
        ...

    @property
    def public_key(self) -> bytes:
        """The key that verifies signatures of heads, 32 bytes."""
        ...
