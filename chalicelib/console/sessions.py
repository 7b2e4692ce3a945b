"""Sessions, their cookie, and the token that proves that a form is ours.

A browser holds a random id; the store holds its SHA-256, so that reading the store is not enough to sign in. The token
of a form is another hash of the id: only those who know the id can compute it, and it need not be stored.

Source: OWASP Session Management, and Cross-Site Request Forgery Prevention, cheat sheets; RFC 6265bis.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from chalicelib.access import access_keys, role_sessions
from chalicelib.api import dispatch
from chalicelib.identities import ConsoleSession
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.api.sigv4 import Secret, WireRequest
    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Runtime

COOKIE = "signet-session"
VISITOR_COOKIE = "signet-visitor"  # for visitors who have not signed in: the token of the sign-in form is a hash of it
LIFE = timedelta(hours=8)
IDLE = timedelta(minutes=30)  # without a page, a session ends
FRESH = timedelta(minutes=10)  # for so long after signing in, something may be deleted
_LONGER = timedelta(minutes=5)  # a session is written again when it has lost so much of its idle time
LINK_LIFE = timedelta(seconds=60)
_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_DUMMY_SECRET = "0" * 40
_ATTEMPTS = 8


def new_id() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def id_in(request: WireRequest, cookie: str) -> str:
    """The id in a cookie of a request; empty if there is none."""
    return next(filter(_ID.fullmatch, cookies(request.headers, cookie)), "")


def cookies(headers: Iterable[tuple[str, str]], name: str) -> Iterator[str]:
    """The values of a cookie, as often as a request has it, read in linear time.

    The reader of the library understands quotes and escapes, which no cookie of ours has, and takes quadratic time over
    backslashes in releases before 3.12.6 (CVE-2024-7592).

    Source: RFC 6265 sections 4.2.1 and 5.4.
    """
    for header, text in headers:
        if header == "cookie":
            for pair in text.split(";"):
                key, _, value = pair.partition("=")
                if key.strip(" \t") == name:
                    yield value.strip(" \t")


def set_cookie(name: str, value: str, *, secure: bool) -> dict[str, str]:
    """The header that stores an id in a browser, hidden from scripts and other sites; an empty id removes it."""
    expiry = "" if value else "; Max-Age=0"
    return {"Set-Cookie": f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{expiry}{'; Secure' if secure else ''}"}


def form_token(visitor_id: str) -> str:
    """The token that forms have to send back; empty without an id, and then never valid."""
    return _hash("form", visitor_id) if visitor_id else ""


def is_own_form(request: WireRequest, expected: str, token: str | None) -> bool:
    """Tell whether a page of this very host sent a form, with the right token if that is known already."""
    if not expected or not _is_own_origin(request):
        return False
    return token is None or hmac.compare_digest(expected.encode(), token.encode())


def _is_own_origin(request: WireRequest) -> bool:
    """Tell whether `Origin` is the host that the request was sent to (RFC 6454 section 7)."""
    host = request.header("host")
    origins = [value for name, value in request.headers if name == "origin"]
    return bool(host) and len(set(origins)) == 1 and _origin(origins[0]) == _origin(f"{request.scheme}://{host}")


def _origin(text: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]


def _hash(purpose: str, secret_id: str) -> str:
    return hashlib.sha256(f"signet-console/{purpose}/{secret_id}".encode()).hexdigest()


# sessions


def sign_in(rt: Runtime, access_key_id: str, secret: str) -> str | None:
    """The id of a new session; None if key and secret do not match, which does not tell which of them is wrong."""
    known: Secret | None = dispatch.secret_of(rt, access_key_id) if is_key_id(access_key_id) else None
    right = hmac.compare_digest((known.secret if known else _DUMMY_SECRET).encode(), secret.encode())
    if not right or known is None:
        dispatch.equalize(rt, known is not None)
        return None
    key = rt.store.get_access_key(access_key_id)
    return _begin(rt, "session", key, IDLE) if key is not None and _is_usable(rt, key) else None


def is_key_id(text: str) -> bool:
    """Return whether a text has the form of an access key id."""
    return re.fullmatch(r"[A-Za-z0-9_]{1,128}", text, re.ASCII) is not None


def _is_usable(rt: Runtime, key: AccessKey) -> bool:
    return key.active and (key.expires_at is None or key.expires_at > rt.now())


def _begin(rt: Runtime, purpose: str, key: AccessKey, life: timedelta) -> str:
    made, now = new_id(), rt.now()
    rt.store.put_session(
        ConsoleSession(
            id_sha256=_hash(purpose, made),
            access_key_id=key.access_key_id,
            account_id=key.account_id,
            principal=key.principal,
            created_at=now,
            expires_at=now + life,
        )
    )
    return made


def make_link(rt: Runtime, key: AccessKey) -> str:
    """A link that signs in once, within a minute, as this access key."""
    return _begin(rt, "link", key, LINK_LIFE)


def follow_link(rt: Runtime, link: str) -> str | None:
    """The id of a new session; None if the link was followed before, is too old, or never existed."""
    session = rt.store.take_session(_hash("link", link)) if _ID.fullmatch(link) else None
    key = _key_of(rt, session) if session else None
    return _begin(rt, "session", key, IDLE) if key else None


def find(rt: Runtime, session_id: str, *, used: bool = True) -> ConsoleSession | None:
    """The session of an id, unless it or its access key has expired or was deleted.

    Args:
        rt: the runtime.
        session_id: what the browser has.
        used: by a person, who keeps it from ending; not by a page that reloads a part of itself.
    """
    session = rt.store.get_session(_hash("session", session_id)) if session_id else None
    if session is None or _key_of(rt, session) is None:
        return None
    if not used:
        return session
    access_keys.note_use(rt, session.access_key_id)
    return _kept_alive(rt, session)


def _kept_alive(rt: Runtime, session: ConsoleSession) -> ConsoleSession:
    until = min(session.created_at + LIFE, rt.now() + IDLE)
    if until - session.expires_at < _LONGER:
        return session
    with suppress(ConflictError):  # it is being changed by another visit, which does the same, or has ended
        return rt.store.update_session(session, replace(session, expires_at=until))
    return session


def is_fresh(rt: Runtime, session: ConsoleSession) -> bool:
    """Tell whether a session began so lately that its visitor need not sign in again to delete something."""
    return timedelta(0) <= rt.now() - session.created_at < FRESH


class Ended(NamedTuple):
    """The end of a session.

    Attributes:
        why: "idle", "life", "key" or "gone"; empty if there was none.
        session: as it was; None unless its access key may still be used.
    """

    why: str = ""
    session: ConsoleSession | None = None


def ended(rt: Runtime, session_id: str) -> Ended:
    """The end of a session that `find` no longer finds; records of sessions remain for a day."""
    session = rt.store.get_session(_hash("session", session_id)) if session_id else None
    if session is None or session.created_at - role_sessions.SKEW > rt.now():
        return Ended("gone" if session_id else "")
    if _usable_key(rt, session) is None or session.expires_at > rt.now():
        return Ended("key")
    return Ended("life" if rt.now() >= session.created_at + LIFE else "idle", session)


def _key_of(rt: Runtime, session: ConsoleSession) -> AccessKey | None:
    """The access key of a session that has not ended, if it may still be used; none has begun in the future."""
    if not session.created_at - role_sessions.SKEW <= rt.now() < session.expires_at:
        return None
    return _usable_key(rt, session)


def _usable_key(rt: Runtime, session: ConsoleSession) -> AccessKey | None:
    key = rt.store.get_access_key(session.access_key_id)
    if key is None or not _is_usable(rt, key):
        return None
    return key if (key.account_id, key.principal) == (session.account_id, session.principal) else None


def sign_out(rt: Runtime, session: ConsoleSession) -> None:
    """End a session."""
    rt.store.take_session(session.id_sha256)


def keep_note(rt: Runtime, session: ConsoleSession, note: str) -> None:
    """Store the note for the next page, instead of any earlier one.

    Raises:
        ConflictError: the session has ended.
    """
    _change(rt, session, lambda current: replace(current, note=note))


def _change(rt: Runtime, session: ConsoleSession, change: Callable[[ConsoleSession], ConsoleSession]) -> ConsoleSession:
    for _ in range(_ATTEMPTS):
        current = rt.store.get_session(session.id_sha256)
        if current is None:
            break
        changed = change(current)
        try:
            rt.store.update_session(current, changed)
        except ConflictError:
            continue
        return changed
    raise ConflictError("The session has ended, or is being changed.")
