"""Subjects as they are encoded, refused and shown (RFC 2253)."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import names


def test_names_are_shown_as_rfc_2253_says() -> None:
    """Reversed, special characters escaped, unknown types as numbers with their DER."""
    encoded = names.encode_subject({"Country": "US", "Organization": "A, B + C", "CommonName": " x", "Pseudonym": "p"})
    pseudonym = der.tlv(der.UTF8_STRING, b"p").hex()
    assert names.rfc2253(encoded) == f"2.5.4.65=#{pseudonym},CN=\\ x,O=A\\, B \\+ C,C=US"
    assert names.common_name(encoded) == " x"
    assert names.common_name(names.encode_subject({"Organization": "A"})) is None


CUSTOM = {"CustomAttributes": [{"ObjectIdentifier": "0.9.2342.19200300.100.1.25", "Value": "example"}]}
BAD_SUBJECTS: dict[str, dict[str, Any]] = {
    "empty": {},
    "mixed": CUSTOM | {"CommonName": "x"},
    "null": {"CommonName": "a\0b"},
    "line break": {"Organization": "a\nb"},
    "country": {"Country": "U1"},
    "printable": {"SerialNumber": "a_b"},
    "ia5": {"CustomAttributes": [{"ObjectIdentifier": "0.9.2342.19200300.100.1.25", "Value": "\u00e9"}]},
    "empty value": {"CommonName": ""},
}


@pytest.mark.parametrize("case", BAD_SUBJECTS)
def test_subject_that_cannot_be_written_is_refused(case: str) -> None:
    with pytest.raises(ArgumentError):
        names.encode_subject(BAD_SUBJECTS[case])


def test_custom_attributes_are_kept_in_order() -> None:
    encoded = names.encode_subject(
        {"CustomAttributes": [*CUSTOM["CustomAttributes"], {"ObjectIdentifier": "1.2.3", "Value": "v"}]}
    )
    assert names.rfc2253(encoded).endswith("DC=example")
