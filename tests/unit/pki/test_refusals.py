"""Every refusal of the PKI for a single member of a request names that member, and says the rule in words for people."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.pki.asn1 import der, pem
from chalicelib.pki.errors import ConstraintError, PkiError, refused, within
from chalicelib.pki.issuing.templates import template_named
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import display, names
from chalicelib.pki.x509.issuer import root_in_making
from tests.support.builders import ROOT_KEY, START, csr
from tests.support.planned_certificates import issuer, planned

if TYPE_CHECKING:
    from collections.abc import Callable

Case = tuple[dict[str, Any], str, str]  # what deviates, the member as a dotted path, the reason
PASSTHROUGH = "BlankEndEntityCertificate_APIPassthrough"
LONG = "x" * 65


def _subject(**subject: Any) -> dict[str, Any]:
    return {"template": PASSTHROUGH, "api_passthrough": {"Subject": subject}}


def _extensions(**extensions: Any) -> dict[str, Any]:
    return {"template": PASSTHROUGH, "api_passthrough": {"Extensions": extensions}}


def _names(*general_names: dict[str, Any]) -> dict[str, Any]:
    return _extensions(SubjectAlternativeNames=[{"DnsName": "a.example"}, *general_names])


def _custom(oid: str, value: bytes | str) -> dict[str, Any]:
    text = value if isinstance(value, str) else base64.b64encode(value).decode()
    return {"ObjectIdentifier": oid, "Value": text}


def _constrained(permitted: str) -> Any:
    return issuer((x509.NameConstraints([x509.DNSName(permitted)], None), True))


def _days(count: int) -> dict[str, Any]:
    return {"Type": "DAYS", "Value": count}


KEY_CERT_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
PLANS: dict[str, Case] = {
    "signing algorithm": (
        {"signing_algorithm": "SHA256WITHRSA"},
        "SigningAlgorithm",
        (
            "Signing algorithm SHA256WITHRSA cannot be used with key type EC_prime256v1. Valid signing algorithms are: "
            "SHA256WITHECDSA, SHA384WITHECDSA, SHA512WITHECDSA."
        ),
    ),
    "past": (
        {"validity": {"Type": "END_DATE", "Value": 20200101000000}},
        "Validity.Value",
        "The certificate validity ends in the past.",
    ),
    "no time": (
        {"validity": {"Type": "END_DATE", "Value": 20301332000000}},
        "Validity.Value",
        "The validity value is not a time that a certificate can hold as END_DATE.",
    ),
    "beyond the CA": (
        {"validity": _days(4000)},
        "Validity.Value",
        "The certificate validity specified exceeds the certificate authority validity",
    ),
    "short-lived": (
        {"validity": _days(8), "short_lived": True},
        "Validity.Value",
        "A SHORT_LIVED_CERTIFICATE certificate authority issues for at most 7 days.",
    ),
    "not before is a period": (
        {"validity_not_before": _days(1)},
        "ValidityNotBefore.Type",
        "ValidityNotBefore must be of type ABSOLUTE.",
    ),
    "not before is after the end": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": int((START + timedelta(days=99)).timestamp())}},
        "ValidityNotBefore.Value",
        "The certificate validity ends before it begins.",
    ),
    "not before is before the CA": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": 1}},
        "ValidityNotBefore.Value",
        "The certificate validity begins before the certificate authority validity.",
    ),
    "root template": (
        {"template": "RootCACertificate"},
        "TemplateArn",
        "A RootCACertificate template issues only a root's own certificate: from its own CSR, with its subject.",
    ),
    "root in making": (
        {"issuer": root_in_making(csrs.parse_csr(csr("Root", key=ROOT_KEY)))},
        "TemplateArn",
        "A root without a certificate issues only its own, by a RootCACertificate template.",
    ),
    "path length": (
        {"template": "SubordinateCACertificate_PathLen1", "issuer": issuer(path_length=1)},
        "TemplateArn",
        (
            "Path length check failed for CA: path length 1 must be less than 1, which the issuing certificate authority and "
            "its chain allow."
        ),
    ),
    "subject of the issuer": (
        {"template": "SubordinateCACertificate_PathLen0", "request": csr("Issuer")},
        "Csr",
        "A subordinate certificate authority cannot have the subject of its issuer.",
    ),
    "subject of the issuer from the request": (
        {
            "template": "SubordinateCACertificate_PathLen0_APIPassthrough",
            "api_passthrough": {"Subject": {"CommonName": "Issuer"}},
        },
        "ApiPassthrough.Subject",
        "A subordinate certificate authority cannot have the subject of its issuer.",
    ),
    "long common name": (
        _subject(CommonName=LONG),
        "ApiPassthrough.Subject.CommonName",
        "It has more than 64 characters.",
    ),
    "country of digits": (_subject(Country="12"), "ApiPassthrough.Subject.Country", "It is not two letters."),
    "country beyond ASCII": (
        _subject(Country="\u00e9\u00e9"),
        "ApiPassthrough.Subject.Country",
        "It holds characters other than ASCII.",
    ),
    "control characters": (
        _subject(CommonName="a\nb"),
        "ApiPassthrough.Subject.CommonName",
        "It holds control characters.",
    ),
    "custom attribute": (
        _subject(CustomAttributes=[{"ObjectIdentifier": "2.5.4.10", "Value": "O"}, _custom("2.5.4.3", LONG)]),
        "ApiPassthrough.Subject.CustomAttributes.1.Value",
        "It has more than 64 characters.",
    ),
    "standard and custom attributes": (
        _subject(CommonName="a", CustomAttributes=[_custom("2.5.4.3", "b")]),
        "ApiPassthrough.Subject",
        "A subject has either CustomAttributes or standard attributes, not both.",
    ),
    "DNS name": (
        _names({"DnsName": "a..example"}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.DnsName",
        "The DNS name 'a..example' is malformed.",
    ),
    "DNS name beyond ASCII": (
        _names({"DnsName": "\u00e9.example"}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.DnsName",
        "It holds characters other than ASCII. A host name of another script is written as xn--… (RFC 5891).",
    ),
    "IP address": (
        _names({"IpAddress": "192.0.2.300"}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.IpAddress",
        "It is neither an IPv4 nor an IPv6 address.",
    ),
    "email address": (
        _names({"Rfc822Name": "a b@example"}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.Rfc822Name",
        "An email address among the alternative names is malformed.",
    ),
    "directory name": (
        _names({"DirectoryName": {"CommonName": LONG}}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.DirectoryName.CommonName",
        "It has more than 64 characters.",
    ),
    "name of two kinds": (
        _names({"DnsName": "a.example", "IpAddress": "192.0.2.1"}),
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1",
        "A GeneralName has exactly one member.",
    ),
    "key usage of CAs from the CSR": (
        {
            "template": "BlankEndEntityCertificate_CSRPassthrough",
            "request": csr(extensions=[(KEY_CERT_SIGN, True)]),
        },
        "Csr",
        "Key usage keyCertSign is for CA certificates only (RFC 5280 section 4.2.1.9).",
    ),
    "two purposes in one": (
        _extensions(
            ExtendedKeyUsage=[{"ExtendedKeyUsageType": "CLIENT_AUTH", "ExtendedKeyUsageObjectIdentifier": "1.2"}]
        ),
        "ApiPassthrough.Extensions.ExtendedKeyUsage.0",
        "An ExtendedKeyUsage has either ExtendedKeyUsageType or ExtendedKeyUsageObjectIdentifier.",
    ),
    "object identifier of a purpose": (
        _extensions(ExtendedKeyUsage=[{"ExtendedKeyUsageObjectIdentifier": f"1.2.{1 << 200}"}]),
        "ApiPassthrough.Extensions.ExtendedKeyUsage.0.ExtendedKeyUsageObjectIdentifier",
        f"The object identifier 1.2.{1 << 200} is longer than any that can be read everywhere.",
    ),
    "policy twice": (
        _extensions(CertificatePolicies=[{"CertPolicyId": "1.2.3"}, {"CertPolicyId": "1.2.03"}]),
        "ApiPassthrough.Extensions.CertificatePolicies.1.CertPolicyId",
        "ApiPassthrough names the certificate policy 1.2.3 more than once.",
    ),
    "practice statement": (
        _extensions(
            CertificatePolicies=[
                {
                    "CertPolicyId": "1.2.3",
                    "PolicyQualifiers": [{"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "\u00e9"}}],
                }
            ]
        ),
        "ApiPassthrough.Extensions.CertificatePolicies.0.PolicyQualifiers.0.Qualifier.CpsUri",
        "It is not ASCII.",
    ),
    "custom extension in no base64": (
        _extensions(CustomExtensions=[_custom("1.2.3", "***")]),
        "ApiPassthrough.Extensions.CustomExtensions.0.Value",
        "It is not base64.",
    ),
    "custom extension in no DER": (
        _extensions(CustomExtensions=[_custom("1.2.3", b"\x05\x00"), _custom("1.2.4", b"\x00\x00")]),
        "ApiPassthrough.Extensions.CustomExtensions.1",
        "The value of extension 1.2.4 is malformed. Tag 0x00 is not used in DER.",
    ),
    "extension twice": (
        _extensions(KeyUsage={"DigitalSignature": True}, CustomExtensions=[_custom("2.5.29.15", b"\x03\x02\x07\x80")]),
        "ApiPassthrough.Extensions.CustomExtensions.0",
        "ApiPassthrough names the same extension more than once.",
    ),
    "extension of CAs": (
        {
            "template": "BlankEndEntityCertificate_CSRPassthrough",
            "request": csr(extensions=[(x509.InhibitAnyPolicy(0), True)]),
        },
        "Csr",
        "Inhibit anyPolicy are for CA certificates only (RFC 5280 section 4.2.1).",
    ),
    "name constraints and the CSR": (
        {"request": csr(dns_names=["a.example"]), "issuer": _constrained("b.example")},
        "Csr",
        "The DNS name 'a.example' is outside the permitted name constraints of the issuer.",
    ),
    "name constraints and a name of the request": (
        {
            **_extensions(SubjectAlternativeNames=[{"DnsName": "b.example"}, {"DnsName": "a.example"}]),
            "request": csr("leaf"),
            "issuer": _constrained("b.example"),
        },
        "ApiPassthrough.Extensions.SubjectAlternativeNames.1.DnsName",
        "The DNS name 'a.example' is outside the permitted name constraints of the issuer.",
    ),
    "name constraints and names in a custom extension": (
        {
            **_extensions(CustomExtensions=[_custom("2.5.29.17", der.sequence(der.tlv(0x82, b"a.example")))]),
            "request": csr("leaf"),
            "issuer": _constrained("b.example"),
        },
        "ApiPassthrough.Extensions.CustomExtensions.0",
        "The DNS name 'a.example' is outside the permitted name constraints of the issuer.",
    ),
    "name constraints and the common name": (
        {**_subject(CommonName="a.example"), "request": csr("leaf"), "issuer": _constrained("b.example")},
        "ApiPassthrough.Subject.CommonName",
        "The DNS name 'a.example' is outside the permitted name constraints of the issuer.",
    ),
    "name constraints and a common name among custom attributes": (
        {
            **_subject(CustomAttributes=[_custom("2.5.4.3", "a.example")]),
            "request": csr("leaf"),
            "issuer": _constrained("b.example"),
        },
        "ApiPassthrough.Subject.CustomAttributes",
        "The DNS name 'a.example' is outside the permitted name constraints of the issuer.",
    ),
}


@pytest.mark.parametrize("case", PLANS)
def test_refusal_of_a_plan_names_its_member(case: str) -> None:
    deviation, member, reason = PLANS[case]
    with pytest.raises(PkiError) as caught:
        planned(**deviation)
    assert ".".join(map(str, caught.value.member)) == member
    assert caught.value.reason == reason


def csr_of(change: Callable[[bytes], bytes]) -> bytes:
    """A CSR in PEM whose DER was changed."""
    ((label, der),) = pem.blocks(csr())
    return pem.encode(change(der), label).encode()


def test_unknown_template_is_about_the_template() -> None:
    with pytest.raises(PkiError) as caught:
        template_named("Nothing")
    assert caught.value.member == ("TemplateArn",)


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        (b"x", "It must be exactly one PEM block with", "It must be one CSR in PEM: from -----BEGIN"),
        (
            csr().replace(b"M", b"*", 1),
            "A PEM block is not base64.",
            "The text between -----BEGIN and -----END is damaged",
        ),
        (csr().replace(b"-----END", b"----END"), "A PEM block has no end.", "The end is missing"),
        (csr().replace(b"BEGIN", b"x -----BEGIN", 1), "The boundary of", "A line with -----BEGIN or -----END has"),
        (csr_of(lambda der: der[:-9]), "An element is longer than what", "It is incomplete or damaged"),
        (csr_of(lambda der: der + b"\x05\x00"), "Something follows the outermost", "Something follows its end."),
        (
            csr_of(lambda der: b"\x31" + der[1:]),
            "A CSR has tag 0x31",
            "A CSR is not where it belongs",
        ),
        (csr_of(lambda der: b"\x30\x80" + der[4:]), "A length is indefinite", "a length in it makes no sense"),
        (csr_of(lambda der: b"\x30\x83\x00" + der[2:]), "A length is not encoded minimally", "It is not strict DER"),
        (csr(key=rsa.generate_private_key(65537, 1024)), "", ""),
    ],
)
def test_refusal_of_a_csr_is_about_the_csr_and_in_words(text: bytes, said: str, reason: str) -> None:
    """AWS's clients read what always was there; whoever pasted the CSR reads what to do."""
    with pytest.raises(PkiError) as caught:
        csrs.parse_csr(text)
    assert caught.value.member == ("Csr",)
    assert str(caught.value).startswith(f"The CSR is refused. {said or caught.value.reason}")
    assert reason in caught.value.reason
    with pytest.raises(PkiError) as caught:
        display.of_csr(b"\x30\x00")
    assert caught.value.member == ("Csr",)


