"""An animated WebP of pictures that the browser compresses.

Source: RFC 9649, sections 2.5 to 2.7.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Page

_ANIMATED, _REPLACES = 0x02, 0x02  # flags: of the file, and of a frame that is not blended with the one before
_IMAGES = {b"VP8 ", b"VP8L", b"ALPH"}
_COMPRESS = """async ([png, quality]) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d", { alpha: false }).drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


def compressed(page: Page, png: bytes, quality: float) -> bytes:
    """A PNG as lossy WebP, by the browser of a page."""
    return base64.b64decode(page.evaluate(_COMPRESS, [base64.b64encode(png).decode(), quality]))


def animated(frames: Sequence[bytes], milliseconds: int, width: int, height: int) -> bytes:
    """Still pictures of one size as an animation that repeats without end, each shown for so long."""
    size = _numbers(width - 1, height - 1)
    body = _chunk(b"VP8X", bytes([_ANIMATED, 0, 0, 0]) + size)
    body += _chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0))
    for frame in frames:
        images = b"".join(_chunk(name, content) for name, content in _chunks(frame[12:]) if name in _IMAGES)
        body += _chunk(b"ANMF", _numbers(0, 0) + size + _numbers(milliseconds) + bytes([_REPLACES]) + images)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(3, "little") for value in values)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(body):
        (length,) = struct.unpack_from("<I", body, position + 4)
        yield body[position : position + 4], body[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
