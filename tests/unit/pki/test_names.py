"""General names, passthrough, DER and name constraints: what the plans' tests do not reach."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.pki.asn1 import der, oids, times
from chalicelib.pki.errors import ArgumentError, ConstraintError, CsrError, DerError, PkiError
from chalicelib.pki.issuing import name_rules, passthrough, planning
from chalicelib.pki.issuing.specification import Specification
from chalicelib.pki.issuing.templates import TEMPLATES, template_named
from chalicelib.pki.issuing.validity import validity_period
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import extensions, general_names, names, signed
from chalicelib.pki.x509.extension_values import parse_basic_constraints
from chalicelib.pki.x509.issuer import Issuer, issuer_of, root_in_making
from chalicelib.pki.x509.name_constraints import NameConstraints, Subtree
from tests.support.builders import ROOT_KEY, START, csr
from tests.support.pki_forge import armored, attribute, common, extension, name
from tests.support.pki_forge import csr as forged

MODEL = Path(names.__file__).parents[2] / "api" / "acm-pca.json"

# general names of the API (AWS Private CA API, GeneralName)

GENERAL_NAMES: dict[str, tuple[dict[str, Any], bytes]] = {
    "other": (
        {"OtherName": {"TypeId": "1.2.3", "Value": "é"}},
        der.tlv(0xA0, der.oid("1.2.3"), der.tlv(0xA0, der.tlv(der.UTF8_STRING, "é".encode()))),
    ),
    "mail": ({"Rfc822Name": "a@b.example"}, der.tlv(0x81, b"a@b.example")),
    "dns": ({"DnsName": "*.b.example"}, der.tlv(0x82, b"*.b.example")),
    "directory": ({"DirectoryName": {"CommonName": "leaf.example.com"}}, der.tlv(0xA4, common())),
    "edi party": (
        {"EdiPartyName": {"PartyName": "p"}},
        der.tlv(0xA5, der.tlv(0xA1, der.tlv(der.UTF8_STRING, b"p"))),
    ),
    "edi party with assigner": (
        {"EdiPartyName": {"PartyName": "p", "NameAssigner": "a"}},
        der.tlv(
            0xA5, der.tlv(0xA0, der.tlv(der.UTF8_STRING, b"a")), der.tlv(0xA1, der.tlv(der.UTF8_STRING, b"p"))
        ),
    ),
    "uri": ({"UniformResourceIdentifier": "urn:x:y"}, der.tlv(0x86, b"urn:x:y")),
    "ipv4": ({"IpAddress": "192.0.2.1"}, der.tlv(0x87, bytes((192, 0, 2, 1)))),
    "ipv6": ({"IpAddress": "::1"}, der.tlv(0x87, bytes(15) + b"\x01")),
    "registered id": ({"RegisteredId": "1.2.3"}, der.tlv(0x88, b"\x2a\x03")),
}  # fmt: skip


@pytest.mark.parametrize("case", GENERAL_NAMES)
def test_general_name_is_encoded_as_rfc_5280_has_it(case: str) -> None:
    given, expected = GENERAL_NAMES[case]
    assert general_names.general_name(given) == expected


BAD_GENERAL_NAMES: dict[str, dict[str, Any]] = {
    "none": {},
    "two": {"DnsName": "a.example", "IpAddress": "192.0.2.1"},
    "zone of IPv6": {"IpAddress": "fe80::1%eth0"},
    "network": {"IpAddress": "192.0.2.0/24"},
    "dns not ASCII": {"DnsName": "é.example"},
    "empty party": {"EdiPartyName": {"PartyName": ""}},
    "empty directory": {"DirectoryName": {}},
    "control in directory": {"DirectoryName": {"CommonName": "a\x07"}},
    "surrogate": {"OtherName": {"TypeId": "1.2.3", "Value": "\ud800"}},
    "oid of one arc": {"RegisteredId": "1"},
}


@pytest.mark.parametrize("case", BAD_GENERAL_NAMES)
def test_general_name_that_cannot_be_written_is_refused(case: str) -> None:
    with pytest.raises(ArgumentError):
        general_names.general_name(BAD_GENERAL_NAMES[case])


def test_subject_has_as_many_attributes_as_the_model_allows() -> None:
    limit = json.loads(MODEL.read_text())["shapes"]["CustomAttributeList"]["max"]
    custom = [{"ObjectIdentifier": "1.2.3", "Value": str(number)} for number in range(limit)]
    encoded = names.encode_subject({"CustomAttributes": custom})
    assert names.parse_name(der.parse(encoded)) == [("1.2.3", each["Value"]) for each in custom]
    one_more = [*custom, {"ObjectIdentifier": "1.2.3", "Value": "x"}]
    with pytest.raises(ArgumentError, match=f"at most {limit}"):
        names.encode_subject({"CustomAttributes": one_more})
    rdns = [member.der for member in der.read(encoded).children()]
    with pytest.raises(PkiError, match=f"more than {limit}"):
        names.parse_name(der.parse(der.sequence(*rdns, rdns[0])))


def test_rfc2253_shows_a_value_that_is_one_space_and_a_leading_hash() -> None:
    """RFC 2253 section 2.4: a space or # at the beginning and a space at the end are escaped."""
    assert names.rfc2253(name(attribute(b" "), attribute(b"#a "))) == "CN=\\#a\\ ,CN=\\ "
    assert names.rfc2253(der.sequence(der.tlv(der.SET, attribute(b"a"), attribute(b"b")))) == "CN=a+CN=b"
    assert names.rfc2253(name(attribute(b"\x00", tag=der.BIT_STRING))) == "2.5.4.3=#030100"


