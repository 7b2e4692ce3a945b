"""Nonces: ours alone, unaltered, in one spelling, for an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import jose
from chalicelib.acme import nonces
from chalicelib.acme.problems import AcmeProblem

SECRET = bytes(range(32))
NOW = datetime(2026, 7, 1, 12, 0, 0, 900_000, UTC)
SECOND = timedelta(seconds=1)


def test_nonce_is_accepted_for_an_hour() -> None:
    nonce = nonces.make(SECRET, NOW)
    expires = nonces.check(SECRET, nonce, NOW)
    assert expires == NOW.replace(microsecond=0) + nonces.LIFETIME
    assert nonces.check(SECRET, nonce, expires - SECOND) == expires
    assert nonces.check(SECRET, nonce, NOW - nonces.SKEW + SECOND) == expires


def test_nonces_are_short_url_safe_and_different() -> None:
    made = {nonces.make(SECRET, NOW) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", each) for each in made)


@pytest.mark.parametrize(
    "later",
    [nonces.LIFETIME - timedelta(microseconds=900_000), timedelta(days=400), -nonces.SKEW - SECOND, -timedelta(days=1)],
)
def test_nonce_of_another_time_is_refused(later: timedelta) -> None:
    with pytest.raises(AcmeProblem, match="expired") as refusal:
        nonces.check(SECRET, nonces.make(SECRET, NOW), NOW + later)
    assert refusal.value.type == "badNonce"


def test_every_altered_bit_is_noticed() -> None:
    content = jose.decode(nonces.make(SECRET, NOW))
    for bit in range(8 * len(content)):
        altered = int.from_bytes(content, "big") ^ 1 << bit
        with pytest.raises(AcmeProblem, match="This server did not issue the nonce"):
            nonces.check(SECRET, jose.encode(altered.to_bytes(len(content), "big")), NOW)


def respelled(nonce: str) -> str:
    """The same octets in base64 that leaves bits over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return nonce[:-1] + alphabet[alphabet.index(nonce[-1]) + 1]


@pytest.mark.parametrize("change", [respelled, lambda nonce: nonce + "=", lambda nonce: nonce + "A", str.swapcase])
def test_other_spelling_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(AcmeProblem, match="This server did not issue the nonce"):
        nonces.check(SECRET, change(nonces.make(SECRET, NOW)), NOW)


@pytest.mark.parametrize("nonce", ["", "A", "AAAA", "A" * 43, "A" * 5000, "ä", "a b", jose.encode(bytes(16))])
def test_what_is_no_nonce_is_refused(nonce: str) -> None:
    with pytest.raises(AcmeProblem, match="This server did not issue the nonce"):
        nonces.check(SECRET, nonce, NOW)


def test_nonce_of_another_home_is_refused() -> None:
    with pytest.raises(AcmeProblem, match="This server did not issue the nonce"):
        nonces.check(SECRET, nonces.make(bytes(32), NOW), NOW)
