"""The keys of OIDC issuers, which the issuer publishes or the operator hands over; only public signing keys count.

A process keeps fetched keys for `USABLE`. It fetches them again after `FRESH`, and for an unknown key id, but not more
often than once in `PAUSE`, so that invented tokens cannot make it fetch.

Source: OpenID Connect Discovery 1.0 section 4; RFC 7517 sections 4 and 5; RFC 8725 sections 3.1 to 3.5.
"""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib import errors, fetching, jose, logs

if TYPE_CHECKING:
    from datetime import datetime

    from joserfc.jwk import Key

    from chalicelib.identities import OidcProvider
    from chalicelib.runtime import Runtime

FRESH, USABLE, PAUSE = timedelta(minutes=10), timedelta(hours=1), timedelta(seconds=30)
SECONDS = 5.0  # for both documents
_MOST_DOCUMENT_BYTES, _MOST_KEYS_BYTES, _MOST_KEYS = 65_536, 262_144, 100
_MOST_ISSUERS = 1000
_MOST_RSA_BITS = 8192
_TURN = threading.Lock()


class IssuerKey(NamedTuple):
    """A public key of an issuer.

    Attributes:
        kid: its id; empty for none.
        kind: type and curve, as in `jose.ALGORITHMS`.
        alg: its only algorithm; empty for any.
    """

    kid: str
    kind: tuple[str, str]
    alg: str
    key: Key


@dataclass(slots=True)
class Known:
    """The keys of an issuer in this process.

    Attributes:
        fetched_at: the last successful fetch; None: there was none.
        tried_at: the last attempt.
    """

    keys: tuple[IssuerKey, ...] = ()
    fetched_at: datetime | None = None
    tried_at: datetime | None = None


def key_for(rt: Runtime, provider: OidcProvider, alg: str, kid: str) -> IssuerKey:
    """Return the key that a token names.

    Raises:
        IDPCommunicationError: the keys cannot be fetched now.
        InvalidIdentityToken: the issuer has no such key.
    """
    found = _fitting(_given(provider.jwks), alg, kid) if provider.jwks else _fetched(rt, provider, alg, kid)
    if found is None:
        raise errors.InvalidIdentityToken("The issuer has no key of the token's kid and alg.")
    return found


@lru_cache(maxsize=64)
def _given(jwks: str) -> tuple[IssuerKey, ...]:
    return read(jwks.encode())


def _fetched(rt: Runtime, provider: OidcProvider, alg: str, kid: str) -> IssuerKey | None:
    now, known = rt.now(), _known(rt, provider)
    age = None if known.fetched_at is None else now - known.fetched_at
    is_usable = age is not None and timedelta(0) <= age < USABLE
    found = _fitting(known.keys, alg, kid) if is_usable else None
    if found is not None and age is not None and age < FRESH:
        return found
    if _may_try(known, now):
        try:
            known.keys, known.fetched_at = _fetch(rt, provider), now
            return _fitting(known.keys, alg, kid)
        except (OSError, http.client.HTTPException, ValueError) as error:
            logs.log("oidc_keys_not_fetched", issuer=provider.url, error=f"{type(error).__name__}: {error}")
            is_usable = is_usable and found is not None
    if not is_usable:
        raise errors.IDPCommunicationError(
            "The keys of the issuer could not be fetched; try again.", retry_after_seconds=int(PAUSE.total_seconds())
        )
    return found


def _known(rt: Runtime, provider: OidcProvider) -> Known:
    with _TURN:
        if len(rt.issuers) >= _MOST_ISSUERS:
            rt.issuers.clear()
        known: Known = rt.issuers.setdefault(provider.provider_id, Known())
        return known


def _may_try(known: Known, now: datetime) -> bool:
    """Take the turn to fetch, which one request gets in each `PAUSE`."""
    with _TURN:
        if known.tried_at is not None and timedelta(0) <= now - known.tried_at < PAUSE:
            return False
        known.tried_at = now
        return True


