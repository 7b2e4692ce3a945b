"""Idempotency tokens: a request with the token of an earlier one gets its result, or is refused.

What is made keeps a mark of its request. While a request runs, no other one with its token does.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chalicelib import errors
from chalicelib.operations import idempotency

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.runtime import Caller, Runtime

_MEMBER = "IdempotencyToken"
_RUNS = timedelta(minutes=1)  # at the longest, if it is not killed


class Made(Protocol):
    """What a request makes."""

    @property
    def request(self) -> str:
        """The mark of the request."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...


M = TypeVar("M", bound=Made)


def mark_of(rt: Runtime, caller: Caller, request: Mapping[str, Any]) -> str:
    """Return a mark of a request: the hash of its token, and that of its other members; empty without a token."""
    if _MEMBER not in request:
        return ""
    scope = (caller.account_id, rt.settings.region, caller.operation, request.get("AcmeEndpointArn", ""))
    members = {name: value for name, value in request.items() if name != _MEMBER}
    return f"{_hash([*scope, request[_MEMBER]])}.{_hash(members)}"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def turn(rt: Runtime, mark: str) -> Iterator[None]:
    """Let one request with a token run at a time.

    Raises:
        ConflictException: another one runs.
    """
    name = f"acm-token#{mark.partition('.')[0]}"
    if mark and not rt.store.use_once(name, until=rt.now() + _RUNS):
        raise errors.ConflictException("Another request with this idempotency token is still running; try again.")
    try:
        yield
    finally:
        if mark:
            rt.store.release(name)


def earlier(rt: Runtime, mark: str, token: str | None, every: Iterable[M]) -> M | None:
    """Return what a request with the same mark has made while its token was valid, or None.

    Raises:
        ConflictException: a request with the token had other members.
    """
    since = rt.now() - timedelta(seconds=int(rt.settings.idempotency_seconds))
    begin = mark.partition(".")[0]
    for each in every if mark else ():
        if each.request.startswith(f"{begin}.") and each.created_at > since:
            if each.request != mark:
                raise errors.ConflictException(idempotency.mismatch(rt, token))
            return each
    return None
