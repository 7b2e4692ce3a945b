"""Logs for tests: entries, a key, and roots that are computed without tiles."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BUCKET = "log"


@dataclass
class FixedKey:
    """A signer with a key of the test."""

    key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()


def entry(number: int) -> bytes:
    return b'{"kind":"revocation","serial":"%d"}' % number


def entries(first: int, end: int) -> list[bytes]:
    return [entry(number) for number in range(first, end)]


def root_of(content: Sequence[bytes]) -> bytes:
    """MTH, as RFC 9162 section 2.1.1 defines it."""
    if len(content) < 2:
        return sha256(b"\0" + content[0]).digest() if content else sha256().digest()
    split = 1 << ((len(content) - 1).bit_length() - 1)
    return sha256(b"\1" + root_of(content[:split]) + root_of(content[split:])).digest()
