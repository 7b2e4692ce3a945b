"""Resource policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance.requests import policy
from chalicelib.conformance.sources import ALCHEMY, TERRAFORM, about, guide, inferred, observed, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Target
    from chalicelib.conformance.wire import Answer

SHARING = guide("pca-rbp")


@pytest.fixture(scope="module")
def shared(target: Target) -> str:
    """A CA whose policy the probes put."""
    return target.create("SUBORDINATE")


def put(target: Target, arn: str, text: str) -> Answer:
    return target.wire.call("PutPolicy", ResourceArn=arn, Policy=text)


def got(target: Target, arn: str) -> Answer:
    return target.wire.call("GetPolicy", ResourceArn=arn)


@about("PutPolicy", SHARING)
def test_policy_of_the_documented_form_is_taken_and_comes_back(target: Target, shared: str) -> None:
    document = json.loads(policy(shared))
    issue = document["Statement"][0] | {
        "Sid": "2",
        "Action": ["acm-pca:IssueCertificate"],
        "Condition": {"StringEquals": {"acm-pca:TemplateArn": target.template("EndEntityCertificate")}},
    }
    document["Statement"].append(issue)
    put(target, shared, json.dumps(document)).accepted()
    assert json.loads(got(target, shared).accepted()["Policy"]) == document


@about("PutPolicy", reference("PutPolicy"))
def test_policy_replaces_the_one_before(target: Target, shared: str) -> None:
    for account in ("111122223333", "444455556666"):
        put(target, shared, policy(shared, account)).accepted()
    assert "111122223333" not in got(target, shared).accepted()["Policy"]


@about("PutPolicy", TERRAFORM)
@pytest.mark.parametrize("form", ["{account}", "arn:{partition}:iam::{account}:root"])
def test_principal_is_an_account_by_number_or_arn(target: Target, shared: str, form: str) -> None:
    principal = form.format(partition=target.partition, account="111122223333")
    put(target, shared, policy(shared, principal)).accepted()


def changed(arn: str, **more: Any) -> str:
    """A policy whose statement has other members; None removes one."""
    document = json.loads(policy(arn))
    statement = {name: value for name, value in (document["Statement"][0] | more).items() if value is not None}
    return json.dumps(document | {"Statement": [statement]})


WRONG: dict[str, dict[str, Any]] = {
    "no principal": {"Principal": None},
    "no action": {"Action": None},
    "no effect": {"Effect": None},
    "an effect of another name": {"Effect": "Perhaps"},
    "an action of another service": {"Action": ["s3:GetObject"]},
    "a principal that is none": {"Principal": {"AWS": "nobody"}},
}


@about("PutPolicy", reference("PutPolicy"))
@pytest.mark.parametrize("case", WRONG)
def test_policy_with_a_wrong_part_is_invalid(target: Target, shared: str, case: str) -> None:
    put(target, shared, changed(shared, **WRONG[case])).refused("InvalidPolicyException")


@about("PutPolicy", reference("PutPolicy"))
@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Version": "2012-10-17", "Statement": []}'])
def test_text_that_is_no_policy_is_invalid(target: Target, shared: str, text: str) -> None:
    put(target, shared, text).refused("InvalidPolicyException")


@about("PutPolicy", inferred("the guide's policies name the CA itself as their resource"))
def test_policy_for_another_ca_is_invalid(target: Target, shared: str) -> None:
    put(target, shared, policy(target.missing())).refused("InvalidPolicyException")


@about("GetPolicy", observed("terraform-provider-aws resource_policy, and its issues"))
def test_policy_that_is_not_there_is_not_found_in_aws_s_words(target: Target, waiting: str) -> None:
    text = f"Could not find policy for resource {waiting}."
    got(target, waiting).refused("ResourceNotFoundException", text=text)


@about("DeletePolicy", reference("DeletePolicy"), cas=1)
def test_deleted_policy_is_gone(target: Target) -> None:
    arn = target.create("SUBORDINATE")
    put(target, arn, policy(arn)).accepted()
    target.wire.call("DeletePolicy", ResourceArn=arn).accepted()
    got(target, arn).refused("ResourceNotFoundException")


@about("DeletePolicy", ALCHEMY)
def test_policy_that_is_not_there_may_be_deleted(target: Target, waiting: str) -> None:
    target.wire.call("DeletePolicy", ResourceArn=waiting).accepted()


@about("ListPermissions", SHARING)
def test_policy_is_no_permission(target: Target, shared: str) -> None:
    put(target, shared, policy(shared)).accepted()
    assert target.wire.call("ListPermissions", CertificateAuthorityArn=shared).accepted()["Permissions"] == []
