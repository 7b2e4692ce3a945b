"""Identifiers of certificates and windows of renewal, with the vectors of RFC 9773."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.acme import ari
from chalicelib.acme.problems import AcmeProblem

KEY_IDENTIFIER = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
SERIAL = 0x87654321
IDENTIFIER = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_identifier_is_that_of_the_rfc() -> None:
    assert ari.certificate_id(KEY_IDENTIFIER, SERIAL) == IDENTIFIER
    assert ari.parse_certificate_id(IDENTIFIER) == (KEY_IDENTIFIER, SERIAL)


@pytest.mark.parametrize("serial", [1, 127, 128, 255, 256, (1 << 128) - 1, (1 << 159) - 1])
def test_identifier_is_read_as_it_was_written(serial: int) -> None:
    assert ari.parse_certificate_id(ari.certificate_id(KEY_IDENTIFIER, serial)) == (KEY_IDENTIFIER, serial)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "dot"),
        ("AAAA", "dot"),
        ("AAAA.AQ.AQ", "dot"),
        ("AAAA.AQ==", "base64url"),
        ("AAAA.AR", "base64url"),
        ("AA/A.AQ", "base64url"),
        (".AQ", "empty"),
        ("AAAA.", "empty"),
        ("AAAA." + "A" * 40, "too long"),
        ("A" * 100 + ".AQ", "too long"),
        ("A" * 100_000 + ".AQ", "dot"),
        ("AAAA.AA", "positive"),
        ("AAAA.AAE", "positive DER"),
    ],
)
def test_other_identifier_is_refused(text: str, rule: str) -> None:
    with pytest.raises(AcmeProblem, match=rule) as refusal:
        ari.parse_certificate_id(text)
    assert refusal.value.type == "malformed"


def test_serial_without_the_zero_octet_of_der_is_the_same() -> None:
    short = IDENTIFIER.replace("AIdlQyE", "h2VDIQ")
    assert ari.parse_certificate_id(short) == ari.parse_certificate_id(IDENTIFIER)


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(days=7), timedelta(days=90), timedelta(days=3650)])
def test_window_is_in_the_last_third(lifetime: timedelta) -> None:
    start, end = ari.suggested_window(START, START + lifetime, now=START, replaced_by_incident=False)
    assert START + lifetime * 2 / 3 - start < timedelta(seconds=1)
    assert START <= start < end < START + lifetime
    assert (start.microsecond, end.microsecond) == (0, 0)
    assert START + lifetime - end >= lifetime / 6


def test_window_does_not_move_with_the_time() -> None:
    windows = {
        ari.suggested_window(
            START, START + timedelta(days=90), now=START + timedelta(days=day), replaced_by_incident=False
        )
        for day in range(100)
    }
    assert len(windows) == 1


def test_window_is_past_after_an_incident() -> None:
    now = START + timedelta(days=1)
    start, end = ari.suggested_window(START, START + timedelta(days=90), now=now, replaced_by_incident=True)
    assert start < end < now
