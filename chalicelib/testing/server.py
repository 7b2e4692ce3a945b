"""`signet serve --test`: a Signet for tests behind the laptop home's server, which its tests control at `/_signet/`.

A browser's pages cannot control it: they name their origin, and what names one is refused.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from chalicelib import __version__, logs
from chalicelib.api.health import health
from chalicelib.local import console_fallback, lanes
from chalicelib.local.application import FOR_EVERYBODY, Application
from chalicelib.local.compression import compressed
from chalicelib.local.gateway import HttpResponse, from_wire, http_response, refusal, to_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.local.gateway import Gateway, HttpRequest
    from chalicelib.runtime import Runtime
    from chalicelib.testing.signet import Signet

CONTROL = "/_signet/"
_EVERY_SECONDS = 5.0
_FAULT: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "operation": str,
    "call": int,
    "times": int,
    "seconds": (int, float),
}


class TestApplication(Application):
    """The server's application, which takes every request to the Signet of the tests."""

    __test__ = False  # for pytest

    def __init__(self, signet: Signet, gateway: Gateway, use_runtime: Callable[[Runtime], None]) -> None:
        super().__init__(_default(signet), gateway)
        self._signet, self._use_runtime = signet, use_runtime

    def _unsigned(self, head: HttpRequest) -> None:  # noqa: ARG002  every region and time is right
        return None

    def _at_once(self, kind: lanes.Kind, request: HttpRequest) -> None:  # noqa: ARG002  state of before a reset must not answer
        return None

    def _in_thread(self, kind: lanes.Kind, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(CONTROL):
            return controlled(self._signet, request)
        if kind in FOR_EVERYBODY:
            return self._signet.public(request) or refusal(404)
        if kind == "api" or request.path.startswith(lanes.EXTENSIONS):
            return from_wire(request.method, self._signet.answer(to_wire(request)))
        rt = _default(self._signet)
        if request.path == "/healthz":
            return from_wire(request.method, health(rt, ()))
        self._use_runtime(rt)
        return console_fallback.answer(rt, request) or compressed(request, self._gateway.answer(request))


class TestSchedules:
    """A thread that does what is due; a failure is logged and stops nothing."""

    __test__ = False  # for pytest

    def __init__(self, signet: Signet) -> None:
        self._signet, self._stopping = signet, threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present run."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            try:
                self._signet.run_due()
            except Exception:  # noqa: BLE001  the next run is the retry
                logs.log_exception("schedule_failed")


def controlled(signet: Signet, request: HttpRequest) -> HttpResponse:
    """Answer a request at `/_signet/`; what is wrong with one is said in its answer, with status 400."""
    if request.all("origin"):
        return _json(request, 403, {"message": "A page of a browser cannot control the tests."})
    found = _CONTROLS.get((request.method, request.path.removeprefix(CONTROL)))
    if found is None:
        allowed = [method for method, name in _CONTROLS if CONTROL + name == request.path]
        return refusal(405, (("Allow", ", ".join(allowed)),)) if allowed else refusal(404)
    try:
        asked = json.loads(request.body or b"{}")
        if not isinstance(asked, dict):
            raise ValueError("The body must be an object of JSON.")  # noqa: TRY004  as for what is not JSON
        return _json(request, 200, found(signet, asked))
    except (KeyError, TypeError, ValueError) as error:
        return _json(request, 400, {"message": str(error)})


def _health(signet: Signet, _: Any) -> dict[str, Any]:
    return {"status": "ok", "version": __version__, "endpoint": signet.endpoint}


def _state(signet: Signet, _: Any) -> dict[str, Any]:
    return signet.state()


def _reset(signet: Signet, _: Any) -> dict[str, Any]:
    signet.reset()
    return signet.state()


def _clock(signet: Signet, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.keys() - {"advance"} or not isinstance(asked.get("advance", ""), str):
        raise ValueError('Write {"advance": "4d"}.')
    if "advance" in asked:
        signet.clock.advance(asked["advance"])
    return {"time": signet.clock().isoformat(timespec="seconds")}


def _faults(signet: Signet, asked: dict[str, Any]) -> dict[str, Any]:
    if asked:
        wrong = [name for name, value in asked.items() if not isinstance(value, _FAULT.get(name, ()))]
        if wrong or "name" not in asked:
            raise ValueError(f"Write a fault with name and, if needed, {', '.join(list(_FAULT)[1:])}.")
        signet.faults.add(**asked)
    return {"faults": signet.faults.listed()}


def _clear_faults(signet: Signet, _: Any) -> dict[str, Any]:
    signet.faults.clear()
    return {"faults": []}


_CONTROLS: dict[tuple[str, str], Callable[[Signet, dict[str, Any]], dict[str, Any]]] = {
    ("GET", "health"): _health,
    ("GET", "state"): _state,
    ("POST", "reset"): _reset,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _faults,
    ("DELETE", "faults"): _clear_faults,
}


def _json(request: HttpRequest, status: int, body: dict[str, Any]) -> HttpResponse:
    return http_response(request.method, status, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _default(signet: Signet) -> Runtime:
    return signet.regions.home(signet.settings.region)