def test_normalized_of_what_is_no_name_is_refused() -> None:
    with pytest.raises(DerError):
        names.normalized(name(der.sequence(der.oid("2.5.4.3"))))
    unknown = names.normalized(name(attribute(b"\x00", tag=der.BIT_STRING)))
    assert unknown == (frozenset({("2.5.4.3", "030100")}),)


# ApiPassthrough


def _custom(oid: str, value: bytes, *, critical: bool = False) -> dict[str, Any]:
    return {"ObjectIdentifier": oid, "Value": base64.b64encode(value).decode(), "Critical": critical}


def _planned(template: str, **more: Any) -> dict[str, extensions.Extension]:
    """The extensions of a certificate of the root under test."""
    key = ec.generate_private_key(ec.SECP256R1()) if not template_named(template).is_root else ROOT_KEY
    own = csrs.parse_csr(csr("Root", key=ROOT_KEY))
    root_plan = planning.plan(
        Specification(
            issuer=root_in_making(own),
            request=own,
            template=template_named("RootCACertificate"),
            validity={"Type": "YEARS", "Value": 10},
            validity_not_before=None,
            signing_algorithm="SHA256WITHECDSA",
            serial_number=1,
            now=START,
        )
    )
    issuer = issuer_of(signed.sign(root_plan.tbs_der, ROOT_KEY, "SHA256WITHECDSA"))
    arguments: dict[str, Any] = {
        "issuer": issuer,
        "request": csrs.parse_csr(csr("Root" if template_named(template).is_root else "leaf", key=key)),
        "template": template_named(template),
        "validity": {"Type": "DAYS", "Value": 5},
        "validity_not_before": None,
        "signing_algorithm": "SHA256WITHECDSA",
        "serial_number": 2,
        "now": START,
    }
    plan = planning.plan(Specification(**arguments | more))
    wrapper = der.parse(plan.tbs_der).children()[-1]
    return {each.oid: each for each in extensions.parse_extensions(wrapper.children()[0])}


@pytest.mark.parametrize("oid", ["2.5.29.19", "2.5.29.019", "2.05.29.19", "2.5.029.0019"])
def test_custom_extension_cannot_get_past_the_template_by_writing_its_oid_otherwise(oid: str) -> None:
    """Leading zeros pass AWS's pattern for object identifiers; the extension is BasicConstraints all the same."""
    ca = extensions.basic_constraints(ca=True, critical=True).value_der
    found = _planned(
        "BlankEndEntityCertificate_APIPassthrough",
        api_passthrough={"Extensions": {"CustomExtensions": [_custom(oid, ca)]}},
    )
    assert parse_basic_constraints(found["2.5.29.19"].value_der).is_ca is False


@pytest.mark.parametrize("value", [b"", b"not DER", b"\x05\x00\x00"])
def test_csr_passthrough_of_what_is_not_der_is_refused(value: bytes) -> None:
    """A base template does not look into what it does not copy; X.690 binds what goes into a certificate."""
    request = csrs.parse_csr(armored(forged(requested=[extension("1.2.3.4", value)])))
    assert "1.2.3.4" not in _planned("EndEntityCertificate", request=request)
    with pytest.raises(CsrError, match=r"1\.2\.3\.4"):
        _planned("BlankEndEntityCertificate_CSRPassthrough", request=request)


def test_root_passthrough_brings_aki_but_no_crl_distribution_point() -> None:
    """AWS Private CA User Guide: RootCACertificate_APIPassthrough takes AKI from the API; a root has no CDP."""
    key_identifier = extensions.authority_key_identifier(b"\x01" * 20)
    url = extensions.crl_distribution_points("http://a.example/crl")
    custom = [_custom(each.oid, each.value_der) for each in (key_identifier, url)]
    found = _planned(
        "RootCACertificate_APIPassthrough",
        crl_url="http://b.example/crl",
        ocsp_url="http://b.example/ocsp",
        api_passthrough={"Subject": {"CommonName": "Root"}, "Extensions": {"CustomExtensions": custom}},
    )
    assert found[oids.AUTHORITY_KEY_IDENTIFIER] == key_identifier
    assert oids.CRL_DISTRIBUTION_POINTS not in found
    assert oids.AUTHORITY_INFORMATION_ACCESS not in found


