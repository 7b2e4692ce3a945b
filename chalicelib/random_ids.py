"""Random UUIDs as text, without an object of the class `UUID` for each."""

from __future__ import annotations

import os

_KEPT = ~(0xF << 76 | 0x3 << 62)
_VERSION_4 = 0x4 << 76 | 0x2 << 62


def random_id() -> str:
    """Return a random UUID (RFC 9562 section 5.4)."""
    digits = f"{int.from_bytes(os.urandom(16)) & _KEPT | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
