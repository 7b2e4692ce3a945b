"""dns-01: a TXT record below the name (RFC 8555 section 8.4), or where an alias of it leads."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from chalicelib.acme.validation import resolving
from chalicelib.acme.validation.outcome import ChallengeError

if TYPE_CHECKING:
    from chalicelib.acme.validation.outcome import Attempt, Challenge


def check(challenge: Challenge, attempt: Attempt) -> str:
    """Look for the digest of the key authorization, and return what was seen.

    Raises:
        ChallengeError: no TXT record has it.
    """
    name = f"_acme-challenge.{challenge.value}"
    expected = urlsafe_b64encode(hashlib.sha256(challenge.key_authorization.encode()).digest()).rstrip(b"=")
    found = resolving.texts(name, attempt)
    if expected in found:
        return f"a TXT record of {name} has the digest of the key authorization"
    if not found:
        raise ChallengeError("incorrectResponse", f"{name} has no TXT record")
    raise ChallengeError(
        "incorrectResponse", f"no TXT record of {name} has the digest of the key authorization ({len(found)} seen)"
    )
