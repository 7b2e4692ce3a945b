"""Conditions of policies: tags, place, way and time of a request decide what a principal may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import principals
from chalicelib.runtime import Caller
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.outcomes import outcome

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

OWNER, OTHER = "000000000000", "111111111111"


@pytest.fixture
def owned(acm_pca: Any) -> str:
    """The owner's CA, which is active."""
    return active_root(acm_pca)


def test_tags_of_the_authority_and_of_the_request_decide(rt: Runtime, acm_pca: Any, owned: str) -> None:
    def allow(action: str, operator: str, key: str, value: Any) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Action": f"acm-pca:{action}",
            "Resource": "*",
            "Condition": {operator: {key: value}},
        }

    text = {
        "Statement": [
            allow("RevokeCertificate", "StringEquals", "aws:ResourceTag/Stage", "test"),
            allow("TagCertificateAuthority", "StringEquals", "aws:RequestTag/Stage", "test"),
            allow("UntagCertificateAuthority", "ForAllValues:StringEquals", "aws:TagKeys", ["Team"]),
        ]
    }
    principals.create(rt, OWNER, "p", policies=(("p", json.dumps(text)),))
    caller = Caller(account_id=OWNER, access_key_id="x", principal="p")
    ca = {"CertificateAuthorityArn": owned}
    revoke = ca | {"CertificateSerial": serial_of(issue(acm_pca, owned)), "RevocationReason": "SUPERSEDED"}

    def tags(**pairs: str) -> dict[str, Any]:
        return ca | {"Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}

    assert outcome(rt, caller, "RevokeCertificate", revoke)[0] == "AccessDeniedException"
    assert outcome(rt, caller, "TagCertificateAuthority", tags(Stage="prod"))[0] == "AccessDeniedException"
    assert outcome(rt, caller, "TagCertificateAuthority", tags(Team="a"))[0] == "AccessDeniedException"
    assert outcome(rt, caller, "TagCertificateAuthority", tags(Stage="test", Team="a"))[0] == ""
    assert outcome(rt, caller, "UntagCertificateAuthority", tags(Stage="test"))[0] == "AccessDeniedException"
    assert outcome(rt, caller, "UntagCertificateAuthority", tags(Team="a"))[0] == ""
    assert outcome(rt, caller, "RevokeCertificate", revoke)[0] == ""


def test_tags_of_a_foreign_authority_tell_nothing(rt: Runtime, acm_pca: Any, owned: str) -> None:
    """Else a policy of the caller's own would find out tags of others, by which side refuses."""
    acm_pca.tag_certificate_authority(CertificateAuthorityArn=owned, Tags=[{"Key": "Stage", "Value": "test"}])
    request, texts = {"CertificateAuthorityArn": owned}, set()
    for value in ("test", "other"):
        text = {"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceTag/Stage": value}}}  # fmt: skip
        principals.create(rt, OTHER, f"p{value}", policies=(("p", json.dumps({"Statement": text})),))
        caller = Caller(account_id=OTHER, access_key_id="x", principal=f"p{value}")
        texts.add(outcome(rt, caller, "DescribeCertificateAuthority", request)[1].replace(f"user/p{value}", ""))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("facts", "allowed"),
    [
        ((("aws:SourceIp", ("10.1.2.3",)), ("aws:SecureTransport", ("true",))), True),
        ((("aws:SourceIp", ("10.1.2.3",)), ("aws:SecureTransport", ("false",))), False),
        ((("aws:SourceIp", ("192.0.2.1",)), ("aws:SecureTransport", ("true",))), False),
        ((("aws:SourceIp", None), ("aws:SecureTransport", ("true",))), False),
        ((("aws:SourceIp", ("10.1.2.3",)), ("aws:SecureTransport", None)), False),
        ((), False),
    ],
)
def test_place_and_way_of_a_request_decide(rt: Runtime, facts: Any, allowed: bool) -> None:
    conditions = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "true"}}
    text = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": conditions}}
    principals.create(rt, OWNER, "p", policies=(("p", json.dumps(text)),))
    caller = Caller(account_id=OWNER, access_key_id="x", principal="p", facts=facts)
    assert (outcome(rt, caller, "ListCertificateAuthorities", {})[0] == "") is allowed


def test_policy_until_a_time_ends_then(rt: Runtime, clock: Any) -> None:
    until = clock().replace(microsecond=0).isoformat()
    condition = {"DateLessThanEquals": {"aws:CurrentTime": until}}
    text = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}}
    principals.create(rt, OWNER, "p", policies=(("p", json.dumps(text)),))
    caller = Caller(account_id=OWNER, access_key_id="x", principal="p")
    assert outcome(rt, caller, "ListCertificateAuthorities", {})[0] == ""
    clock.forward(seconds=2)
    assert outcome(rt, caller, "ListCertificateAuthorities", {})[0] == "AccessDeniedException"
