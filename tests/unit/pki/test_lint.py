"""Linting before signing: each defect by the name of its rule, and pkilint as the judge of what no rule stops."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.errors import LintError
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.lint import rules
from chalicelib.pki.lint.expectation import profile_of
from chalicelib.pki.x509 import algorithms, extensions, signed
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509.issuer import root_in_making
from tests.support.builders import ROOT_KEY, START, csr
from tests.support.linted import Parts, expectation
from tests.support.pkilint_judge import all_codes, findings
from tests.support.planned_certificates import KEYS, planned

if TYPE_CHECKING:
    from collections.abc import Callable

CSR_PASSTHROUGH = "BlankEndEntityCertificate_CSRPassthrough"
SUBORDINATE = "BlankSubordinateCACertificate_PathLen0_CSRPassthrough"


@pytest.mark.wide
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_certificate_of_each_template_and_key_passes(template: str, key: str) -> None:
    private_key, row = KEYS[key], TEMPLATES[template]
    request = csr("Sub", key=private_key, dns_names=() if row.is_root else ["a.example"])
    more: dict[str, Any] = {}
    if row.is_root:
        more["issuer"] = root_in_making(csrs.parse_csr(request))
        is_rsa = isinstance(private_key, rsa.RSAPrivateKey)
        more["signing_algorithm"] = "SHA256WITHRSA" if is_rsa else "SHA256WITHECDSA"
    plan = planned(template, request, **more)
    more.pop("signing_algorithm", None)
    rules.check(plan.tbs_der, expectation(plan, request, template, **more))


def test_profiles_are_written_for_every_template_and_for_no_other_name() -> None:
    for name in TEMPLATES:
        profile_of(name)
    for name in ("", "endEntityCertificate", "EndEntityCertificate_PathLen4", "EndEntityCertificate_"):
        with pytest.raises(LintError) as raised:
            profile_of(name)
        assert raised.value.rule == "template_unknown"


def _member(name: str, value: bytes) -> Callable[[Parts], None]:
    return lambda parts: parts.members.update({name: value})


def _validity(*moments: bytes) -> Callable[[Parts], None]:
    return _member("validity", der.sequence(*moments))


def _utc(text: str) -> bytes:
    return der.tlv(der.UTC_TIME, text.encode())


def _generalized(text: str) -> bytes:
    return der.tlv(der.GENERALIZED_TIME, text.encode())


def _until_2051(moment: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.expectation = dataclasses.replace(parts.expectation, not_after=datetime(2051, 1, 1, tzinfo=UTC))
        _validity(times.encode(parts.expectation.not_before), moment)(parts)

    return change


def _nameless(parts: Parts) -> None:
    _no_subject(parts)
    parts.drop(oids.SUBJECT_ALTERNATIVE_NAME)
    asked = dataclasses.replace(parts.expectation.request, extensions=())
    parts.expectation = dataclasses.replace(parts.expectation, request=asked)


def _no_subject(parts: Parts) -> None:
    parts.members["subject"] = der.sequence()
    request = dataclasses.replace(parts.expectation.request, subject_der=der.sequence())
    parts.expectation = dataclasses.replace(parts.expectation, request=request)


def _subject_of(rdn: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts.members["subject"] = der.sequence(rdn)
        request = dataclasses.replace(parts.expectation.request, subject_der=der.sequence(rdn))
        parts.expectation = dataclasses.replace(parts.expectation, request=request)

    return change


def _negative_validity(parts: Parts) -> None:
    begin, end = START, START - timedelta(seconds=1)
    parts.expectation = dataclasses.replace(parts.expectation, not_before=begin, not_after=end)
    _validity(times.encode(begin), times.encode(end))(parts)


def _beyond_issuer(parts: Parts) -> None:
    end = START + timedelta(days=3651)
    parts.expectation = dataclasses.replace(parts.expectation, not_after=end)
    _validity(times.encode(parts.expectation.not_before), times.encode(end))(parts)


def _no_issuer(parts: Parts) -> None:
    issuer = dataclasses.replace(parts.expectation.issuer, name_der=der.sequence())
    parts.expectation = dataclasses.replace(parts.expectation, issuer=issuer)
    parts.members["issuer"] = der.sequence()


def _serial(number: int) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        size = (number.bit_length() + 8) // 8
        parts.members["serial"] = der.tlv(der.INTEGER, number.to_bytes(size, signed=True))
        parts.expectation = dataclasses.replace(parts.expectation, serial_number=number)

    return change


def _replaced(oid: str, **changes: Any) -> Callable[[Parts], None]:
    return lambda parts: parts.replace(oid, **changes)


def _dropped(oid: str) -> Callable[[Parts], None]:
    return lambda parts: parts.drop(oid)


def _added(oid: str, value: str, **more: Any) -> Callable[[Parts], None]:
    return lambda parts: parts.add(oid, value, **more)


def _twice(oid: str) -> Callable[[Parts], None]:
    return lambda parts: parts.extensions.append(parts.extension(oid))


def _attribute(value: str) -> bytes:
    return der.sequence(der.oid(oids.COMMON_NAME), der.tlv(der.UTF8_STRING, value.encode()))


def _named(name: bytes) -> Callable[[Parts], None]:
    return _replaced(oids.SUBJECT_ALTERNATIVE_NAME, value_der=der.sequence(name))


_OTHER_KEY_ID = extensions.subject_key_identifier(b"\x01" * 20).value_der
_OTHER_ISSUER = extensions.authority_key_identifier(b"\x01" * 20).value_der
_OTHER_CRL = extensions.crl_distribution_points("http://crl.example.com/crl/y.crl").value_der
_OTHER_OCSP = extensions.authority_information_access("http://ocsp.example.org").value_der
_QUALIFIER = der.sequence(der.oid("1.2.3.4"), der.tlv(der.NULL))
ANY_POLICY = der.sequence(der.sequence(der.oid(oids.ANY_POLICY), der.sequence(_QUALIFIER)))
_PERMITTED = "300fa00d300b8209" + "612e6578616d706c65"
_KEY_USAGE, _EKU = oids.KEY_USAGE, oids.EXTENDED_KEY_USAGE
# By the name of the rule: the template, and what is done to its certificate.
DEFECTS: list[tuple[str, str, Callable[[Parts], None]]] = [
    ("version_not_3", "EndEntityCertificate", _member("version", b"\xa0\x03\x02\x01\x01")),
    ("version_not_3", "EndEntityCertificate", _member("version", b"")),
    ("fields_unexpected", "EndEntityCertificate", lambda parts: parts.more.append(b"\x81\x02\x00\xff")),
    ("serial_number_out_of_range", "EndEntityCertificate", _serial(0)),
    ("serial_number_out_of_range", "EndEntityCertificate", _serial(-1)),
    ("serial_number_out_of_range", "EndEntityCertificate", _serial(1 << 159)),
    ("serial_number_not_on_record", "EndEntityCertificate", _member("serial", der.integer(7))),
    ("der_malformed", "EndEntityCertificate", _member("serial", b"\x02\x02\x00\x07")),
    ("der_malformed", "EndEntityCertificate", _member("validity", b"\x30\x82\x00\x00")),
    (
        "signature_algorithm_mismatch",
        "EndEntityCertificate",
        _member("algorithm", algorithms.SIGNING_ALGORITHMS["SHA384WITHECDSA"].identifier_der),
    ),
    ("issuer_name_empty", "EndEntityCertificate", _no_issuer),
    ("issuer_name_wrong", "EndEntityCertificate", _member("issuer", der.sequence(der.tlv(der.SET, _attribute("x"))))),
    ("public_key_wrong", "EndEntityCertificate", _member("spki", Parts().expectation.issuer.spki_der)),
    ("validity_encoding", "EndEntityCertificate", _validity(_generalized("20300101110000Z"), _utc("300131120000Z"))),
    ("validity_encoding", "EndEntityCertificate", _validity(_utc("300101110000Z"), _utc("3001311200Z"))),
    ("validity_encoding", "EndEntityCertificate", _validity(_utc("300101110000Z"), _utc("300231120000Z"))),
    ("validity_encoding", "EndEntityCertificate", _validity(_utc("300101110000Z"), _utc("300131120000+0000"))),
    ("validity_encoding", "EndEntityCertificate", _validity(_utc("300101110000Z"))),
    ("validity_encoding", "EndEntityCertificate", _until_2051(_generalized("20510101000000.0Z"))),
    ("validity_not_on_record", "EndEntityCertificate", _until_2051(_utc("510101000000Z"))),
    ("validity_not_on_record", "EndEntityCertificate", _validity(_utc("300101110000Z"), _utc("300131120001Z"))),
    ("validity_negative", "EndEntityCertificate", _negative_validity),
    ("validity_beyond_issuer", "EndEntityCertificate", _beyond_issuer),
    ("subject_wrong", "EndEntityCertificate", _member("subject", der.sequence(der.tlv(der.SET, _attribute("x"))))),
    ("subject_malformed", "EndEntityCertificate", _subject_of(der.tlv(der.SET, _attribute("\n")))),
    (
        "subject_attribute_duplicate",
        "EndEntityCertificate",
        _subject_of(der.tlv(der.SET, _attribute("a"), _attribute("b"))),
    ),
    ("names_missing", "EndEntityCertificate", _nameless),
    ("subject_alternative_name_criticality", "EndEntityCertificate", _no_subject),
    (
        "subject_alternative_name_criticality",
        "EndEntityCertificate",
        _replaced(oids.SUBJECT_ALTERNATIVE_NAME, critical=True),
    ),
    ("ca_subject_empty", SUBORDINATE, _no_subject),
    ("extension_duplicate", "EndEntityCertificate", _twice(oids.KEY_USAGE)),
    ("template_basic_constraints", "EndEntityCertificate", _dropped(oids.BASIC_CONSTRAINTS)),
    ("template_basic_constraints", "EndEntityCertificate", _replaced(oids.BASIC_CONSTRAINTS, critical=True)),
    ("template_basic_constraints", "EndEntityCertificate", _replaced(oids.BASIC_CONSTRAINTS, value_der=b"0\3\1\1\xff")),
    ("template_basic_constraints", SUBORDINATE, _replaced(oids.BASIC_CONSTRAINTS, critical=False)),
    ("template_basic_constraints", SUBORDINATE, _replaced(oids.BASIC_CONSTRAINTS, value_der=b"0\3\1\1\xff")),
    (
        "template_basic_constraints",
        SUBORDINATE,
        _replaced(oids.BASIC_CONSTRAINTS, value_der=b"0\6\1\1\xff\2\1\1"),
    ),
    ("template_key_usage", "EndEntityCertificate", _replaced(_KEY_USAGE, value_der=b"\3\2\6\xc0")),
    ("template_key_usage", "EndEntityCertificate", _replaced(_KEY_USAGE, critical=False)),
    ("template_key_usage", "EndEntityCertificate", _dropped(_KEY_USAGE)),
    ("template_key_usage", "SubordinateCACertificate_PathLen0", _replaced(_KEY_USAGE, value_der=b"\3\2\1\x82")),
    ("template_extended_key_usage", "EndEntityCertificate", _dropped(_EKU)),
    ("template_extended_key_usage", "CodeSigningCertificate", _replaced(_EKU, critical=False)),
    (
        "template_extended_key_usage",
        "EndEntityServerAuthCertificate",
        _replaced(_EKU, value_der=extensions.extended_key_usage([oids.CLIENT_AUTH]).value_der),
    ),
    ("authority_key_identifier_missing", "EndEntityCertificate", _dropped(oids.AUTHORITY_KEY_IDENTIFIER)),
    (
        "authority_key_identifier_wrong",
        "EndEntityCertificate",
        _replaced(oids.AUTHORITY_KEY_IDENTIFIER, value_der=_OTHER_ISSUER),
    ),
    ("subject_key_identifier_missing", "EndEntityCertificate", _dropped(oids.SUBJECT_KEY_IDENTIFIER)),
    (
        "subject_key_identifier_wrong",
        "EndEntityCertificate",
        _replaced(oids.SUBJECT_KEY_IDENTIFIER, value_der=_OTHER_KEY_ID),
    ),
    ("subject_alternative_name_missing", "EndEntityCertificate", _dropped(oids.SUBJECT_ALTERNATIVE_NAME)),
    ("crl_distribution_point_missing", "EndEntityCertificate", _dropped(oids.CRL_DISTRIBUTION_POINTS)),
    (
        "crl_distribution_point_wrong",
        "EndEntityCertificate",
        _replaced(oids.CRL_DISTRIBUTION_POINTS, value_der=_OTHER_CRL),
    ),
    (
        "crl_distribution_point_wrong",
        "EndEntityCertificate",
        _replaced(oids.CRL_DISTRIBUTION_POINTS, value_der=_OTHER_OCSP),
    ),
    ("ocsp_address_missing", "EndEntityCertificate", _dropped(oids.AUTHORITY_INFORMATION_ACCESS)),
    (
        "ocsp_address_wrong",
        "EndEntityCertificate",
        _replaced(oids.AUTHORITY_INFORMATION_ACCESS, value_der=_OTHER_OCSP),
    ),
    ("extension_unexpected", "EndEntityCertificate", _added("1.3.6.1.4.1.99999.2", "0500", expected=False)),
    ("extension_unexpected", "EndEntityCertificate", _added("1.3.6.1.4.1.99999.2", "0500")),
    ("extension_malformed", CSR_PASSTHROUGH, _added(oids.POLICY_CONSTRAINTS, "3000", critical=True)),
    ("extension_criticality", CSR_PASSTHROUGH, _added(oids.SUBJECT_DIRECTORY_ATTRIBUTES, "301f301d06082b0601050507090131111"
     "80f31393730303130313030303030305a", critical=True)),
    ("extension_criticality", CSR_PASSTHROUGH, _replaced(oids.AUTHORITY_KEY_IDENTIFIER, critical=True)),
    ("extension_criticality", CSR_PASSTHROUGH, _replaced(oids.SUBJECT_KEY_IDENTIFIER, critical=True)),
    ("extension_criticality", CSR_PASSTHROUGH, _replaced(oids.AUTHORITY_INFORMATION_ACCESS, critical=True)),
    ("extension_criticality", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, _PERMITTED)),
    ("extension_criticality", SUBORDINATE, _added(oids.POLICY_CONSTRAINTS, "3003800100")),
    ("extension_criticality", SUBORDINATE, _added(oids.INHIBIT_ANY_POLICY, "020100")),
    ("ca_extension", CSR_PASSTHROUGH, _added(oids.NAME_CONSTRAINTS, _PERMITTED, critical=True)),
    ("ca_extension", CSR_PASSTHROUGH, _added(oids.POLICY_CONSTRAINTS, "3003800100", critical=True)),
    ("ca_extension", CSR_PASSTHROUGH, _added(oids.INHIBIT_ANY_POLICY, "020100", critical=True)),
    ("key_cert_sign", CSR_PASSTHROUGH, _added(oids.KEY_USAGE, "03020186", critical=True)),
    ("key_cert_sign", SUBORDINATE, _added(oids.KEY_USAGE, "03020780", critical=True)),
    # what pkilint finds in values, and our grammar of extensions too
    ("fields_unexpected", "EndEntityCertificate", lambda parts: parts.more.append(b"\x82\x02\x00\xff")),
    ("subject_key_identifier_missing", SUBORDINATE, _dropped(oids.SUBJECT_KEY_IDENTIFIER)),
    ("template_basic_constraints", "EndEntityCertificate", _replaced(oids.BASIC_CONSTRAINTS, value_der=b"0\3\2\1\0")),
    ("authority_key_identifier_wrong", CSR_PASSTHROUGH, _replaced(oids.AUTHORITY_KEY_IDENTIFIER, value_der=b"0\0")),
    ("crl_distribution_point_wrong", CSR_PASSTHROUGH, _replaced(oids.CRL_DISTRIBUTION_POINTS, value_der=b"0\2\x30\0")),
    (
        "authority_key_identifier_wrong",
        CSR_PASSTHROUGH,
        _replaced(oids.AUTHORITY_KEY_IDENTIFIER, value_der=bytes.fromhex("3006800101820101")),
    ),
    (
        "authority_key_identifier_wrong",
        CSR_PASSTHROUGH,
        _replaced(oids.AUTHORITY_KEY_IDENTIFIER, value_der=bytes.fromhex("3008800101a103820161")),
    ),
    ("extension_malformed", CSR_PASSTHROUGH, _added(oids.KEY_USAGE, "030100", critical=True)),
    ("extension_malformed", CSR_PASSTHROUGH, _added(oids.FRESHEST_CRL, "30023000")),
    ("extension_malformed", CSR_PASSTHROUGH, _added(oids.CERTIFICATE_POLICIES, "300e300506032a0304300506032a0304")),
    (
        "extension_malformed",
        CSR_PASSTHROUGH,
        _added(oids.CERTIFICATE_POLICIES, ANY_POLICY.hex()),
    ),
    ("ca_extension", CSR_PASSTHROUGH, _added(oids.POLICY_MAPPINGS, "300c300a06032a030406032a0305", critical=True)),
    ("extension_criticality", CSR_PASSTHROUGH, _added("1.3.6.1.4.1.11129.2.4.3", "0500")),
    ("extension_criticality", CSR_PASSTHROUGH, _added("1.2.840.113549.1.9.15", "3000", critical=True)),
    (
        "extension_criticality",
        CSR_PASSTHROUGH,
        _added(oids.SUBJECT_INFORMATION_ACCESS, "3011300f06082b060105050730058603613a62", critical=True),
    ),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "3000", critical=True)),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "3009a0073005820161810101", critical=True)),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "300aa0083006820161800101", critical=True)),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "300aa0083006820161810101", critical=True)),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "300ca00a30088706010203040506", critical=True)),
    ("extension_malformed", SUBORDINATE, _added(oids.NAME_CONSTRAINTS, "300ea00c300a8708c0000200ff00ff00", critical=True)),
    *(
        ("extension_malformed", "EndEntityCertificate", _named(name))
        for name in (
            der.tlv(0x82, b"a..example"),
            der.tlv(0x82, b".".join([b"a" * 60] * 5)),
            der.tlv(0x81, b"no mailbox"),
            der.tlv(0x81, b"a@" + b".".join([b"a" * 60] * 5)),
            der.tlv(0x86, b"no uri"),
            der.tlv(0x87, b"\x01\x02\x03"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("position", range(len(DEFECTS)), ids=[f"{n}-{defect[0]}" for n, defect in enumerate(DEFECTS)])
def test_defect_is_refused_by_the_name_of_its_rule(position: int) -> None:
    rule, template, change = DEFECTS[position]
    parts = Parts(template)
    rules.check(parts.tbs(), parts.expectation)
    change(parts)
    with pytest.raises(LintError) as raised:
        rules.check(parts.tbs(), parts.expectation)
    assert raised.value.rule == rule


# What pkilint calls an error and no rule here does, and why.
NOT_COVERED = {
    "base.unhandled_exception": "pkilint's own failure",
    "pkix.validity_period_end_value_missing": "pkilint does not read such a validity; the rule is validity_encoding",
    "pkix.basic_constraints_has_pathlen_for_non_ca": "pkilint does not decode it; the rule is template_basic_constraints",
    "pkix.ca_certificate_no_ku_extension": "AWS's blank templates leave KeyUsage to the request",
    "pkix.both_encipheronly_and_decipheronly_ku_set": "the API takes any bits beside keyAgreement, as AWS's does",
    "pkix.extended_key_usage_extension_with_timestamping_not_critical": "ApiPassthrough has no criticality for it",
    "pkix.subject_email_address_not_in_san": "AWS copies the subject",
    "pkix.name_domain_components_invalid_domain_name": "AWS copies the subject",
    "pkix.hash_mldsa_ca_key_prohibited": "the reader of CSRs takes no such key",
    "pkix.hash_slhdsa_ca_key_prohibited": "the reader of CSRs takes no such key",
    "pkix.public_key_nist_ipd_algorithm_present": "the reader of CSRs takes no such key",
    "pkix.public_key_nist_round3_algorithm_present": "the reader of CSRs takes no such key",
    "pkix.ct_precert_poison_and_sctlist_extensions_present": "Certificate Transparency is for public CAs",
    "pkix.sct_list_empty": "Certificate Transparency is for public CAs",
    "pkix.sct_list_extension_invalid_encoding": "Certificate Transparency is for public CAs",
    "pkix.prohibited_qualified_statement_present": "qualified certificates are for public CAs",
    "pkix.rfc5280_certificate_policies_invalid_explicit_text_encoding": "every kind of text is read, as RFC 6818 has it",
    "pkix.rfc6818_certificate_policies_invalid_explicit_text_encoding": "an IA5String is read by every client",
    "pkix.uri_domain_name_too_long": "a URI is held to its syntax, not its host to a length",
    **dict.fromkeys(
        (
            "pkix.smtp_utf8_mailbox_domain_part_invalid_syntax",
            "pkix.smtp_utf8_mailbox_has_bom",
            "pkix.smtp_utf8_mailbox_has_uppercase",
            "pkix.smtp_utf8_mailbox_invalid_syntax",
            "pkix.smtp_utf8_mailbox_is_ascii_only",
            "pkix.smtputf8mailbox_domain_part_too_long",
        ),
        "the value of an otherName is copied, as AWS does; below name constraints none is issued",
    ),
}


def test_every_error_of_pkilint_has_a_defect_or_a_reason() -> None:
    found: set[str] = set()
    for _, template, change in DEFECTS:
        parts = Parts(template)
        change(parts)
        found |= findings(signed.sign(parts.tbs(), ROOT_KEY, "SHA256WITHECDSA"))
    assert all_codes() - found == NOT_COVERED.keys() - {"pkix.ca_certificate_no_ku_extension"}


def test_what_follows_a_certificate_is_refused() -> None:
    parts = Parts()
    with pytest.raises(LintError) as raised:
        rules.check(parts.tbs() + b"\x05\x00", parts.expectation)
    assert raised.value.rule == "der_malformed"


def test_throw_away_signature_is_one_for_the_process() -> None:
    assert rules._throw_away_signature() is rules._throw_away_signature()
