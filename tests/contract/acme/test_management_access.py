"""Who may manage ACME endpoints, and what is on record of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import principals
from tests.contract.audit.conftest import records
from tests.support.acm_steps import (
    AUTHORITY,
    credentials,
    make_binding,
    make_endpoint,
    new_endpoint,
    role_arn,
)
from tests.support.authority_steps import create
from tests.support.client import acm_for, client_for
from tests.support.refusals import refusal
from tests.support.roles import OWNER, key_of

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def principal_client(rt: Runtime, *statements: dict[str, Any]) -> Any:
    """A client of a principal with these statements."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    principals.create(rt, OWNER, "p", policies=(("p", text),))
    return acm_for(rt, **key_of(rt, "p"))


def allow(*actions: str, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource} | more


def test_policies_name_operations_and_resources(acm: Any, endpoint: str, ca_arn: str, rt: Runtime) -> None:
    other = make_endpoint(acm, ca_arn)
    client = principal_client(rt, allow("acm:DescribeAcmeEndpoint", "acm:ListAcme*", resource=endpoint))
    client.describe_acme_endpoint(AcmeEndpointArn=endpoint)
    client.list_acme_accounts(AcmeEndpointArn=endpoint)
    for call, request in (
        (client.describe_acme_endpoint, {"AcmeEndpointArn": other}),
        (client.list_acme_endpoints, {}),
        (client.delete_acme_endpoint, {"AcmeEndpointArn": endpoint}),
        (client.tag_resource, {"ResourceArn": endpoint, "Tags": [{"Key": "a"}]}),
        (client.create_acme_endpoint, new_endpoint((AUTHORITY, ca_arn))),
    ):
        code, message = refusal(call, **request)
        assert code == "AccessDeniedException"
        assert "is not authorized to perform: acm:" in message


def test_policies_name_tags(acm: Any, endpoint: str, rt: Runtime) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    client = principal_client(rt, allow("acm:*", Condition=condition))
    assert refusal(client.describe_acme_endpoint, AcmeEndpointArn=endpoint)[0] == "AccessDeniedException"
    acm.tag_resource(ResourceArn=endpoint, Tags=[{"Key": "team", "Value": "a"}])
    client.describe_acme_endpoint(AcmeEndpointArn=endpoint)


def test_whoever_makes_an_endpoint_must_see_its_ca(endpoint: str, ca_arn: str, rt: Runtime) -> None:
    client = principal_client(rt, allow("acm:*"))
    code, message = refusal(client.create_acme_endpoint, **new_endpoint((AUTHORITY, ca_arn)))
    assert code == "AccessDeniedException"
    assert "acm-pca:DescribeCertificateAuthority" in message


def test_whoever_makes_a_binding_must_be_allowed_to_pass_its_role(endpoint: str, rt: Runtime) -> None:
    client = principal_client(rt, allow("acm:*"), allow("iam:PassRole", resource=role_arn("other")))
    call = client.create_acme_external_account_binding
    code, message = refusal(call, AcmeEndpointArn=endpoint, RoleArn=role_arn())
    assert code == "AccessDeniedException"
    assert f"iam:PassRole on resource: {role_arn()}" in message


@pytest.mark.laptop  # a home on AWS has one region
def test_other_account_and_other_region_see_nothing(acm: Any, endpoint: str, acm_pca: Any, rt: Runtime) -> None:
    create(client_for(rt, region="eu-west-1"))
    elsewhere = acm_for(rt, region="eu-west-1")
    assert elsewhere.list_acme_endpoints()["AcmeEndpoints"] == []
    assert refusal(elsewhere.describe_acme_endpoint, AcmeEndpointArn=endpoint)[0] == "ResourceNotFoundException"
    foreign = endpoint.replace(OWNER, "111111111111")
    missing = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
    for arn in (foreign, missing):
        assert refusal(acm.describe_acme_endpoint, AcmeEndpointArn=arn)[0] == "AccessDeniedException"


def test_revealed_key_is_on_record_even_if_reads_are_not(acm: Any, endpoint: str, rt: Runtime) -> None:
    binding = make_binding(acm, endpoint)
    quiet = replace(rt, settings=replace(rt.settings, audit="changes"))
    client = acm_for(quiet)
    client.describe_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    client.get_acme_external_account_binding_credentials(AcmeExternalAccountBindingArn=binding)
    names = [each["eventName"] for each in records(rt)]
    assert names[-1] == "GetAcmeExternalAccountBindingCredentials"
    assert "DescribeAcmeExternalAccountBinding" not in names


def test_calls_are_recorded_as_of_acm_and_without_secrets(acm: Any, endpoint: str, rt: Runtime) -> None:
    binding = make_binding(acm, endpoint, IdempotencyToken="secret-token")
    made = credentials(rt, acm, binding)
    events = [each for each in records(rt) if each["eventSource"] == "acm.amazonaws.com"]
    assert events
    (call,) = [each for each in events if each["eventName"] == "CreateAcmeExternalAccountBinding"][-1:]
    assert call["requestParameters"]["roleArn"] == role_arn()
    text = json.dumps(events)
    assert binding in text
    assert made.hmac_key not in text
    assert "secret-token" not in text
