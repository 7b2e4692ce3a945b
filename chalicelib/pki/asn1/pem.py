"""PEM by RFC 7468: text around the blocks is tolerated; inside them stands nothing but base64.

Source: RFC 7468 sections 2, 3 and 5.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from chalicelib.pki.errors import DerError

if TYPE_CHECKING:
    from collections.abc import Iterable

# The defects in words for people who pasted it.
_ALONE = "A line with -----BEGIN or -----END has something else in it: nothing else may be on that line."
_UNMATCHED = "A line with -----BEGIN or -----END has no counterpart: the two must name the same kind of block."
_NO_END = "The end is missing: the last line must begin with -----END."
_NOT_BASE64 = "The text between -----BEGIN and -----END is damaged: characters are missing, or do not belong there."
_BOUNDARY = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]+)-----[ \t]*")


def blocks(text: bytes) -> list[tuple[str, bytes]]:
    """Read the blocks of a PEM text as (label, DER), in their order.

    Raises:
        DerError: a block is broken.
    """
    complete: list[tuple[str, bytes]] = []
    label: bytes | None = None
    lines: list[bytes] = []
    for line in text.splitlines():
        boundary = _BOUNDARY.fullmatch(line) if b"-----" in line else None
        if boundary is None:
            if b"-----BEGIN " in line or b"-----END " in line:
                raise DerError("The boundary of a PEM block does not stand alone on its line.", reason=_ALONE)
            lines.append(line)
        elif boundary[1] == b"BEGIN" and label is None:
            label, lines = boundary[2], []
        elif boundary[1] == b"END" and label is not None and label == boundary[2]:
            complete.append((label.decode(), _decode(b"".join(lines))))
            label = None
        else:
            raise DerError("The boundaries of a PEM block do not match.", reason=_UNMATCHED)
    if label is not None:
        raise DerError("A PEM block has no end.", reason=_NO_END)
    return complete


def _decode(text: bytes) -> bytes:
    """Decode canonical base64 with white space; refuse what a decoder would silently drop."""
    joined = b"".join(text.split())
    try:
        decoded = binascii.a2b_base64(joined, strict_mode=True)
    except binascii.Error as error:
        raise DerError("A PEM block is not base64.", reason=_NOT_BASE64) from error
    if binascii.b2a_base64(decoded, newline=False) != joined:
        raise DerError("A PEM block is not canonical base64.", reason=_NOT_BASE64)
    return decoded


def encode(der: bytes, label: str = "CERTIFICATE") -> str:
    """Write a PEM block with lines of 64 characters and without a final newline, as AWS returns it."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))


def encode_all(certificates_der: Iterable[bytes]) -> str:
    """Write certificates as PEM blocks in this order, without a final newline."""
    return "\n".join(map(encode, certificates_der))
