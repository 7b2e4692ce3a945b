"""Values as pages write them: distances of time, serial numbers, words, seams of long values, and signs of states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest

from chalicelib.console import severity, text
from chalicelib.crl import freshness
from chalicelib.operations import search
from chalicelib.pki.x509 import algorithms

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DISTANCES = {
    timedelta(0): "now",
    timedelta(seconds=59): "now",
    timedelta(seconds=60): "in 1 minute",
    timedelta(seconds=-60): "1 minute ago",
    timedelta(seconds=-119): "1 minute ago",
    timedelta(minutes=59): "in 59 minutes",
    timedelta(hours=1): "in 1 hour",
    timedelta(hours=47): "in 47 hours",
    timedelta(days=2): "in 2 days",
    timedelta(days=-729): "729 days ago",
    timedelta(days=730): "in 2 years",
    timedelta(days=-3650): "10 years ago",
}


@pytest.mark.parametrize("away", DISTANCES, ids=str)
def test_distance_is_told_in_one_unit(away: timedelta) -> None:
    assert text.relative(NOW + away, NOW) == DISTANCES[away]


@pytest.mark.parametrize("typed", ["0AB1", "ab1", "0a:b1"])
def test_serial_number_has_one_spelling(typed: str) -> None:
    assert text.serial(typed) == "0a:b1"


def test_what_is_no_serial_number_stays() -> None:
    assert text.serial("<b>") == "<b>"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("ROOT", "Root"), ("KEY_COMPROMISE", "Key compromise"), ("SHORT_LIVED_CERTIFICATE", "Short-lived certificates")],
)
def test_word_of_the_api_is_plain(name: str, shown: str) -> None:
    assert text.word(name) == shown


def test_every_algorithm_has_a_name_for_people() -> None:
    named = {*algorithms.KEY_ALGORITHMS, *algorithms.SIGNING_ALGORITHMS}
    assert named == set(algorithms.LABELS)
    assert not [label for label in algorithms.LABELS.values() if "_" in label]


BROKEN = {
    "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/x": (
        "arn:<wbr>aws:<wbr>acm-pca:<wbr>us-east-1:<wbr>000000000000:<wbr>certificate-authority/<wbr>x"
    ),
    "one.very-long-host-name.example.com": "one<wbr>.very-long-host-name<wbr>.example<wbr>.com",
    ":".join(["AB"] * 12): ":<wbr>".join(["AB"] * 12),
    "short.example.com": "short.example.com",
    "words that are short do not break:, at all": "words that are short do not break:, at all",
    "<b>&amp;" + "x" * 30: "&lt;b&gt;&amp;<wbr>amp;" + "x" * 30,
}


@pytest.mark.parametrize("value", BROKEN)
def test_long_value_breaks_at_its_seams_and_is_escaped(value: str) -> None:
    assert text.breaking(value) == BROKEN[value]


def test_hidden_characters_of_a_long_value_are_shown() -> None:
    assert "\\u{202e}" in text.breaking("\u202e" + "x" * 40)


# severity

TABLES = [value for value in vars(severity).values() if isinstance(value, dict) and value is not severity.ICONS]
SIGNS = [sign for table in TABLES for sign in table.values() if isinstance(sign, severity.Sign)]


def test_icon_follows_from_the_tone() -> None:
    assert len(SIGNS) > 20
    assert {sign.icon for sign in SIGNS} <= set(severity.ICONS.values())
    assert [sign for sign in SIGNS if severity.ICONS[sign.tone] != sign.icon] == []


def test_word_has_one_tone() -> None:
    by_word = sorted((sign.word.casefold(), sign.tone) for sign in SIGNS)
    tones = {word: {tone for _, tone in group} for word, group in groupby(by_word, key=lambda pair: pair[0])}
    assert {word: found for word, found in tones.items() if len(found) > 1} == {}


def test_every_state_has_a_sign() -> None:
    assert set(severity.CRL) == set(freshness.WORDS)
    assert set(severity.CERTIFICATE) == set(search.STATES)
