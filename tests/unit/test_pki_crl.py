"""CRLs: what OpenSSL and a linter read in them, and what is refused to be compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import ROOT_KEY, START, root_certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from pkilint import loader, pkix
from pkilint.pkix import crl as pkilint_crl
from pkilint.pkix import extension as pkilint_extension
from pkilint.pkix import name as pkilint_name

from chalicelib.pki import certificate, crl, der, extensions, signed
from chalicelib.pki.errors import ArgumentError, DerError

ISSUER = certificate.issuer_of(root_certificate().public_bytes(Encoding.DER))
NUMBER = 1519676905984  # epoch milliseconds, as AWS numbers its CRLs
REASONS = {
    "UNSPECIFIED": None,
    "KEY_COMPROMISE": x509.ReasonFlags.key_compromise,
    "CERTIFICATE_AUTHORITY_COMPROMISE": x509.ReasonFlags.ca_compromise,
    "AFFILIATION_CHANGED": x509.ReasonFlags.affiliation_changed,
    "SUPERSEDED": x509.ReasonFlags.superseded,
    "CESSATION_OF_OPERATION": x509.ReasonFlags.cessation_of_operation,
    "PRIVILEGE_WITHDRAWN": x509.ReasonFlags.privilege_withdrawn,
    "A_A_COMPROMISE": x509.ReasonFlags.aa_compromise,
}
_LINTER = pkilint_crl.create_pkix_crl_validator_container(
    [
        pkix.create_attribute_decoder(pkilint_name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(pkilint_extension.EXTENSION_MAPPINGS),
    ],
    [
        pkilint_crl.create_issuer_validator_container([]),
        pkilint_crl.create_validity_validator_container([]),
        pkilint_crl.create_extensions_validator_container([]),
    ],
)


def signed_crl(*entries: bytes, **more: Any) -> bytes:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "signing_algorithm": "SHA256WITHECDSA",
        "crl_number": NUMBER,
        "this_update": START - timedelta(hours=1),
        "next_update": START + timedelta(days=7),
        "entries": entries,
    }
    return signed.sign(crl.build_crl_tbs(**arguments | more), ROOT_KEY, "SHA256WITHECDSA")


@pytest.mark.parametrize("entries", [(), tuple(REASONS)], ids=["empty", "every reason"])
def test_build_crl_passes_an_independent_linter(entries: tuple[str, ...]) -> None:
    encoded = [crl.encode_entry(serial, START, reason) for serial, reason in enumerate(entries, 1)]
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(signed_crl(*encoded), "crl")
    found = [each.finding.code for one in _LINTER.validate(document.root) for each in one.finding_descriptions]
    assert found == []


def test_build_crl_is_complete_version_2_without_distribution_point() -> None:
    """RFC 5280 section 5.2: AuthorityKeyIdentifier and CRLNumber; a complete CRL needs no critical extension."""
    found = x509.load_der_x509_crl(signed_crl())
    assert found.is_signature_valid(ROOT_KEY.public_key())
    assert [each.oid for each in found.extensions] == [
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
    ]
    assert not any(each.critical for each in found.extensions)
    assert found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == NUMBER
    (key_identifier, _) = found.extensions
    assert key_identifier.value == x509.AuthorityKeyIdentifier(ISSUER.key_identifier, None, None)


def test_build_crl_without_entries_has_no_list() -> None:
    """RFC 5280 section 5.1.2.6: with no revoked certificates the list must be absent."""
    tbs = next(der.read(signed_crl()).children())
    assert [each.tag for each in tbs.children()] == [0x02, 0x30, 0x30, 0x17, 0x17, 0xA0]


@pytest.mark.parametrize("reason", REASONS)
def test_encode_entry_reason_is_rfc_5280_s(reason: str) -> None:
    """RFC 5280 section 5.3.1: UNSPECIFIED is left out, with its extension."""
    found = x509.load_der_x509_crl(signed_crl(crl.encode_entry(1 << 127, START, reason)))
    (entry,) = found
    assert entry.serial_number == 1 << 127
    assert entry.revocation_date_utc == START
    expected = [] if REASONS[reason] is None else [x509.CRLReason(REASONS[reason])]  # type: ignore[arg-type]  # not None
    assert [each.value for each in entry.extensions] == expected


def test_encode_entry_unknown_reason_is_refused() -> None:
    with pytest.raises(ArgumentError, match="CERTIFICATE_HOLD"):
        crl.encode_entry(1, START, "CERTIFICATE_HOLD")


def test_crl_times_from_2050_on_are_generalized() -> None:
    """RFC 5280 sections 5.1.2.4 to 5.1.2.6."""
    late = datetime(2050, 1, 1, tzinfo=UTC)
    before = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    made = signed_crl(crl.encode_entry(5, late, "SUPERSEDED"), this_update=before, next_update=late)
    (entry,) = found = x509.load_der_x509_crl(made)
    assert (found.last_update_utc, found.next_update_utc, entry.revocation_date_utc) == (before, late, late)
    assert b"\x17\x0d491231235959Z" in made
    assert made.count(b"\x18\x0f20500101000000Z") == 2


@pytest.mark.parametrize("count", [0, 1, 300])
def test_summarize_crl_says_what_was_built(count: int) -> None:
    made = signed_crl(*[crl.encode_entry(serial, START, "KEY_COMPROMISE") for serial in range(1, count + 1)])
    assert crl.summarize_crl(made) == crl.CrlSummary(
        issuer_der=ISSUER.name_der,
        crl_number=NUMBER,
        this_update=START - timedelta(hours=1),
        next_update=START + timedelta(days=7),
        entry_count=count,
    )


def test_summarize_crl_counts_long_entries_of_others_too() -> None:
    """An entry of another program may have many extensions, and then a length of two octets."""
    extension = extensions.Extension("1.2.3", critical=False, value_der=b"x" * 200)
    entry = der.sequence(der.integer(1), der.time(START), der.sequence(extension.der))
    assert crl.summarize_crl(signed_crl(entry, crl.encode_entry(2, START, "SUPERSEDED"))).entry_count == 2


def test_summarize_crl_reads_times_of_the_last_century() -> None:
    made = signed_crl(this_update=datetime(1999, 1, 1, tzinfo=UTC))
    assert crl.summarize_crl(made).this_update == datetime(1999, 1, 1, tzinfo=UTC)


def _tbs(*members: bytes) -> bytes:
    return der.sequence(der.sequence(*members), der.sequence(), der.bit_string(b""))


_ALGORITHM, _NAME, _TIME = der.sequence(), der.sequence(), der.time(START)
_NUMBER = extensions.crl_number(7).der
_WRAPPED = der.tlv(0xA0, der.sequence(_NUMBER))
_HEAD = (der.integer(1), _ALGORITHM, _NAME, _TIME, _TIME)
MALFORMED = {
    "empty": b"",
    "no sequence": b"\x04\x00",
    "empty sequence": der.sequence(),
    "empty content": der.sequence(der.sequence(), der.sequence(), der.bit_string(b"")),
    "too short": _tbs(*_HEAD),
    "no extensions": _tbs(*_HEAD, der.sequence(der.sequence())),
    "no number": _tbs(*_HEAD, der.tlv(0xA0, der.sequence(der.sequence(der.oid("1.2.3"), b"\x04\x00")))),
    "number negative": _tbs(
        *_HEAD, der.tlv(0xA0, der.sequence(der.sequence(der.oid("2.5.29.20"), b"\x04\x03\x02\x01\xff")))
    ),
    "two lists": _tbs(*_HEAD, der.sequence(), der.sequence(), _WRAPPED),
    "list of another kind": _tbs(*_HEAD, der.tlv(der.SET), _WRAPPED),
    "entry cut off": _tbs(*_HEAD, der.sequence(b"\x30\x05\x02\x01\x01"), _WRAPPED),
    "entry of one octet": _tbs(*_HEAD, der.sequence(b"\x30"), _WRAPPED),
    "time that is none": _tbs(*_HEAD[:3], b"\x17\x0d991399000000Z", _TIME, _WRAPPED),
    "time of other bytes": _tbs(*_HEAD[:3], b"\x17\x02\xff\xff", _TIME, _WRAPPED),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_summarize_crl_malformed_is_refused(case: str) -> None:
    with pytest.raises(DerError):
        crl.summarize_crl(MALFORMED[case])
