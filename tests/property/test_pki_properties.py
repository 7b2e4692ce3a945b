"""What holds of the PKI whatever comes in: nothing but a named refusal comes out, and no CSR becomes a CA."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.pki import installation
from chalicelib.pki.asn1 import der, oids, pem
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.errors import CertificateParseError, ConstraintError, CsrError, PkiError
from chalicelib.pki.issuing import planning
from chalicelib.pki.issuing.specification import Specification
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.issuing.validity import validity_period
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import extensions, names
from chalicelib.pki.x509.issuer import issuer_of
from tests.support.builders import START, csr, root_certificate

pytestmark = pytest.mark.wide

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CSR_PEM = csr(dns_names=["a.example", "b.example"])
CSR_DER = csrs.parse_csr(CSR_PEM).der
ROOT_DER = root_certificate().public_bytes(Encoding.DER)
ISSUER = issuer_of(ROOT_DER)
TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=64)
PRINTABLE = st.text("ABCabc012 '()+,-./:=?", min_size=1, max_size=64)
OIDS = st.tuples(
    st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 1 << 40), min_size=1, max_size=6)
).map(lambda arcs: ".".join(map(str, (arcs[0], arcs[1], *arcs[2]))))  # fmt: skip


@given(st.integers(0, 1 << 300))
@QUICK
def test_integer_written_is_read_again(value: int) -> None:
    assert der.unsigned(der.parse(der.integer(value)), "it") == value


@given(OIDS)
@QUICK
def test_object_identifier_written_is_read_again(dotted: str) -> None:
    assert der.canonical_oid(dotted) == dotted == x509.ObjectIdentifier(dotted).dotted_string
    assert der.oid_text(der.parse(der.oid(dotted))) == dotted


@given(st.lists(st.binary(max_size=300), max_size=5))
@QUICK
def test_sequence_written_is_read_again(contents: list[bytes]) -> None:
    parts = [der.tlv(der.OCTET_STRING, content) for content in contents]
    assert [each.content for each in der.parse(der.sequence(*parts)).children()] == contents


@given(st.binary(max_size=64))
@QUICK
def test_parse_any_bytes_gives_an_element_or_a_refusal(data: bytes) -> None:
    with suppress(PkiError):
        assert der.parse(data).der == data


@given(st.binary(max_size=2000), st.sampled_from(["CERTIFICATE", "X509 CRL"]))
@QUICK
def test_pem_written_is_read_again(data: bytes, label: str) -> None:
    text = pem.encode(data, label)
    assert pem.blocks(f"before\n{text}\nafter".encode()) == [(label, data)]
    assert all(len(line) <= 64 for line in text.splitlines())


MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(CSR_DER) - 1), st.integers(0, 255), st.sampled_from(["set", "insert", "delete"])),
    min_size=1,
    max_size=4,
)


def _mutated(original: bytes, mutations: list[tuple[int, int, str]]) -> bytes:
    data = bytearray(original)
    for position, octet, kind in mutations:
        if kind == "set":
            data[position % len(data)] = octet
        elif kind == "insert":
            data.insert(position % len(data), octet)
        else:
            del data[position % len(data)]
    return bytes(data)


@given(MUTATIONS)
@settings(QUICK, max_examples=600)
def test_parse_csr_mutated_is_refused_by_name(mutations: list[tuple[int, int, str]]) -> None:
    """A signed request has no bit that may be changed: only ECDSA's own signature has two forms."""
    mutated = _mutated(CSR_DER, mutations)
    try:
        request = csrs.parse_csr(pem.encode(mutated, "CERTIFICATE REQUEST").encode())
    except CsrError:
        return
    assert der.read(request.der).children()[0].der == der.read(CSR_DER).children()[0].der


@given(st.binary(max_size=400))
@QUICK
def test_parse_csr_any_bytes_are_refused_by_name(data: bytes) -> None:
    for text in (data, pem.encode(data, "CERTIFICATE REQUEST").encode()):
        with pytest.raises(CsrError):
            csrs.parse_csr(text)


