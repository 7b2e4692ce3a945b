"""JSON log lines, and the audit of signatures: one line before and one after each use of a CA key.

The JSON encoder escapes values, so that no name in a certificate can forge a line. Callers pass no secrets.
Lambda reads `timestamp` and `level` of each line.

Source: AWS Lambda Developer Guide, "Log-level filtering".
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

METRICS_NAMESPACE = "Signet"
LOGGER = logging.getLogger("signet")
OCSP_LOGGER = LOGGER.getChild("ocsp")  # anybody can cause its lines
_OCSP_FILE_BYTES, _OCSP_FILES = 10_000_000, 4
_MOST_WAITING, _CLOSE_SECONDS = 1_000, 1.0


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on a line: time in UTC, level, event and its data."""

    converter = time.gmtime  # type: ignore[assignment]  # a builtin, which no instance binds

    def format(self, record: logging.LogRecord) -> str:
        """Encode a record; the entries of `extra={"data": {...}}` become members of the object."""
        line: dict[str, object] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= getattr(record, "data", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send Signet's log to a stream (standard error by default), one JSON object per line."""
    _send_to([logging.StreamHandler(stream or sys.stderr)], level)


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
        handler.setFormatter(JsonFormatter())
    LOGGER.handlers[:] = handlers
    LOGGER.setLevel(level)
    LOGGER.propagate = False


class RotatingFiles(RotatingFileHandler):
    """Files for their owner alone. A line is in the kernel when the call returns; a full disk stops no request."""

    def __init__(self, path: Path, most_bytes: int, most: int) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=most - 1, encoding="utf-8", delay=True)
        self.setFormatter(JsonFormatter())

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the base class names it
        """Lose the line: the health check tells of the disk."""


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
    LOGGER.log(level, event, extra={"data": data})


def log_exception(event: str, **data: object) -> None:
    """Log the exception being handled, with its traceback."""
    LOGGER.error(event, exc_info=sys.exception(), extra={"data": data})


def audit(phase: str, purpose: str, ca_arn: str, details: Mapping[str, object]) -> None:
    """Log a use of a CA key.

    Args:
        phase: "before", "after" or "failed".
        purpose: "CSR", "CERTIFICATE", "CRL" or "OCSP".
        ca_arn: of the key.
        details: the serial number or CRL number, and `tbs_sha256`, the hex SHA-256 of the signed bytes.
    """
    logger = OCSP_LOGGER if purpose == "OCSP" else LOGGER
    logger.info("signature", extra={"data": {"phase": phase, "purpose": purpose, "ca": ca_arn, **details}})


def metrics(
    event: str,
    values: Mapping[str, tuple[float, str]],
    *,
    timestamp: datetime,
    namespace: str = METRICS_NAMESPACE,
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
    definitions = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
    dimension_sets: list[list[str]] = [[], list(dimensions)] if dimensions else [[]]
    directive = {"Namespace": namespace, "Dimensions": dimension_sets, "Metrics": definitions}
    metadata = {"Timestamp": int(timestamp.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    numbers: dict[str, object] = {name: value for name, (value, _) in values.items()}
    LOGGER.info(event, extra={"data": {**(dimensions or {}), **numbers, "_aws": metadata}})
