"""Ports that fail on purpose, and ports that remember what passed through them.

A *site* is one call of a scenario: port, method and how many times that method had been called before. Sites are found
by running the scenario once, so a call that is added to an operation is covered without being named here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from chalicelib.audit import AuditError
from chalicelib.buckets import BucketError
from chalicelib.events import EventsError
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError

FAULTS = ("fail-before", "fail-after", "die-before", "die-after")
OUTAGES: dict[str, type[Exception]] = {
    "store": StoreError,
    "buckets": BucketError,
    "keys": KeyStoreError,
    "events": EventsError,
}
_RAISED = {**OUTAGES, "audit": AuditError}


class ProcessDiedError(BaseException):
    """The process ends here: no handler of the code under test runs."""


@dataclass(frozen=True, order=True)
class Site:
    port: str
    method: str
    nth: int

    def __str__(self) -> str:
        return f"{self.port}.{self.method}#{self.nth}"


@dataclass
class Faults:
    """Where and how to fail; without a site, calls are only counted."""

    site: Site | None = None
    fault: str = ""
    seen: list[Site] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    fired: bool = False

    def around(self, port: str, method: str, call: Any) -> Any:
        site = Site(port, method, self.counts[port, method])
        self.counts[port, method] += 1
        self.seen.append(site)
        if site != self.site or self.fired:
            return call()
        self.fired = True
        if self.fault.endswith("after"):
            call()
        if self.fault.startswith("die"):
            raise ProcessDiedError(str(site))
        raise _RAISED[port](f"planned outage {self.fault} at {site}")


class FaultyPort:
    """Any port, with faults around each of its methods."""

    def __init__(self, inner: Any, port: str, faults: Faults) -> None:
        self._inner, self._port, self._faults = inner, port, faults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            def through() -> Any:
                result = value(*args, **kwargs)
                return iter(list(result)) if hasattr(result, "__next__") else result

            return self._faults.around(self._port, name, through)

        return call


@dataclass
class History:
    """What outsiders could have seen: every use of a CA key, and every object that was put."""

    signed: list[str] = field(default_factory=list)
    signed_without_intent: list[str] = field(default_factory=list)
    puts: list[tuple[str, str, bytes]] = field(default_factory=list)


class WitnessKeys:
    """A keystore whose keys tell the history what they sign, and whether the store had an intent for it by then."""

    def __init__(self, inner: Any, history: History, has_intent: Any) -> None:
        self._inner, self._history, self._has_intent = inner, history, has_intent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def private_key(self, key_id: str, ca_arn: str) -> Any:
        key = self._inner.private_key(key_id, ca_arn)

        def witness(digest: str) -> None:
            if not self._has_intent(digest):
                self._history.signed_without_intent.append(digest)
            self._history.signed.append(digest)

        return _witnessed(key, witness)


class _WitnessedEc(ec.EllipticCurvePrivateKey):
    def __init__(self, key: Any, witness: Any) -> None:
        self._key, self._witness = key, witness

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        self._witness(_digest(data, signature_algorithm.algorithm))
        return bytes(self._key.sign(data, signature_algorithm))

    def public_key(self) -> Any:
        return self._key.public_key()

    @property
    def curve(self) -> Any:
        return self._key.curve

    @property
    def key_size(self) -> int:
        return int(self._key.key_size)

    def exchange(self, *args: Any) -> Any:
        raise NotImplementedError

    private_numbers = private_bytes = __copy__ = __deepcopy__ = exchange  # type: ignore[assignment]  # never called


class _WitnessedRsa(rsa.RSAPrivateKey):
    def __init__(self, key: Any, witness: Any) -> None:
        self._key, self._witness = key, witness

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        self._witness(_digest(data, algorithm))
        return bytes(self._key.sign(data, padding, algorithm))

    def public_key(self) -> Any:
        return self._key.public_key()

    @property
    def key_size(self) -> int:
        return int(self._key.key_size)

    def decrypt(self, *args: Any) -> Any:
        raise NotImplementedError

    private_numbers = private_bytes = __copy__ = __deepcopy__ = decrypt  # type: ignore[assignment]  # never called


def _digest(data: Any, algorithm: Any) -> str:
    return bytes(data).hex() if isinstance(algorithm, utils.Prehashed) else hashlib.sha256(data).hexdigest()


def _witnessed(key: Any, witness: Any) -> Any:
    return (_WitnessedRsa if isinstance(key, rsa.RSAPrivateKey) else _WitnessedEc)(key, witness)


class WitnessBuckets:
    """Buckets that tell the history of every put that took effect."""

    def __init__(self, inner: Any, history: History) -> None:
        self._inner, self._history = inner, history

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        etag = self._inner.put(bucket, key, body, **conditions)
        self._history.puts.append((bucket, key, body))
        return str(etag)
