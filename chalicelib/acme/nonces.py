"""Nonces that need no store before they are used: the time and random octets, authenticated with a key of the home.

Any process of the home makes and checks them, with the secret `access.token_key.derived(rt, "acme-nonce")`. Whoever
accepts one records it until it expires, so that it counts once.

Source: RFC 8555 section 6.5; RFC 2104; RFC 4086.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta

from chalicelib import jose
from chalicelib.acme.problems import AcmeProblem

LIFETIME = timedelta(hours=1)
SKEW = timedelta(minutes=1)  # between the clocks of two machines
_TIME_BYTES, _RANDOM_BYTES, _MAC_BYTES = 5, 11, 16
_CONTEXT = b"signet/acme-nonce\x00"


def make(secret: bytes, now: datetime) -> str:
    """Make a nonce of 43 characters."""
    body = int(now.timestamp()).to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_RANDOM_BYTES)
    return jose.encode(body + _mac(secret, body))


def check(secret: bytes, nonce: str, now: datetime) -> datetime:
    """Return when a nonce expires; its use must be on record until then. A nonce has only one spelling.

    Raises:
        AcmeProblem: `badNonce`: it was not made with this secret, or not in the last hour.
    """
    try:
        content = jose.decode(nonce)
    except ValueError:
        content = b""
    body, mac = content[:-_MAC_BYTES], content[-_MAC_BYTES:]
    if len(body) != _TIME_BYTES + _RANDOM_BYTES or not hmac.compare_digest(mac, _mac(secret, body)):
        raise AcmeProblem("badNonce", "This server did not issue the nonce.")
    made_at = datetime.fromtimestamp(int.from_bytes(body[:_TIME_BYTES], "big"), UTC)
    if not made_at - SKEW <= now < made_at + LIFETIME:
        raise AcmeProblem("badNonce", "The nonce has expired, or is from the future; use the one in this answer.")
    return made_at + LIFETIME


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, _CONTEXT + body, "sha256")[:_MAC_BYTES]
