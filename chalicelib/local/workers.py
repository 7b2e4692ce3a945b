"""The processes of the laptop home's server: workers that answer, and a supervisor that starts and replaces them.

The supervisor opens no database and has no threads, so that it may fork at any time. The first worker prepares the
home before the others start, and runs the schedules; if it dies, so does its replacement. No worker outlives the
supervisor: the kernel kills it (Linux), or it finds the end of a pipe that only the supervisor holds.

Source: prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.local.server import Listeners

_PR_SET_PDEATHSIG = 1
_READY = signal.SIGUSR1  # from the first worker to the supervisor
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, _READY)
_SHORT_SECONDS, _PAUSE_SECONDS = 10.0, 1.0  # who ends so soon is replaced after a pause


class Role(NamedTuple):
    """The part of a process.

    Attributes:
        listeners: its sockets.
        leads: it prepares the home and runs the schedules; one worker does.
        instead_of: how the worker ended that it replaces; empty: it replaces none.
        ready: called once it answers.
    """

    listeners: Listeners
    leads: bool
    instead_of: str
    ready: Callable[[], None]


class _Worker(NamedTuple):
    number: int
    started_at: float


def run(listeners: Sequence[Listeners], work: Callable[[Role], None]) -> None:
    """Let a process for each of these do the work, until SIGINT or SIGTERM; one alone does it without a supervisor.

    Args:
        listeners: the sockets of each. The supervisor keeps them open, so that a replacement accepts what waits there.
        work: called in each worker; what it raises leaves this function there.
    """
    if len(listeners) == 1:
        work(Role(listeners[0], leads=True, instead_of="", ready=lambda: None))
    else:
        _Supervisor(listeners, work).supervise()


class _Supervisor:
    def __init__(self, listeners: Sequence[Listeners], work: Callable[[Role], None]) -> None:
        self._listeners, self._work, self._workers = listeners, work, dict[int, _Worker]()
        self._pipe, self._process = os.pipe(), os.getpid()
        self._is_stopping = self._is_serving = False
        self._code = 0
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a blocked signal that nobody handles may be dropped
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def supervise(self) -> None:
        """Start the workers, replace those that die, and exit once the last one has ended."""
        self._start(0)
        while self._workers:
            number = signal.sigwait(_SIGNALS)
            if number == _READY:
                self._start_missing()
            elif number != signal.SIGCHLD:
                self._is_stopping = True
            self._reap()
            if self._is_stopping:
                self._stop()
        sys.exit(self._code)

    def _start_missing(self) -> None:
        self._is_serving = True
        for number in set(range(len(self._listeners))) - {worker.number for worker in self._workers.values()}:
            self._start(number)

    def _reap(self) -> None:
        """Replace the workers that have ended; the first one's end ends the supervisor as long as nothing is served."""
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            worker, code = self._workers.pop(process, None), os.waitstatus_to_exitcode(status)
            if worker is None:  # a child of the program that was here before, or an orphan of a container
                continue
            if self._is_serving and not self._is_stopping:
                how = f"exit code {code}" if code >= 0 else f"signal {-code}"
                self._start(worker.number, how, is_early=time.monotonic() - worker.started_at < _SHORT_SECONDS)
            elif code != -signal.SIGTERM:
                self._code = self._code or (code if code >= 0 else 128 - code)

    def _stop(self) -> None:
        """Let the workers end, the first one last: it appends to the journal what the others have changed."""
        for number in range(len(self._listeners)):  # each socket is closed once its worker closes it, too
            self._close(number)
        others = [process for process, worker in self._workers.items() if worker.number]
        for process in others or self._workers:
            os.kill(process, signal.SIGTERM)

    def _close(self, number: int) -> None:
        for listener in filter(None, self._listeners[number]):
            listener.close()

    def _start(self, number: int, instead_of: str = "", *, is_early: bool = False) -> None:
        process = os.fork()
        if process:
            self._workers[process] = _Worker(number, time.monotonic())
            return
        self._end_with_supervisor()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the supervisor decides
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        if is_early:
            time.sleep(_PAUSE_SECONDS)
        leads, supervisor = number == 0, self._process
        for other in {*range(len(self._listeners))} - {number}:
            self._close(other)
        self._work(
            Role(self._listeners[number], leads, instead_of, lambda: os.kill(supervisor, _READY) if leads else None)
        )
        os._exit(0)

    def _end_with_supervisor(self) -> None:
        reading, writing = self._pipe
        os.close(writing)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._process:  # it died before
            os._exit(1)

        def wait() -> None:
            os.read(reading, 1)
            os._exit(1)

        threading.Thread(target=wait, name="supervisor", daemon=True).start()
