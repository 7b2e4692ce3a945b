"""Ports of which one method is broken: what the checks are worth."""

from __future__ import annotations

from typing import Any


class Broken:
    """A port of which one method is broken."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class UnconditionalBuckets(Broken):
    """Puts an object whatever is there."""

    def put(self, bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        found = self._inner.get(bucket, key)
        return str(self._inner.put(bucket, key, body, **conditions | {"expected_etag": found and found.etag}))


class HastyStore(Broken):
    """Answers that the intent is on record before it is."""

    def intend_crl(self, state: Any, tbs_sha256: str) -> None:
        """Record nothing."""
