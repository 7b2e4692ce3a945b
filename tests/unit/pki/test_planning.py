"""Plans of certificates: every template, every source of extensions, every rule of the issuer (RFC 5280 section 4)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pkilint import loader
from pkilint.pkix import certificate as pkilint_certificate
from pkilint.pkix import extension as pkilint_extension
from pkilint.pkix import name as pkilint_name
from pkilint.validation import ValidationFindingSeverity

from chalicelib.pki.asn1 import der
from chalicelib.pki.asn1 import pem as pems
from chalicelib.pki.errors import ArgumentError, ConstraintError, CsrError, SignatureError
from chalicelib.pki.issuing import planning
from chalicelib.pki.issuing.templates import TEMPLATES, template_named
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import extensions, names, signed
from chalicelib.pki.x509.reading import parse_certificate
from tests.support.builders import LEAF_KEY, ROOT_KEY, START, csr, name, pem, root_certificate

RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    "RSA_2048": RSA_KEY,
    "EC_prime256v1": LEAF_KEY,
    "EC_secp384r1": ec.generate_private_key(ec.SECP384R1()),
    "EC_secp521r1": ec.generate_private_key(ec.SECP521R1()),
}
DAYS_30 = {"Type": "DAYS", "Value": 30}
# What AWS compatibility forces: its end-entity templates set keyEncipherment on every key.
ALLOWED_FINDINGS = {"pkix.key_usage_value_prohibited_for_ec"}


def der_of(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.DER)


def issuer(*extensions: tuple[x509.ExtensionType, bool], path_length: int | None = None) -> planning.Issuer:
    """The offline root, with more extensions."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("Issuer"))
        .issuer_name(name("Issuer"))
        .public_key(ROOT_KEY.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(minutes=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ROOT_KEY.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return planning.issuer_of(der_of(builder.sign(ROOT_KEY, hashes.SHA256())))


ISSUER = issuer()


def planned(template: str = "EndEntityCertificate", request: bytes | None = None, **more: Any) -> planning.Plan:
    """A plan that deviates only as said."""
    parsed = csrs.parse_csr(csr(dns_names=["leaf.example.com"]) if request is None else request)
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "request": parsed,
        "template": template_named(template),
        "validity": DAYS_30,
        "validity_not_before": None,
        "signing_algorithm": "SHA256WITHECDSA",
        "serial_number": 1 << 127,
        "now": START,
        "crl_url": "http://crl.example.com/crl/x.crl",
    }
    return planning.plan(**arguments | more)


def issued(*args: Any, key: Any = ROOT_KEY, **more: Any) -> x509.Certificate:
    plan = planned(*args, **more)
    der_bytes = signed.sign(plan.tbs_der, key, more.get("signing_algorithm", "SHA256WITHECDSA"))
    return x509.load_der_x509_certificate(der_bytes)


def extension(found: x509.Certificate, kind: type[Any]) -> Any:
    return found.extensions.get_extension_for_class(kind)


def _own(template: str, key: Any) -> x509.Certificate:
    """A root's own certificate."""
    request = csr("Root", key=key)
    root = planning.root_in_making(csrs.parse_csr(request))
    algorithm = "SHA256WITHRSA" if isinstance(key, rsa.RSAPrivateKey) else "SHA256WITHECDSA"
    return issued(template, request, key=key, issuer=root, signing_algorithm=algorithm)


# every template


_LINTER = pkilint_certificate.create_pkix_certificate_validator_container(
    pkilint_certificate.create_decoding_validators(
        pkilint_name.ATTRIBUTE_TYPE_MAPPINGS, pkilint_extension.EXTENSION_MAPPINGS
    ),
    [
        pkilint_certificate.create_issuer_validator_container([]),
        pkilint_certificate.create_validity_validator_container(),
        pkilint_certificate.create_subject_validator_container([]),
        pkilint_certificate.create_extensions_validator_container([]),
        pkilint_certificate.create_spki_validator_container([]),
    ],
)


def findings(found: x509.Certificate) -> set[str]:
    """What an independent linter calls an error."""
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(der_of(found), "certificate")
    return {
        each.finding.code
        for result in _LINTER.validate(document.root)
        for each in result.finding_descriptions
        if each.finding.severity in {ValidationFindingSeverity.ERROR, ValidationFindingSeverity.FATAL}
    }


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_certificate_of_each_template_and_key_passes_an_independent_linter(template: str, key: str) -> None:
    row = TEMPLATES[template]
    found = (
        _own(template, KEYS[key])
        if row.is_root
        else issued(template, csr("Sub", key=KEYS[key], dns_names=["a.example"]))
    )
    constraints = extension(found, x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=row.is_ca, path_length=row.path_length)
    assert found.version is x509.Version.v3
    codes = findings(found)
    if row.is_ca and not row.key_usage:
        codes -= {"pkix.ca_certificate_no_ku_extension"}  # AWS's blank templates leave it to whoever asks
    assert codes <= ALLOWED_FINDINGS


def test_order_of_extensions_is_aws_s() -> None:
    order = [type(each.value) for each in issued(ocsp_url="http://ocsp.example.com").extensions]
    assert order == [
        x509.BasicConstraints,
        x509.AuthorityKeyIdentifier,
        x509.SubjectKeyIdentifier,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.CRLDistributionPoints,
        x509.AuthorityInformationAccess,
        x509.SubjectAlternativeName,
    ]


def test_plan_is_the_same_for_the_same_arguments() -> None:
    request = csr()
    assert planned(request=request) == planned(request=request)


def test_subject_and_key_go_in_byte_for_byte() -> None:
    parsed = csrs.parse_csr(csr())
    found = issued(request=csr())
    members = parse_certificate(der_of(found))
    assert members.subject_der == parsed.subject_der
    assert members.spki_der == parsed.spki_der


# what wins: the template, then the API, then the CSR

CSR_EXTENSIONS = [
    (x509.KeyUsage(True, True, False, False, False, False, False, False, False), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    (x509.BasicConstraints(ca=True, path_length=None), True),
]


def test_base_template_takes_nothing_but_names_from_the_csr() -> None:
    found = issued(request=csr(extensions=CSR_EXTENSIONS))
    assert extension(found, x509.BasicConstraints).value.ca is False
    assert extension(found, x509.KeyUsage).value.content_commitment is False
    assert ExtendedKeyUsageOID.EMAIL_PROTECTION not in extension(found, x509.ExtendedKeyUsage).value


def test_csr_passthrough_takes_what_the_template_leaves_free() -> None:
    found = issued("BlankEndEntityCertificate_CSRPassthrough", csr(extensions=CSR_EXTENSIONS))
    assert extension(found, x509.BasicConstraints).value.ca is False
    assert extension(found, x509.KeyUsage).value.content_commitment is True
    assert list(extension(found, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]


API: dict[str, Any] = {
    "Subject": {"CommonName": "api.example.com", "Organization": "API"},
    "Extensions": {
        "KeyUsage": {"DigitalSignature": True, "KeyAgreement": True},
        "ExtendedKeyUsage": [{"ExtendedKeyUsageType": "CLIENT_AUTH"}, {"ExtendedKeyUsageObjectIdentifier": "1.2.3.4"}],
        "CertificatePolicies": [
            {
                "CertPolicyId": "1.2.3.4",
                "PolicyQualifiers": [{"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "http://cps.example.com"}}],
            }
        ],
        "SubjectAlternativeNames": [
            {"DnsName": "api.example.com"},
            {"IpAddress": "2001:db8::1"},
            {"IpAddress": "192.0.2.1"},
            {"Rfc822Name": "a@example.com"},
            {"UniformResourceIdentifier": "spiffe://example.com/a"},
            {"RegisteredId": "1.2.3"},
            {"DirectoryName": {"CommonName": "dir"}},
            {"OtherName": {"TypeId": "1.3.6.1.4.1.311.20.2.3", "Value": "user@example.com"}},
        ],
        "CustomExtensions": [
            {"ObjectIdentifier": "1.2.3.4.5", "Value": base64.b64encode(b"\x05\x00").decode(), "Critical": True}
        ],
    },
}


def test_api_passthrough_beats_the_csr_and_loses_to_the_template() -> None:
    request = csr(extensions=CSR_EXTENSIONS, dns_names=["csr.example.com"])
    found = issued("BlankEndEntityCertificate_APICSRPassthrough", request, api_passthrough=API)
    assert found.subject.rfc4514_string() == "CN=api.example.com,O=API"
    assert extension(found, x509.BasicConstraints).value.ca is False
    usage = extension(found, x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_agreement, usage.content_commitment) == (True, True, False)
    assert [each.dotted_string for each in extension(found, x509.ExtendedKeyUsage).value] == [
        "1.3.6.1.5.5.7.3.2",
        "1.2.3.4",
    ]
    alternative = extension(found, x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == ["api.example.com"]
    assert len(list(alternative)) == 8
    (policy,) = extension(found, x509.CertificatePolicies).value
    assert policy.policy_qualifiers == ["http://cps.example.com"]
    custom = found.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.2.3.4.5"))
    assert custom.critical


def test_api_passthrough_is_ignored_by_a_template_that_does_not_heed_it() -> None:
    assert issued(api_passthrough=API).subject == name("leaf.example.com")


def test_custom_extension_that_the_template_fixes_is_dropped() -> None:
    custom = {"ObjectIdentifier": "2.5.29.19", "Value": base64.b64encode(der.sequence(der.boolean_true())).decode()}
    api = {"Extensions": {"CustomExtensions": [custom]}}
    found = issued("EndEntityCertificate_APIPassthrough", api_passthrough=api)
    assert extension(found, x509.BasicConstraints).value.ca is False


@pytest.mark.parametrize(
    "template", sorted(each.name for each in TEMPLATES.values() if each.from_api and not each.is_root)
)
def test_crl_distribution_point_of_the_request_stands_where_the_ca_gives_none(template: str) -> None:
    """API reference, CrlDistributionPointExtensionConfiguration: "unless otherwise specified through API passthrough"."""
    ours, theirs = (extensions.crl_distribution_points(f"http://{each}.example/crl").value_der for each in ("a", "b"))
    custom = {"ObjectIdentifier": "2.5.29.31", "Value": base64.b64encode(theirs).decode()}
    api = {"Extensions": {"CustomExtensions": [custom]}}
    for url, expected in ((None, theirs), ("http://a.example/crl", ours)):
        found = issued(template, api_passthrough=api, crl_url=url)
        assert extension(found, x509.CRLDistributionPoints).value.public_bytes() == expected


BAD_API: dict[str, dict[str, Any]] = {
    "two members": {"SubjectAlternativeNames": [{"DnsName": "a.example", "IpAddress": "192.0.2.1"}]},
    "no member": {"SubjectAlternativeNames": [{}]},
    "bad dns": {"SubjectAlternativeNames": [{"DnsName": "a..example"}]},
    "bad ip": {"SubjectAlternativeNames": [{"IpAddress": "1.2.3"}]},
    "bad mail": {"SubjectAlternativeNames": [{"Rfc822Name": "a b@example"}]},
    "bad uri": {"SubjectAlternativeNames": [{"UniformResourceIdentifier": "not a uri"}]},
    "eku both": {
        "ExtendedKeyUsage": [{"ExtendedKeyUsageType": "CLIENT_AUTH", "ExtendedKeyUsageObjectIdentifier": "1.2"}]
    },
    "custom not base64": {"CustomExtensions": [{"ObjectIdentifier": "1.2.3", "Value": "***"}]},
    "custom not der": {"CustomExtensions": [{"ObjectIdentifier": "1.2.3", "Value": "AAAA"}]},
    "twice": {
        "KeyUsage": {"DigitalSignature": True},
        "CustomExtensions": [{"ObjectIdentifier": "2.5.29.15", "Value": "AwIHgA=="}],
    },
    "policy twice": {"CertificatePolicies": [{"CertPolicyId": "1.2.3"}, {"CertPolicyId": "1.2.3"}]},
    "cps not ascii": {
        "CertificatePolicies": [
            {
                "CertPolicyId": "1.2.3",
                "PolicyQualifiers": [{"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "\u00e9"}}],
            }
        ]
    },
}


@pytest.mark.parametrize("case", BAD_API)
def test_api_passthrough_that_contradicts_itself_is_refused(case: str) -> None:
    with pytest.raises(ArgumentError):
        planned("BlankEndEntityCertificate_APIPassthrough", api_passthrough={"Extensions": BAD_API[case]})


CA_ONLY = {
    "key cert sign": (x509.KeyUsage(False, False, False, False, False, True, False, False, False), True),
    "name constraints": (x509.NameConstraints([x509.DNSName("example.com")], None), True),
    "policy constraints": (x509.PolicyConstraints(0, None), True),
    "inhibit any policy": (x509.InhibitAnyPolicy(0), True),
}


@pytest.mark.parametrize("case", CA_ONLY)
def test_what_only_a_ca_may_have_is_not_passed_through(case: str) -> None:
    with pytest.raises(ConstraintError, match="for CA certificates only"):
        planned("BlankEndEntityCertificate_CSRPassthrough", csr(extensions=[CA_ONLY[case]]))


def test_csr_extension_that_is_malformed_is_refused() -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.37"), der.sequence())
    with pytest.raises(CsrError):
        planned("BlankEndEntityCertificate_CSRPassthrough", csr(extensions=[(broken, False)]))


# the issuer's rules


@pytest.mark.parametrize(
    ("path_length", "depth", "allowed"), [(None, 3, True), (1, 0, True), (1, 1, False), (0, 0, False)]
)
def test_path_length_of_the_issuer_bounds_that_of_its_cas(path_length: int | None, depth: int, allowed: bool) -> None:
    template = f"SubordinateCACertificate_PathLen{depth}"
    if allowed:
        assert planned(template, csr("Sub"), issuer=issuer(path_length=path_length))
    else:
        with pytest.raises(ConstraintError, match=r"^Path length check failed for CA"):
            planned(template, csr("Sub"), issuer=issuer(path_length=path_length))


def test_chain_above_the_issuer_bounds_path_lengths_too() -> None:
    """A root of path length 1 allows one CA below: the issuer is it, and may issue no other."""
    root = root_certificate()
    bounded = planning.issuer_of(der_of(root), ())
    assert bounded.path_length is None
    under = planning.issuer_of(
        der_of(_signed_ca("Issuer", path_length=None)), (der_of(_signed_ca("Root", path_length=1)),)
    )
    with pytest.raises(ConstraintError, match=r"^Path length check failed"):
        planned("SubordinateCACertificate_PathLen0", csr("Sub"), issuer=under)


def _signed_ca(common_name: str, path_length: int | None) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name("Root"))
        .public_key(ROOT_KEY.public_key())
        .serial_number(9)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .sign(ROOT_KEY, hashes.SHA256())
    )


def test_issuer_without_ski_is_identified_by_its_key() -> None:
    found = planning.issuer_of(der_of(_signed_ca("Issuer", None)))
    assert found.key_identifier == x509.SubjectKeyIdentifier.from_public_key(ROOT_KEY.public_key()).digest


VALIDITIES: dict[str, tuple[dict[str, Any], str | None]] = {
    "equal to the issuer's": ({"validity": {"Type": "DAYS", "Value": 3650}}, None),
    "beyond the issuer's": ({"validity": {"Type": "DAYS", "Value": 3651}}, "exceeds"),
    "begins before the issuer": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) - 3600}},
        "begins before",
    ),
    "ends before it begins": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) + 40 * 86400}},
        "ends before",
    ),
    "past": ({"validity": {"Type": "END_DATE", "Value": 20000101000000}}, "past"),
    "last century": ({"validity": {"Type": "END_DATE", "Value": 500101000000}}, "past"),
    "end date of 13 digits": ({"validity": {"Type": "END_DATE", "Value": 1234567890123}}, "not a time"),
    "no such day": ({"validity": {"Type": "END_DATE", "Value": 20310231000000}}, "not a time"),
    "huge days": ({"validity": {"Type": "DAYS", "Value": 10**12}}, "not a time"),
    "huge months": ({"validity": {"Type": "MONTHS", "Value": 10**18}}, "not a time"),
    "huge epoch": ({"validity": {"Type": "ABSOLUTE", "Value": 1 << 62}}, "not a time"),
    "short-lived, 7 days": ({"short_lived": True, "validity": {"Type": "DAYS", "Value": 7}}, None),
    "short-lived, 8 days": ({"short_lived": True, "validity": {"Type": "DAYS", "Value": 8}}, "at most 7 days"),
}


