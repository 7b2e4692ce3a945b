"""What encrypts a backup: a passphrase, or a key of KMS.

Source: RFC 7914 for scrypt; AWS KMS API, GenerateDataKey and Decrypt.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.config import Settings

_SCRYPT = {"n": 2**16, "r": 8, "p": 1}
_SALT_BYTES = 16
_LIMITS = Limits(answer_seconds=5, tries=3)
_CONTEXT = {"signet": "backup"}


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


class KmsKey:
    """Keys that a symmetric key of KMS encrypts; who may not use that key opens no backup."""

    magic, locked_bytes, name = b"signet-backup-2\n", 1024, "SIGNET_BACKUP_KMS_KEY"

    def __init__(self, key_id: str, region: str) -> None:
        self._key_id, self._region = key_id, region

    def new(self) -> tuple[bytes, bytes]:
        """Let KMS make a key; the file has it encrypted, filled up with zeros."""
        made = self._answer(
            lambda kms: kms.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=_CONTEXT)
        )
        encrypted: bytes = made["CiphertextBlob"]
        return (len(encrypted).to_bytes(2) + encrypted).ljust(self.locked_bytes, b"\0"), made["Plaintext"]

    def key(self, locked: bytes) -> bytes:
        """Let KMS decrypt the key."""
        encrypted = locked[2 : 2 + int.from_bytes(locked[:2])]
        made = self._answer(
            lambda kms: kms.decrypt(CiphertextBlob=encrypted, KeyId=self._key_id, EncryptionContext=_CONTEXT)
        )
        return bytes(made["Plaintext"])

    def _answer(self, call: Callable[[Any], Any]) -> Any:
        try:
            return call(CircuitBreaker().client("kms", self._region, _LIMITS))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise BackupError(f"KMS does not open the backup with {self._key_id}: {code}.") from error
        except BotoCoreError as error:
            raise BackupError(f"KMS does not answer: {type(error).__name__}.") from error


def lock_of(settings: Settings) -> Lock:
    """Return the lock that the settings name; `BackupError` if they name none."""
    if settings.backup_kms_key:
        return KmsKey(settings.backup_kms_key, settings.region)
    if settings.backup_passphrase:
        return Passphrase(settings.backup_passphrase)
    raise BackupError("Set SIGNET_BACKUP_PASSPHRASE or SIGNET_BACKUP_KMS_KEY: it encrypts the backup.")
