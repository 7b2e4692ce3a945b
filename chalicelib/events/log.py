"""Events in the log, each whole in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import logs

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogEvents:
    """The log as the place where events go."""

    def send(self, event: Mapping[str, Any]) -> None:
        """Log an event in AWS's envelope."""
        logs.log("private_ca_event", envelope=event)