@pytest.mark.parametrize("case", VALIDITIES)
def test_validity_is_bounded(case: str) -> None:
    more, text = VALIDITIES[case]
    if text is None:
        assert planned(**more)
    else:
        with pytest.raises(ConstraintError, match=text):
            planned(**more)


MONTHS = [(datetime(2031, 1, 31, tzinfo=UTC), 1, (2031, 2, 28)), (datetime(2031, 12, 31, tzinfo=UTC), 2, (2032, 2, 29))]


@pytest.mark.parametrize(("now", "count", "date"), MONTHS)
def test_months_end_where_the_shorter_month_ends(now: datetime, count: int, date: tuple[int, int, int]) -> None:
    found = planned(now=now, validity={"Type": "MONTHS", "Value": count})
    assert (found.not_after.year, found.not_after.month, found.not_after.day) == date


def test_time_form_changes_in_2050() -> None:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on."""
    assert der.time(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)) == b"\x17\x0d491231235959Z"
    assert der.time(datetime(2050, 1, 1, tzinfo=UTC)) == b"\x18\x0f20500101000000Z"


def test_no_expiry_of_rfc_5280_can_be_issued_by_a_root() -> None:
    root = planning.root_in_making(csrs.parse_csr(csr("Root", key=ROOT_KEY)))
    validity = {"Type": "END_DATE", "Value": 99991231235959}
    found = issued("RootCACertificate", csr("Root", key=ROOT_KEY), issuer=root, validity=validity)
    assert found.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_root_template_issues_only_the_root_s_own_certificate() -> None:
    with pytest.raises(ConstraintError, match="root's own"):
        planned("RootCACertificate", csr("Other"))
    with pytest.raises(ConstraintError, match="root's own"):
        planned("RootCACertificate", csr("Issuer"))


def test_root_in_the_making_issues_nothing_else() -> None:
    request = csr("Root", key=ROOT_KEY)
    root = planning.root_in_making(csrs.parse_csr(request))
    with pytest.raises(ConstraintError, match="without a certificate"):
        planned(request=request, issuer=root)


def test_ca_with_the_name_of_its_issuer_is_refused() -> None:
    with pytest.raises(ConstraintError, match="subject of its issuer"):
        planned("SubordinateCACertificate_PathLen0", csr("Issuer"))


def test_ca_without_a_subject_is_refused() -> None:
    from tests.support.pki_forge import alternative_names, armored, dns
    from tests.support.pki_forge import csr as forged

    request = armored(forged(subject=der.sequence(), requested=[alternative_names(dns("a.example"))]))
    with pytest.raises(ConstraintError, match="needs a subject"):
        planned("SubordinateCACertificate_PathLen0", request)
    found = issued(request=request)
    assert extension(found, x509.SubjectAlternativeName).critical


def test_signing_algorithm_of_another_family_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot be used with key type EC_prime256v1"):
        planned(signing_algorithm="SHA256WITHRSA")


def test_signature_that_does_not_verify_is_not_given_out() -> None:
    class Liar(ec.EllipticCurvePrivateKey):
        curve, key_size = LEAF_KEY.curve, LEAF_KEY.key_size

        def sign(self, data: Any, signature_algorithm: Any) -> Any:
            return LEAF_KEY.sign(b"something else", signature_algorithm)

        def public_key(self) -> Any:
            return LEAF_KEY.public_key()

        def exchange(self, *_: Any) -> Any:
            raise NotImplementedError

        private_numbers = private_bytes = __copy__ = __deepcopy__ = exchange  # type: ignore[assignment]  # never called

    with pytest.raises(SignatureError):
        signed.sign(b"\x30\x00", Liar(), "SHA256WITHECDSA")


# name constraints of the issuer (RFC 5280 section 4.2.1.10)


def permitted(*forms: x509.GeneralName) -> planning.Issuer:
    return issuer((x509.NameConstraints(list(forms), None), True))


def excluded(*forms: x509.GeneralName) -> planning.Issuer:
    return issuer((x509.NameConstraints(None, list(forms)), True))


def san(*found: x509.GeneralName) -> bytes:
    return csr("x", extensions=[(x509.SubjectAlternativeName(list(found)), False)])


DNS, MAIL, URI, DIR = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.DirectoryName


def IP(text: str) -> x509.IPAddress:
    return x509.IPAddress(ip_network(text))


def address(text: str) -> x509.IPAddress:
    from ipaddress import ip_address

    return x509.IPAddress(ip_address(text))


NAME_CONSTRAINTS: dict[str, tuple[planning.Issuer, x509.GeneralName, bool]] = {
    "dns inside": (permitted(DNS("example.com")), DNS("a.example.com"), True),
    "dns equal": (permitted(DNS("example.com")), DNS("example.com"), True),
    "dns upper case": (permitted(DNS("Example.COM")), DNS("a.example.com"), True),
    "dns beside": (permitted(DNS("example.com")), DNS("badexample.com"), False),
    "dns outside": (permitted(DNS("example.com")), DNS("example.org"), False),
    "dns wildcard inside": (permitted(DNS("example.com")), DNS("*.example.com"), True),
    "dns excluded": (excluded(DNS("example.com")), DNS("a.example.com"), False),
    "dns not excluded": (excluded(DNS("example.com")), DNS("a.example.org"), True),
    "ip inside": (permitted(IP("192.0.2.0/24")), address("192.0.2.9"), True),
    "ip outside": (permitted(IP("192.0.2.0/24")), address("198.51.100.1"), False),
    "ip excluded": (excluded(IP("192.0.2.0/24")), address("192.0.2.9"), False),
    "ip of the other family": (excluded(IP("2001:db8::/32")), address("192.0.2.9"), True),
    "mail host inside": (permitted(MAIL("example.com")), MAIL("a@example.com"), True),
    "mail host outside": (permitted(MAIL("example.com")), MAIL("a@b.example.com"), False),
    "mail domain inside": (permitted(MAIL(".example.com")), MAIL("a@b.example.com"), True),
    "mailbox": (permitted(MAIL("a@example.com")), MAIL("b@example.com"), False),
    "uri inside": (permitted(URI(".example.com")), URI("https://a.example.com/x"), True),
    "uri outside": (permitted(URI(".example.com")), URI("https://a.example.org/x"), False),
    "uri without host": (permitted(URI(".example.com")), URI("urn:x:y"), False),
    "directory outside": (permitted(DIR(name("only this"))), DNS("a.example.com"), False),
    "other form is free": (permitted(MAIL("example.com")), DNS("a.example.org"), True),
}


@pytest.mark.parametrize("case", NAME_CONSTRAINTS)
def test_name_constraints_of_the_issuer_bind_its_certificates(case: str) -> None:
    constrained, subject, allowed = NAME_CONSTRAINTS[case]
    request = san(subject)
    if allowed:
        assert planned(request=request, issuer=constrained)
    else:
        with pytest.raises(ConstraintError):
            planned(request=request, issuer=constrained)


def test_directory_constraint_holds_for_the_subject() -> None:
    inside = issuer((x509.NameConstraints([x509.DirectoryName(name("leaf"))], None), True))
    assert planned(request=csr("leaf"), issuer=inside)
    with pytest.raises(ConstraintError):
        planned(request=csr("other"), issuer=inside)


# names for people


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


def test_pem_blocks_of_a_chain_are_found_with_text_around_them() -> None:
    text = b"subject=x\n" + pem(root_certificate()) + b"\nissuer=y\n" + pem(root_certificate())
    assert [label for label, _ in pems.blocks(text)] == ["CERTIFICATE", "CERTIFICATE"]


def test_plan_with_other_serial_differs() -> None:
    request = csr()
    assert planned(request=request).tbs_sha256 != planned(request=request, serial_number=2).tbs_sha256
