"""Members that say nothing: empty texts, a KeyUsage without a bit, tags without a value, a policy without Version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.support.authority_steps import DAYS_30, active_root, create, fetch, issue
from tests.support.builders import EC_CONFIGURATION, csr
from tests.support.policies import documented
from tests.support.refusals import refusal

LEAF = "arn:aws:acm-pca:::template/BlankEndEntityCertificate_APIPassthrough/V1"


def configured(**members: Any) -> dict[str, Any]:
    return {"CertificateAuthorityConfiguration": EC_CONFIGURATION | members}


def own_request(client: Any, arn: str) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode())


def test_empty_text_in_a_subject_is_as_absent(acm_pca: Any) -> None:
    """Configurations that tools generate name every member."""
    subject = {"Organization": "Example Corp", "CommonName": "", "State": ""}
    arn = create(acm_pca, **configured(Subject=subject))
    assert [each.oid for each in own_request(acm_pca, arn).subject] == [NameOID.ORGANIZATION_NAME]
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert described["CertificateAuthorityConfiguration"]["Subject"] == subject


def test_subject_of_empty_texts_is_none(acm_pca: Any) -> None:
    request = configured(Subject={"CommonName": ""}) | {"CertificateAuthorityType": "ROOT"}
    assert refusal(acm_pca.create_certificate_authority, **request)[0] == "InvalidArgsException"


@pytest.mark.parametrize("usage", [{}, {"DigitalSignature": False, "CRLSign": False}])
def test_key_usage_without_a_bit_is_none(acm_pca: Any, usage: dict[str, bool]) -> None:
    arn = create(acm_pca, **configured(CsrExtensions={"KeyUsage": usage}))
    assert [each.oid for each in own_request(acm_pca, arn).extensions] == [x509.BasicConstraints.oid]
    root = active_root(acm_pca)
    asked = {"Extensions": {"KeyUsage": usage}}
    found = fetch(acm_pca, root, issue(acm_pca, root, TemplateArn=LEAF, ApiPassthrough=asked)).extensions
    assert x509.KeyUsage.oid not in {each.oid for each in found}


def test_tag_without_a_value_has_an_empty_one(acm_pca: Any) -> None:
    arn = create(acm_pca, Tags=[{"Key": "created"}])
    acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "tagged"}])
    found = acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"]
    assert found == [{"Key": "created", "Value": ""}, {"Key": "tagged", "Value": ""}]
    acm_pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "created", "Value": "x"}, found[1]])
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == found[:1]


def test_policy_without_version_is_of_the_first_one(acm_pca: Any) -> None:
    """IAM User Guide, "Version": the default is 2008-10-17."""
    arn = active_root(acm_pca)
    policy = json.loads(documented(arn))
    del policy["Version"]
    acm_pca.put_policy(ResourceArn=arn, Policy=json.dumps(policy))
    assert json.loads(acm_pca.get_policy(ResourceArn=arn)["Policy"]) == policy


@pytest.mark.parametrize("member", ["DnsName", "Rfc822Name", "UniformResourceIdentifier"])
def test_other_scripts_are_refused_in_words(acm_pca: Any, member: str) -> None:
    arn = active_root(acm_pca)
    names = {"Extensions": {"SubjectAlternativeNames": [{member: "münchen.de"}]}}
    request: dict[str, Any] = {"CertificateAuthorityArn": arn, "Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA"}
    request |= {"Validity": DAYS_30, "TemplateArn": LEAF, "ApiPassthrough": names}
    code, text = refusal(acm_pca.issue_certificate, **request)
    assert code == "InvalidArgsException"
    assert "characters other than ASCII" in text
    assert ("xn--" in text) == (member == "DnsName")
    assert "codec" not in text
