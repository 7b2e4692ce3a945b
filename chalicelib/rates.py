"""Token buckets: how often something may happen in a second, counted by one process.

Source: Amazon EC2 API, "Request throttling for the Amazon EC2 API".
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

Buckets = dict[tuple[str, str], tuple[float, "datetime"]]  # tokens left, and when

MOST_BUCKETS = 10_000  # of a process, before sources share one
_TURN = threading.Lock()


def take(buckets: Buckets, key: tuple[str, str], *, rate: float, most: float, now: datetime) -> bool:
    """Take a token; a bucket begins full.

    Args:
        buckets: of this process.
        key: whose bucket.
        rate: tokens that come each second.
        most: tokens that a bucket holds.
        now: the time.

    Returns:
        whether there was one.
    """
    with _TURN:
        tokens, filled_at = buckets.get(key, (most, now))
        tokens = min(most, tokens + max(0.0, (now - filled_at).total_seconds()) * rate)
        there = tokens >= 1
        buckets[key] = (tokens - there, now)
    return there


def has_token(buckets: Buckets, key: tuple[str, str], *, rate: float, most: float, now: datetime) -> bool:
    """Tell whether `take` would find a token."""
    tokens, filled_at = buckets.get(key, (most, now))
    return min(most, tokens + max(0.0, (now - filled_at).total_seconds()) * rate) >= 1


def of_source(buckets: Buckets, kind: str, source: str, *, rate: float, most: float, now: datetime) -> tuple[str, str]:
    """Return the key of the bucket of a source: its own, or a common one if there are many sources.

    Args:
        buckets: of this process.
        kind: of what is counted.
        source: the network that requests come from.
        rate: tokens that come each second.
        most: tokens that a bucket holds.
        now: the time.
    """
    key = (kind, f"from {source}")
    if key not in buckets and len(buckets) >= MOST_BUCKETS:
        forget_full(buckets, kind, rate=rate, most=most, now=now)
    return key if key in buckets or len(buckets) < MOST_BUCKETS else (kind, "others")


def forget_full(buckets: Buckets, kind: str, *, rate: float, most: float, now: datetime) -> None:
    """Drop the buckets of a kind that are full again: a new one would be as full."""
    with _TURN:
        for key, (tokens, filled_at) in list(buckets.items()):
            if key[0] == kind and tokens + max(0.0, (now - filled_at).total_seconds()) * rate >= most:
                del buckets[key]
