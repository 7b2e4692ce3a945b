"""What is known of the call in progress before it is recorded: how it came, and what deeper layers decided on the way.

Kept in context variables, so that no operation carries it through its arguments: each request has a thread of its own.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.frozen import dataclass
from chalicelib.random_ids import random_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    Channel = Literal["api", "console", "cli", "acme", "schedule"]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a call came.

    Attributes:
        request_id: the id that the answer carries.
        source_ip, user_agent: as the client's request had them; empty: there was none.
    """

    channel: Channel
    request_id: str = field(default_factory=random_id)
    source_ip: str = ""
    user_agent: str = ""


_origin: ContextVar[Origin | None] = ContextVar("signet_audit_origin", default=None)
_notes: ContextVar[dict[str, Any] | None] = ContextVar("signet_audit_notes", default=None)


class arriving:  # noqa: N801  used like a function; a generator costs three times as much
    """Let calls inside be recorded with this origin."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def __enter__(self) -> Origin:
        self._token = _origin.set(self._origin)
        return self._origin

    def __exit__(self, *_: object) -> None:
        _origin.reset(self._token)


def origin() -> Origin:
    """Return how the present call came; what no server began is a schedule's."""
    return _origin.get() or Origin("schedule")


def collect() -> tuple[Mapping[str, Any], Token[dict[str, Any] | None]]:
    """Begin to collect what is noted; returns where it will be, and what ends it."""
    notes: dict[str, Any] = {}
    return notes, _notes.set(notes)


def collected(token: Token[dict[str, Any] | None]) -> None:
    """End what `collect` began."""
    _notes.reset(token)


def note(**facts: Any) -> None:
    """Note facts of the present call; a later one of the same name replaces it."""
    collected = _notes.get()
    if collected is not None:
        collected.update(facts)
