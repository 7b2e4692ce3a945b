"""Explain, an extension of AWS's API: the plan or the refusal of an issuance, and who may ask for it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.authority_steps import active_root, active_subordinate, create, fetch, issue
from tests.support.rest import TEMPLATES, Rest, order


def test_plan_is_what_is_then_signed(acm_pca: Any, rest: Rest, rt: Any) -> None:
    arn = active_root(acm_pca)
    passthrough = {"Extensions": {"CertificatePolicies": [{"CertPolicyId": "1.2.3"}]}}
    request = order(ApiPassthrough=passthrough, TemplateArn=f"{TEMPLATES}/EndEntityCertificate_APIPassthrough/V1")
    before = len(list(rt.store.list_certificates(arn)))
    answer = rest.explain(arn, **request)
    assert len(list(rt.store.list_certificates(arn))) == before
    plan = answer["Plan"]
    assert (answer["WouldIssue"], answer["MayIssue"]) == (True, ["000000000000"])
    certificate = fetch(acm_pca, arn, issue(acm_pca, arn, **request))
    said = [
        (each["ObjectIdentifier"], each["Critical"], base64.b64decode(each["Value"])) for each in plan["Extensions"]
    ]
    signed = [(each.oid.dotted_string, each.critical, each.value.public_bytes()) for each in certificate.extensions]
    assert said == signed
    assert plan["NotAfter"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (plan["Subject"], plan["SubjectAlternativeNames"]) == ("CN=leaf.example.com", ["leaf.example.com"])
    assert {each["Name"]: each["Source"] for each in plan["Extensions"]} == {
        "basicConstraints": "TEMPLATE",
        "authorityKeyIdentifier": "CA",
        "subjectKeyIdentifier": "CA",
        "keyUsage": "TEMPLATE",
        "extKeyUsage": "TEMPLATE",
        "cRLDistributionPoints": "CA",
        "subjectAltName": "CSR",
        "certificatePolicies": "API",
    }


REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "Validity.Value": ({"Validity": {"Type": "YEARS", "Value": 50}}, "ValidationException", "exceeds"),
    "SigningAlgorithm": ({"SigningAlgorithm": "SHA256WITHRSA"}, "InvalidArgsException", "cannot be used"),
    "TemplateArn": ({"TemplateArn": f"{TEMPLATES}/Nothing/V1"}, "InvalidArgsException", "template"),
    "Csr": ({"Csr": b"x"}, "MalformedCSRException", "CSR"),
    "ApiPassthrough.Extensions.SubjectAlternativeNames.1.IpAddress": (
        {
            "TemplateArn": f"{TEMPLATES}/EndEntityCertificate_APIPassthrough/V1",
            "ApiPassthrough": {
                "Extensions": {"SubjectAlternativeNames": [{"DnsName": "a.example"}, {"IpAddress": "192.0.2.300"}]}
            },
        },
        "InvalidArgsException",
        "IpAddress",
    ),
}


@pytest.mark.parametrize("member", REFUSALS)
def test_refusal_is_that_of_issuing_and_names_the_member(acm_pca: Any, rest: Rest, member: str) -> None:
    arn = active_root(acm_pca)
    more, code, rule = REFUSALS[member]
    answer = rest.explain(arn, **order(**more))
    assert answer.keys() == {"WouldIssue", "Refusal"}
    assert (answer["WouldIssue"], answer["Refusal"]["Code"]) == (False, code)
    assert rule in answer["Refusal"]["Message"]
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        acm_pca.issue_certificate(CertificateAuthorityArn=arn, **order(**more))
    assert caught.value.response["Error"] | {"Member": member} == answer["Refusal"]


def test_state_of_the_authority_refuses_too(acm_pca: Any, rest: Rest) -> None:
    assert rest.explain(create(acm_pca), **order())["Refusal"]["Code"] == "InvalidStateException"


def test_body_is_checked_as_that_of_issuing(acm_pca: Any, rest: Rest) -> None:
    ca_id = active_root(acm_pca).rsplit("/", 1)[1]
    for body, code in (
        (b"{", "SerializationException"),
        (b"{}", "ValidationException"),
        (
            json.dumps(
                {"CertificateAuthorityArn": "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/x"}
            ).encode(),
            "ValidationException",
        ),
    ):
        status, _, answer = rest.send("POST", f"/certificate-authorities/{ca_id}/explain", body)
        assert (status, answer["__type"]) == (400, code)


def test_who_may_issue_follows_the_policy(acm_pca: Any, rest: Rest) -> None:
    from tests.support.policies import documented, policy, statement

    arn = active_root(acm_pca)
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    assert rest.explain(arn, **order())["MayIssue"] == ["000000000000", "111111111111"]
    code_signing = order(TemplateArn=f"{TEMPLATES}/CodeSigningCertificate/V1")
    assert rest.explain(arn, **code_signing)["MayIssue"] == ["000000000000"]
    anybody = statement(arn, Principal="*", Action="acm-pca:IssueCertificate")
    acm_pca.put_policy(ResourceArn=arn, Policy=policy(anybody))
    assert rest.explain(arn, **code_signing)["MayIssue"] == ["000000000000", "*"]


def test_name_constraints_are_explained(acm_pca: Any, rest: Rest, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    assert rest.explain(arn, **order())["WouldIssue"]
