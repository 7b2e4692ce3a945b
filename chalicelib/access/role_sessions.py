"""Sessions of roles: access keys that expire soon, and the session tokens that hold them.

The home's token key seals each token; see `token_key`. So an invented token costs one decryption, and no call of KMS.

Source: docs/adr/0006-session-tokens-are-sealed.md; RFC 5116 section 5.1 (AES-GCM).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag

from chalicelib.access import access_keys, principals, token_key
from chalicelib.access.access_keys import Credential
from chalicelib.frozen import dataclass
from chalicelib.identities import ADMINISTRATOR, OidcProvider, Role, Session

if TYPE_CHECKING:
    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Runtime

ACCESS_KEY, OIDC_PROVIDER = "access-key", "oidc-provider"
MAX_TOKEN_CHARACTERS = 8192
SKEW = timedelta(minutes=5)  # between the clocks of two machines
_VERSION = b"\x01"
_NONCE_BYTES = 12


class Opened(NamedTuple):
    """The contents of a session token: its access key and its session."""

    credential: Credential
    session: Session


@dataclass(frozen=True, slots=True)
class Started:
    """A session with all that signs its requests: shown once, never stored."""

    credential: Credential
    token: str = field(repr=False)
    session: Session


def principal_of(session: Session) -> str:
    """Return the name of a session's callers."""
    return f"{principals.ASSUMED_ROLE}{session.role}/{session.name}"


def start(
    rt: Runtime, role: Role, name: str, source: tuple[str, str, str], lifetime: timedelta, *, policy: str = ""
) -> Started:
    """Begin a session of a role.

    Args:
        rt: the runtime.
        role: the role.
        name: of the session.
        source: see `identities.Session`.
        lifetime: in whole seconds.
        policy: limits the session further.
    """
    now = rt.now().astimezone(UTC).replace(microsecond=0)
    session = Session(
        account_id=role.account_id,
        role=role.name,
        role_id=role.role_id,
        name=name,
        source=source,
        issued_at=now,
        expires_at=now + lifetime,
        policy=policy,
    )
    credential = access_keys.new_credential("ASIA")
    return Started(credential, _seal(rt, Opened(credential, session)), session)


def is_alive(rt: Runtime, session: Session) -> bool:
    """Tell whether the session's role and source still exist, and are the same ones.

    A clock that ran ahead began a session of the future, which would live too long.
    """
    if session.issued_at > rt.now() + SKEW:
        return False
    role = principals.known_entity(rt, Role, session.account_id, session.role)
    return role is not None and role.role_id == session.role_id and _has_source(rt, session)


def _has_source(rt: Runtime, session: Session) -> bool:
    kind, name, since = session.source
    if kind == OIDC_PROVIDER:
        provider = principals.known_entity(rt, OidcProvider, session.account_id, name)
        return provider is not None and provider.provider_id == since
    key = rt.store.get_access_key(name)
    if key is None or not key.active or source_of(key) != session.source or key.account_id != session.account_id:
        return False
    return key.principal == ADMINISTRATOR or principals.known_principal(rt, key.account_id, key.principal) is not None


def source_of(key: AccessKey) -> tuple[str, str, str]:
    """Return the source of sessions that an access key begins."""
    return ACCESS_KEY, key.access_key_id, key.created_at.astimezone(UTC).isoformat()


# tokens


def _seal(rt: Runtime, opened: Opened) -> str:
    cipher = token_key.made(rt).cipher
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(_VERSION + nonce + cipher.encrypt(nonce, _encode(opened), _VERSION)).decode()


def opened(rt: Runtime, token: str) -> Opened | None:
    """Open a session token; None if this home did not make it, or if a bit of it differs."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        return None
    try:
        sealed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    # The same bytes have several spellings in base64.
    if sealed[:1] != _VERSION or len(content) < 16 or base64.urlsafe_b64encode(sealed).decode() != token:
        return None
    key = token_key.known(rt)
    try:
        return None if key is None else _decode(key.cipher.decrypt(nonce, content, _VERSION))
    except InvalidTag:
        return None


def _encode(opened: Opened) -> bytes:
    credential, session = opened
    return json.dumps(
        {
            "key": [credential.access_key_id, credential.secret],
            "account": session.account_id,
            "role": [session.role, session.role_id],
            "name": session.name,
            "source": session.source,
            "from": int(session.issued_at.timestamp()),
            "to": int(session.expires_at.timestamp()),
            "policy": session.policy,
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def _decode(content: bytes) -> Opened:
    found = json.loads(content)
    role, role_id = found["role"]
    kind, name, since = found["source"]
    session = Session(
        account_id=found["account"],
        role=role,
        role_id=role_id,
        name=found["name"],
        source=(kind, name, since),
        issued_at=datetime.fromtimestamp(found["from"], UTC),
        expires_at=datetime.fromtimestamp(found["to"], UTC),
        policy=found["policy"],
    )
    return Opened(Credential(*found["key"]), session)
