"""The log of a server, for the time of a test."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from chalicelib import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def server_log(directory: Path, stream: TextIO, **more: Any) -> Iterator[None]:
    loggers = logs.LOGGER, logs.OCSP_LOGGER, logging.getLogger()
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    logs.configure_server("INFO", directory, stream, **{"to_files": True, "most_bytes": 10_000, "most": 3} | more)
    try:
        yield
    finally:
        for handler in {handler for each in loggers for handler in each.handlers}:
            with suppress(OSError):  # the disk is full
                handler.close()
        for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
            each.handlers[:], each.propagate = handlers, propagate
            each.setLevel(level)
