"""The tables behind a CA's pages, beside what the operations know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api import model
from chalicelib.console.forms import refusals, revocation_form
from chalicelib.console.parts import authority_page, authority_rows, crl_rows, lifecycle, notes
from chalicelib.crl import freshness, revocation_configuration
from chalicelib.operations import authorities

CONSOLE = Path(authority_page.__file__).parent.parent
STATES = set(model.shape("CertificateAuthorityStatus")["enum"])


def test_every_condition_of_a_crl_has_a_light_and_every_bad_one_says_what_to_do() -> None:
    assert tuple(authority_rows.LIGHTS) == freshness.CONDITIONS
    assert {name for name in freshness.CONDITIONS if name not in {"FRESH", "NONE", "OFF"}} == set(crl_rows._ADVICE)
    words = [each.word for each in authority_rows.LIGHTS.values()]
    assert len(set(words)) == len(words)


def test_every_state_of_a_ca_has_its_actions() -> None:
    assert set(lifecycle._ACTIONS) == STATES
    assert {name for name in STATES if lifecycle.actions_of(name).delete} == authorities._DELETABLE
    assert set(lifecycle.CONSEQUENCES) == authorities._DELETABLE
    assert set(lifecycle.AT_ONCE) == authorities._WITHOUT_RESTORE_WINDOW
    assert {name for name in STATES if lifecycle.actions_of(name).switch} == authorities._SWITCHABLE
    days = model.shape("PermanentDeletionTimeInDays")
    assert (days["min"], days["max"]) == (lifecycle.FIRST_DAY, lifecycle.LAST_DAY)


def test_every_state_of_a_ca_has_its_first_page() -> None:
    assert {state for tab in authority_page.TABS for state in tab.states} == STATES
    assert set(authority_page.TABS[0].states) == STATES


def test_every_note_is_written_and_said() -> None:
    said = {note for path in CONSOLE.glob("views/*.py") for note in _notes(path.read_text())}
    assert said == set(notes.NOTES)


def _notes(text: str) -> list[str]:
    found = re.findall(r'(?:\.done\(visit, .*?|_permission\(visit, "\w+", )"(\w+)"(?: if \w+ else "(\w+)")?[,)]', text)
    return [note for pair in found for note in pair if note]


FAILED = "1 validation error detected: Value 'x' at 'a.1.member' failed to satisfy constraint: Member must "


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            FAILED + r"satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)",
            "It must consist of letters, digits, spaces and the characters _ . : / = + - @.",
        ),
        (FAILED + "satisfy regular expression pattern: [a-z]+", "It has characters that cannot stand here."),
        (FAILED + "have length greater than or equal to 12; Value 'x'", "It must have at least 12 characters."),
        (FAILED + "satisfy enum value set: [A, B]", "Choose one of these."),
        (FAILED + "have value less than or equal to 5000", "It must be at most 5000."),
        (FAILED + "not be null", "It is missing."),
        (
            "1 validation error detected: Value null at 'csr' failed to satisfy constraint: Member must not be null",
            "It is missing.",
        ),
        ("CrlConfiguration.CustomPath 'a' must b' must be segments.", "It must be segments."),
        (
            "Attribute 2.5.4.3 of the subject is refused. A name holds control characters.",
            "A name holds control characters.",
        ),
        (
            "The Rfc822Name of a GeneralName cannot be written. 'ascii' codec can't encode character 'x': no",
            "The email address cannot be written. It has characters that cannot stand here.",
        ),
        ("The tag key 'aws:x' is reserved.", "The tag key 'aws:x' is reserved."),
    ],
)
def test_refusal_is_put_in_words(message: str, words: str) -> None:
    assert refusals.in_words(message) == words


def test_every_rule_of_the_model_has_words() -> None:
    """Whatever the model says, no pattern, no path and no value of it stands before people."""
    found = set()
    for each in model.model()["shapes"].values():
        rules = [
            *(f"satisfy regular expression pattern: {each[name]}" for name in ("pattern",) if name in each),
            *(f"satisfy enum value set: [{', '.join(each[name])}]" for name in ("enum",) if name in each),
        ]
        found |= {refusals.in_words(FAILED + rule) for rule in rules}
    assert len(found) > 5
    for words in found:
        assert re.fullmatch(r"(It|Choose) [^\[\]{}\\^|]*\.", words), words


def test_each_violation_has_its_member() -> None:
    message = (
        FAILED.replace("1 ", "2 ", 1)
        + "not be null; Value '; Value ' at 'b' failed to satisfy constraint: Member must "
    )
    assert refusals.violations(message + "have length less than or equal to 2") == [
        ("a.1.member", "It is missing."),
        ("b", "It must have at most 2 characters."),
    ]
    assert refusals.violations("The certificate validity ends in the past.") == []


OFF: dict[str, Any] = {"Enabled": False}
CRL: dict[str, Any] = {"Enabled": True, "S3BucketName": "b"}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "off": {},
    "least": {"CrlConfiguration": CRL},
    "named": {"CrlConfiguration": CRL | {"CustomCname": "crl.example.com", "CustomPath": "/", "ExpirationInDays": 1}},
    "private": {"CrlConfiguration": CRL | {"S3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL", "CrlType": "PARTITIONED"}},
    "omitted": {"CrlConfiguration": CRL | {"CrlDistributionPointExtensionConfiguration": {"OmitExtension": True}}},
    "ocsp": {"OcspConfiguration": {"Enabled": True}},
    "named ocsp": {"CrlConfiguration": CRL, "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "o.example.com"}},
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_form_sent_as_it_came_asks_for_the_same(case: str) -> None:
    kept = revocation_configuration.normalized(CONFIGURATIONS[case])
    typed = revocation_form.read(revocation_form.typed_of(kept))
    assert revocation_configuration.normalized(revocation_form.configuration_of(typed)) == kept
