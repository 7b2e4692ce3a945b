"""The token key of a home: it seals session tokens, and the secrets of other short-lived tokens derive from it.

A process reads it at most once in `principals.KNOWN_FOR`, and opens it with the keystore. Deleting it ends all of them.

Source: docs/adr/0006-session-tokens-are-sealed.md; RFC 5869 (HKDF).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chalicelib.access import principals
from chalicelib.frozen import dataclass
from chalicelib.identities import TokenKey
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

_CONTEXT = "token-key"


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """The token key in a form whose `repr` does not show it."""

    cipher: AESGCM
    secret: bytes = field(repr=False)


def known(rt: Runtime) -> OpenedKey | None:
    """Return the token key; None if the home has none yet."""
    found: OpenedKey | None = principals.remembered(rt, (_CONTEXT,), lambda: _read(rt))
    if found is None:
        principals.forget(rt, _CONTEXT)
    return found


def _read(rt: Runtime) -> OpenedKey | None:
    key = rt.store.get_entity(TokenKey, "", "1")
    if key is None:
        return None
    secret = rt.keys.unseal(key.sealed, _CONTEXT)
    return OpenedKey(AESGCM(secret), secret)


def made(rt: Runtime) -> OpenedKey:
    """Return the token key, and create it if there is none; processes that do so at the same time agree on one."""
    if (found := known(rt)) is not None:
        return found
    sealed = rt.keys.seal(AESGCM.generate_key(256), _CONTEXT)
    with suppress(ConflictError):
        rt.store.put_entity(TokenKey(sealed=sealed, created_at=rt.now()))
    found = known(rt)
    if found is None:
        raise ConflictError("The token key was deleted while it was being made.")
    return found


def derived(rt: Runtime, purpose: str) -> bytes:
    """Derive the secret of a purpose, 32 bytes; the token key is created if there is none."""
    return HKDF(SHA256(), 32, None, f"signet/{purpose}".encode()).derive(made(rt).secret)
