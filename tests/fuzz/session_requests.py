"""Requests about sessions of roles: forms of AWS STS, identity tokens of an issuer, and session tokens."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.fuzz import mutation
from tests.fuzz.target import ISSUER, OWNER_ROLE, latin, one_line
from tests.support import oidc_issuer
from tests.support.builders import START
from tests.support.rsgi import HOST, Key, Request

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.target import Target

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"acm-pca:*","Resource":"*"}]}'
_NOW = int(START.timestamp())
_CLAIMS = {
    "iss": ISSUER,
    "aud": oidc_issuer.AUDIENCE,
    "sub": oidc_issuer.SUBJECT,
    "iat": _NOW - 5,
    "nbf": _NOW - 305,
    "exp": _NOW + 295,
}
_ACTIONS = ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity")


def _form(rng: Random, **more: str) -> bytes:
    """A form of AssumeRole and its relatives, changed in some places."""
    fields = {
        "Action": rng.choice(_ACTIONS),
        "Version": "2011-06-15",
        "RoleArn": OWNER_ROLE,
        "RoleSessionName": "job-1",
        **({"DurationSeconds": "900"} if rng.random() < 0.3 else {}),
        **({"Policy": _POLICY} if rng.random() < 0.3 else {}),
        **({"Tags.member.1.Key": "a"} if rng.random() < 0.05 else {}),
        **more,
    }
    chosen = [(name, mutation.text(rng, found) if rng.random() < 0.15 else found) for name, found in fields.items()]
    body = urlencode(chosen, errors="replace").encode()
    return mutation.octets(rng, body) if rng.random() < 0.2 else body


def sts_forms(rng: Random, target: Target) -> Request:
    """Forms of AWS STS, signed."""
    return target.keys[0].signed(Request("POST", "/", "", [("content-type", _FORM)], _form(rng)), service="sts")


def identity_tokens(rng: Random, target: Target) -> Request:
    """Tokens of an issuer, changed before or after they were signed."""
    claims = mutation.tree(rng, _CLAIMS, {}) if rng.random() < 0.6 else _CLAIMS
    algorithm = rng.choice(("ES256", "ES256", "ES384", "Ed25519", "RS256"))
    header: dict[str, Any] = {"kid": mutation.text(rng, "p-256")} if rng.random() < 0.1 else {}
    payload = json.dumps(claims, default=str).encode()
    if rng.random() < 0.1:
        payload = mutation.octets(rng, payload)
    token = oidc_issuer.sign(payload, alg=algorithm, **header)
    if rng.random() < 0.4:
        token = _changed(rng, token)
    body = _form(rng, Action="AssumeRoleWithWebIdentity", WebIdentityToken=token)
    return Request("POST", "/", "", [("host", HOST), ("content-type", _FORM)], body)


def _changed(rng: Random, token: str) -> str:
    """Change a part of a token: its text, or what that encodes."""
    parts = token.split(".")
    at = rng.randrange(len(parts))
    decoded = base64.urlsafe_b64decode(parts[at] + "==")
    again = base64.urlsafe_b64encode(mutation.octets(rng, decoded)).decode().rstrip("=")
    parts[at] = again if rng.random() < 0.7 else mutation.text(rng, parts[at])
    return ".".join(parts * rng.choice((1, 1, 1, 1, 2)))


def session_tokens(rng: Random, target: Target) -> Request:
    """Requests that a session signs, with its token or a changed one."""
    key = target.session_key
    token = key.token
    if rng.random() < 0.8:
        changed = mutation.octets(rng, token.encode()).decode("latin-1")
        token = one_line(mutation.text(rng, token) if rng.random() < 0.3 else changed)
    headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "ACMPrivateCA.ListCertificateAuthorities"),
    ]
    request = Key(key.access_key_id, key.secret, token).signed(Request("POST", "/", "", headers, b"{}"))
    return request._replace(headers=latin(request.headers))
