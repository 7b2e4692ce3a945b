"""Challenges with one token, validated with a responder's DNS."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from chalicelib.acme import validation
from chalicelib.config import Settings

if TYPE_CHECKING:
    from tests.support.challenge_responder import ChallengeResponder

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
DIGEST = urlsafe_b64encode(hashlib.sha256(KEY_AUTHORIZATION.encode()).digest()).decode().rstrip("=")
NAME = "a.example.com"


def vantage_of(responder: ChallengeResponder, **changes: Any) -> validation.Vantage:
    """As the settings for this responder have it, with changes."""
    return validation.vantage(Settings.from_env(responder.environment))._replace(**changes)


def validate(
    kind: str, responder: ChallengeResponder, value: str = NAME, kind_of_name: str = "dns", **changes: Any
) -> validation.Outcome:
    """Validate a challenge of a name, with changes of the vantage."""
    challenge = validation.Challenge(kind, kind_of_name, value, TOKEN, KEY_AUTHORIZATION)
    return validation.validate(challenge, vantage_of(responder, **changes))
