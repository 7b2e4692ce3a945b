"""The tables behind a CA's pages, beside what the operations know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from chalicelib.api import model
from chalicelib.console import authority_frame, fields
from chalicelib.console.forms import refusals, revocation_form
from chalicelib.console.parts import authority_page, authority_rows, crl_rows, lifecycle, notes
from chalicelib.crl import freshness, revocation_configuration
from chalicelib.errors import InvalidArgsException, Rule, ValidationException, Violation
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
    assert {state for tab in authority_frame.TABS for state in tab.statuses} == STATES
    assert set(authority_frame.TABS[0].statuses) == STATES


def test_every_note_is_written_and_said() -> None:
    said = {note for path in CONSOLE.glob("views/*.py") for note in _notes(path.read_text())}
    assert said == set(notes.NOTES)


def _notes(text: str) -> list[str]:
    found = re.findall(
        r'(?:\.done\(visit, .*?|_permission\(visit, "\w+", )"(\w+)"(?: if \w+ else "(\w+)")?[,)]',
        text,
    )
    return [note for pair in found for note in pair if note]


@pytest.mark.parametrize(
    ("violation", "words"),
    [
        (Violation(("Tags", 0, "Key"), "pattern", "x", "<"), fields.FIELDS["key"].rule),
        (Violation(("Tags", 0, "Key"), "min_length", 1, ""), "It must not be empty."),
        (Violation(("Unknown",), "pattern", "[a-z]+", "<"), "It contains characters that are not allowed here."),
        (Violation(("SourceAccount",), "min_length", 12, "1"), "It must be 12 digits."),
        (Violation(("Subject", "CommonName"), "max_length", 64, "x" * 65), "It must have at most 64 characters."),
        (Violation(("CertificateAuthorityType",), "enum", ("ROOT", "SUBORDINATE"), "x"), "Choose one of these."),
        (Violation(("CrlConfiguration", "ExpirationInDays"), "max_value", 5000, 5001), "It must be at most 5000."),
        (Violation(("Csr",), "required", None, None), "It is missing."),
    ],
)
def test_broken_constraint_is_put_in_words(violation: Violation, words: str) -> None:
    assert refusals.in_words(violation) == words
    assert refusals.reason_of(ValidationException("x", violations=(violation,))) == words


def test_every_rule_of_the_model_has_words() -> None:
    """Whatever the model says, no pattern, no path and no value of it stands before people."""
    words = {refusals.in_words(Violation(("Unknown",), rule, "[a]{2}", "x")) for rule in get_args(Rule)}
    words |= {field.rule for field in fields.FIELDS.values() if field.rule}
    for sentence in words:
        assert re.fullmatch(r"(It|Choose) [^\\^|]*\.", sentence), sentence
    assert "[a]{2}" not in refusals.in_words(Violation(("Unknown",), "pattern", "[a]{2}", "x"))


def test_each_violation_stands_beside_its_field() -> None:
    broken = (
        Violation(("Tags", 1, "Key"), "min_length", 1, ""),
        Violation(("Tags", 1, "Key"), "pattern", "x", ""),
        Violation(("CertificateAuthorityConfiguration", "Subject", "CommonName"), "max_length", 64, "x" * 65),
        Violation(("KeyStorageSecurityStandard",), "enum", ("x",), "y"),
    )
    assert refusals.problems_of(ValidationException("x", violations=broken)) == {
        "key.1": "It must not be empty.",
        "CommonName": "It must have at most 64 characters.",
        "": "Choose one of these.",
    }
    refused = InvalidArgsException("Path.Of.Member is refused.", member=("S3BucketName",), reason="It is refused.")
    assert refusals.problems_of(refused) == {"report_bucket": "It is refused."}
    assert refusals.problems_of(InvalidArgsException("No."), otherwise="policy") == {"policy": "No."}


def members(shape_name: str, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of the members below a shape; a position in a list is "*"."""
    shape = model.shape(shape_name)
    if shape["type"] == "list":
        return members(shape["member"], (*path, fields.ANY))
    below = (members(target, (*path, name)) for name, target in shape.get("members", {}).items())
    return {path}.union(*below)


def test_every_member_of_a_field_is_in_the_model_and_in_one_field_only() -> None:
    """The suffix that the table has leads from every request to that very field."""
    requests = (
        "CreateCertificateAuthorityRequest",
        "CreateCertificateAuthorityAuditReportRequest",
        "CreatePermissionRequest",
        "DeleteCertificateAuthorityRequest",
        "ImportCertificateAuthorityCertificateRequest",
        "IssueCertificateRequest",
        "PutPolicyRequest",
        "RevokeCertificateRequest",
    )
    paths = set().union(*(members(request) for request in requests))
    for name, field in fields.FIELDS.items():
        leading = [path for path in paths if field.member and path[-len(field.member) :] == field.member]
        assert bool(leading) == bool(field.member), name
    reached = {fields.field_of(path).partition(".")[0] for path in paths} - {""}
    alternatives = {"other_template"}  # of the template, which is chosen in one of two fields
    assert reached | alternatives == {name for name, field in fields.FIELDS.items() if field.member}


def test_rule_of_a_field_states_the_limits_of_the_model() -> None:
    """Whoever changes the model finds the sentences that name its numbers."""
    limits = {
        "Country": "CountryCodeString",
        "cname": "CnameString",
        "ocsp_cname": "CnameString",
        "path": "CrlPathString",
        "key": "TagKey",
        "value": "TagValue",
        "account": "AccountId",
        "report_bucket": "S3BucketName",
    }
    assert set(limits) == {name for name, field in fields.FIELDS.items() if field.rule}
    for name, shape in limits.items():
        words = fields.FIELDS[name].rule.replace("two", "2")
        assert str(model.shape(shape)["max"]) in words, name


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