def test_root_passthrough_of_another_subject_is_refused() -> None:
    with pytest.raises(ConstraintError, match="with its subject"):
        _planned("RootCACertificate_APIPassthrough", api_passthrough={"Subject": {"CommonName": "Other"}})


@pytest.mark.parametrize(("crl_url", "expected"), [(None, "http://api.example/crl"), ("http://ca.example/crl",) * 2])
def test_crl_distribution_point_of_the_ca_wins_over_passthrough(crl_url: str | None, expected: str) -> None:
    asked = extensions.crl_distribution_points("http://api.example/crl")
    found = _planned(
        "BlankEndEntityCertificate_APIPassthrough",
        api_passthrough={"Extensions": {"CustomExtensions": [_custom(asked.oid, asked.value_der)]}},
        **({"crl_url": crl_url} if crl_url else {}),
    )
    assert found[asked.oid] == extensions.crl_distribution_points(expected)


def test_subordinate_does_not_become_a_root_by_a_root_template() -> None:
    """A subordinate CA that signs its own CSR by a root template would be a root nobody decided on."""
    subordinate = ec.generate_private_key(ec.SECP256R1())
    request = csrs.parse_csr(csr("Sub", key=subordinate))
    issuer = Issuer(
        name_der=request.subject_der,
        spki_der=request.spki_der,
        public_key=request.public_key,
        key_identifier=b"\x01" * 20,
        is_root=False,
    )
    with pytest.raises(ConstraintError, match="root's own"):
        _planned("RootCACertificate", issuer=issuer, request=request)


def test_blank_ca_template_takes_key_usage_from_the_request() -> None:
    found = _planned(
        "BlankSubordinateCACertificate_PathLen1_APIPassthrough",
        api_passthrough={"Extensions": {"KeyUsage": {"KeyCertSign": True}}},
    )
    assert found[oids.KEY_USAGE] == extensions.key_usage({"KeyCertSign": True})
    assert found[oids.KEY_USAGE].value_der == b"\x03\x02\x02\x04"  # minimal, where AWS writes one octet more


def test_policies_without_qualifiers_have_none() -> None:
    ((extension, _),) = passthrough.extensions_of({"Extensions": {"CertificatePolicies": [{"CertPolicyId": "1.02.3"}]}})
    assert extension.value_der == der.sequence(der.sequence(der.oid("1.2.3")))


@pytest.mark.parametrize("kind", oids.EXTENDED_KEY_USAGES)
def test_extended_key_usage_types_are_object_identifiers_that_others_know(kind: str) -> None:
    ((extension, _),) = passthrough.extensions_of(
        {"Extensions": {"ExtendedKeyUsage": [{"ExtendedKeyUsageType": kind}]}}
    )
    assert extension.value_der == der.sequence(der.oid(oids.EXTENDED_KEY_USAGES[kind]))
    if hasattr(ExtendedKeyUsageOID, kind):
        assert getattr(ExtendedKeyUsageOID, kind).dotted_string == oids.EXTENDED_KEY_USAGES[kind]


def test_template_named_unknown_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no certificate template Nope"):
        template_named("Nope")


def test_templates_are_the_61_of_the_user_guide() -> None:
    """AWS Private CA User Guide, template definitions: ten bases with their varieties, and the blank ones."""
    assert len(TEMPLATES) == 61
    assert all(template.name == name for name, template in TEMPLATES.items())


# validity


def test_validity_not_before_must_be_absolute() -> None:
    with pytest.raises(ConstraintError, match="ABSOLUTE"):
        validity_period({"Type": "DAYS", "Value": 1}, {"Type": "DAYS", "Value": 1}, START)


def test_validity_number_of_many_digits_is_refused() -> None:
    with pytest.raises(ConstraintError, match="not a time"):
        validity_period({"Type": "END_DATE", "Value": 10**5000}, None, START)


END_DATES = {
    491231235959: datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # of the API's documentation
    310101000000: datetime(2031, 1, 1, tzinfo=UTC),
    20500101000000: datetime(2050, 1, 1, tzinfo=UTC),
    99991231235959: datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}


@pytest.mark.parametrize("value", END_DATES)
def test_end_date_has_two_forms(value: int) -> None:
    begins, ends = validity_period({"Type": "END_DATE", "Value": value}, None, START)
    assert ends == END_DATES[value]
    assert (START - begins).total_seconds() == 3600


def test_times_before_1950_are_generalized() -> None:
    """RFC 5280 section 4.1.2.5.1: a year of two digits is of 1950 to 2049."""
    assert times.encode(datetime(1949, 12, 31, tzinfo=UTC)) == b"\x18\x0f19491231000000Z"


