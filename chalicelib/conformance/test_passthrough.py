"""What ApiPassthrough and the CSR give a certificate, and who wins: the template, then the API, then the CSR."""

from __future__ import annotations

import base64
import ipaddress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from chalicelib.conformance import material
from chalicelib.conformance.sources import about, guide, inferred, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

API, CSR, BOTH = "_APIPassthrough", "_CSRPassthrough", "_APICSRPassthrough"
BLANK, END = "BlankEndEntityCertificate", "EndEntityCertificate"
ORDER = guide("template-order-of-operations")
DEFINITIONS = guide("template-definitions")
VALUES = {
    "2.5.29.32": bytes.fromhex("3007300506032a0304"),
    "1.3.6.1.4.1.55555.1": b"\x0c\x05hello",
    "1.3.6.1.4.1.55555.2": b"\x30\x03\x02\x01\x05",
}


def custom(oid: str, value: bytes, *, critical: bool = False) -> dict[str, Any]:
    return {"ObjectIdentifier": oid, "Value": base64.b64encode(value).decode(), "Critical": critical}


def passed(**extensions: Any) -> dict[str, Any]:
    return {"ApiPassthrough": {"Extensions": extensions}}


def unrecognized(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


@about("IssueCertificate", reference("CustomExtension"), certificates=1)
@pytest.mark.parametrize("critical", [False, True], ids=["not critical", "critical"])
@pytest.mark.parametrize("oid", VALUES)
def test_custom_extension_has_the_bytes_of_the_request(
    target: Target, issuer: Authority, oid: str, *, critical: bool
) -> None:
    asked = passed(CustomExtensions=[custom(oid, VALUES[oid], critical=critical)])
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + API), **asked)
    assert material.extension(found, oid) == (critical, VALUES[oid])


PURPOSES = {
    "SERVER_AUTH": "1.3.6.1.5.5.7.3.1",
    "CLIENT_AUTH": "1.3.6.1.5.5.7.3.2",
    "CODE_SIGNING": "1.3.6.1.5.5.7.3.3",
    "EMAIL_PROTECTION": "1.3.6.1.5.5.7.3.4",
    "TIME_STAMPING": "1.3.6.1.5.5.7.3.8",
    "OCSP_SIGNING": "1.3.6.1.5.5.7.3.9",
    "SMART_CARD_LOGIN": "1.3.6.1.4.1.311.20.2.2",
}


@about("IssueCertificate", reference("ExtendedKeyUsage"), certificates=1)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_purpose_by_its_name(target: Target, issuer: Authority, purpose: str) -> None:
    asked = passed(ExtendedKeyUsage=[{"ExtendedKeyUsageType": purpose}])
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + API), **asked)
    assert purposes(found) == [PURPOSES[purpose]]


@about("IssueCertificate", inferred("the name is that of RFC 6962's precertificates"), certificates=1)
def test_purpose_of_certificate_transparency(target: Target, issuer: Authority) -> None:
    asked = passed(ExtendedKeyUsage=[{"ExtendedKeyUsageType": "CERTIFICATE_TRANSPARENCY"}])
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + API), **asked)
    assert purposes(found) == ["1.3.6.1.4.1.11129.2.4.4"]


@about("IssueCertificate", reference("ExtendedKeyUsage"), certificates=1)
def test_purposes_by_number_keep_their_order(target: Target, issuer: Authority) -> None:
    numbers = ["1.3.6.1.4.1.55555.9", "1.3.6.1.5.5.7.3.2", "1.0.18013.5.1.2"]
    asked = passed(ExtendedKeyUsage=[{"ExtendedKeyUsageObjectIdentifier": each} for each in numbers])
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + API), **asked)
    assert purposes(found) == numbers


def purposes(certificate: x509.Certificate) -> list[str]:
    value = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return [each.dotted_string for each in value]


BITS = [
    *((bit,) for bit in list(material.USAGES)[:7]),
    ("KeyAgreement", "EncipherOnly"),
    ("KeyAgreement", "DecipherOnly"),
]


