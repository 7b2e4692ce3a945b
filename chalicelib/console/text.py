"""Times on our pages."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: datetime) -> str:
    """A time for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(moment: datetime) -> str:
    """A time for programs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
