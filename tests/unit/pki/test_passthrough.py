"""What wins where several name an extension: the template, then the API's passthrough, then the CSR."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import ArgumentError, ConstraintError, CsrError
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import extensions
from tests.support.builders import csr, name
from tests.support.planned_certificates import extension, issued, planned

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
