"""Requests of AWS's guide that ask for what a cautious CA would refuse: mDL, constraints and every key usage.

Source: AWS Private CA User Guide, "Implement the mDL standard" and "Issuing a certificate with custom extensions".
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.support.authority_steps import active_root, create, fetch, issue
from tests.support.builders import csr
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

TEMPLATE = "arn:aws:acm-pca:::template/{}/V1"
LEAF = TEMPLATE.format("BlankEndEntityCertificate_APIPassthrough")
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("dummycrl.crl")], None, None, None)]
)
ISSUER_NAME = x509.IssuerAlternativeName([x509.UniformResourceIdentifier("https://issuer-alternative-name.com")])
USAGES = (
    *("DigitalSignature", "NonRepudiation", "KeyEncipherment", "DataEncipherment", "KeyAgreement"),
    *("KeyCertSign", "CRLSign", "EncipherOnly", "DecipherOnly"),
)
MDL_SIGNER = "1.0.18013.5.1.2"


def usage(*names: str) -> x509.KeyUsage:
    """A KeyUsage of the bits that the API calls by these names."""
    members = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{member: bit in names for bit, member in zip(USAGES, members, strict=True)})


def custom(values: Iterable[tuple[x509.ExtensionType, bool]]) -> list[dict[str, Any]]:
    return [
        {
            "ObjectIdentifier": value.oid.dotted_string,
            "Value": base64.b64encode(value.public_bytes()).decode(),
            "Critical": critical,
        }
        for value, critical in values
    ]


def passed(*values: tuple[x509.ExtensionType, bool], **members: Any) -> dict[str, Any]:
    """An ApiPassthrough of these extensions."""
    asked = {"CustomExtensions": custom(values)} if values else {}
    return {"ApiPassthrough": {"Extensions": asked | members}}


def root_certificate(client: Any, template: str) -> x509.Certificate:
    """What a waiting root issues to itself by a template, with the mDL sample's extensions."""
    arn = create(client, "ROOT")
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    extensions = passed((usage("KeyCertSign", "CRLSign"), True), (ISSUER_NAME, False), (POINTS, False))
    issued = issue(client, arn, Csr=request, TemplateArn=TEMPLATE.format(template), **extensions)
    return fetch(client, arn, issued)


@pytest.mark.parametrize("depth", ["", *(f"_PathLen{depth}" for depth in range(4))])
def test_mdl_authority_keeps_its_relative_crl_distribution_point(acm_pca: Any, depth: str) -> None:
    found = root_certificate(acm_pca, f"BlankRootCACertificate{depth}_APIPassthrough").extensions
    assert found.get_extension_for_class(x509.CRLDistributionPoints).value == POINTS
    assert found.get_extension_for_class(x509.IssuerAlternativeName).value == ISSUER_NAME


def test_root_by_the_template_with_key_usage_has_no_crl_distribution_point(acm_pca: Any) -> None:
    found = root_certificate(acm_pca, "RootCACertificate_APIPassthrough").extensions
    assert found.get_extension_for_class(x509.IssuerAlternativeName).value == ISSUER_NAME
    assert POINTS.oid not in {each.oid for each in found}


def test_mdl_document_signer_is_issued(acm_pca: Any) -> None:
    arn = active_root(acm_pca, RevocationConfiguration={})
    extensions = passed(
        (usage("DigitalSignature"), True),
        (ISSUER_NAME, False),
        (POINTS, False),
        ExtendedKeyUsage=[{"ExtendedKeyUsageObjectIdentifier": MDL_SIGNER}],
    )
    found = fetch(acm_pca, arn, issue(acm_pca, arn, TemplateArn=LEAF, **extensions)).extensions
    assert found.get_extension_for_class(x509.CRLDistributionPoints).value == POINTS
    (purpose,) = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert purpose.dotted_string == MDL_SIGNER


@pytest.mark.parametrize("place", ["//host/crl", "1:crl", "a b", ""])
def test_crl_distribution_point_is_a_uri(acm_pca: Any, place: str) -> None:
    arn = active_root(acm_pca, RevocationConfiguration={})
    value = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(place)], None, None, None)]
    )
    request: dict[str, Any] = {"CertificateAuthorityArn": arn, "Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA"}
    request |= {"Validity": {"Type": "DAYS", "Value": 1}, "TemplateArn": LEAF} | passed((value, False))
    assert refusal(acm_pca.issue_certificate, **request)[0] == "InvalidArgsException"


CONSTRAINTS: dict[str, x509.ExtensionType] = {
    "names": x509.NameConstraints([x509.DNSName("example.com")], None),
    "policies": x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None),
    "any policy": x509.InhibitAnyPolicy(0),
}


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_end_entity_certificate_has_constraints_by_api_passthrough_alone(acm_pca: Any, constraint: str) -> None:
    arn, value = active_root(acm_pca), CONSTRAINTS[constraint]
    template = TEMPLATE.format("EndEntityCertificate_APIPassthrough")
    certificate = fetch(acm_pca, arn, issue(acm_pca, arn, TemplateArn=template, **passed((value, True))))
    assert certificate.extensions.get_extension_for_oid(value.oid).value == value
    request: dict[str, Any] = {
        "CertificateAuthorityArn": arn,
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Csr": csr(extensions=[(value, True)]),
    }
    request |= {"Validity": {"Type": "DAYS", "Value": 1}}
    for name in ("EndEntityCertificate_CSRPassthrough", "BlankEndEntityCertificate_APICSRPassthrough"):
        assert "CA certificates" in refusal(acm_pca.issue_certificate, **request, TemplateArn=TEMPLATE.format(name))[1]


@pytest.mark.parametrize(
    "bits",
    [*((bit,) for bit in USAGES[:7]), ("KeyAgreement", "EncipherOnly"), ("KeyAgreement", "DecipherOnly"), USAGES],
    ids="+".join,
)
def test_blank_end_entity_certificate_has_any_key_usage_by_api_passthrough(acm_pca: Any, bits: tuple[str, ...]) -> None:
    """User Guide, "Template definitions": any of the nine values."""
    arn = active_root(acm_pca)
    asked = passed(KeyUsage=dict.fromkeys(bits, True))
    found = fetch(acm_pca, arn, issue(acm_pca, arn, TemplateArn=LEAF, **asked)).extensions
    assert found.get_extension_for_class(x509.KeyUsage).value == usage(*bits)
    assert not found.get_extension_for_class(x509.BasicConstraints).value.ca


def test_csr_gets_no_right_to_sign_certificates(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    request: dict[str, Any] = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA"}
    request |= {"Csr": csr(extensions=[(usage("KeyCertSign"), True)]), "Validity": {"Type": "DAYS", "Value": 1}}
    template = TEMPLATE.format("BlankEndEntityCertificate_APICSRPassthrough")
    text = refusal(acm_pca.issue_certificate, **request, TemplateArn=template)[1]
    assert "keyCertSign is for CA certificates only" in text
