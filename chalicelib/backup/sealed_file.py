"""An encrypted file that is written and read in pieces: no piece can be altered, left out, moved or cut off.

The file is `magic || salt || prefix || pieces`. The key is derived from the passphrase by scrypt. Each piece holds up
to 1 MiB under AES-256-GCM; its nonce is the prefix, its number, and 1 for the last piece (the STREAM construction).

Source: Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance";
RFC 7914 for scrypt.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC = b"signet-backup-1\n"
_SALT_BYTES, _PREFIX_BYTES, _TAG_BYTES = 16, 7, 16
_PIECE_BYTES = 1 << 20
_SCRYPT = {"n": 2**16, "r": 8, "p": 1}


def _sealing(passphrase: str, salt: bytes, prefix: bytes) -> tuple[AESGCM, Callable[[int, bool], bytes]]:
    """The cipher, and the nonce of a piece by its number and whether it is the last one."""
    cipher = AESGCM(Scrypt(salt, 32, **_SCRYPT).derive(passphrase.encode()))
    return cipher, lambda number, is_last: prefix + number.to_bytes(4) + bytes((is_last,))


class SealedWriter:
    """Encrypts what is written to it; `close` writes the last piece."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        salt, prefix = os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES)
        self._file, self._head = file, MAGIC + salt + prefix
        self._cipher, self._nonce = _sealing(passphrase, salt, prefix)
        self._waiting, self._number = bytearray(), 0
        file.write(self._head)

    def write(self, content: bytes) -> int:
        """Encrypt whole pieces, and keep the rest for later."""
        self._waiting += content
        while len(self._waiting) > _PIECE_BYTES:
            self._put(bytes(self._waiting[:_PIECE_BYTES]), is_last=False)
            del self._waiting[:_PIECE_BYTES]
        return len(content)

    def close(self) -> None:
        """Write the last piece."""
        self._put(bytes(self._waiting), is_last=True)

    def _put(self, piece: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(self._nonce(self._number, is_last), piece, self._head))
        self._number += 1


class SealedReader:
    """Decrypts a file piece by piece; what it returns has been authenticated.

    Raises:
        BackupError: it is not a backup, the passphrase is wrong, or the file was altered or cut off.
    """

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        self._file = file
        self._head = file.read(len(MAGIC) + _SALT_BYTES + _PREFIX_BYTES)
        if not self._head.startswith(MAGIC) or len(self._head) != len(MAGIC) + _SALT_BYTES + _PREFIX_BYTES:
            raise BackupError("It is not a backup of Signet.")
        salt, prefix = self._head[len(MAGIC) : -_PREFIX_BYTES], self._head[-_PREFIX_BYTES:]
        self._cipher, self._nonce = _sealing(passphrase, salt, prefix)
        self._next, self._number = file.read(_PIECE_BYTES + _TAG_BYTES), 0
        self._open = memoryview(b"")
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return `size` bytes, or fewer at the end."""
        found = bytearray()
        while len(found) < size and (len(self._open) or self._take()):
            part = self._open[: size - len(found)]
            found += part
            self._open = self._open[len(part) :]
        return bytes(found)

    def _take(self) -> bool:
        """Decrypt the next piece; False after the last one."""
        if self._ended:
            return False
        piece, self._next = self._next, self._file.read(_PIECE_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            self._open = memoryview(self._cipher.decrypt(self._nonce(self._number, self._ended), piece, self._head))
        except (InvalidTag, ValueError) as error:
            reason = "the passphrase is wrong, or it was altered" if self._number == 0 else "it was altered or cut off"
            raise BackupError(f"The backup cannot be opened: {reason}.") from error
        self._number += 1
        return True
