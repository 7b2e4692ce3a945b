"""Access keys: who may sign requests. The first start makes a root key; secrets are stored sealed."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.records import AccessKey
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

_ID_ALPHABET = string.ascii_uppercase + "234567"
_SECRET_ALPHABET = string.ascii_letters + string.digits
ROOT_DESCRIPTION = "root"


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key with its secret in clear: shown once, never stored."""

    access_key_id: str
    secret: str = field(repr=False)


def create_access_key(rt: Runtime, account_id: str, description: str = "") -> Credential:
    """Make an access key for an account and return it with its secret."""
    access_key_id = "AKIA" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(16))
    return _store(rt, account_id, description, _new(access_key_id))


def adopt_access_key(rt: Runtime, credential: Credential, description: str) -> None:
    """Let an existing credential sign for this home's account; only for development. Repeating it changes nothing."""
    with suppress(ConflictError):
        _store(rt, rt.settings.account_id, description, credential)


def _new(access_key_id: str) -> Credential:
    return Credential(access_key_id, "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40)))


def _store(rt: Runtime, account_id: str, description: str, credential: Credential) -> Credential:
    key = AccessKey(
        access_key_id=credential.access_key_id,
        account_id=account_id,
        sealed_secret=rt.keys.seal(credential.secret.encode(), _context(credential.access_key_id)),
        created_at=rt.now(),
        description=description,
    )
    rt.store.put_access_key(key)
    return credential


def ensure_root_key(rt: Runtime) -> Credential:
    """The root access key, made by the first call; processes that start together agree on one.

    Its id follows from the account, so that the store's conditional write decides which process makes it.
    """
    digest = hashlib.sha256(f"root/{rt.settings.account_id}".encode()).digest()
    access_key_id = "AKIA" + base64.b32encode(digest)[:16].decode()
    existing = rt.store.get_access_key(access_key_id)
    if existing is None:
        try:
            return _store(rt, rt.settings.account_id, ROOT_DESCRIPTION, _new(access_key_id))
        except ConflictError:
            existing = rt.store.get_access_key(access_key_id)
    if existing is None:
        raise ConflictError("The root access key was deleted while it was being made.")
    return Credential(access_key_id, secret_of(rt, existing))


def secret_of(rt: Runtime, key: AccessKey) -> str:
    """The secret of an access key, in clear: to verify a signature, or to show it to its owner.

    Raises:
        KeyStoreError: it was altered, or sealed for another key id.
    """
    return rt.keys.unseal(key.sealed_secret, _context(key.access_key_id)).decode()


def _context(access_key_id: str) -> str:
    return f"access-key/{access_key_id}"
