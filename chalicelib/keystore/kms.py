"""CA keys in AWS KMS: one asymmetric key for each CA, found by an alias that bears the CA's id.

A key that is made here bears the tags `signet` = `ca-key` and `signet:ca` = the CA's id; the role of the Lambda
functions may sign with keys that have the first tag, and with no other. A key of the owner's has that tag too.

Small secrets are sealed by a data key that KMS wraps; a process asks KMS once for each data key.

Source: AWS KMS API, CreateKey, CreateAlias, Sign, GenerateDataKey; Developer Guide, "Key spec reference".
"""

from __future__ import annotations

import secrets
import struct
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib import arn as arns
from chalicelib.aws import Limits, Patience
from chalicelib.keystore import KeyNotFoundError, KeyRefusedError, KeyStoreError, KeyStoreThrottledError, kms_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.keystore import CaPrivateKey

ALIAS = "alias/signet/"
TAG, TAG_VALUE, CA_TAG = "signet", "ca-key", "signet:ca"
DELETION_DAYS = 7  # the shortest window that KMS has
LIMITS = Limits(answer_seconds=3, tries=2)
MAKING = Limits(answer_seconds=10, tries=1)  # a large key takes its time, and a second try would make a second one
KEY_SPECS = {
    "RSA_2048": "RSA_2048",
    "RSA_3072": "RSA_3072",
    "RSA_4096": "RSA_4096",
    "EC_prime256v1": "ECC_NIST_P256",
    "EC_secp384r1": "ECC_NIST_P384",
    "EC_secp521r1": "ECC_NIST_P521",
    "ML_DSA_44": "ML_DSA_44",
    "ML_DSA_65": "ML_DSA_65",
    "ML_DSA_87": "ML_DSA_87",
}
_VERSION = b"\x02"
_NONCE_BYTES = 12
_SEALING = {"signet": "secrets"}  # the encryption context of every data key
_THROTTLED = frozenset({"ThrottlingException", "LimitExceededException", "TooManyRequestsException"})
_MISSING, _DENIED = frozenset({"NotFoundException"}), frozenset({"AccessDeniedException"})
_SETTLING = (0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between tries, while KMS learns of a new key, its tags and its alias


class _DeniedError(KeyStoreError):
    """KMS does not allow it, or not yet: tags may take minutes to count."""


class KmsKeyStore:
    """Keys of one account and region; clients are made at the first call."""

    def __init__(
        self,
        region: str,
        *,
        secrets_key: str,
        limits: Limits = LIMITS,
        making: Limits = MAKING,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._region, self._secrets_key, self._pause = region, secrets_key, pause
        self._limits, self._making = limits, making
        self._patience = Patience()
        self._public_keys: dict[str, Any] = {}
        self._data_keys: dict[bytes, bytes] = {}

    def __repr__(self) -> str:
        return f"KmsKeyStore({self._region!r})"

    @cached_property
    def _client(self) -> Any:
        return self._patience.client("kms", self._region, self._limits)

    @cached_property
    def _maker(self) -> Any:
        return self._patience.client("kms", self._region, self._making)

    # keys of CAs

    def key_id_of(self, ca_arn: str) -> str:
        """The alias of the CA's key."""
        return ALIAS + arns.parse_ca_arn(ca_arn).ca_id

    def check_key(self, named: str, key_algorithm: str) -> None:
        """Refuse a key of the owner's that cannot be the key of a CA."""
        try:
            found = self._call("describe_key", KeyId=named)["KeyMetadata"]
            tags = self._tags(named)
        except KeyNotFoundError as error:
            raise KeyRefusedError(f"There is no KMS key {named} here.") from error
        problems = (
            (found.get("KeyUsage") != "SIGN_VERIFY", "its usage is not SIGN_VERIFY"),
            (found.get("KeySpec") != KEY_SPECS.get(key_algorithm), f"its spec is not that of {key_algorithm}"),
            (found["KeyState"] != "Enabled", f"its state is {found['KeyState']}"),
            (tags.get(TAG) != TAG_VALUE, f"it lacks the tag {TAG} = {TAG_VALUE}"),
        )
        for holds, problem in problems:
            if holds:
                raise KeyRefusedError(f"The KMS key {named} cannot be a CA's: {problem}.")

    def create_key(self, ca_arn: str, key_algorithm: str, *, named: str | None = None) -> str:
        """Make a key, or take the owner's; one that the CA has already, because a creation was repeated, stays."""
        if key_algorithm not in KEY_SPECS:
            raise KeyStoreError(f"Keys of algorithm {key_algorithm} are not supported here.")
        alias = self.key_id_of(ca_arn)
        if self._exists(alias):
            return alias
        key_id = named or self._new_key(ca_arn, key_algorithm)
        try:
            self._settled("create_alias", AliasName=alias, TargetKeyId=key_id)
        except KeyStoreError as error:
            if named is None:
                with suppress(KeyStoreError):  # what the caller has to hear of is the first error
                    self._call("schedule_key_deletion", KeyId=key_id, PendingWindowInDays=DELETION_DAYS)
            if not self._exists(alias):
                raise error from None
        self._keep_public_key(alias, self._settled("get_public_key", KeyId=alias))
        return alias

    def _new_key(self, ca_arn: str, key_algorithm: str) -> str:
        tags = {TAG: TAG_VALUE, CA_TAG: arns.parse_ca_arn(ca_arn).ca_id}
        made = self._call(
            "create_key",
            KeySpec=KEY_SPECS[key_algorithm],
            KeyUsage="SIGN_VERIFY",
            Description=f"Signet: key of {ca_arn}",
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )
        return str(made["KeyMetadata"]["KeyId"])

    def private_key(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        """The key as an object that signs in KMS; its public part is asked for once."""
        if key_id != self.key_id_of(ca_arn):
            raise KeyNotFoundError(f"There is no key {key_id} for {ca_arn}.")
        if key_id not in self._public_keys:
            self._keep_public_key(key_id, self._call("get_public_key", KeyId=key_id))

        def sign(message: bytes, message_type: str, algorithm: str) -> bytes:
            answer = self._call(
                "sign", KeyId=key_id, Message=message, MessageType=message_type, SigningAlgorithm=algorithm
            )
            return bytes(answer["Signature"])

        key = kms_keys.private_key(self._public_keys[key_id], sign)
        if key is None:
            raise KeyStoreError(f"The key {key_id} is of an unknown kind.")
        return key

    def _keep_public_key(self, key_id: str, answer: Any) -> None:
        self._public_keys[key_id] = load_der_public_key(answer["PublicKey"])

    def delete_key(self, key_id: str, ca_arn: str) -> None:
        """Remove the alias, and let KMS destroy the key after its shortest window if it was made here."""
        self._public_keys.pop(key_id, None)
        try:
            described = self._call("describe_key", KeyId=key_id)["KeyMetadata"]
            made_here = self._tags(described["KeyId"]).get(CA_TAG) == arns.parse_ca_arn(ca_arn).ca_id
            if made_here and described["KeyState"] != "PendingDeletion":
                self._call("schedule_key_deletion", KeyId=described["KeyId"], PendingWindowInDays=DELETION_DAYS)
            self._call("delete_alias", AliasName=key_id)
        except KeyNotFoundError:
            return

    def _exists(self, key_id: str) -> bool:
        try:
            self._call("describe_key", KeyId=key_id)
        except KeyNotFoundError:
            return False
        return True

    def _tags(self, key_id: str) -> dict[str, str]:
        found = self._call("list_resource_tags", KeyId=key_id)["Tags"]
        return {each["TagKey"]: each["TagValue"] for each in found}

    # small secrets

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a small secret under this process's data key."""
        wrapped, key = self._own_data_key
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION + struct.pack(">H", len(wrapped)) + wrapped
        return head + nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal` made, here or in another process."""
        unreadable = KeyStoreError("An envelope does not open: it was altered, or belongs elsewhere.")
        length = struct.unpack(">H", sealed[1:3])[0] if len(sealed) > 3 else 0
        wrapped, rest = sealed[3 : 3 + length], sealed[3 + length :]
        if sealed[:1] != _VERSION or not wrapped or len(rest) < _NONCE_BYTES:
            raise unreadable
        try:
            nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
            return AESGCM(self._unwrapped(wrapped)).decrypt(nonce, ciphertext, context.encode())
        except InvalidTag:
            raise unreadable from None

    @cached_property
    def _own_data_key(self) -> tuple[bytes, bytes]:
        made = self._call("generate_data_key", KeyId=self._secrets_key, KeySpec="AES_256", EncryptionContext=_SEALING)
        self._data_keys[made["CiphertextBlob"]] = made["Plaintext"]
        return made["CiphertextBlob"], made["Plaintext"]

    def _unwrapped(self, wrapped: bytes) -> bytes:
        if wrapped not in self._data_keys:
            answer = self._call("decrypt", KeyId=self._secrets_key, CiphertextBlob=wrapped, EncryptionContext=_SEALING)
            self._data_keys[wrapped] = answer["Plaintext"]
        return self._data_keys[wrapped]

    def _settled(self, method: str, **parameters: Any) -> Any:
        """Call for a key that was made or tagged a moment ago, which KMS may not know everywhere yet.

        Source: KMS Developer Guide, "AWS KMS eventual consistency" and "ABAC for AWS KMS".
        """
        for seconds in _SETTLING:
            with suppress(KeyNotFoundError, _DeniedError):
                return self._call(method, **parameters)
            self._pause(seconds)
        return self._call(method, **parameters)

    def _call(self, method: str, **parameters: Any) -> Any:
        try:
            return getattr(self._maker if method == "create_key" else self._client, method)(**parameters)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in _MISSING:
                raise KeyNotFoundError(f"There is no key {parameters.get('KeyId')} in KMS.") from error
            kind = KeyStoreThrottledError if code in _THROTTLED else _DeniedError if code in _DENIED else KeyStoreError
            raise kind(f"KMS refuses {method}: {code}.") from error
        except BotoCoreError as error:
            raise KeyStoreError(f"KMS does not answer: {type(error).__name__}.") from error