CSR_EXTENSIONS: dict[str, tuple[dict[str, Any], str]] = {
    "method of two kinds": (
        {"SubjectInformationAccess": [{"AccessMethod": {}, "AccessLocation": {"DnsName": "a.example"}}]},
        "CsrExtensions.SubjectInformationAccess.0.AccessMethod",
    ),
    "object identifier of a method": (
        {
            "SubjectInformationAccess": [
                {
                    "AccessMethod": {"CustomObjectIdentifier": f"1.2.{1 << 200}"},
                    "AccessLocation": {"DnsName": "a.example"},
                }
            ]
        },
        "CsrExtensions.SubjectInformationAccess.0.AccessMethod.CustomObjectIdentifier",
    ),
    "location": (
        {
            "SubjectInformationAccess": [
                {
                    "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
                    "AccessLocation": {"UniformResourceIdentifier": "not a URI"},
                }
            ]
        },
        "CsrExtensions.SubjectInformationAccess.0.AccessLocation.UniformResourceIdentifier",
    ),
}


@pytest.mark.parametrize("case", CSR_EXTENSIONS)
def test_refusal_of_a_ca_s_own_extensions_names_its_member(case: str) -> None:
    csr_extensions, member = CSR_EXTENSIONS[case]
    with pytest.raises(PkiError) as caught:
        csrs.check_csr_extensions(csr_extensions)
    assert ".".join(map(str, caught.value.member)) == member


def test_reason_without_a_member_of_its_own_is_the_whole_text() -> None:
    """ "It is empty." would be said of the CSR, where it is an attribute that is empty."""
    with pytest.raises(PkiError) as caught:
        names.encode_subject({"Country": "1"})
    assert caught.value.reason == "It is not two letters."
    with pytest.raises(ConstraintError) as outer, within("Csr"), refused(ConstraintError, "Refused."):
        raise PkiError("Attribute 2.5.4.3 of a name is empty.", reason="It is empty.")
    assert (outer.value.member, outer.value.reason) == (("Csr",), "Attribute 2.5.4.3 of a name is empty.")
    with pytest.raises(ConstraintError) as outer, refused(ConstraintError, "Refused."), within("Subject"):
        raise PkiError("Attribute 2.5.4.3 of a name is empty.", reason="It is empty.")
    assert (outer.value.member, outer.value.reason) == (("Subject",), "It is empty.")
