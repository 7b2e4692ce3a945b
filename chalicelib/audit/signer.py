"""Ed25519 keys of the installation: one signs the heads of chains, one the journal. The store holds them sealed."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.keystore import KeyStoreError
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.store import Store
    from chalicelib.store.audit_records import SigningPurpose


class Sealing(Protocol):
    """The part of a keystore that seals small secrets."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a secret."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a secret from `seal`."""
        ...


class Signer:
    """A key, read at its first use; processes that start together agree on one."""

    def __init__(self, store: Store, keys: Sealing, purpose: SigningPurpose = "audit") -> None:
        self._store, self._keys, self._purpose = store, keys, purpose

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """The private key; made by the first process that needs it."""
        purpose, context = self._purpose, f"{self._purpose}-key"
        sealed = self._store.get_signing_key(purpose)
        if sealed is None:
            made = Ed25519PrivateKey.generate()
            sealed, public = self._keys.seal(made.private_bytes_raw(), context), made.public_key().public_bytes_raw()
            with suppress(ConflictError):  # another process was first
                self._store.put_signing_key(purpose, sealed, public)
            sealed = self._store.get_signing_key(purpose)
        if sealed is None:
            raise ConflictError(f"The {purpose} key was deleted while it was being made.")
        return Ed25519PrivateKey.from_private_bytes(self._keys.unseal(sealed, context))

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes: of the sealed key, which nobody can replace who cannot open it."""
        return self.key.public_key().public_bytes_raw()


class PublicKey:
    """The public key on record, for a process that may not open the private one: OCSP's on AWS."""

    def __init__(self, store: Store, purpose: SigningPurpose) -> None:
        self._store, self._purpose = store, purpose

    @property
    def key(self) -> Ed25519PrivateKey:
        """No private key."""
        raise KeyStoreError(f"This process may not open the {self._purpose} key.")

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes; b"" if there is none, which verifies nothing."""
        return self._store.get_public_key(self._purpose) or b""
