"""The keystore port: custody of CA keys and small secrets. `runtime` chooses an adapter from this package.

Here are the port and its adapters, encrypted files and AWS KMS. Only `ca/signing.py` uses the CA keys that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

CaPrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)


Purpose = Literal["ca-key", "ocsp-key"]


class KeyStoreError(Exception):
    """A key cannot be created, found, opened or used; the text contains no key material."""


class KeyNotFoundError(KeyStoreError):
    """There is no such key, or it cannot be opened for this CA."""


class KeyStoreThrottledError(KeyStoreError):
    """Too many calls: a later retry may succeed."""


class KeyRefusedError(KeyStoreError):
    """The customer's key cannot be used for a CA; the text gives the reason, and is safe to show to the caller."""


class KeyStore(Protocol):
    """Holds the private keys of CAs and seals small secrets.

    Attributes:
        is_remote: signatures are made elsewhere, so that a power cut here does not undo them: their intents are on the
            disk before (ADR 15).
    """

    is_remote: bool

    def check_key(self, named: str, key_algorithm: str, account_id: str) -> PublicKeyTypes:
        """Return the public key of a customer's key that can become the key of a CA.

        Args:
            named: the key's id or ARN, as the customer wrote it.
            key_algorithm: a `KeyAlgorithm` of the model.
            account_id: the customer's; the key must be tagged with it.

        Raises:
            KeyRefusedError: it cannot. The text is the same for a missing key and for a key of another account.
        """
        ...

    def create_key(
        self, ca_arn: str, key_algorithm: str, *, named: str | None = None, purpose: Purpose = "ca-key"
    ) -> str:
        """Create a key for a CA and return its id.

        Args:
            ca_arn: the CA; the key can be opened for no other CA.
            key_algorithm: a `KeyAlgorithm` of the model.
            named: a key of the customer, already checked, to use instead of a new one.
            purpose: what the key signs: everything of its CA, or OCSP answers only.

        Raises:
            KeyStoreError: the algorithm is not supported, or the key could not be stored.
        """
        ...

    def private_key(self, key_id: str, ca_arn: str) -> CaPrivateKey:
        """Return the key as an object of the `cryptography` package, which may sign remotely.

        Raises:
            KeyNotFoundError: there is no such key for this CA.
        """
        ...

    def delete_key(self, key_id: str, ca_arn: str) -> None:
        """Destroy a key; no error if there is none."""
        ...

    def key_id_of(self, ca_arn: str) -> str:
        """Return the id that `create_key` uses for this CA; known in advance, so that a crash leaves no orphan."""
        ...

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a small secret, which can be opened only with the same context."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a secret from `seal`.

        Raises:
            KeyStoreError: it was altered, or sealed with another context or key.
        """
        ...