def _fitting(keys: tuple[IssuerKey, ...], alg: str, kid: str) -> IssuerKey | None:
    """Return the one key of this id and algorithm; without a `kid`, the only key of this algorithm."""
    found = [
        each
        for each in keys
        if each.kind == jose.ALGORITHMS[alg] and each.alg in {"", alg} and (not kid or each.kid == kid)
    ]
    return found[0] if len(found) == 1 else None


# fetching


def _fetch(rt: Runtime, provider: OidcProvider) -> tuple[IssuerKey, ...]:
    """Fetch the keys of an issuer; raises `OSError`, `http.client.HTTPException` or `ValueError`."""
    deadline = fetching.Deadline(SECONDS)
    may = _allowed(rt, provider)
    url = f"{provider.url.rstrip('/')}/.well-known/openid-configuration"
    document = _object(fetching.fetch(url, may, deadline, most=_MOST_DOCUMENT_BYTES, ca_pem=provider.ca_pem))
    if document.get("issuer") != provider.url:
        raise ValueError("The configuration is of another issuer.")
    keys_url = document.get("jwks_uri")
    if not isinstance(keys_url, str) or not _is_as_safe(keys_url, provider.url):
        raise ValueError("The configuration has no https URL as jwks_uri.")
    return read(fetching.fetch(keys_url, may, deadline, most=_MOST_KEYS_BYTES, ca_pem=provider.ca_pem))


def _allowed(rt: Runtime, provider: OidcProvider) -> fetching.Allowed:
    """Say where the URLs of an issuer may lead: to this machine only if the issuer is on it."""
    parts = urlsplit(provider.url)
    is_local = rt.settings.state == "sqlite" and parts.hostname in {"127.0.0.1", "localhost"}
    port = (parts.port or {"http": 80, "https": 443}[parts.scheme]) if is_local else 0
    return fetching.Allowed(private=rt.settings.reaches_private_networks, loopback_port=port)


def _is_as_safe(url: str, issuer: str) -> bool:
    """Tell whether a URL uses https, or leads to the issuer's own server."""
    if not (url.isascii() and url.isprintable()):
        return False
    parts, own = urlsplit(url), urlsplit(issuer)
    return parts.scheme == "https" or (parts.scheme, parts.netloc) == (own.scheme, own.netloc)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("The document is nested too deeply.") from None
    if not isinstance(found, dict):
        raise ValueError("The document is not a JSON object.")  # noqa: TRY004  one error for all documents
    return found


# reading


def read(jwks: bytes) -> tuple[IssuerKey, ...]:
    """Read a set of keys and leave out useless ones; raises `ValueError` if it is not a set of keys."""
    keys = _object(jwks).get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise ValueError(f"The document has no list of at most {_MOST_KEYS} keys.")
    return tuple(key for each in keys if isinstance(each, dict) and (key := _read_key(each)) is not None)


def _read_key(jwk: dict[str, Any]) -> IssuerKey | None:
    """Read a public signing key; None if it is of another kind, or damaged."""
    kind, kid, alg = (str(jwk.get("kty")), str(jwk.get("crv", ""))), jwk.get("kid", ""), jwk.get("alg", "")
    if kind not in jose.ALGORITHMS.values() or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    if not isinstance(kid, str) or not isinstance(alg, str) or (kind[0] == "RSA" and not _is_usual_rsa(jwk)):
        return None
    members: dict[str, Any] = {name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk}
    try:
        return IssuerKey(kid, kind, alg, jose.import_key(members))
    except ValueError:
        return None


def _is_usual_rsa(jwk: dict[str, Any]) -> bool:
    """Tell whether an RSA key is neither weak nor slow: 2048 to 8192 bits, and a small odd exponent."""
    from joserfc.util import base64_to_int

    try:
        if len(jwk["n"]) > 2048 or len(jwk["e"]) > 6:
            return False
        jose.check_rsa(base64_to_int(jwk["n"]), base64_to_int(jwk["e"]), most_bits=_MOST_RSA_BITS)
    except (KeyError, TypeError, ValueError):
        return False
    return True
