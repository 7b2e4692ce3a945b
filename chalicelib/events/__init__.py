"""The port of events: where AWS Private CA's events go. Adapters lie beside this file; `runtime` alone picks one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class EventsError(Exception):
    """An event was not taken."""


class Events(Protocol):
    """Takes events, one at a time."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Send an event, within a time that is bounded.

        Args:
            event: in the envelope that AWS documents: version, id, detail-type, source, account, time, region,
                resources and detail.

        Raises:
            EventsError: it was not taken.
        """
        ...
