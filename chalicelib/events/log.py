"""Events as lines of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import logs

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogEvents:
    """Logs each event, whole, on one line."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Log an event in AWS's envelope."""
        logs.log("private_ca_event", envelope=event)
