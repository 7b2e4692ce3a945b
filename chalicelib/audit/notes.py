"""What is known of the call in progress before it is recorded: how it came, and what deeper layers decided on the way.

Kept in context variables, so that no operation carries it through its arguments: each request has a thread of its own.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Channel = Literal["api", "console", "cli", "schedule"]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a call came.

    Attributes:
        request_id: the id that the answer carries.
        source_ip, user_agent: as the client's request had them; empty: there was none.
    """

    channel: Channel
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    source_ip: str = ""
    user_agent: str = ""


_origin: ContextVar[Origin | None] = ContextVar("signet_audit_origin", default=None)
_notes: ContextVar[dict[str, Any] | None] = ContextVar("signet_audit_notes", default=None)


@contextmanager
def arriving(origin: Origin) -> Iterator[Origin]:
    """Let calls inside be recorded with this origin."""
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def origin() -> Origin:
    """Return how the present call came; what no server began is a schedule's."""
    return _origin.get() or Origin("schedule")


@contextmanager
def collecting() -> Iterator[Mapping[str, Any]]:
    """Collect what is noted inside."""
    collected: dict[str, Any] = {}
    token = _notes.set(collected)
    try:
        yield collected
    finally:
        _notes.reset(token)


def note(**facts: Any) -> None:
    """Note facts of the present call; a later one of the same name replaces it."""
    collected = _notes.get()
    if collected is not None:
        collected.update(facts)
