"""CA keys in files, each encrypted with AES-256-GCM and bound to its CA.

The wrapping key is derived from a passphrase (scrypt), or read from a file of mode 0600 that is created at the first
use. An envelope is `version || nonce || ciphertext`. Its purpose and its CA (or context) are authenticated with it, and
each purpose has its own key (HKDF), so that no envelope can be opened in the place of another.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from chalicelib import arn as arns
from chalicelib import files
from chalicelib.keystore import CaPrivateKey, KeyNotFoundError, KeyRefusedError, KeyStoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.keystore import Purpose

_VERSION = b"\x01"
_NONCE_BYTES = 12
_CACHED_KEYS = 128
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
_CANARY = b"signet"

_GENERATORS: dict[str, Callable[[], CaPrivateKey]] = {
    "RSA_2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA_3072": lambda: rsa.generate_private_key(65537, 3072),
    "RSA_4096": lambda: rsa.generate_private_key(65537, 4096),
    "EC_prime256v1": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC_secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EC_secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ML_DSA_44": mldsa.MLDSA44PrivateKey.generate,
    "ML_DSA_65": mldsa.MLDSA65PrivateKey.generate,
    "ML_DSA_87": mldsa.MLDSA87PrivateKey.generate,
}


class SoftwareKeyStore:
    """Keys in a directory, which is neither read nor written before the first use."""

    is_remote = False

    def __init__(
        self, path: Path, *, passphrase: str | None, generate: Callable[[str, str], CaPrivateKey] | None = None
    ) -> None:
        """Name the directory; `generate` makes the key of an algorithm for a CA, at random if it is not given."""
        self._path, self._passphrase = path, passphrase
        self._generate = generate or (lambda key_algorithm, _: _GENERATORS[key_algorithm]())
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[str, str], CaPrivateKey] = OrderedDict()
        self._ciphers: dict[str, AESGCM] = {}

    def __repr__(self) -> str:
        return f"SoftwareKeyStore({str(self._path)!r})"

    def key_id_of(self, ca_arn: str) -> str:
        """Return the CA's UUID."""
        return arns.parse_ca_arn(ca_arn).ca_id

    def check_key(self, named: str, key_algorithm: str, account_id: str) -> PublicKeyTypes:  # noqa: ARG002  all are refused
        """Refuse every key of a customer: only KMS can have them."""
        raise KeyRefusedError("The tag signet:kms-key can be used only if CA keys are in KMS (SIGNET_KEYS=kms).")

    def create_key(
        self,
        ca_arn: str,
        key_algorithm: str,
        *,
        named: str | None = None,  # noqa: ARG002  as above
        purpose: Purpose = "ca-key",  # noqa: ARG002  one process uses keys of every purpose
    ) -> str:
        """Create a key; a key that the CA already has from an earlier attempt stays."""
        if key_algorithm not in _GENERATORS:
            raise KeyStoreError(f"Key algorithm {key_algorithm} is not supported.")
        key_id = self.key_id_of(ca_arn)
        key = self._generate(key_algorithm, ca_arn)
        plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        envelope = self._seal("ca-key", plain, ca_arn)
        try:
            files.write_atomically(self._file(key_id), envelope, exclusive=True)
        except FileExistsError:
            self.private_key(key_id, ca_arn)
        except OSError as error:
            raise KeyStoreError(f"A key cannot be stored in {self._path}: {error.strerror}.") from error
        return key_id

    def private_key(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        """Open a key, or return it from the cache."""
        with self._lock:
            key = self._opened.get((key_id, ca_arn))
            if key is not None:
                self._opened.move_to_end((key_id, ca_arn))
                return key
        key = self._open(key_id, ca_arn)
        with self._lock:
            self._opened[key_id, ca_arn] = key
            while len(self._opened) > _CACHED_KEYS:
                self._opened.popitem(last=False)
        return key

    def _open(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        missing = KeyNotFoundError(f"There is no key {key_id} for {ca_arn}.")
        if key_id != self.key_id_of(ca_arn):
            raise missing
        try:
            envelope = self._file(key_id).read_bytes()
        except FileNotFoundError:
            raise missing from None
        except OSError as error:
            raise KeyStoreError(f"The key {key_id} cannot be read: {error.strerror}.") from error
        plain = self._unseal("ca-key", envelope, ca_arn)
        # The envelope is authenticated, so the parameters are as generated.
        key = load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, CaPrivateKey):
            raise KeyStoreError(f"The key {key_id} is of an unknown type.")
        return key

    def delete_key(self, key_id: str, ca_arn: str) -> None:
        """Remove the key's file, and the key from the cache."""
        with self._lock:
            self._opened.pop((key_id, ca_arn), None)
        try:
            files.remove(self._file(key_id))
        except OSError as error:
            raise KeyStoreError(f"The key {key_id} cannot be removed: {error.strerror}.") from error

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a small secret with a context."""
        return self._seal("secret", plaintext, context)

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a secret from `seal` with the same context."""
        return self._unseal("secret", sealed, context)

    def _file(self, key_id: str) -> Path:
        return self._path / f"{key_id}.key"

    def _seal(self, purpose: str, plaintext: bytes, context: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher(purpose).encrypt(nonce, plaintext, f"{purpose}/{context}".encode())

    def _unseal(self, purpose: str, envelope: bytes, context: str) -> bytes:
        if envelope[:1] != _VERSION:
            raise KeyStoreError("A secret has an unknown version.")
        nonce, ciphertext = envelope[1 : 1 + _NONCE_BYTES], envelope[1 + _NONCE_BYTES :]
        try:
            return self._cipher(purpose).decrypt(nonce, ciphertext, f"{purpose}/{context}".encode())
        except (InvalidTag, ValueError):
            raise KeyStoreError(
                "A secret cannot be decrypted: it was altered, or belongs to another context."
            ) from None

    def _cipher(self, purpose: str) -> AESGCM:
        """Derive the key of a purpose, once; it is in memory for as long as the wrapping key."""
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = AESGCM(HKDF(SHA256(), 32, None, f"signet/{purpose}".encode()).derive(self._wrapping_key))
            self._ciphers[purpose] = cipher
        return cipher

    @cached_property
    def _wrapping_key(self) -> bytes:
        try:
            files.make_directory(self._path)
            with files.locked(self._path / "lock"):
                return self._from_passphrase() if self._passphrase else self._from_file()
        except OSError as error:
            raise KeyStoreError(f"The keystore {self._path} cannot be used: {error.strerror}.") from error

    def _from_file(self) -> bytes:
        path = self._path / "wrapping.key"
        if (self._path / "passphrase.check").exists():
            raise KeyStoreError("The keys are encrypted with a passphrase: set SIGNET_KEY_PASSPHRASE.")
        if not path.exists():
            files.write_atomically(path, secrets.token_bytes(32), exclusive=True)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyStoreError(f"{path} can be read by other users: its mode must be 0600.")
        key = path.read_bytes()
        if len(key) != 32:
            raise KeyStoreError(f"{path} does not contain a wrapping key.")
        return key

    def _from_passphrase(self) -> bytes:
        """Derive the key, and verify that it is the one of the first use by decrypting a canary."""
        if (self._path / "wrapping.key").exists():
            raise KeyStoreError("The keys are encrypted with a key file: unset SIGNET_KEY_PASSPHRASE.")
        path = self._path / "passphrase.check"
        salt = path.read_bytes()[:16] if path.exists() else os.urandom(16)
        key = Scrypt(salt, 32, **_SCRYPT).derive((self._passphrase or "").encode())
        nonce = bytes(_NONCE_BYTES)
        if not path.exists():
            files.write_atomically(path, salt + AESGCM(key).encrypt(nonce, _CANARY, salt), exclusive=True)
        try:
            AESGCM(key).decrypt(nonce, path.read_bytes()[16:], salt)
        except InvalidTag:
            raise KeyStoreError("SIGNET_KEY_PASSPHRASE is not the passphrase of these keys.") from None
        return key
