"""Random ids."""

from __future__ import annotations

import os


def random_uuid() -> str:
    """Return a random UUID, without the object that `uuid` makes of it.

    Source: RFC 9562 section 5.4: the version is 4, and the variant's bits are 10.
    """
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
