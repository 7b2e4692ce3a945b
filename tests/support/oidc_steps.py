"""What tests of OIDC do again and again: believe an issuer, and take its tokens to AssumeRoleWithWebIdentity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from chalicelib.access import oidc_providers
from tests.support.client import sts_for
from tests.support.oidc_issuer import AUDIENCE, SUBJECT, Issuer
from tests.support.roles import OWNER, trust

if TYPE_CHECKING:
    from chalicelib.identities import OidcProvider
    from chalicelib.runtime import Runtime

ROLE = f"arn:aws:iam::{OWNER}:role/ci"
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
INVALID = "InvalidIdentityToken"


def believe(rt: Runtime, issuer: Issuer, **more: Any) -> OidcProvider:
    return oidc_providers.create(rt, OWNER, issuer.url, [AUDIENCE], on_this_machine=True, **more)


def trusts(issuer: Issuer, sub: str = SUBJECT, **conditions: Any) -> str:
    condition = {
        "StringLike": {f"{issuer.name}:sub": sub},
        "StringEquals": {f"{issuer.name}:aud": AUDIENCE},
    } | conditions
    provider = f"arn:aws:iam::{OWNER}:oidc-provider/{issuer.name}"
    return trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition=condition)


def exchange(rt: Runtime, token: str, *, role: str = ROLE, **more: Any) -> dict[str, Any]:
    """The answer of AssumeRoleWithWebIdentity, which is not signed."""
    found: dict[str, Any] = sts_for(rt).assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="job-1", WebIdentityToken=token, **more
    )
    return found


def outcome(rt: Runtime, token: str, **more: Any) -> tuple[str, str]:
    """Code and text of the refusal; empty if there is none."""
    try:
        exchange(rt, token, **more)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""
