"""Access keys: who may sign requests. The first start makes one of the administrator's; secrets are stored sealed."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import string
from contextlib import suppress
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.audit import notes
from chalicelib.frozen import dataclass
from chalicelib.identities import ADMINISTRATOR, AccessKey
from chalicelib.keystore import KeyStoreError
from chalicelib.store import ConflictError, StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.runtime import Runtime

_ID_ALPHABET = string.ascii_uppercase + "234567"
_SECRET_ALPHABET = string.ascii_letters + string.digits
ROOT_DESCRIPTION = "root"
NOTED_EVERY = timedelta(minutes=10)
_MOST_NOTED = 10_000


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key with its secret in clear: shown once, never stored."""

    access_key_id: str
    secret: str = field(repr=False)


def create_access_key(
    rt: Runtime,
    account_id: str,
    description: str = "",
    *,
    principal: str = ADMINISTRATOR,
    expires_at: datetime | None = None,
) -> Credential:
    """Make an access key for a principal of an account and return it with its secret.

    Raises:
        ConflictError: the account has no such principal.
    """
    made = new_credential("AKIA")
    return _store(rt, made, account_id, description, principal=principal, expires_at=expires_at)


def adopt_access_key(rt: Runtime, credential: Credential, description: str) -> None:
    """Let an existing credential sign for this home's account; only for development. Repeating it changes nothing."""
    with suppress(ConflictError):
        _store(rt, credential, rt.settings.account_id, description)


def new_credential(prefix: str) -> Credential:
    """Make a random access key: "AKIA" for one that is stored, "ASIA" for a session's, as AWS does."""
    return _new(prefix + "".join(secrets.choice(_ID_ALPHABET) for _ in range(16)))


def _new(access_key_id: str) -> Credential:
    return Credential(access_key_id, "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40)))


def _store(
    rt: Runtime,
    credential: Credential,
    account_id: str,
    description: str,
    *,
    principal: str = ADMINISTRATOR,
    expires_at: datetime | None = None,
) -> Credential:
    key = AccessKey(
        access_key_id=credential.access_key_id,
        account_id=account_id,
        sealed_secret=b"",
        created_at=rt.now(),
        description=description,
        principal=principal,
        expires_at=expires_at,
    )
    notes.note(accessKeyId=key.access_key_id)
    rt.store.put_access_key(replace(key, sealed_secret=rt.keys.seal(credential.secret.encode(), _context(key))))
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
            return _store(rt, _new(access_key_id), rt.settings.account_id, ROOT_DESCRIPTION)
        except ConflictError:
            existing = rt.store.get_access_key(access_key_id)
    if existing is None:
        raise ConflictError("The root access key was deleted while it was being made.")
    return Credential(access_key_id, secret_of(rt, existing))


def secret_of(rt: Runtime, key: AccessKey) -> str:
    """The secret of an access key, in clear: to verify a signature, or to show it to its owner.

    Raises:
        KeyStoreError: it was altered, or sealed for another key id, account, principal or expiry.
    """
    try:
        return rt.keys.unseal(key.sealed_secret, _context(key)).decode()
    except KeyStoreError:
        secret = rt.keys.unseal(key.sealed_secret, _former_context(key))
    with suppress(ConflictError):  # another process has just done it
        rt.store.update_access_key(key, replace(key, sealed_secret=rt.keys.seal(secret, _context(key))))
    return secret.decode()


def of_account(rt: Runtime, account_id: str) -> list[AccessKey]:
    """List the access keys of an account, oldest first."""
    return [key for key in rt.store.list_access_keys() if key.account_id == account_id]


def of_principal(rt: Runtime, account_id: str, principal: str) -> list[AccessKey]:
    """List the access keys of a principal, oldest first."""
    return [key for key in of_account(rt, account_id) if key.principal == principal]


def set_active(rt: Runtime, key: AccessKey, *, active: bool) -> None:
    """Deactivate an access key, or activate it again; `ConflictError` if it is changed or deleted meanwhile."""
    secret = secret_of(rt, key)  # which seals that of an earlier release again
    key = rt.store.get_access_key(key.access_key_id) or key
    changed = replace(key, active=active)
    rt.store.update_access_key(key, replace(changed, sealed_secret=rt.keys.seal(secret.encode(), _context(changed))))


def note_use(rt: Runtime, access_key_id: str) -> None:
    """Record that an access key was used, at most once in `NOTED_EVERY` and process; failing to do so has no effect."""
    now, noted = rt.now(), rt.noted_uses.get(access_key_id)
    if noted is not None and timedelta(0) <= now - noted < NOTED_EVERY:
        return
    if len(rt.noted_uses) >= _MOST_NOTED:
        rt.noted_uses.clear()
    rt.noted_uses[access_key_id] = now
    try:
        rt.store.note_access_key_use(access_key_id, now=now, every=NOTED_EVERY)
    except StoreError:
        logs.log_exception("use_not_noted", access_key_id=access_key_id)


def _context(key: AccessKey) -> str:
    """What a secret is sealed for: all that its record says of what the key may do, so that no record is altered."""
    expires_at = None if key.expires_at is None else key.expires_at.isoformat()
    inactive = [] if key.active else ["inactive"]
    return "access-key/" + json.dumps([key.access_key_id, key.account_id, key.principal, expires_at, *inactive])


def _former_context(key: AccessKey) -> str:
    """What secrets were sealed for in earlier releases; each is sealed anew when it is first read."""
    owner = "" if key.principal == ADMINISTRATOR else f"/{key.account_id}/{key.principal}"
    return f"access-key/{key.access_key_id}{owner}"
