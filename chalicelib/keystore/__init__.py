"""The keystore port: who holds CA keys. Adapters lie beside this file; `runtime` alone picks one."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa

CaPrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)


class KeyStoreError(Exception):
    """A key cannot be made, found, opened or used; the text holds no key material."""


class KeyNotFoundError(KeyStoreError):
    """There is no such key, or it cannot be opened for this CA."""


class KeyStoreThrottledError(KeyStoreError):
    """Too many calls: the same may succeed a moment later."""


class KeyRefusedError(KeyStoreError):
    """The key that its owner named cannot be a CA's; the text says why, and whoever named it may read it."""


class KeyStore(Protocol):
    """Holds the private keys of CAs and seals small secrets."""

    def check_key(self, named: str, key_algorithm: str) -> None:
        """Raise `KeyRefusedError` unless this key of the owner's can become the key of a CA."""
        ...

    def create_key(self, ca_arn: str, key_algorithm: str, *, named: str | None = None) -> str:
        """Make a key for a CA and return its id.

        Args:
            ca_arn: the CA; the key can be opened for no other.
            key_algorithm: a `KeyAlgorithm` of the model.
            named: a key of the owner's, which was checked, to be taken instead of a new one.

        Raises:
            KeyStoreError: the algorithm is not supported here, or the key could not be kept.
        """
        ...

    def private_key(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        """The key as an object of cryptography's; its private part may live elsewhere.

        Raises:
            KeyNotFoundError: there is no such key for this CA.
        """
        ...

    def delete_key(self, key_id: str, ca_arn: str) -> None:
        """Destroy a key for good; no error where there is none."""
        ...

    def key_id_of(self, ca_arn: str) -> str:
        """The id that `create_key` gives for this CA: known before the key exists, so that a crash leaves no orphan."""
        ...

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a small secret; it can be opened only with the same context."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal` made.

        Raises:
            KeyStoreError: it was altered, or sealed under another context or key.
        """
        ...
