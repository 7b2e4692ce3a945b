"""Assuming a role with a token of an OIDC issuer instead of an access key.

Checks that cost little come first: form, algorithm, issuer, audience, times. The signature is next, and the role last,
so that only the holder of a genuine token learns what a role trusts.

Source: AWS STS API reference, "AssumeRoleWithWebIdentity"; OpenID Connect Core 1.0 section 3.1.3.7; RFC 8725.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import errors, jose
from chalicelib.access import assuming, conditions, oidc_keys, oidc_providers, policy, role_sessions, trust
from chalicelib.identities import OidcProvider

if TYPE_CHECKING:
    from chalicelib.access.assuming import Wish
    from chalicelib.access.oidc_keys import IssuerKey
    from chalicelib.access.role_sessions import Started
    from chalicelib.runtime import Runtime

    Facts = tuple[tuple[str, tuple[str, ...] | None], ...]

MAX_TOKEN_CHARACTERS = 20_000
LEEWAY = timedelta(seconds=30)
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MOST_HEADER, _MOST_NAME = 4096, 255


class Claims(NamedTuple):
    """The claims of a token.

    Attributes:
        audiences: all of them.
        not_before: 1970 if the token has no `nbf`.
    """

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    not_before: datetime


class Identity(NamedTuple):
    """The holder of a verified token; of its audiences, the claims keep only those of the provider."""

    provider: OidcProvider
    claims: Claims


def identify(rt: Runtime, account_id: str, token: str) -> Identity:
    """Verify a token of an issuer that an account trusts.

    Raises:
        InvalidIdentityToken: no provider of the account signed it, or it is for somebody else.
        ExpiredIdentityToken: it was valid once.
        IDPCommunicationError: the issuer's keys cannot be fetched.
    """
    alg, kid, claims = read(token)
    provider = _provider(rt, account_id, claims.issuer)
    claims = claims._replace(audiences=tuple(each for each in claims.audiences if each in provider.audiences))
    if not claims.audiences:
        raise errors.InvalidIdentityToken("Incorrect token audience")
    _check_times(claims, rt.now())
    verify(token, alg, oidc_keys.key_for(rt, provider, alg, kid))
    return Identity(provider, claims)


def assume_role(rt: Runtime, identity: Identity, wish: Wish, facts: Facts) -> Started:
    """Begin a session of a role for the holder of a token.

    Args:
        rt: the runtime.
        identity: the holder of the token.
        wish: the session.
        facts: what policies may ask of the request.

    Raises:
        AccessDeniedException: the role does not trust the token, or there is no such role.
        MalformedPolicyDocument: the session's policy is invalid.
        ValidationException: the role's sessions do not last so long.
    """
    provider = identity.provider
    role = assuming.trusting_role(rt, wish, _request(rt, wish, identity, facts))
    lifetime = assuming.lifetime_of(role, wish.seconds)
    assuming.check_policy(wish.policy)
    source = (role_sessions.OIDC_PROVIDER, provider.name, provider.provider_id)
    return assuming.begin(rt, role, wish, source, lifetime, subject=identity.claims.subject)


def _provider(rt: Runtime, account_id: str, issuer: str) -> OidcProvider:
    name = oidc_providers.name_of(issuer)
    found = rt.store.get_entity(OidcProvider, account_id, name) if 0 < len(issuer) <= _MOST_NAME and name else None
    if found is None or found.url != issuer:
        raise errors.InvalidIdentityToken("No OpenIDConnect provider found in your account for the token's issuer")
    return found


def _check_times(claims: Claims, now: datetime) -> None:
    if claims.expires_at + LEEWAY <= now:
        raise errors.ExpiredIdentityToken(f"Token expired: it was valid until {claims.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    if max(claims.issued_at, claims.not_before) - LEEWAY > now:
        raise errors.InvalidIdentityToken("The token is not valid yet: its nbf or iat is in the future.")


def _request(rt: Runtime, wish: Wish, identity: Identity, facts: Facts) -> policy.Request:
    provider, claims = identity
    arn = oidc_providers.arn_of(rt, provider.account_id, provider.name)
    known = conditions.facts_of(
        [
            (f"{provider.name}:sub", (claims.subject,)),
            (f"{provider.name}:aud", claims.audiences),
            *conditions.time_facts(rt.now()),
            *assuming.facts_of(wish),
            *facts,
        ]
    )
    return policy.Request(trust.ASSUME_WITH_TOKEN, str(wish.role), provider.account_id, frozenset({arn}), known)


# tokens


def read(token: str) -> tuple[str, str, Claims]:
    """Read algorithm, key id and claims of a token, without verifying them.

    Raises:
        InvalidIdentityToken: it is not a token, or lacks a claim that Signet needs.
    """
    if len(token) > MAX_TOKEN_CHARACTERS or _TOKEN.fullmatch(token) is None:
        raise errors.InvalidIdentityToken("The token is not a signed JWT of at most 20,000 characters.")
    first, second, _ = token.split(".")
    if len(first) > _MOST_HEADER:
        raise errors.InvalidIdentityToken("The header of the token is too long.")
    header, content = _object(first), _object(second)
    alg, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(alg, str) or alg not in jose.ALGORITHMS:
        raise errors.InvalidIdentityToken(f"The token's alg must be one of {', '.join(jose.ALGORITHMS)}.")
    if not isinstance(kid, str) or "crit" in header:
        raise errors.InvalidIdentityToken(
            "The token's header has a kid that is not text, or names critical extensions."
        )
    return alg, kid, _claims(content)


def _claims(content: dict[str, Any]) -> Claims:
    audiences = content.get("aud")
    audiences = [audiences] if isinstance(audiences, str) else audiences
    issuer, subject = content.get("iss"), content.get("sub")
    if not isinstance(audiences, list) or not all(isinstance(each, str) for each in (issuer, subject, *audiences)):
        raise errors.InvalidIdentityToken("The token lacks iss, sub or aud, or one of them is not text.")
    if not 0 < len(str(subject)) <= _MOST_NAME:
        raise errors.InvalidIdentityToken(f"The token's sub must have 1 to {_MOST_NAME} characters.")
    times = [content.get(name) for name in ("iat", "exp")] + [content.get("nbf", 0)]
    if not all(map(_is_time, times)):
        raise errors.InvalidIdentityToken("The token lacks iat or exp, or one of its times is not a number of seconds.")
    issued_at, expires_at, not_before = (datetime.fromtimestamp(float(str(each)), UTC) for each in times)
    return Claims(str(issuer), str(subject), tuple(audiences), issued_at, expires_at, not_before)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value < 1 << 33


def _object(part: str) -> dict[str, Any]:
    try:
        return jose.json_object(jose.decode(part))
    except ValueError:
        raise errors.InvalidIdentityToken("A part of the token is not a JSON object in base64url.") from None


def verify(token: str, alg: str, key: IssuerKey) -> None:
    """See that a token was signed with a key of this algorithm; raises `InvalidIdentityToken`."""
    signing_input, _, signature = token.rpartition(".")
    try:
        verified = jose.verify(alg, key.key, signing_input.encode(), jose.decode(signature))
    except ValueError:
        verified = False
    if not verified:
        raise errors.InvalidIdentityToken("The signature of the token is not the issuer's.")
