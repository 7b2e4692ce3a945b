"""The event port: delivery of AWS Private CA's events. `runtime` chooses an adapter from this package.

Here are the port and its adapters, EventBridge and the log. `ca/events.py` decides what an event says and when it is
sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class EventsError(Exception):
    """An event was not accepted."""


class Events(Protocol):
    """Accepts events, one at a time."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Send an event within a bounded time.

        Args:
            event: in the envelope that AWS documents: version, id, detail-type, source, account, time, region,
                resources and detail.

        Raises:
            EventsError: it was not accepted.
        """
        ...
