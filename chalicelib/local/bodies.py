"""Bodies of requests, read within limits of length, time and memory."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.local.lanes import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_SECONDS, LARGE_SECONDS = 10, 30
MOST_LARGE_BYTES = 16 * 1024 * 1024  # of all large bodies that are being read or answered


class BodyRefusedError(Exception):
    """A body is not read to its end; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Bodies:
    """Reads bodies, and counts the memory that the large ones take; used by one event loop."""

    def __init__(self) -> None:
        self._room = MOST_LARGE_BYTES
        self._deadlines: set[asyncio.Timeout] = set()

    def stop(self) -> None:
        """Wait for no body any longer: the server stops."""
        for deadline in self._deadlines:
            deadline.reschedule(0)

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Hold the memory of a body until its request is answered.

        Raises:
            BodyRefusedError: there is none left; small bodies always have theirs.
        """
        taken = size if size > SMALL_BYTES else 0
        if taken > self._room:
            raise BodyRefusedError(503)
        self._room -= taken
        try:
            yield
        finally:
            self._room += taken

    async def read(self, protocol: Any, headers: dict[str, str], most: int) -> bytes:
        """The whole body; one of unknown length is counted while it comes.

        Raises:
            BodyRefusedError: it is too long, or too slow.
        """
        size = declared_bytes(headers, most)
        if not size:
            return b""
        try:
            async with asyncio.timeout(LARGE_SECONDS if size > SMALL_BYTES else SMALL_SECONDS) as deadline:
                self._deadlines.add(deadline)
                try:
                    unknown = "transfer-encoding" in headers
                    return await (_counted(protocol, most) if unknown else protocol())
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError:
            raise BodyRefusedError(408) from None


def declared_bytes(headers: dict[str, str], most: int) -> int:
    """How long a body will be at most; one of unknown length may be as long as is allowed.

    Raises:
        BodyRefusedError: it is longer than that.
    """
    if "transfer-encoding" in headers:
        return most
    declared = headers.get("content-length", "0")
    if len(declared) > 10 or not declared.isdecimal() or int(declared) > most:
        raise BodyRefusedError(413)
    return int(declared)


async def _counted(protocol: Any, most: int) -> bytes:
    chunks, size = [], 0
    async for chunk in protocol:
        size += len(chunk)
        if size > most:
            raise BodyRefusedError(413)
        chunks.append(bytes(chunk))
    return b"".join(chunks)