@given(MUTATIONS)
@settings(QUICK, max_examples=300)
def test_issuer_of_mutated_certificate_is_read_or_refused_by_name(mutations: list[tuple[int, int, str]]) -> None:
    try:
        issuer = issuer_of(_mutated(ROOT_DER, mutations))
    except CertificateParseError:
        return
    assert issuer.serial_number > 0


@given(MUTATIONS)
@QUICK
def test_check_import_mutated_certificate_is_refused_by_name(mutations: list[tuple[int, int, str]]) -> None:
    text = pem.encode(_mutated(ROOT_DER, mutations)).encode()
    with pytest.raises(PkiError):
        installation.check_import(certificate_pem=text, chain_pem=None, ca_type="ROOT", csr_der=CSR_DER, now=START)


@given(MUTATIONS)
@QUICK
def test_gate_reads_or_refuses_a_mutated_crl(mutations: list[tuple[int, int, str]]) -> None:
    entry = crl_tbs.encode_entry(5, START, "SUPERSEDED")
    tbs = crl_tbs.build_crl_tbs(
        issuer=ISSUER,
        signing_algorithm="SHA256WITHECDSA",
        crl_number=9,
        this_update=START,
        next_update=START + timedelta(days=1),
        entries=[entry],
    )
    made = der.sequence(tbs, der.sequence(), der.bit_string(b""))
    try:
        crl_gate.read(_mutated(made, mutations))
    except crl_gate.CrlRefusedError:
        return


SUBJECTS = st.fixed_dictionaries(
    {"CommonName": TEXT},
    optional={
        "Country": st.text("ABCXYZabc", min_size=2, max_size=2),
        "Organization": TEXT,
        "DistinguishedNameQualifier": PRINTABLE,
        "State": TEXT,
        "SerialNumber": PRINTABLE,
        "Locality": TEXT,
        "GenerationQualifier": TEXT,
    },
)


@pytest.mark.filterwarnings("ignore:Attribute's length")  # cryptography counts octets where X.520 counts characters
@given(SUBJECTS)
@QUICK
def test_subject_written_is_read_by_others_in_aws_s_order(subject: dict[str, str]) -> None:
    encoded = names.encode_subject(subject)
    expected = [(names.SUBJECT_MEMBERS[key], subject[key]) for key in names.SUBJECT_MEMBERS if key in subject]
    assert names.parse_name(der.parse(encoded)) == expected
    request = csr("x")
    tbs = der.sequence(
        der.integer(0), encoded, csrs.parse_csr(request).spki_der, der.tlv(0xA0)
    )  # fmt: skip
    loaded = x509.load_der_x509_csr(
        der.sequence(tbs, der.sequence(der.oid("1.2.840.10045.4.3.2")), der.bit_string(b""))
    )
    assert [(each.oid.dotted_string, each.value) for each in loaded.subject] == expected
    assert names.common_name(encoded) == subject["CommonName"]


FIXED = (oids.BASIC_CONSTRAINTS, oids.AUTHORITY_KEY_IDENTIFIER, oids.SUBJECT_KEY_IDENTIFIER)
VALUES = st.sampled_from(
    [
        extensions.basic_constraints(ca=True, path_length=5, critical=True),
        extensions.authority_key_identifier(b"\x66" * 20),
        extensions.subject_key_identifier(b"\x66" * 20),
        extensions.key_usage({"KeyCertSign": True, "CRLSign": True}),
        extensions.key_usage({"DigitalSignature": True}),
        extensions.extended_key_usage(["2.5.29.37.0"]),
        extensions.crl_distribution_points("http://evil.example/crl"),
        extensions.authority_information_access("http://evil.example/ocsp"),
        extensions.Extension("1.2.3.4", critical=True, value_der=b"\x05\x00"),
    ]
)


