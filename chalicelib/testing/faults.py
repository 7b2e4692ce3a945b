"""Faults that a test asks for by name: refused and slow calls of operations, and parts of the home that fail."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from chalicelib import errors
from chalicelib.buckets import BucketError
from chalicelib.keystore import KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

Name = Literal["throttle", "error", "stall", "bucket", "keys", "crls"]
NAMES: tuple[Name, ...] = get_args(Name)
_OF_CALLS = ("throttle", "error", "stall")
_MOST_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault.

    Attributes:
        name: throttle: ThrottlingException. error: InternalFailure, status 500. stall: the answer takes `seconds`.
            bucket: objects can be neither read nor written. keys: no CA key can be made or used. crls: no CRL is
            published.
        operation: which calls fail, by throttle, error and stall; "*": all.
        call: the first call that fails, counted from now on.
        times: how many calls fail; None: all that follow.
        seconds: for stall.
    """

    name: Name
    operation: str = "*"
    call: int = 1
    times: int | None = None
    seconds: float = 1.0
    calls: int = 0

    def strikes(self, operation: str) -> bool:
        """Count a call of an operation, and tell whether it fails."""
        if self.operation not in {"*", operation}:
            return False
        self.calls += 1
        return self.call <= self.calls and (self.times is None or self.calls < self.call + self.times)


class Faults:
    """The faults that are in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        name: Name,
        *,
        operation: str = "*",
        call: int = 1,
        times: int | None = None,
        seconds: float = 1.0,
    ) -> None:
        """Add a fault; see `Fault`.

        Raises:
            ValueError: there is no such fault, or a number is out of its range.
        """
        if name not in NAMES:
            raise ValueError(f"There is no fault '{name}'; there are {', '.join(NAMES)}.")
        if call < 1 or (times is not None and times < 1) or not 0 <= seconds <= _MOST_SECONDS:
            raise ValueError("call and times begin with 1, and seconds are from 0 to 60.")
        with self._lock:
            self._faults.append(Fault(name=name, operation=operation, call=call, times=times, seconds=seconds))

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._faults.clear()

    def has(self, name: Name) -> bool:
        """Tell whether a fault of that name is in force."""
        return any(fault.name == name for fault in self._faults)

    def listed(self) -> list[dict[str, object]]:
        """Describe the faults."""
        names = ("name", "operation", "call", "times", "seconds", "calls")
        return [{name: getattr(fault, name) for name in names} for fault in self._faults]

    def strike(self, operation: str) -> None:
        """Let the faults of a call happen.

        Raises:
            ThrottlingException, InternalFailure: they refuse it.
        """
        with self._lock:
            struck = [fault for fault in self._faults if fault.name in _OF_CALLS and fault.strikes(operation)]
        for fault in struck:
            if fault.name == "stall":
                time.sleep(fault.seconds)
        names = {fault.name for fault in struck}
        if "throttle" in names:
            raise errors.ThrottlingException("Rate exceeded", retry_after_seconds=0)
        if "error" in names:
            raise errors.InternalFailure("A test has asked for this failure.")


class FailingPort:
    """A port whose calls fail while a fault is in force, but for those of `_GO_ON`.

    They only compute something, or open the secrets of access keys: calls are still authenticated.
    """

    _GO_ON = frozenset({"key_id_of", "object_url", "policy", "seal", "unseal"})

    def __init__(self, port: Any, fails: Callable[[], bool], error: type[Exception]) -> None:
        self._port, self._fails, self._error = port, fails, error

    def __getattr__(self, name: str) -> Any:
        """Return the port's attribute; what writes or reads fails when it is called."""
        found = getattr(self._port, name)
        if name in self._GO_ON or not callable(found):
            return found

        def called(*args: Any, **kwargs: Any) -> Any:
            if self._fails():
                raise self._error("A test has asked for this failure.")
            return found(*args, **kwargs)

        return called


def failing_buckets(faults: Faults, port: Any) -> Any:
    """Buckets that fail with the fault "bucket"."""
    return FailingPort(port, lambda: faults.has("bucket"), BucketError)


def failing_keys(faults: Faults, port: Any) -> Any:
    """A key store that fails with the fault "keys"."""
    return FailingPort(port, lambda: faults.has("keys"), KeyStoreError)
