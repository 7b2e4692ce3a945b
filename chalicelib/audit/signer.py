"""The installation's Ed25519 key, which signs the heads of chains; the store holds it sealed by the keystore."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.store import Store

_CONTEXT = "audit-key"


class Sealing(Protocol):
    """The part of a keystore that seals small secrets."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt and authenticate a secret."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Decrypt a secret from `seal`."""
        ...


class Signer:
    """The key, read at its first use; processes that start together agree on one."""

    def __init__(self, store: Store, keys: Sealing) -> None:
        self._store, self._keys = store, keys

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """The private key; made by the first process that needs it."""
        sealed = self._store.get_audit_key()
        if sealed is None:
            made = Ed25519PrivateKey.generate().private_bytes_raw()
            with suppress(ConflictError):  # another process was first
                self._store.put_audit_key(self._keys.seal(made, _CONTEXT))
            sealed = self._store.get_audit_key()
        if sealed is None:
            raise ConflictError("The audit key was deleted while it was being made.")
        return Ed25519PrivateKey.from_private_bytes(self._keys.unseal(sealed, _CONTEXT))

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self.key.public_key().public_bytes_raw()
