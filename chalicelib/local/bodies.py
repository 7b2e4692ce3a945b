"""Reading of request bodies, within limits of length, time and memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import Any

from chalicelib.local.lanes import SMALL_BYTES

SMALL_SECONDS, LARGE_SECONDS = 10, 30
STALLED_SECONDS = 1.0  # after these a large body gives way to others, if they need its memory
MOST_LARGE_BYTES = 16 * 1024 * 1024  # in all, for large bodies that are being read or answered


class BodyRefusedError(Exception):
    """The body is not read to its end; `status` is the HTTP status of the refusal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Reserved:
    """Memory that is taken while the body of a `with` runs; a generator costs three times as much."""

    def __init__(self, bodies: Bodies, size: int) -> None:
        self._bodies, self._size = bodies, size

    def __enter__(self) -> None:
        self._bodies.take(self._size)

    def __exit__(self, *_: object) -> None:
        self._bodies.give_back(self._size)


class Bodies:
    """Reads bodies, and counts the memory of large ones; used by one event loop."""

    def __init__(self) -> None:
        self._room = MOST_LARGE_BYTES
        self._reading: dict[asyncio.Timeout, float] = {}  # since when; a small body never stalls

    def stop(self) -> None:
        """Stop waiting for bodies, because the server stops."""
        self._end_those_since(inf)

    def _end_those_since(self, moment: float) -> None:
        """Stop waiting for bodies that have been read since a moment of the loop's clock, or for longer."""
        for deadline, since in self._reading.items():
            if since <= moment:
                with suppress(RuntimeError):  # it ends just now
                    deadline.reschedule(0)

    def reserved(self, size: int) -> _Reserved:
        """Reserve the memory of a large body until its request is answered; small bodies need no reservation.

        Raises:
            BodyRefusedError: not enough memory is left.
        """
        return _Reserved(self, size if size > SMALL_BYTES else 0)

    def take(self, size: int) -> None:
        """Take memory; raises as `reserved`."""
        if size > self._room:
            self._end_those_since(
                asyncio.get_running_loop().time() - STALLED_SECONDS
            )  # the next request, or this one again, finds their memory
            raise BodyRefusedError(503)
        self._room -= size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self._room += size

    async def read(self, protocol: Any, headers: dict[str, str], most: int) -> bytes:
        """Read the whole body; one of unknown length is counted as it arrives.

        Raises:
            BodyRefusedError: it is too long, or too slow.
        """
        size = declared_bytes(headers, most)
        if not size:
            return b""
        try:
            async with asyncio.timeout(LARGE_SECONDS if size > SMALL_BYTES else SMALL_SECONDS) as deadline:
                self._reading[deadline] = asyncio.get_running_loop().time() if size > SMALL_BYTES else inf
                try:
                    unknown = "transfer-encoding" in headers
                    return await (_counted(protocol, most) if unknown else protocol())
                finally:
                    del self._reading[deadline]
        except TimeoutError:
            raise BodyRefusedError(408) from None


def declared_bytes(headers: dict[str, str], most: int) -> int:
    """Return the length of a body in bytes, which is `most` if the head does not declare it.

    Raises:
        BodyRefusedError: it is longer than `most`, or the declaration is malformed.
    """
    if "transfer-encoding" in headers:
        return most
    length = headers.get("content-length", "0")
    if len(length) > 10 or not length.isdecimal() or int(length) > most:
        raise BodyRefusedError(413)
    return int(length)


async def _counted(protocol: Any, most: int) -> bytes:
    chunks, size = [], 0
    async for chunk in protocol:
        size += len(chunk)
        if size > most:
            raise BodyRefusedError(413)
        chunks.append(bytes(chunk))
    return b"".join(chunks)
