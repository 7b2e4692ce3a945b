"""An encrypted file that is written and read in pieces: no piece can be altered, left out, moved or cut off.

The file is `magic || locked || prefix || pieces`. What is locked leads to the key: through a passphrase, or through KMS
(`locks`). Each piece holds up to 1 MiB under AES-256-GCM; its nonce is the prefix, its number, and 1 for the last piece
(the STREAM construction).

Source: Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance".
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from chalicelib.backup.locks import Lock

MAGIC_BYTES = 16
_PREFIX_BYTES, _TAG_BYTES = 7, 16
_PIECE_BYTES = 1 << 20


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4) + bytes((is_last,))


class SealedWriter:
    """Encrypts what is written to it; `close` writes the last piece."""

    def __init__(self, file: IO[bytes], lock: Lock) -> None:
        locked, key = lock.new()
        self._prefix = os.urandom(_PREFIX_BYTES)
        self._file, self._cipher, self._head = file, AESGCM(key), lock.magic + locked + self._prefix
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
        self._file.write(self._cipher.encrypt(_nonce(self._prefix, self._number, is_last=is_last), piece, self._head))
        self._number += 1


class SealedReader:
    """Decrypts a file piece by piece; what it returns has been authenticated.

    Raises:
        BackupError: it is not a backup, it has another lock, the key is wrong, or the file was altered or cut off.
    """

    def __init__(self, file: IO[bytes], lock: Lock) -> None:
        self._file = file
        magic, locked, self._prefix = file.read(MAGIC_BYTES), file.read(lock.locked_bytes), file.read(_PREFIX_BYTES)
        if magic != lock.magic:
            raise BackupError(f"It is not a backup of Signet that {lock.name} opens.")
        self._cipher, self._head = AESGCM(lock.key(locked)), magic + locked + self._prefix
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
        nonce = _nonce(self._prefix, self._number, is_last=self._ended)
        try:
            self._open = memoryview(self._cipher.decrypt(nonce, piece, self._head))
        except (InvalidTag, ValueError) as error:
            reason = "the passphrase is wrong, or it was altered" if self._number == 0 else "it was altered or cut off"
            raise BackupError(f"The backup cannot be opened: {reason}.") from error
        self._number += 1
        return True
