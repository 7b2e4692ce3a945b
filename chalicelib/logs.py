"""JSON log lines, and the audit of signatures: one line before and one after each use of a CA key.

The JSON encoder escapes values, so that no name in a certificate can forge a line. Callers pass no secrets.
Lambda reads `timestamp` and `level` of each line.

Source: AWS Lambda Developer Guide, "Log-level filtering".
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import stat
import sys
import threading
import time
from datetime import UTC, datetime
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, TextIO

from chalicelib import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOGGER = logging.getLogger("signet")
OCSP_LOGGER = LOGGER.getChild("ocsp")  # anybody can cause its lines
_OCSP_FILE_BYTES, _OCSP_FILES = 10_000_000, 4
_MOST_WAITING, _CLOSE_SECONDS = 1_000, 1.0
_json = json_text.writer(separators=(", ", ": "), default=str)
_ANYWHERE = vars(logging.LogRecord("", logging.INFO, "", 0, "", None, None))


class Line(logging.LogRecord):
    """A record of Signet's own. Nobody looks for its place in the code or its thread, which no line shows."""

    def __init__(self, logger: str, level: int, event: str, data: Mapping[str, object], error: Any = None) -> None:
        vars(self).update(
            _ANYWHERE,
            name=logger,
            levelno=level,
            levelname=logging.getLevelName(level),
            msg=event,
            data=data,
            created=time.time(),  # noqa: TID251  as `logging` does
            exc_info=error,
        )


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on a line: time in UTC, level, event and its data."""

    def format(self, record: logging.LogRecord) -> str:
        """Encode a record; the entries of `extra={"data": {...}}` become members of the object."""
        second, milliseconds = divmod(int(record.created * 1000), 1000)
        line: dict[str, object] = {
            "timestamp": f"{_second(second)}.{milliseconds:03}Z",
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= getattr(record, "data", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _json(line)


_FORMATTER = JsonFormatter()


@lru_cache(maxsize=4)
def _second(moment: int) -> str:
    """Return a second as text; lines come many a second."""
    return datetime.fromtimestamp(moment, UTC).isoformat()[:19]


class _Stream(logging.StreamHandler[TextIO]):
    """A stream that gets each record by one call, encoded before the lock is taken."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._turn = threading.Lock()

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record."""
        try:
            line = f"{_FORMATTER.format(record)}\n"
            with self._turn:
                self.stream.write(line)
                self.stream.flush()
        except Exception:  # noqa: BLE001  as in every handler: no line stops a request
            self.handleError(record)
        return True


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send Signet's log to a stream (standard error by default), one JSON object per line."""
    _send_to([_Stream(stream or sys.stderr)], level)


def configure_server(
    level: str, directory: Path, stream: TextIO, *, to_files: bool, most_bytes: int, most: int
) -> None:
    """Send the log of a server to files, the oldest of which are overwritten, or to a stream that never delays it.

    The lines of other libraries go there, too. Lines about OCSP signatures have files of their own.

    Args:
        level: the lowest that is logged.
        directory: of the files.
        stream: standard error; beside files it gets warnings and errors alone.
        to_files: to files; otherwise the stream gets all lines.
        most_bytes: of a file.
        most: files.
    """
    # No line shows them (Python, "Logging HOWTO", Optimization).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    trickle = Trickle(stream)
    handlers: list[logging.Handler] = [trickle]
    if to_files:
        trickle.setLevel(logging.WARNING)
        handlers.append(RotatingFiles(directory / "signet.log", most_bytes, most))
    _send_to(handlers, level)
    logging.getLogger().handlers[:] = handlers
    OCSP_LOGGER.handlers[:] = [RotatingFiles(directory / "ocsp.log", _OCSP_FILE_BYTES, _OCSP_FILES)]
    OCSP_LOGGER.propagate = False


def _send_to(handlers: list[logging.Handler], level: str) -> None:
    for handler in handlers:
        handler.setFormatter(_FORMATTER)
    LOGGER.handlers[:] = handlers
    LOGGER.setLevel(level)
    LOGGER.propagate = False


