"""Keys of backups that a key of KMS encrypts.

Source: AWS KMS API, GenerateDataKey and Decrypt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.backup import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMITS = Limits(answer_seconds=5, tries=3)
_CONTEXT = {"signet": "backup"}


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
