"""A process that answers invocations over a socket, and its output."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
_END_SECONDS = 1  # from the end of the connection to the end of the process
_LOG_BYTES = 4 * 1024 * 1024  # a longer log is truncated after it was read


class ProcessTimeoutError(Exception):
    """The answer did not come in time."""


class ProcessExitError(Exception):
    """The process ended; the text says how, as Lambda does."""


class Process:
    """One execution environment of a Lambda function."""

    def __init__(self, python: str, code: str, environment: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        fcntl.fcntl(self._log.fileno(), fcntl.F_SETFL, os.O_APPEND)  # the file's mode does not set it
        self._read = 0
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, "-u", _BOOTSTRAP, str(theirs.fileno())],
                cwd=code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C reaches only LocalStack
            )
        self._buffer = b""

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, invocation: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send an invocation and wait for its answer.

        Raises:
            ProcessTimeoutError: the answer did not come within `seconds`.
            ProcessExitError: the process ended instead.
        """
        deadline = time.monotonic() + seconds
        try:
            self._connection.settimeout(seconds)  # Python waits with poll, which has no limit of descriptors
            self._connection.sendall(json.dumps(invocation).encode() + b"\n")
            while b"\n" not in self._buffer:
                self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
                piece = self._connection.recv(1 << 16)
                if not piece:
                    raise ProcessExitError(self._end())
                self._buffer += piece
        except TimeoutError as error:
            raise ProcessTimeoutError from error
        except OSError as error:
            raise ProcessExitError(self._end()) from error
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> str:
        try:
            code = self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "the connection was closed"
        return f"signal: {_SIGNALS.get(-code, -code)}" if code < 0 else f"exit status {code}"

    def new_logs(self) -> str:
        """Return the output since the last call."""
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size - self._read, self._read).decode("utf-8", "replace")
        self._read = size
        if size > _LOG_BYTES:
            os.ftruncate(self._log.fileno(), 0)  # it is open for appending: the next byte is written at 0
            self._read = 0
        return text if not text or text.endswith("\n") else text + "\n"

    def kill(self) -> None:
        """End the process and its children; another thread may call this during an invocation."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # it leads its own process group

    def close(self) -> None:
        """End the process and release its resources."""
        self.kill()
        self._process.wait()
        self._connection.close()
        self._log.close()


_SIGNALS = {6: "aborted", 9: "killed", 11: "segmentation fault", 15: "terminated"}