def _unique(found: list[extensions.Extension]) -> list[extensions.Extension]:
    return list({each.oid: each for each in found}.values())


@given(
    st.sampled_from(sorted(name for name, template in TEMPLATES.items() if not template.is_root)),
    st.lists(VALUES, max_size=5).map(_unique),
    st.lists(VALUES, max_size=5).map(_unique),
)
@settings(QUICK, max_examples=300)
def test_no_request_and_no_csr_changes_what_the_template_fixes(
    template_name: str, from_csr: list[extensions.Extension], from_api: list[extensions.Extension]
) -> None:
    template = TEMPLATES[template_name]
    unknown = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(e.oid), e.value_der), e.critical) for e in from_csr]
    request = csrs.parse_csr(csr(extensions=unknown))
    custom: list[dict[str, Any]] = [
        {"ObjectIdentifier": e.oid, "Value": base64.b64encode(e.value_der).decode(), "Critical": e.critical}
        for e in from_api
    ]
    try:
        plan = planning.plan(
            Specification(
                issuer=ISSUER,
                request=request,
                template=template,
                validity={"Type": "DAYS", "Value": 1},
                validity_not_before=None,
                signing_algorithm="SHA256WITHECDSA",
                serial_number=1 << 100,
                now=START,
                crl_url="http://crl.example/x",
                ocsp_url="http://ocsp.example",
                api_passthrough={"Extensions": {"CustomExtensions": custom}},
            )
        )
    except ConstraintError:
        signs = extensions.key_usage({"KeyCertSign": True, "CRLSign": True})
        assert not template.is_ca  # the one refusal there is
        assert signs in from_csr
        return
    list_der = der.parse(plan.tbs_der).children()[-1].children()[0]
    found = {each.oid: each for each in extensions.parse_extensions(list_der)}
    assert found[oids.BASIC_CONSTRAINTS] == template.basic_constraints
    assert found[oids.AUTHORITY_KEY_IDENTIFIER] == extensions.authority_key_identifier(ISSUER.key_identifier)
    assert found[oids.SUBJECT_KEY_IDENTIFIER].value_der[2:] == extensions.key_identifier_of(request.spki_der)
    assert found[oids.CRL_DISTRIBUTION_POINTS] == extensions.crl_distribution_points("http://crl.example/x")
    assert found[oids.AUTHORITY_INFORMATION_ACCESS] == extensions.authority_information_access("http://ocsp.example")
    assert all(found[each.oid] == each for each in template.usages)
    asked = {e.oid for e in from_api if template.from_api} | {e.oid for e in from_csr if template.from_csr}
    ours = {*FIXED, oids.CRL_DISTRIBUTION_POINTS, oids.AUTHORITY_INFORMATION_ACCESS}
    assert set(found) <= asked | ours | {each.oid for each in template.usages}


@given(
    st.sampled_from(["END_DATE", "ABSOLUTE", "DAYS", "MONTHS", "YEARS"]),
    st.one_of(st.integers(), st.integers(1, 100_000), st.integers(10**11, 10**14), st.integers(1 << 61, 1 << 63)),
    st.datetimes(datetime(1990, 1, 1), datetime(9990, 1, 1)),  # noqa: DTZ001  Hypothesis wants them naive
)
@settings(QUICK, max_examples=500)
def test_validity_of_any_value_is_a_period_or_a_refusal(kind: str, value: int, moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    try:
        begins, ends = validity_period({"Type": kind, "Value": value}, None, now)
    except PkiError:
        return
    assert begins < now.replace(microsecond=0) < ends
    assert ends.microsecond == 0


@given(st.integers(1, (1 << 128) - 1))
@QUICK
def test_serial_number_of_any_size_survives(serial_number: int) -> None:
    entry = crl_tbs.encode_entry(serial_number, START, "KEY_COMPROMISE")
    assert der.unsigned(der.parse(entry).children()[0], "it") == serial_number