# name constraints


def _held(kind: int, text: bytes, *permitted: bytes, excluded: tuple[bytes, ...] = ()) -> None:
    bases = [tuple(Subtree(kind, base) for base in group) for group in (permitted, excluded)]
    name_rules.check([NameConstraints(*bases)], [name_rules.Name(kind, text)])


D, M, U, I = general_names.DNS, general_names.MAIL, general_names.URI, general_names.IP  # noqa: E741  the four kinds
HELD: dict[str, tuple[int, bytes, tuple[bytes, ...], tuple[bytes, ...], bool]] = {
    "dns with leading dot, below": (D, b"a.example.com", (b".example.com",), (), True),
    "dns with leading dot, itself": (D, b"example.com", (b".example.com",), (), False),
    "dns empty base permits all": (D, b"a.example", (b"",), (), True),
    "dns empty base excludes all": (D, b"a.example", (), (b"",), False),
    "dns one of two": (D, b"a.example.org", (b"example.com", b"example.org"), (), True),
    "dns permitted but excluded": (D, b"a.b.example", (b"example",), (b"b.example",), False),
    "wildcard covers what is excluded": (D, b"*.example.com", (), (b"secret.example.com",), False),
    "wildcard covers no deeper name": (D, b"*.example.com", (), (b"a.b.example.com",), True),
    "mailbox exactly": (M, b"A@Example.com", (b"A@example.COM",), (), True),
    "mailbox of other case": (M, b"a@example.com", (b"A@example.com",), (), False),
    "mail domain itself": (M, b"a@example.com", (b".example.com",), (), False),
    "mail empty base excludes all": (M, b"a@example.com", (), (b"",), False),
    "uri host": (U, b"https://example.com:8443/x?y#z", (b"example.com",), (), True),
    "uri with user information": (U, b"https://user@example.com/", (b"example.com",), (), False),
    "uri host below": (U, b"https://a.example.com", (b"example.com",), (), False),
    "uri excluded": (U, b"spiffe://a.example.com/x", (), (b".example.com",), False),
    "uri of an address": (U, b"https://192.0.2.1/", (), (b"example.com",), False),
    "uri of an IPv6 address": (U, b"https://[2001:db8::1]/", (), (b"example.com",), False),
    "ipv6": (I, bytes(15) + b"\x01", (bytes(32),), (), True),
    "ipv6 where IPv4 is permitted": (I, bytes(16), (bytes(8),), (), False),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_name_constraints_hold_as_rfc_5280_says(case: str) -> None:
    kind, text, permitted, excluded, allowed = HELD[case]
    if allowed:
        _held(kind, text, *permitted, excluded=excluded)
    else:
        with pytest.raises(ConstraintError):
            _held(kind, text, *permitted, excluded=excluded)


def test_names_of_subject_are_held_as_openssl_holds_them() -> None:
    """Email addresses always; host names in the common name where there is no dNSName."""
    mail = attribute(b"a@b.example", oid=oids.EMAIL_ADDRESS, tag=der.IA5_STRING)
    subject = name(
        attribute(b"*.b.example"), attribute(b"Not a host"), attribute(b"host"), mail, attribute(b"x", oid="2.5.4.10")
    )
    found = name_rules.names_of(subject, None, common_names=True)
    directory = name_rules.Name(general_names.DIRECTORY, subject, ("Subject",))
    hosts = name_rules.Name(D, b"*.b.example", ("Subject", "CommonName"))
    mailboxes = name_rules.Name(M, b"a@b.example", ("Subject",))
    assert found == [directory, hosts, mailboxes]
    assert name_rules.names_of(subject, None, common_names=False) == [directory, mailboxes]
    both = der.sequence(der.tlv(D, b"c.example"), der.tlv(M, b"c@d.example"))
    others = [
        name_rules.Name(D, b"c.example", ("SubjectAlternativeNames", 0, "DnsName")),
        name_rules.Name(M, b"c@d.example", ("SubjectAlternativeNames", 1, "Rfc822Name")),
    ]
    assert name_rules.names_of(subject, both, common_names=True) == [*others, directory, mailboxes]


def test_names_of_nobody_are_none() -> None:
    assert name_rules.names_of(der.sequence(), None, common_names=True) == []


# DER


def test_named_bits_of_none_are_the_empty_string() -> None:
    """X.690 section 11.2.2: trailing zero bits are left out, so that nothing remains."""
    assert der.named_bits([False] * 9) == b"\x03\x01\x00"


def test_fields_of_another_kind_are_refused() -> None:
    with pytest.raises(DerError, match="A thing does not have"):
        der.fields(der.parse(der.sequence(der.integer(1))), "A thing", der.INTEGER, der.INTEGER)
