"""The key that authenticates nonces: one for a home, made when the first nonce is, and sealed by the keystore."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.identities import TokenKey
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

_NAME, _CONTEXT = "acme-nonces", "acme-nonce-key"
_BYTES = 32


def of_nonces(rt: Runtime) -> bytes:
    """Return the key; processes that make it at the same time agree on one."""
    known, _ = rt.known.get((_NAME,), (None, None))
    if known is None:
        known = _read(rt) or _made(rt)
        rt.known[_NAME,] = (known, rt.now())
    return bytes(known)


def _read(rt: Runtime) -> bytes | None:
    key = rt.store.get_entity(TokenKey, "", _NAME)
    return None if key is None else rt.keys.unseal(key.sealed, _CONTEXT)


def _made(rt: Runtime) -> bytes:
    sealed = rt.keys.seal(secrets.token_bytes(_BYTES), _CONTEXT)
    with suppress(ConflictError):
        rt.store.put_entity(TokenKey(name=_NAME, sealed=sealed, created_at=rt.now()))
    made = _read(rt)
    if made is None:
        raise ConflictError("The key of nonces was deleted while it was being made.")
    return made
