"""What encrypts a backup: a passphrase, or a key of KMS (`kms_lock`).

Source: RFC 7914 for scrypt.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from chalicelib.config import Settings

_SCRYPT = {"n": 2**16, "r": 8, "p": 1}
_SALT_BYTES = 16


class Lock(Protocol):
    """Makes the key of a new backup, and that of an old one again.

    Attributes:
        magic: the first bytes of the file, which name the kind of lock.
        locked_bytes: the size of what leads to the key.
        name: in errors.
    """

    magic: bytes
    locked_bytes: int
    name: str

    def new(self) -> tuple[bytes, bytes]:
        """Return what the file has of a new key, and the key."""
        ...

    def key(self, locked: bytes) -> bytes:
        """Return the key of a file; `BackupError` if that is not possible."""
        ...


class Passphrase:
    """Keys from a passphrase and a salt."""

    magic, locked_bytes, name = b"signet-backup-1\n", _SALT_BYTES, "SIGNET_BACKUP_PASSPHRASE"

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase.encode()

    def new(self) -> tuple[bytes, bytes]:
        """Return a salt and the key."""
        salt = os.urandom(_SALT_BYTES)
        return salt, self.key(salt)

    def key(self, locked: bytes) -> bytes:
        """Derive the key; a wrong passphrase gives another one, which opens nothing."""
        return Scrypt(locked, 32, **_SCRYPT).derive(self._passphrase)


def lock_of(settings: Settings) -> Lock:
    """Return the lock that the settings name; `BackupError` if they name none."""
    if settings.backup_kms_key:
        from chalicelib.backup.kms_lock import KmsKey

        return KmsKey(settings.backup_kms_key, settings.region)
    if settings.backup_passphrase:
        return Passphrase(settings.backup_passphrase)
    raise BackupError("Set SIGNET_BACKUP_PASSPHRASE or SIGNET_BACKUP_KMS_KEY: it encrypts the backup.")
