"""CA keys in AWS KMS: one asymmetric key per CA, found by an alias that contains the CA's id.

Keys created here have the tags `signet` = their purpose, `ca-key` or `ocsp-key`, and `signet:ca` = the CA's id. The
roles of the Lambda functions may sign only with keys whose first tag names their purpose, which a customer's key needs
too. The tag `signet:account` says to which account of Signet a customer's key belongs.

Several installations in an AWS account are kept apart by their names: aliases begin with them, and the purposes of an
installation that is not named `signet`, as in `signet2:ca-key`.

Small secrets are encrypted with a data key that KMS wraps; a process calls KMS once for each data key.

Source: AWS KMS API, CreateKey, CreateAlias, Sign, GenerateDataKey; Developer Guide, "Key spec reference".
"""

from __future__ import annotations

import re
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
from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.keystore import KeyNotFoundError, KeyRefusedError, KeyStoreError, KeyStoreThrottledError, kms_keys
from chalicelib.setting_fields import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.keystore import CaPrivateKey, Purpose

TAG, CA_TAG, ACCOUNT_TAG = "signet", "signet:ca", "signet:account"
_FOR_CAS: Purpose = "ca-key"
DELETION_DAYS = 7  # the shortest waiting period that KMS allows
LIMITS = Limits(answer_seconds=3, tries=2)
CREATION_LIMITS = Limits(answer_seconds=10, tries=1)  # a large key takes long, and a retry would create a second one
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
_NAMED = re.compile(
    r"(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/)?"
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})",
    re.ASCII,
)
_CA_ALIAS = re.compile(r"alias/[a-z0-9]+/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)  # of any installation
_VERSION = b"\x02"
_NONCE_BYTES = 12
_THROTTLED = frozenset({"ThrottlingException", "LimitExceededException", "TooManyRequestsException"})
_MISSING, _DENIED = frozenset({"NotFoundException"}), frozenset({"AccessDeniedException"})
_SETTLING = (0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between attempts, while a new key, its tags and its alias propagate


class _DeniedError(KeyStoreError):
    """KMS denies the call, perhaps only for now: tags may take minutes to take effect."""


class KmsKeyStore:
    """Keys of one account and region; clients are created at the first call."""

    is_remote = True

    def __init__(
        self,
        region: str,
        *,
        secrets_key: str,
        name: str = NAME,
        sealing: str = "secrets",
        limits: Limits = LIMITS,
        creation_limits: Limits = CREATION_LIMITS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._region, self._secrets_key, self._pause = region, secrets_key, pause
        self._alias, self._purposes = f"alias/{name}/", "" if name == NAME else f"{name}:"
        self._sealing = {"signet": sealing}  # the encryption context of every data key
        self._limits, self._creation_limits = limits, creation_limits
        self._breaker = CircuitBreaker()
        self._public_keys: dict[str, Any] = {}
        self._data_keys: dict[bytes, bytes] = {}

    def __repr__(self) -> str:
        return f"KmsKeyStore({self._region!r})"

    @cached_property
    def _client(self) -> Any:
        return self._breaker.client("kms", self._region, self._limits)

    @cached_property
    def _creation_client(self) -> Any:
        return self._breaker.client("kms", self._region, self._creation_limits)

    # keys of CAs

    def key_id_of(self, ca_arn: str) -> str:
        """Return the alias of the CA's key."""
        return self._alias + arns.parse_ca_arn(ca_arn).ca_id

    def check_key(self, named: str, key_algorithm: str, account_id: str) -> PublicKeyTypes:
        """Refuse a key of the customer that cannot be the key of a CA; return the public key of any other."""
        metadata, tags = self._key_of(named, account_id)
        problems = (
            (CA_TAG in tags or self._has_alias(metadata["KeyId"]), "it belongs to a CA already"),
            (metadata.get("KeyUsage") != "SIGN_VERIFY", "its usage is not SIGN_VERIFY"),
            (metadata.get("KeySpec") != KEY_SPECS.get(key_algorithm), f"its spec does not match {key_algorithm}"),
            (metadata["KeyState"] != "Enabled", f"its state is {metadata['KeyState']}"),
            (tags.get(TAG) != (tag := self._purposes + _FOR_CAS), f"it lacks the tag {TAG} = {tag}"),
        )
        for applies, problem in problems:
            if applies:
                raise KeyRefusedError(f"The KMS key {named} cannot be used for a CA: {problem}.")
        return load_der_public_key(self._call("get_public_key", KeyId=metadata["KeyId"])["PublicKey"])

    def _key_of(self, named: str, account_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the metadata and the tags of a key that belongs to an account; its aliases do not name it."""
        with suppress(KeyNotFoundError, _DeniedError):
            metadata = self._call("describe_key", KeyId=named)["KeyMetadata"] if _NAMED.fullmatch(named) else {}
            if named in {metadata.get("KeyId"), metadata.get("Arn")}:
                tags = self._tags(metadata["KeyId"])
                if tags.get(ACCOUNT_TAG) == account_id:
                    return metadata, tags
        raise KeyRefusedError(f"There is no KMS key {named} with the tag {ACCOUNT_TAG} = {account_id} in this region.")

    def _has_alias(self, key_id: str) -> bool:
        """Tell whether a key has an alias of Signet's; a key has at most 50 aliases, fewer than a page."""
        aliases = [each["AliasName"] for each in self._call("list_aliases", KeyId=key_id, Limit=100)["Aliases"]]
        return any(alias.startswith(self._alias.rstrip("/")) or _CA_ALIAS.fullmatch(alias) for alias in aliases)

    def create_key(
        self, ca_arn: str, key_algorithm: str, *, named: str | None = None, purpose: Purpose = _FOR_CAS
    ) -> str:
        """Create a key, or use the customer's; a key that the CA already has from an earlier attempt stays."""
        if key_algorithm not in KEY_SPECS:
            raise KeyStoreError(f"Key algorithm {key_algorithm} is not supported.")
        alias = self.key_id_of(ca_arn)
        if self._exists(alias):
            return alias
        key_id = named or self._new_key(ca_arn, key_algorithm, purpose)
        try:
            self._settled("create_alias", AliasName=alias, TargetKeyId=key_id)
        except KeyStoreError as error:
            if named is None:
                with suppress(KeyStoreError):  # the caller gets the first error
                    self._call("schedule_key_deletion", KeyId=key_id, PendingWindowInDays=DELETION_DAYS)
            if not self._exists(alias):
                raise error from None
        self._cache_public_key(alias, self._settled("get_public_key", KeyId=alias))
        return alias

    def _new_key(self, ca_arn: str, key_algorithm: str, purpose: Purpose) -> str:
        tags = {TAG: self._purposes + purpose, CA_TAG: arns.parse_ca_arn(ca_arn).ca_id}
        answer = self._call(
            "create_key",
            KeySpec=KEY_SPECS[key_algorithm],
            KeyUsage="SIGN_VERIFY",
            Description=f"Signet: key of {ca_arn}",
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )
        return str(answer["KeyMetadata"]["KeyId"])

    def private_key(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        """Return the key as an object that signs in KMS; its public key is fetched once."""
        if key_id != self.key_id_of(ca_arn):
            raise KeyNotFoundError(f"There is no key {key_id} for {ca_arn}.")
        if key_id not in self._public_keys:
            self._cache_public_key(key_id, self._call("get_public_key", KeyId=key_id))

        def sign(message: bytes, message_type: str, algorithm: str) -> bytes:
            answer = self._call(
                "sign", KeyId=key_id, Message=message, MessageType=message_type, SigningAlgorithm=algorithm
            )
            return bytes(answer["Signature"])

        key = kms_keys.private_key(self._public_keys[key_id], sign)
        if key is None:
            raise KeyStoreError(f"The key {key_id} is of an unknown type.")
        return key

    def _cache_public_key(self, key_id: str, answer: Any) -> None:
        self._public_keys[key_id] = load_der_public_key(answer["PublicKey"])

    def delete_key(self, key_id: str, ca_arn: str) -> None:
        """Remove the alias, and schedule the deletion of the key if it was created here."""
        self._public_keys.pop(key_id, None)
        try:
            metadata = self._call("describe_key", KeyId=key_id)["KeyMetadata"]
            created_here = self._tags(metadata["KeyId"]).get(CA_TAG) == arns.parse_ca_arn(ca_arn).ca_id
            if created_here and metadata["KeyState"] != "PendingDeletion":
                self._call("schedule_key_deletion", KeyId=metadata["KeyId"], PendingWindowInDays=DELETION_DAYS)
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
        tags = self._call("list_resource_tags", KeyId=key_id)["Tags"]
        return {tag["TagKey"]: tag["TagValue"] for tag in tags}

    # small secrets

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a small secret with this process's data key."""
        wrapped, key = self._data_key
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _VERSION + struct.pack(">H", len(wrapped)) + wrapped
        return head + nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a secret from `seal`, in this or another process."""
        unreadable = KeyStoreError("A secret cannot be decrypted: it was altered, or belongs to another context.")
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
    def _data_key(self) -> tuple[bytes, bytes]:
        answer = self._call(
            "generate_data_key", KeyId=self._secrets_key, KeySpec="AES_256", EncryptionContext=self._sealing
        )
        self._data_keys[answer["CiphertextBlob"]] = answer["Plaintext"]
        return answer["CiphertextBlob"], answer["Plaintext"]

    def _unwrapped(self, wrapped: bytes) -> bytes:
        if wrapped not in self._data_keys:
            answer = self._call(
                "decrypt", KeyId=self._secrets_key, CiphertextBlob=wrapped, EncryptionContext=self._sealing
            )
            self._data_keys[wrapped] = answer["Plaintext"]
        return self._data_keys[wrapped]

    def _settled(self, method: str, **parameters: Any) -> Any:
        """Make a call for a key that was just created or tagged, with retries until KMS knows it everywhere.

        Source: KMS Developer Guide, "AWS KMS eventual consistency" and "ABAC for AWS KMS".
        """
        for seconds in _SETTLING:
            with suppress(KeyNotFoundError, _DeniedError):
                return self._call(method, **parameters)
            self._pause(seconds)
        return self._call(method, **parameters)

    def _call(self, method: str, **parameters: Any) -> Any:
        try:
            client = self._creation_client if method == "create_key" else self._client
            return getattr(client, method)(**parameters)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in _MISSING:
                raise KeyNotFoundError(f"There is no key {parameters.get('KeyId')} in KMS.") from error
            kind = KeyStoreThrottledError if code in _THROTTLED else _DeniedError if code in _DENIED else KeyStoreError
            raise kind(f"KMS refused {method}: {code}.") from error
        except BotoCoreError as error:
            raise KeyStoreError(f"KMS does not answer: {type(error).__name__}.") from error
