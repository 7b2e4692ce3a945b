"""AWS JSON 1.1 (Smithy, "AWS JSON 1.1 protocol"; RFC 8259): what is decoded, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.api import constraints, model
from chalicelib.api import json_codec as codec
from chalicelib.errors import SerializationException, ValidationException
from tools import generate_model

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD_BODIES: dict[str, bytes] = {
    "not json": b"x",
    "list": b"[]",
    "string": b'"x"',
    "number": b"1",
    "null": b"null",
    "cut off": b'{"Csr": ',
    "trailing": b"{} {}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": "{}".encode("utf-16"),
    "invalid utf-8": b'{"IdempotencyToken": "\xff"}',
    "surrogate": b'{"IdempotencyToken": "\\ud800"}',
    "duplicate": b'{"IdempotencyToken": "a", "IdempotencyToken": "a"}',
    "duplicate inside": b'{"Validity": {"Value": 1, "Value": 2}}',
    "duplicate in the unknown": b'{"Unknown": {"a": 1, "a": 2}}',
    "nan": b'{"Validity": {"Value": NaN}}',
    "infinity": b'{"Validity": {"Value": Infinity}}',
    "1e999": b'{"Unknown": 1e999}',
    "long number": b'{"Validity": {"Value": ' + b"9" * 5000 + b"}}",
    "million digits": b'{"Unknown": ' + b"9" * 1_000_000 + b"}",
    "2^63": b'{"Validity": {"Value": 9223372036854775808}}',
    "float for integer": b'{"Validity": {"Value": 1.5}}',
    "string for integer": b'{"Validity": {"Value": "1"}}',
    "boolean for integer": b'{"Validity": {"Value": true}}',
    "number for string": b'{"IdempotencyToken": 1}',
    "list for string": b'{"IdempotencyToken": ["a"]}',
    "string for structure": b'{"Validity": "x"}',
    "structure for list": b'{"ApiPassthrough": {"Extensions": {"ExtendedKeyUsage": {}}}}',
    "null in a list": b'{"ApiPassthrough": {"Extensions": {"ExtendedKeyUsage": [null]}}}',
    "number for boolean": b'{"ApiPassthrough": {"Extensions": {"KeyUsage": {"CRLSign": 1}}}}',
    "blob with other characters": b'{"Csr": "a-b_"}',
    "blob without padding": b'{"Csr": "YQ"}',
    "number for blob": b'{"Csr": 1}',
    "more values than anything needs": b'{"Unknown": [' + b"[]," * 100_000 + b"[]]}",
    "nested": b'{"Unknown": ' + b"[" * 40 + b"]" * 40 + b"}",
    "nested deeply": b'{"Unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_body_that_is_not_the_protocol_s_is_refused(case: str) -> None:
    with pytest.raises(SerializationException):
        codec.decode("IssueCertificateRequest", BAD_BODIES[case])


def test_body_is_decoded_by_shape() -> None:
    validity = b'{"Value": -9223372036854775808, "Type": "DAYS"}'
    body = b'{"Csr": "YWJj", "Validity": ' + validity + b', "Unknown": 1, "TemplateArn": null}'
    decoded = codec.decode("IssueCertificateRequest", body)
    assert decoded == {"Csr": b"abc", "Validity": {"Value": -(1 << 63), "Type": "DAYS"}}


def test_empty_body_is_an_empty_structure() -> None:
    assert codec.decode("ListCertificateAuthoritiesRequest", b"") == {}


def test_timestamps_have_milliseconds_where_there_are_some() -> None:
    value = {
        "CertificateAuthority": {
            "CreatedAt": datetime(2018, 2, 26, 20, 28, 25, 984000, UTC),
            "NotAfter": datetime(2030, 1, 1, tzinfo=UTC),
        }
    }
    encoded = codec.encode("DescribeCertificateAuthorityResponse", value)
    assert encoded == b'{"CertificateAuthority":{"CreatedAt":1519676905.984,"NotAfter":1893456000}}'


@pytest.mark.parametrize("text", ["1519676905.984", "1519676905984e-3"])
def test_timestamp_is_read_from_seconds(text: str) -> None:
    decoded = codec.decode("CertificateAuthority", f'{{"CreatedAt": {text}}}'.encode())
    assert decoded == {"CreatedAt": datetime(2018, 2, 26, 20, 28, 25, 984000, UTC)}


@pytest.mark.parametrize("text", ['"2018-02-26"', "true", "1e300", "-1e18", "[]"])
def test_timestamp_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SerializationException, match="'CreatedAt' must be a number of seconds"):
        codec.decode("CertificateAuthority", f'{{"CreatedAt": {text}}}'.encode())


def test_operation_without_output_gives_an_empty_object() -> None:
    assert codec.encode(None, None) == b"{}"


REQUIRED = "failed to satisfy constraint: Member must not be null"
VIOLATIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "required": ("DescribeCertificateAuthorityRequest", {}, f"Value null at 'certificateAuthorityArn' {REQUIRED}"),
    "min": ("Validity", {"Value": 0, "Type": "DAYS"}, "Member must have value greater than or equal to 1"),
    "max": (
        "ListCertificateAuthoritiesRequest",
        {"MaxResults": 1001},
        "Member must have value less than or equal to 1000",
    ),
    "length": ("Tag", {"Key": ""}, "Member must have length greater than or equal to 1"),
    "long": ("Tag", {"Key": "x" * 129}, "Member must have length less than or equal to 128"),
    "pattern": ("Tag", {"Key": "a\tb"}, "Member must satisfy regular expression pattern"),
    "enum": (
        "Validity",
        {"Value": 1, "Type": "WEEKS"},
        "Member must satisfy enum value set: [END_DATE, ABSOLUTE, DAYS, MONTHS, YEARS]",
    ),
    "list member": (
        "TagCertificateAuthorityRequest",
        {"CertificateAuthorityArn": "arn:aws:acm-pca:::x/y", "Tags": [{"Key": "a"}, {}]},
        f"Value null at 'tags.2.member.key' {REQUIRED}",
    ),
    "empty list": (
        "TagCertificateAuthorityRequest",
        {"CertificateAuthorityArn": "arn:aws:acm-pca:::x/y", "Tags": []},
        "at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ),
    "newline after the pattern": (
        "DescribeCertificateAuthorityRequest",
        {"CertificateAuthorityArn": "arn:aws:acm-pca:::x/y\n"},
        "regular expression",
    ),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_violation_is_told_in_aws_s_words(case: str) -> None:
    shape, value, text = VIOLATIONS[case]
    with pytest.raises(ValidationException) as caught:
        constraints.check(shape, value)
    assert caught.value.message.startswith("1 validation error detected: Value ")
    assert text in caught.value.message


def test_all_violations_are_told_at_once() -> None:
    with pytest.raises(ValidationException, match=r"^3 validation errors detected: .*; .*; "):
        constraints.check("IssueCertificateRequest", {"Validity": {"Value": 1}, "SigningAlgorithm": "SHA256WITHRSA"})


@pytest.mark.parametrize("key", ["Name", "a b", "\u00e9t\u00e9", "\u65e5\u672c", "\u0663", "a\u00a0b", "x+=._:/@-"])
def test_tag_keys_may_hold_letters_digits_and_spaces_of_any_script(key: str) -> None:
    constraints.check("Tag", {"Key": key})


@pytest.mark.parametrize("key", ["a*b", "\u200b", "\U0001f600", "a\nb", "<x>"])
def test_tag_keys_with_other_characters_are_refused(key: str) -> None:
    with pytest.raises(ValidationException):
        constraints.check("Tag", {"Key": key})


SHAPES = model.model()["shapes"] | model.model(model.ACM)["shapes"]


def _outside() -> Iterator[tuple[str, str, Any]]:
    """For each limit of the model: the shape, what the refusal says, and a value beyond the limit."""
    for name, shape in SHAPES.items():
        if "enum" in shape:
            yield name, f"enum value set: [{', '.join(shape['enum'])}]", "?"
        if "pattern" in shape:
            yield name, f"regular expression pattern: {shape['pattern']}", "*\0"
        numeric = shape["type"] in {"integer", "long"}
        if "max" in shape:
            yield name, f"less than or equal to {shape['max']}", _sized(shape, shape["max"] + 1)
        if shape.get("min", 0) > 0 or (numeric and "min" in shape):
            yield name, f"greater than or equal to {shape['min']}", _sized(shape, shape["min"] - 1)


def _sized(shape: dict[str, Any], size: int) -> Any:
    if shape["type"] == "list":
        return [{} if model.shape(shape["member"])["type"] == "structure" else ""] * size
    return {"integer": size, "long": size, "blob": b"x" * size}.get(shape["type"], "x" * size)


OUTSIDE = {f"{name} {text.split()[0]}": (name, text, value) for name, text, value in _outside()}


@pytest.mark.parametrize("case", OUTSIDE)
def test_value_beyond_a_limit_of_the_model_is_refused(case: str) -> None:
    name, text, value = OUTSIDE[case]
    assert any(constraints._sentence(violation).endswith(text) for violation in constraints.violations(name, value))


def test_patterns_take_time_in_proportion_to_the_text() -> None:
    """A text of 100,000 characters that almost matches must not start a search through all splits."""
    arns = [f"arn:aws:{service}:::" + "a/" * 50_000 + "!" for service in ("acm-pca", "acm")]
    for text in (*arns, "/" * 100_000, "a" * 100_000 + "!", "a." * 50_000 + "!", "a-" * 50_000):
        for name, shape in SHAPES.items():
            if "pattern" in shape:
                constraints._matcher(shape["pattern"])(text)
                assert name


@pytest.mark.parametrize("service", generate_model.SERVICES, ids=lambda service: service.name)
def test_committed_model_and_types_are_what_botocore_s_model_gives(service: generate_model.Service) -> None:
    text, types = generate_model.render(service)
    assert service.model_file.read_text() == text
    assert service.types_file.read_text() == types
