"""PEM as RFC 7468 has it: text around the blocks is tolerated, inside them nothing but base64.

Source: RFC 7468 sections 2, 3 and 5.
"""

from __future__ import annotations

import base64
import binascii
import re

from chalicelib.pki.errors import DerError

_BLOCK = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n(.*?)^-----END \1-----[ \t]*\r?$", re.MULTILINE | re.DOTALL
)
_BOUNDARY = re.compile(rb"-----(BEGIN|END) ")


def blocks(text: bytes) -> list[tuple[str, bytes]]:
    """The blocks of a PEM text as (label, DER), in their order.

    Raises:
        DerError: a block is broken.
    """
    found = []
    boundaries = 0
    for match in _BLOCK.finditer(text if text.endswith(b"\n") else text + b"\n"):
        try:
            der = base64.b64decode(b"".join(match[2].split()), validate=True)
        except binascii.Error as error:
            raise DerError("A PEM block is not base64.") from error
        found.append((match[1].decode(), der))
        boundaries += 2
    if len(_BOUNDARY.findall(text)) != boundaries:
        raise DerError("A PEM block has no matching end.")
    return found


def encode(der: bytes, label: str = "CERTIFICATE") -> str:
    """A PEM block with lines of 64 characters and without a final newline, as AWS returns it."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))