@about("IssueCertificate", DEFINITIONS, certificates=1)
@pytest.mark.parametrize("bits", BITS, ids="+".join)
def test_blank_template_takes_any_of_the_nine_key_usages(
    target: Target, issuer: Authority, bits: tuple[str, ...]
) -> None:
    asked = passed(KeyUsage=dict.fromkeys(bits, True))
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + API), **asked)
    assert found.extensions.get_extension_for_class(x509.KeyUsage).value == material.key_usage(*bits)


@about("IssueCertificate", reference("PolicyInformation"), certificates=1)
def test_certificate_policies_with_a_qualifier(target: Target, issuer: Authority) -> None:
    qualifier = {"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "https://example.com/cps"}}
    policies = [{"CertPolicyId": "1.2.3.4", "PolicyQualifiers": [qualifier]}, {"CertPolicyId": "1.2.3.5"}]
    found = issuer.certificate_of(TemplateArn=target.template(END + API), **passed(CertificatePolicies=policies))
    expected = [
        x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), ["https://example.com/cps"]),
        x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.5"), None),
    ]
    value = found.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert value == x509.CertificatePolicies(expected)


NAMES: dict[str, tuple[dict[str, Any], x509.GeneralName]] = {
    "DNS name": ({"DnsName": "api.example.com"}, x509.DNSName("api.example.com")),
    "email": ({"Rfc822Name": "a@example.com"}, x509.RFC822Name("a@example.com")),
    "URI": (
        {"UniformResourceIdentifier": "https://example.com/a"},
        x509.UniformResourceIdentifier("https://example.com/a"),
    ),
    "IPv4": ({"IpAddress": "192.0.2.1"}, x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
    "IPv6": ({"IpAddress": "2001:db8::1"}, x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
    "registered id": ({"RegisteredId": "1.2.3.4"}, x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4"))),
    "directory name": (
        {"DirectoryName": {"CommonName": "inner"}},
        x509.DirectoryName(material.common_name("inner")),
    ),
}


@about("IssueCertificate", reference("GeneralName"), certificates=1)
@pytest.mark.parametrize("kind", NAMES)
def test_subject_alternative_name_of_the_api(target: Target, issuer: Authority, kind: str) -> None:
    asked, expected = NAMES[kind]
    template = target.template(END + API)
    found = issuer.certificate_of(TemplateArn=template, **passed(SubjectAlternativeNames=[asked]))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [expected]


@about("IssueCertificate", reference("GeneralName"))
def test_subject_alternative_name_of_two_kinds_is_refused(target: Target, issuer: Authority) -> None:
    asked = passed(SubjectAlternativeNames=[{"DnsName": "a.example.com", "Rfc822Name": "a@example.com"}])
    issuer.asked(TemplateArn=target.template(END + API), **asked).refused("InvalidArgsException")


@about("IssueCertificate", reference("ASN1Subject"))
def test_subject_of_custom_and_other_attributes_is_refused(target: Target, issuer: Authority) -> None:
    mixed = {"CommonName": "a", "CustomAttributes": [{"ObjectIdentifier": "2.5.4.3", "Value": "b"}]}
    answer = issuer.asked(TemplateArn=target.template(END + API), ApiPassthrough={"Subject": mixed})
    answer.refused("InvalidArgsException", "ValidationException")


@about("IssueCertificate", guide("template-definitions"), certificates=1)
@pytest.mark.parametrize("variant", [API, BOTH])
def test_subject_of_the_api_replaces_that_of_the_csr(target: Target, issuer: Authority, variant: str) -> None:
    subject = {"Country": "DE", "Organization": "Example", "CommonName": "api.example.com"}
    template = target.template(END + variant)
    found = issuer.certificate_of(TemplateArn=template, ApiPassthrough={"Subject": subject}).subject
    values = {attribute.oid: attribute.value for attribute in found}
    expected = {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.ORGANIZATION_NAME: "Example",
        NameOID.COMMON_NAME: "api.example.com",
    }
    assert values == expected


@about("IssueCertificate", guide("PcaIssueCert"), certificates=1)
def test_subject_of_custom_attributes_keeps_their_order(target: Target, issuer: Authority) -> None:
    """As Matter's certificates need it: guide, "Implement the Matter standard"."""
    attributes = [
        {"ObjectIdentifier": "2.5.4.3", "Value": "ACME Matter Devel DAC"},
        {"ObjectIdentifier": "1.3.6.1.4.1.37244.2.1", "Value": "FFF1"},
        {"ObjectIdentifier": "1.3.6.1.4.1.37244.2.2", "Value": "8000"},
    ]
    subject = {"Subject": {"CustomAttributes": attributes}}
    found = issuer.certificate_of(TemplateArn=target.template(BLANK + BOTH), ApiPassthrough=subject).subject
    named = [{"ObjectIdentifier": each.oid.dotted_string, "Value": each.value} for each in found]
    assert named == attributes


@about("IssueCertificate", reference("IssueCertificate"), certificates=1)
@pytest.mark.parametrize("template", [END, END + CSR])
def test_api_passthrough_is_ignored_by_a_template_without_it(target: Target, issuer: Authority, template: str) -> None:
    asked = {
        "Subject": {"CommonName": "ignored.example.com"},
        "Extensions": {"SubjectAlternativeNames": [{"DnsName": "ignored.example.com"}]},
    }
    request = material.csr("csr.example.com")
    found = issuer.certificate_of(request, TemplateArn=target.template(template), ApiPassthrough=asked)
    assert found.subject == material.common_name("csr.example.com")
    assert material.extension(found, "2.5.29.17") is None


@about("IssueCertificate", ORDER, certificates=1)
@pytest.mark.parametrize("variant", [API, BOTH])
def test_template_wins_over_the_api(target: Target, issuer: Authority, variant: str) -> None:
    asked = passed(KeyUsage={"KeyAgreement": True}, ExtendedKeyUsage=[{"ExtendedKeyUsageType": "CODE_SIGNING"}])
    found = issuer.certificate_of(TemplateArn=target.template("EndEntityServerAuthCertificate" + variant), **asked)
    assert found.extensions.get_extension_for_class(x509.KeyUsage).value == material.key_usage(
        "DigitalSignature", "KeyEncipherment"
    )
    assert purposes(found) == [PURPOSES["SERVER_AUTH"]]


@about("IssueCertificate", ORDER, certificates=1)
@pytest.mark.parametrize("variant", [CSR, BOTH])
def test_template_wins_over_the_csr(target: Target, issuer: Authority, variant: str) -> None:
    asked = x509.ExtendedKeyUsage([x509.ObjectIdentifier(PURPOSES["CLIENT_AUTH"])])
    request = material.csr(extensions=((asked, False), (material.key_usage("KeyAgreement"), True)))
    template = target.template("EndEntityServerAuthCertificate" + variant)
    found = issuer.certificate_of(request, TemplateArn=template)
    assert purposes(found) == [PURPOSES["SERVER_AUTH"]]
    assert material.extension(found, "2.5.29.15") == (True, bytes.fromhex("030205a0"))


@about("IssueCertificate", ORDER, certificates=1)
def test_api_wins_over_the_csr(target: Target, issuer: Authority) -> None:
    names = material.alternative_names("csr.example.com")
    request = material.csr(extensions=((names, False), (unrecognized("1.3.6.1.4.1.55555.1", b"\x05\x00"), False)))
    asked = passed(
        SubjectAlternativeNames=[{"DnsName": "api.example.com"}],
        CustomExtensions=[custom("1.3.6.1.4.1.55555.1", VALUES["1.3.6.1.4.1.55555.1"])],
    )
    found = issuer.certificate_of(request, TemplateArn=target.template(BLANK + BOTH), **asked)
    value = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert value == material.alternative_names("api.example.com")
    assert material.extension(found, "1.3.6.1.4.1.55555.1") == (False, VALUES["1.3.6.1.4.1.55555.1"])


@about("IssueCertificate", ORDER, certificates=1)
def test_what_the_api_leaves_out_comes_from_the_csr(target: Target, issuer: Authority) -> None:
    names = material.alternative_names("csr.example.com")
    request = material.csr(extensions=((names, False), (material.key_usage("DigitalSignature"), True)))
    asked = passed(ExtendedKeyUsage=[{"ExtendedKeyUsageType": "CLIENT_AUTH"}])
    found = issuer.certificate_of(request, TemplateArn=target.template(BLANK + BOTH), **asked)
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names
    assert found.extensions.get_extension_for_class(x509.KeyUsage).value == material.key_usage("DigitalSignature")
    assert purposes(found) == [PURPOSES["CLIENT_AUTH"]]


@about("IssueCertificate", DEFINITIONS, certificates=1)
@pytest.mark.parametrize("oid", VALUES)
@pytest.mark.parametrize("template", [END + CSR, BLANK + CSR, BLANK + BOTH])
def test_extension_of_the_csr_has_its_bytes(target: Target, issuer: Authority, template: str, oid: str) -> None:
    request = material.csr(extensions=((unrecognized(oid, VALUES[oid]), False),))
    found = issuer.certificate_of(request, TemplateArn=target.template(template))
    assert material.extension(found, oid) == (False, VALUES[oid])


@about("IssueCertificate", DEFINITIONS, certificates=1)
def test_template_with_api_passthrough_alone_drops_the_extensions_of_the_csr(target: Target, issuer: Authority) -> None:
    oid = "1.3.6.1.4.1.55555.1"
    request = material.csr(extensions=((unrecognized(oid, VALUES[oid]), False),))
    found = issuer.certificate_of(request, TemplateArn=target.template(END + API))
    assert material.extension(found, oid) is None


@about("IssueCertificate", guide("PcaIssueCert"), certificates=1)
def test_end_entity_has_name_constraints_by_custom_extension(target: Target, issuer: Authority) -> None:
    constraints = x509.NameConstraints([x509.DNSName("example.com")], None).public_bytes()
    asked = passed(CustomExtensions=[custom("2.5.29.30", constraints, critical=True)])
    found = issuer.certificate_of(TemplateArn=target.template(END + API), **asked)
    assert material.extension(found, "2.5.29.30") == (True, constraints)


@about("IssueCertificate", guide("JavaApiMDL-ActivateIACA"), certificates=1)
def test_blank_root_keeps_a_relative_crl_distribution_point(target: Target, waiting_root: Authority) -> None:
    place = x509.DistributionPoint([x509.UniformResourceIdentifier("dummycrl.crl")], None, None, None)
    points = x509.CRLDistributionPoints([place]).public_bytes()
    asked = passed(KeyUsage={"KeyCertSign": True, "CRLSign": True}, CustomExtensions=[custom("2.5.29.31", points)])
    template = target.template("BlankRootCACertificate_PathLen0" + API)
    found = waiting_root.certificate_of(target.csr(waiting_root.arn).encode(), TemplateArn=template, **asked)
    assert material.extension(found, "2.5.29.31") == (False, points)
    assert found.extensions.get_extension_for_class(x509.KeyUsage).value == material.key_usage("KeyCertSign", "CRLSign")


@about("IssueCertificate", DEFINITIONS, certificates=1)
def test_root_by_the_template_with_key_usage_has_no_crl_distribution_point(
    target: Target, waiting_root: Authority
) -> None:
    place = x509.DistributionPoint([x509.UniformResourceIdentifier("http://example.com/a.crl")], None, None, None)
    asked = passed(CustomExtensions=[custom("2.5.29.31", x509.CRLDistributionPoints([place]).public_bytes())])
    template = target.template("RootCACertificate" + API)
    found = waiting_root.certificate_of(target.csr(waiting_root.arn).encode(), TemplateArn=template, **asked)
    assert material.extension(found, "2.5.29.31") is None


@about("IssueCertificate", DEFINITIONS, certificates=1)
def test_crl_distribution_point_of_the_csr_stands_where_the_ca_has_none(target: Target, issuer: Authority) -> None:
    place = x509.DistributionPoint([x509.UniformResourceIdentifier("http://example.com/a.crl")], None, None, None)
    points = x509.CRLDistributionPoints([place])
    found = issuer.certificate_of(material.csr(extensions=((points, False),)), TemplateArn=target.template(BLANK + CSR))
    assert material.extension(found, "2.5.29.31") == (False, points.public_bytes())
