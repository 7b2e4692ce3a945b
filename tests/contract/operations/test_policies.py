"""Resource policies: which are taken, and what they let other accounts do (AWS Private CA, resource-based policies)."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from botocore import xform_name

from chalicelib.access import access_keys
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import policies
from chalicelib.runtime import Caller
from tests.support.authority_steps import active_root, create, issue, serial_of
from tests.support.builders import csr
from tests.support.client import client_for
from tests.support.policies import LEAF_TEMPLATE, OTHER, READ, THIRD, documented, policy, statement
from tests.support.refusals import refusal


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return create(acm_pca)


@pytest.fixture
def other(rt: Any, acm_pca: Any) -> Any:
    key = access_keys.create_access_key(rt, OTHER)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def test_policy_is_kept_as_it_was_given(acm_pca: Any, arn: str) -> None:
    assert refusal(acm_pca.get_policy, ResourceArn=arn) == (
        "ResourceNotFoundException",
        f"Could not find policy for resource {arn}.",
    )
    acm_pca.delete_policy(ResourceArn=arn)
    text = documented(arn)
    acm_pca.put_policy(ResourceArn=arn, Policy=text)
    assert acm_pca.get_policy(ResourceArn=arn)["Policy"] == text
    spaced = json.dumps(json.loads(text), indent=3)
    acm_pca.put_policy(ResourceArn=arn, Policy=spaced)
    assert acm_pca.get_policy(ResourceArn=arn)["Policy"] == spaced
    acm_pca.delete_policy(ResourceArn=arn)
    assert refusal(acm_pca.get_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"


LOOSER: dict[str, Any] = {
    "own account": {"Principal": {"AWS": "000000000000"}},
    "organization": {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3"}}},
    "revoking": {"Action": ["acm-pca:RevokeCertificate"]},
    "no sid": {"Sid": ""},
    "role": {"Principal": {"AWS": [f"arn:aws:iam::{OTHER}:role/issuer"]}},
    "service": {"Principal": {"Service": "acm.amazonaws.com"}},
    "condition of another kind": {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    "deny of others": {"Effect": "Deny", "Principal": {"AWS": [THIRD]}},
    "list of resources": {"Resource": ...},
}


@pytest.mark.parametrize("case", LOOSER)
def test_looser_policy_is_taken(acm_pca: Any, arn: str, case: str) -> None:
    more = LOOSER[case] | ({"Resource": [arn]} if "Resource" in LOOSER[case] else {})
    text = policy(statement(arn, **more))
    acm_pca.put_policy(ResourceArn=arn, Policy=text)
    assert acm_pca.get_policy(ResourceArn=arn)["Policy"] == text


def test_single_statement_needs_no_list(acm_pca: Any, arn: str) -> None:
    acm_pca.put_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement(arn)}))


def without(arn: str, member: str) -> str:
    return policy({name: value for name, value in statement(arn).items() if name != member})


INVALID: dict[str, tuple[Any, str]] = {
    "no JSON": (lambda _: "{", "not JSON"),
    "trailing text": (lambda arn: policy(statement(arn)) + "}", "not JSON"),
    "a list": (lambda _: "[]", "must be a JSON object"),
    "deep": (lambda _: "[" * 40000, "nested too deeply"),
    "twice": (lambda _: '{"Statement":[],"Statement":[]}', "twice"),
    "unknown member": (lambda arn: policy(statement(arn), Rule=1), "'Rule'"),
    "version": (lambda arn: policy(statement(arn), Version="2025-01-01"), "Version"),
    "version of another type": (lambda arn: policy(statement(arn), Version=[]), "Version"),
    "no statement": (lambda _: policy(), "no Statement"),
    "nothing": (lambda _: "{}", "no Statement"),
    "null statement": (lambda _: '{"Version":"2012-10-17","Statement":null}', "must be a JSON object"),
    "no effect": (lambda arn: without(arn, "Effect"), "lacks Effect"),
    "no principal": (lambda arn: without(arn, "Principal"), "lacks Principal"),
    "no action": (lambda arn: without(arn, "Action"), "lacks Action"),
    "no resource": (lambda arn: without(arn, "Resource"), "lacks Resource"),
    "effect": (lambda arn: policy(statement(arn, Effect="allow")), "Effect"),
    "effect of another type": (lambda arn: policy(statement(arn, Effect=["Allow"])), "Effect"),
    "sid": (lambda arn: policy(statement(arn, Sid=1)), "Sid"),
    "not principal": (lambda arn: policy(statement(arn, NotPrincipal="*")), "NotPrincipal"),
    "other resource": (lambda arn: policy(statement(arn, Resource="*")), "Resource"),
    "one resource too many": (lambda arn: policy(statement(arn, Resource=[arn, "*"])), "Resource"),
    "wildcard action": (lambda arn: policy(statement(arn, Action="acm-pca:*")), "Action"),
    "owner's action": (lambda arn: policy(statement(arn, Action="acm-pca:DeletePolicy")), "Action"),
    "other service's action": (lambda arn: policy(statement(arn, Action="s3:GetObject")), "Action"),
    "action without service": (lambda arn: policy(statement(arn, Action="GetCertificate")), "Action"),
    "empty actions": (lambda arn: policy(statement(arn, Action=[])), "list of strings"),
    "empty principal": (lambda arn: policy(statement(arn, Principal={})), "nobody"),
    "principal": (lambda arn: policy(statement(arn, Principal={"AWS": "everybody"})), "everybody"),
    "service": (lambda arn: policy(statement(arn, Principal={"Service": "acm"})), "service"),
    "kind of principal": (lambda arn: policy(statement(arn, Principal={"Federated": "x"})), "Federated"),
    "condition": (lambda arn: policy(statement(arn, Condition=[])), "Condition"),
    "operator": (lambda arn: policy(statement(arn, Condition={"StringEquals": "x"})), "Condition"),
    "value": (lambda arn: policy(statement(arn, Condition={"StringEquals": {"a": {}}})), "condition"),
    "too many values": (
        lambda arn: policy(statement(arn, Condition={"StringLike": {"aws:PrincipalArn": ["*?"] * 1000}})),
        "1000",
    ),
    "too many accounts": (
        lambda arn: policy(statement(arn, Principal={"AWS": [f"{number:012d}" for number in range(41)]})),
        "40",
    ),
}


def test_policy_names_up_to_40_accounts(acm_pca: Any, arn: str) -> None:
    accounts = [f"{number:012d}" for number in range(1, 41)]
    acm_pca.put_policy(ResourceArn=arn, Policy=policy(statement(arn, Principal={"AWS": accounts})))


@pytest.mark.parametrize("case", INVALID)
def test_invalid_policy_is_refused_with_its_rule(acm_pca: Any, arn: str, case: str) -> None:
    make, rule = INVALID[case]
    code, message = refusal(acm_pca.put_policy, ResourceArn=arn, Policy=make(arn))
    assert (code, rule in message) == ("InvalidPolicyException", True), message
    assert refusal(acm_pca.get_policy, ResourceArn=arn)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "principal", [{"AWS": "000000000000"}, "*", {"AWS": "*"}, {"AWS": "arn:aws:iam::000000000000:role/x"}]
)
@pytest.mark.parametrize("condition", [{}, {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}])
def test_author_cannot_lock_himself_out(acm_pca: Any, arn: str, principal: Any, condition: Any) -> None:
    text = policy(statement(arn), statement(arn, Effect="Deny", Principal=principal, **condition))
    assert refusal(acm_pca.put_policy, ResourceArn=arn, Policy=text)[0] == "LockoutPreventedException"


def test_deny_of_all_but_the_owner_locks_nobody_out(acm_pca: Any, arn: str) -> None:
    others = {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "000000000000"}}}
    acm_pca.put_policy(ResourceArn=arn, Policy=policy(statement(arn, Effect="Deny", Principal="*", **others)))


def test_other_account_does_what_the_policy_says(acm_pca: Any, other: Any) -> None:
    arn = active_root(acm_pca)
    parameters = {"CertificateAuthorityArn": arn}
    assert refusal(other.describe_certificate_authority, **parameters)[0] == "AccessDeniedException"
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    found = other.describe_certificate_authority(**parameters)["CertificateAuthority"]
    assert (found["Arn"], found["OwnerAccount"]) == (arn, "000000000000")
    issued = issue(other, arn)
    assert issued.startswith(arn)
    assert "CertificateChain" in other.get_certificate(**parameters, CertificateArn=issued)
    other.get_certificate_authority_certificate(**parameters)
    assert other.list_tags(**parameters)["Tags"] == []
    issuing = {"Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 1}}
    template = {"TemplateArn": "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"}
    assert refusal(other.issue_certificate, **parameters, **issuing, **template)[0] == "AccessDeniedException"
    revoking = {"CertificateSerial": serial_of(issued), "RevocationReason": "SUPERSEDED"}
    assert refusal(other.revoke_certificate, **parameters, **revoking)[0] == "AccessDeniedException"
    assert refusal(other.get_policy, ResourceArn=arn)[0] == "AccessDeniedException"
    assert refusal(other.delete_policy, ResourceArn=arn)[0] == "AccessDeniedException"
    acm_pca.delete_policy(ResourceArn=arn)
    assert refusal(other.describe_certificate_authority, **parameters)[0] == "AccessDeniedException"
    acm_pca.describe_certificate_authority(**parameters)


GRANTS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "account": ([{}], True),
    "everybody": ([{"Principal": "*"}], True),
    "everybody but the owner": (
        [{"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "000000000000"}}}],
        True,
    ),
    "third account": ([{"Principal": {"AWS": THIRD}}], False),
    "other action": ([{"Action": "acm-pca:ListTags"}], False),
    "role": ([{"Principal": {"AWS": f"arn:aws:iam::{OTHER}:role/issuer"}}], False),
    "organization": ([{"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}], False),
    "condition that cannot be judged": ([{"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}], False),
    "key that cannot be judged": ([{"Condition": {"StringNotEquals": {"aws:userid": "x"}}}], False),
    "denied": ([{}, {"Effect": "Deny"}], False),
    "a user of it denied": ([{}, {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:user/x"}}], False),
    "a role of it denied": ([{}, {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:role/x"}}], False),
    "a user of a third account denied": (
        [{}, {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{THIRD}:user/x"}}],
        True,
    ),
    "denied by what cannot be judged": ([{}, {"Effect": "Deny", "Condition": {"Bool": {"a": "true"}}}], False),
    "denied for a template": (
        [{}, {"Effect": "Deny", "Condition": {"StringEquals": {"acm-pca:TemplateArn": LEAF_TEMPLATE}}}],
        True,
    ),
}


@pytest.mark.parametrize("case", GRANTS)
def test_policy_grants_what_it_says_and_no_more(acm_pca: Any, other: Any, arn: str, case: str) -> None:
    statements, granted = GRANTS[case]
    acm_pca.put_policy(ResourceArn=arn, Policy=policy(*(statement(arn, **more) for more in statements)))
    if granted:
        other.describe_certificate_authority(CertificateAuthorityArn=arn)
    else:
        code = refusal(other.describe_certificate_authority, CertificateAuthorityArn=arn)[0]
        assert code == "AccessDeniedException"


FOREIGN = {
    "account": ("000000000000", THIRD),
    "caller's account": ("000000000000", OTHER),
    "region": ("us-east-1", "eu-west-1"),
    "partition": ("arn:aws:", "arn:aws-cn:"),
}


@pytest.mark.parametrize("part", FOREIGN)
def test_shared_authority_under_another_arn_is_missing_like_any_other(
    acm_pca: Any, other: Any, arn: str, part: str
) -> None:
    """The id alone is not the CA: neither the owner nor whom the policy names gets anything by it."""
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    named = arn.replace(*FOREIGN[part])
    unknown = named[:-12] + "000000000000"
    issuing = {"Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 1}}
    calls: dict[str, dict[str, Any]] = {
        **{xform_name(name.removeprefix("acm-pca:")): {} for name in READ},
        "get_certificate": {"CertificateArn": f"{named}/certificate/{1:032x}"},
        "issue_certificate": issuing,
        "get_policy": {},
    }
    for (name, more), (account, client) in product(calls.items(), (("000000000000", acm_pca), (OTHER, other))):
        subject = "ResourceArn" if name == "get_policy" else "CertificateAuthorityArn"
        found, missing = (refusal(getattr(client, name), **{subject: each}, **more) for each in (named, unknown))
        if f":{account}:" in named:
            assert found == ("ResourceNotFoundException", f"Could not find Certificate Authority {named}.")
        else:
            assert found[0] == "AccessDeniedException"
            assert "because no resource-based policy allows" in found[1]
        assert missing == (found[0], found[1].replace(named, unknown))


def test_shared_authorities_are_listed_in_pages(acm_pca: Any, other: Any) -> None:
    found = sorted(create(acm_pca) for _ in range(5))
    for arn in found:
        acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    acm_pca.put_policy(ResourceArn=found[1], Policy=documented(found[1], THIRD))
    acm_pca.put_policy(ResourceArn=found[2], Policy=policy(statement(found[2], Action="acm-pca:ListTags")))
    acm_pca.delete_policy(ResourceArn=found[3])
    create(other)
    pages = other.get_paginator("list_certificate_authorities").paginate(
        ResourceOwner="OTHER_ACCOUNTS", PaginationConfig={"PageSize": 1}
    )
    listed = [each["Arn"] for page in pages for each in page["CertificateAuthorities"]]
    assert listed == [found[0], found[4]]
    assert acm_pca.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"] == []


def test_authority_that_is_gone_is_shared_no_more(acm_pca: Any, other: Any, rt: Any, clock: Any) -> None:
    from chalicelib import reconcile

    arn = create(acm_pca)
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    for call in (acm_pca.get_policy, acm_pca.delete_policy):
        assert refusal(call, ResourceArn=arn)[0] == "InvalidStateException"
    clock.forward(days=8)
    assert reconcile.reconcile(rt).authorities_purged == 1
    assert rt.store.get_policy(arn) is None
    assert rt.store.list_shared(OTHER, limit=9) == []
    assert other.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"] == []


def test_of_two_changes_at_once_one_is_told_to_try_again(rt: Any, acm_pca: Any, arn: str) -> None:
    class Late:
        """A store in which another policy is put just after the policy was read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def get_policy(self, ca_arn: str) -> Any:
            found = rt.store.get_policy(ca_arn)
            acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn, THIRD))
            return found

    caller = Caller(account_id="000000000000", access_key_id="x", principal=ADMINISTRATOR)
    late: Any = replace(rt, store=Late())
    from chalicelib.errors import ConcurrentModificationException

    with pytest.raises(ConcurrentModificationException):
        policies.put_policy(late, caller, {"ResourceArn": arn, "Policy": documented(arn)})
    with pytest.raises(ConcurrentModificationException):
        policies.delete_policy(late, caller, {"ResourceArn": arn})
    assert acm_pca.get_policy(ResourceArn=arn)["Policy"] == documented(arn, THIRD)
