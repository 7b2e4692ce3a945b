"""CRLs: what OpenSSL and a linter read in them, and what is refused to be compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from pkilint import loader, pkix
from pkilint.pkix import crl as pkilint_crl
from pkilint.pkix import extension as pkilint_extension
from pkilint.pkix import name as pkilint_name

from chalicelib.pki.asn1 import der
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import extensions, signed
from chalicelib.pki.x509.issuer import issuer_of
from tests.support.builders import ROOT_KEY, START, root_certificate
from tests.support.pki_forge import with_unused_bit

ISSUER = issuer_of(root_certificate().public_bytes(Encoding.DER))
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
    return signed.sign(crl_tbs.build_crl_tbs(**arguments | more), ROOT_KEY, "SHA256WITHECDSA")


@pytest.mark.parametrize("entries", [(), tuple(REASONS)], ids=["empty", "every reason"])
def test_build_crl_passes_an_independent_linter(entries: tuple[str, ...]) -> None:
    encoded = [crl_tbs.encode_entry(serial, START, reason) for serial, reason in enumerate(entries, 1)]
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
    tbs = der.read(signed_crl()).children()[0]
    assert [each.tag for each in tbs.children()] == [0x02, 0x30, 0x30, 0x17, 0x17, 0xA0]


@pytest.mark.parametrize("reason", REASONS)
def test_encode_entry_reason_is_rfc_5280_s(reason: str) -> None:
    """RFC 5280 section 5.3.1: UNSPECIFIED is left out, with its extension."""
    found = x509.load_der_x509_crl(signed_crl(crl_tbs.encode_entry(1 << 127, START, reason)))
    (entry,) = found
    assert entry.serial_number == 1 << 127
    assert entry.revocation_date_utc == START
    expected = [] if REASONS[reason] is None else [x509.CRLReason(REASONS[reason])]  # type: ignore[arg-type]  # not None
    assert [each.value for each in entry.extensions] == expected


def test_encode_entry_unknown_reason_is_refused() -> None:
    with pytest.raises(ArgumentError, match="CERTIFICATE_HOLD"):
        crl_tbs.encode_entry(1, START, "CERTIFICATE_HOLD")


def test_crl_times_from_2050_on_are_generalized() -> None:
    """RFC 5280 sections 5.1.2.4 to 5.1.2.6."""
    late = datetime(2050, 1, 1, tzinfo=UTC)
    before = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    made = signed_crl(crl_tbs.encode_entry(5, late, "SUPERSEDED"), this_update=before, next_update=late)
    (entry,) = found = x509.load_der_x509_crl(made)
    assert (found.last_update_utc, found.next_update_utc, entry.revocation_date_utc) == (before, late, late)
    assert b"\x17\x0d491231235959Z" in made
    assert made.count(b"\x18\x0f20500101000000Z") == 2


# the gate


SCOPE = extensions.Extension(
    "2.5.29.28", critical=True, value_der=der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, b"http://x/1.crl"))))
)
DAY = timedelta(days=1)
OLD = {1: START + 30 * DAY, 2: START - 9 * DAY, 3: START + 30 * DAY}  # until when the published entries are needed
REVOKED = OLD | {4: START + 30 * DAY}


def entries_of(*serials: int) -> tuple[bytes, ...]:
    return tuple(crl_tbs.encode_entry(serial, START - 10 * DAY, "SUPERSEDED") for serial in serials)


def recorded(until: dict[int, datetime], shown_at: datetime | None = START - DAY) -> list[crl_segments.Shown]:
    """These revocations on record, as a CRL shows them whose forerunner was of `shown_at`."""
    rows = [(crl_segments.seconds(end), entries_of(serial)[0]) for serial, end in until.items()]
    return [crl_segments.shown(each, shown_at) for each in crl_segments.build(rows, "a")]


def with_scope(made: bytes) -> bytes:
    """The same CRL, of a partition."""
    tbs = der.read(der.read(made).children()[0].der)
    *members, wrapper = tbs.children()
    (listed,) = wrapper.children()
    scoped = der.tlv(0xA0, der.sequence(*(each.der for each in listed.children()), SCOPE.der))
    return signed.sign(der.sequence(*(each.der for each in members), scoped), ROOT_KEY, "SHA256WITHECDSA")


def naming_another_algorithm(made: bytes) -> bytes:
    """The same CRL, rightly signed, but both of its algorithm identifiers name another algorithm."""
    tbs = der.read(made).children()[0].der.replace(b"\x04\x03\x02", b"\x04\x03\x03")
    return signed.sign(tbs, ROOT_KEY, "SHA256WITHECDSA").replace(b"\x04\x03\x02", b"\x04\x03\x03")


def with_another_signature(made: bytes) -> bytes:
    return made[:-1] + bytes([made[-1] ^ 1])


PUBLISHED = signed_crl(
    *entries_of(1, 2, 3), crl_number=NUMBER - 1, this_update=START - DAY, next_update=START + 6 * DAY
)
DUE = crl_gate.Due(
    now=START,
    issuer=ISSUER,
    signing_algorithm="SHA256WITHECDSA",
    latest_next_update=START + 7 * DAY,
    recorded=recorded(REVOKED),
    revoked={crl_tbs.serial_content(4)},
    published=[crl_gate.read(PUBLISHED)],
)
GOOD = entries_of(1, 3, 4)
OTHER_ROOT = issuer_of(root_certificate(common_name="Other Root").public_bytes(Encoding.DER), ())
REFUSED = {
    "empty": (b"", "not a CRL"),
    "older": (signed_crl(*GOOD, this_update=START - 2 * DAY), "thisUpdate is before"),
    "lower number": (signed_crl(*GOOD, crl_number=NUMBER - 2), "is not above the published"),
    "same number": (signed_crl(*GOOD, crl_number=NUMBER - 1), "is not above the published"),
    "other issuer": (signed_crl(*GOOD, issuer=OTHER_ROOT), "issuer"),
    "other scope": (with_scope(signed_crl(*GOOD)), "scope"),
    "missing entry": (signed_crl(*entries_of(1, 3)), "lacks the revoked serial number 0{31}4"),
    "early removal": (signed_crl(*entries_of(1, 4)), "serial number 0{31}3"),
    "duplicate": (signed_crl(*GOOD, *entries_of(3)), "twice"),
    "bad signature": (with_another_signature(signed_crl(*GOOD)), "signature"),
    "signature with an unused bit": (with_unused_bit(lambda: signed_crl(*GOOD)), "not a CRL"),
    "past nextUpdate": (signed_crl(*GOOD, next_update=START), "nextUpdate has passed"),
    "nextUpdate too late": (signed_crl(*GOOD, next_update=START + 8 * DAY), "the latest that is configured"),
    "future thisUpdate": (signed_crl(*GOOD, this_update=START + timedelta(seconds=1)), "future"),
    "nobody revoked it": (signed_crl(*GOOD, *entries_of(5)), "0{31}5, which is not revoked"),
    "broken entry": (signed_crl(*GOOD, b"\x30\x00"), "cannot be read"),
    "signed by another algorithm": (signed_crl(*GOOD).replace(b"\x04\x03\x02", b"\x04\x03\x03"), "signature"),
    "another algorithm named": (naming_another_algorithm(signed_crl(*GOOD)), "signature"),
    "cut off": (signed_crl(*GOOD)[:-40], "not a CRL"),
    "something follows": (signed_crl(*GOOD) + b"\x05\x00", "not a CRL"),
    "one of two algorithms": (signed_crl(*GOOD).replace(b"\x04\x03\x02", b"\x04\x03\x03", 1), "not a CRL"),
    "other entry for a recorded one": (
        signed_crl(*entries_of(1, 3), crl_tbs.encode_entry(4, START, "UNSPECIFIED")),
        "0{31}4, which is not revoked",
    ),
}


def test_gate_passes_what_may_be_published() -> None:
    """Serial 2 was in a CRL that was made after its certificate had ended: it may go, or stay."""
    crl_gate.check(signed_crl(*GOOD), DUE)
    crl_gate.check(signed_crl(*entries_of(1, 2, 3, 4)), DUE)
    crl_gate.check(signed_crl(), replace(DUE, recorded=[], revoked=(), published=[]))


@pytest.mark.parametrize("case", REFUSED)
def test_gate_refuses(case: str) -> None:
    made, text = REFUSED[case]
    with pytest.raises(crl_gate.CrlRefusedError, match=text):
        crl_gate.check(made, DUE)


def test_gate_lets_this_update_go_back_only_from_the_future() -> None:
    """A clock that ran ahead made a CRL of the future; the next one has the times of the clock that is right."""
    ahead = signed_crl(
        *entries_of(1, 2, 3), crl_number=NUMBER - 1, this_update=START + 30 * DAY, next_update=START + 37 * DAY
    )
    due = replace(DUE, published=[crl_gate.read(ahead)])
    crl_gate.check(signed_crl(*GOOD), due)
    with pytest.raises(crl_gate.CrlRefusedError, match="in the future"):
        crl_gate.check(signed_crl(*GOOD, this_update=START + 30 * DAY), due)
    with pytest.raises(crl_gate.CrlRefusedError, match="would vanish"):
        crl_gate.check(signed_crl(), replace(due, recorded=recorded(REVOKED, START + 31 * DAY), revoked=()))
    early = replace(ISSUER, not_before=START + DAY)
    with pytest.raises(crl_gate.CrlRefusedError, match="before the notBefore of the CA certificate"):
        crl_gate.check(signed_crl(*GOOD), replace(due, issuer=early))


def test_gate_refuses_a_crl_of_another_partition() -> None:
    due = replace(DUE, scope=SCOPE.value_der)
    crl_gate.check(with_scope(signed_crl(*GOOD)), due)
    for made in (signed_crl(*GOOD), with_scope(signed_crl(*GOOD)).replace(b"/1.crl", b"/2.crl")):
        with pytest.raises(crl_gate.CrlRefusedError, match=r"scope|signature"):
            crl_gate.check(made, due)


def test_gate_requires_what_is_on_record_also_if_the_run_did_not_fold_it() -> None:
    """As when the process that folded it died."""
    with pytest.raises(crl_gate.CrlRefusedError, match=r"lacks the revoked serial number 0{31}4"):
        crl_gate.check(signed_crl(*entries_of(1, 3)), replace(DUE, revoked=()))


@pytest.mark.parametrize(("seconds", "passes"), [(-1, True), (0, False)])
def test_entry_vanishes_if_its_certificate_had_expired_before_the_published_crl(seconds: int, *, passes: bool) -> None:
    """RFC 5280 section 3.3; thisUpdate and notAfter have whole seconds, and in that second both hold."""
    until = START - DAY + timedelta(seconds=seconds)
    due = replace(DUE, recorded=recorded(REVOKED | {2: until}, shown_at=START))
    if passes:
        crl_gate.check(signed_crl(*GOOD), due)
    else:
        with pytest.raises(crl_gate.CrlRefusedError, match=r"0{31}2 would vanish"):
            crl_gate.check(signed_crl(*GOOD), due)


@pytest.mark.parametrize("serials", [(7,), (9, 9)], ids=["in an older segment", "in the new segment"])
def test_gate_finds_repeated_entries_where_few_are_new(serials: tuple[int, ...]) -> None:
    """The record itself may be damaged, so that CRL and record agree."""

    def segment(name: str, *numbers: int) -> list[crl_segments.Shown]:
        rows = [(crl_segments.seconds(REVOKED[1]), entries_of(number)[0]) for number in numbers]
        return [crl_segments.shown(made, None) for made in crl_segments.build(rows, name)]

    old = [part for number in range(5, 17) for part in segment(f"old-{number}", number)]
    listed = entries_of(*range(5, 17))
    before = signed_crl(*listed, crl_number=NUMBER - 1, this_update=START - DAY, next_update=START + 6 * DAY)
    due = replace(DUE, published=[crl_gate.read(before)], revoked=())
    crl_gate.check(signed_crl(*listed, *entries_of(1)), replace(due, recorded=[*old, *segment("new", 1)]))
    with pytest.raises(crl_gate.CrlRefusedError, match=f"0{{31}}{serials[0]} twice"):
        crl_gate.check(
            signed_crl(*listed, *entries_of(*serials)), replace(due, recorded=[*old, *segment("new", *serials)])
        )
    with pytest.raises(crl_gate.CrlRefusedError, match=r"0{31}1, which is not revoked"):
        crl_gate.check(signed_crl(*listed, *entries_of(1)), replace(due, recorded=old))


def test_gate_keeps_what_the_store_has_forgotten() -> None:
    """After the restoration of an older state, what clients have seen stays revoked."""
    forgetful = replace(DUE, recorded=recorded({1: REVOKED[1]}), revoked=())
    crl_gate.check(signed_crl(*entries_of(1, 2, 3)), forgetful)
    assert set(crl_gate.forgotten(forgetful.published, forgetful.recorded).values()) == set(entries_of(2, 3))
    with pytest.raises(crl_gate.CrlRefusedError, match="would vanish"):
        crl_gate.check(signed_crl(*entries_of(1)), forgetful)
