"""JSON log lines, and the audit of signatures: one line before and one after each use of a CA key.

The JSON encoder escapes values, so that no name in a certificate can forge a line. Callers pass no secrets.
Lambda reads `timestamp` and `level` of each line.

Source: AWS Lambda Developer Guide, "Log-level filtering".
"""

from __future__ import annotations

import json
import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

METRICS_NAMESPACE = "Signet"
LOGGER = logging.getLogger("signet")
OCSP_LOGGER = LOGGER.getChild("ocsp")  # anybody can cause its lines
_OCSP_FILE_BYTES, _OCSP_FILES = 10_000_000, 3


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
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level)
    LOGGER.propagate = False


def keep_ocsp_apart(path: Path) -> None:
    """Write the lines about OCSP signatures to files of their own, the oldest of which are overwritten."""
    handler = RotatingFileHandler(
        path, maxBytes=_OCSP_FILE_BYTES, backupCount=_OCSP_FILES, encoding="utf-8", delay=True
    )
    handler.setFormatter(JsonFormatter())
    OCSP_LOGGER.handlers[:] = [handler]
    OCSP_LOGGER.propagate = False


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