class RotatingFiles(RotatingFileHandler):
    """Files for their owner alone, which several processes append to.

    A line is in the kernel when the call returns; a full disk stops no request.
    """

    stream: Any  # of bytes: lines are encoded here

    def __init__(self, path: Path, most_bytes: int, most: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=most - 1, encoding="utf-8", delay=True)
        self.setFormatter(_FORMATTER)
        self._turn = threading.Lock()
        self._inode: tuple[int, int] | None = None  # of the file that is open

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, "ab", opener=private)

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record, which is encoded once and before the lock is taken."""
        try:
            line = f"{_FORMATTER.format(record)}\n".encode("ascii")
            with self._turn:
                self._write(line)
        except Exception:  # noqa: BLE001  as in every handler: no line stops a request
            self.handleError(record)
        return True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the base class names it
        """Lose the line: the health check tells of the disk."""

    def _write(self, line: bytes) -> None:
        found = self._current()
        if stat.S_ISREG(found.st_mode) and found.st_size + len(line) > self.maxBytes:
            self._rotate()
        self.stream.write(line)
        self.stream.flush()

    def _current(self) -> os.stat_result:
        """Open the current file, which another process may have begun; returns what it is."""
        found = self._named()
        if found is None or not self.stream or (found.st_dev, found.st_ino) != self._inode:
            if self.stream:
                stream, self.stream = self.stream, None
                stream.close()
            self.stream = self._open()
            found = os.fstat(self.stream.fileno())
            self._inode = found.st_dev, found.st_ino
        return found

    def _named(self) -> os.stat_result | None:
        """Return what the path names now."""
        try:
            return os.stat(self.baseFilename)  # noqa: PTH116  for each line
        except FileNotFoundError:
            return None

    def _rotate(self) -> None:
        """Begin a new file, unless another process has: whoever does holds a lock on the one that is full."""
        fcntl.flock(self.stream, fcntl.LOCK_EX)
        found = self._named()
        if found and (found.st_dev, found.st_ino) == self._inode:
            self.doRollover()  # closes it
        self._current()


class Trickle(logging.Handler):
    """Writes lines to a stream in a thread of its own; what a stuck or closed stream does not take is counted."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream, self._lines = stream, queue.Queue[logging.LogRecord](_MOST_WAITING)
        self._dropped = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Let the thread write a record, if fewer than 1,000 wait."""
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Wait a second at most until every line is written."""
        deadline = time.monotonic() + _CLOSE_SECONDS
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        super().close()

    def _run(self) -> None:
        while True:
            record = self._lines.get()
            try:
                self._write(record)
                if dropped := self._dropped:
                    lost = {"data": {"count": dropped}}
                    self._write(
                        LOGGER.makeRecord("signet", logging.WARNING, "", 0, "log_lines_dropped", (), None, extra=lost)
                    )
                    self._dropped -= dropped
            except (OSError, ValueError):  # ValueError: it is closed
                self._dropped += 1
            finally:
                self._lines.task_done()

    def _write(self, record: logging.LogRecord) -> None:
        self._stream.write(self.format(record) + "\n")
        self._stream.flush()


def log(event: str, level: int = logging.INFO, **data: object) -> None:
    """Log an event with its data."""
    _say(LOGGER, level, event, data)


def log_exception(event: str, **data: object) -> None:
    """Log the exception being handled, with its traceback."""
    _say(LOGGER, logging.ERROR, event, data, sys.exc_info())


def _say(logger: logging.Logger, level: int, event: str, data: Mapping[str, object], error: Any = None) -> None:
    if logger.isEnabledFor(level):
        logger.handle(Line(logger.name, level, event, data, error))


def audit(phase: str, purpose: str, ca_arn: str, details: Mapping[str, object]) -> None:
    """Log a use of a CA key.

    Args:
        phase: "before", "after" or "failed".
        purpose: "CSR", "CERTIFICATE", "CRL" or "OCSP".
        ca_arn: of the key.
        details: the serial number or CRL number, and `tbs_sha256`, the hex SHA-256 of the signed bytes.
    """
    logger = OCSP_LOGGER if purpose == "OCSP" else LOGGER
    _say(logger, logging.INFO, "signature", {"phase": phase, "purpose": purpose, "ca": ca_arn, **details})


def metrics(
    event: str,
    values: Mapping[str, tuple[float, str]],
    *,
    timestamp: datetime,
    namespace: str,
    dimensions: Mapping[str, str] | None = None,
) -> None:
    """Log an event with metrics that CloudWatch extracts from the line.

    Args:
        event: name of the event.
        values: number and unit by the metric's name.
        timestamp: time of the measurement.
        namespace: of the metrics.
        dimensions: names and values; the metrics are recorded by them, and as totals.

    Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
    """
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    dimensions = dimensions or {}
    numbers = {name: value for name, (value, _) in values.items()}
    units = tuple((name, unit) for name, (_, unit) in values.items())
    directive = _directive(namespace, tuple(dimensions), units)
    metadata = {"Timestamp": int(timestamp.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    _say(LOGGER, logging.INFO, event, {**dimensions, **numbers, "_aws": metadata})


@lru_cache(maxsize=64)
def _directive(namespace: str, dimensions: tuple[str, ...], units: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return what tells CloudWatch which members of a line are metrics; nobody changes it."""
    return {
        "Namespace": namespace,
        "Dimensions": [(), dimensions] if dimensions else [()],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units],
    }
