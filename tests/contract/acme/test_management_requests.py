"""Requests that manage ACME endpoints: refused ones, lists, tags and idempotency tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import directories
from chalicelib.acme.management import bindings, domains, endpoints
from tests.support.acm_steps import (
    AUTHORITY,
    NAME,
    client_of,
    make_binding,
    make_domain,
    make_endpoint,
    new_endpoint,
    options,
    role_arn,
)
from tests.support.authority_steps import MISSING
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


# refusals


REFUSED: dict[str, tuple[tuple[tuple[str, str], ...], dict[str, Any], str]] = {
    "no CA": (((NAME, "web"),), {}, "must name the private certificate authority"),
    "no ARN": (((AUTHORITY, "ca"),), {}, "names no certificate authority"),
    "a CA that is missing": (((AUTHORITY, MISSING),), {}, "names no certificate authority"),
    "an unknown tag with a meaning": (((AUTHORITY, "CA"), ("signet:profile", "x")), {}, "this request takes signet:"),
    "a reserved tag": (((AUTHORITY, "CA"), ("aws:x", "x")), {}, "is reserved"),
    "a tag twice": (((AUTHORITY, "CA"), ("a", "x"), ("a", "y")), {}, "more than once"),
    "a bad name": (((AUTHORITY, "CA"), (NAME, "Web")), {}, "lower-case letters"),
    "no authority": (((AUTHORITY, "CA"),), {"CertificateAuthority": {}}, "PublicCertificateAuthority"),
    "a certificate tag with a meaning": (
        ((AUTHORITY, "CA"),),
        {"CertificateTags": [{"Key": AUTHORITY}]},
        "this request takes none",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_endpoint_is_refused(acm: Any, ca_arn: str, case: str) -> None:
    tags, more, words = REFUSED[case]
    given = [(key, ca_arn if value == "CA" else value) for key, value in tags]
    code, message = refusal(acm.create_acme_endpoint, **new_endpoint(*given, **more))
    assert code == "ValidationException"
    assert words in message
    assert acm.list_acme_endpoints()["AcmeEndpoints"] == []


def test_name_of_a_directory_is_taken_once(acm: Any, ca_arn: str) -> None:
    make_endpoint(acm, ca_arn, {"Key": NAME, "Value": "web"})
    code, message = refusal(acm.create_acme_endpoint, **new_endpoint((AUTHORITY, ca_arn), (NAME, "web")))
    assert (code, message) == ("ConflictException", "There is an ACME directory web already.")


def test_role_must_be_the_account_s_and_exist(acm: Any, endpoint: str) -> None:
    call = acm.create_acme_external_account_binding
    for arn, words in (
        (role_arn("missing"), "does not exist"),
        ("arn:aws:iam::111111111111:role/r", "is of another account"),
        ("arn:aws-cn:iam::000000000000:role/r", "is of another account"),
        ("arn:aws:iam::000000000000:role/path/r", "is not the ARN of a role"),
    ):
        code, message = refusal(call, AcmeEndpointArn=endpoint, RoleArn=arn)
        assert code == "ValidationException"
        assert words in message
    assert acm.list_acme_external_account_bindings(AcmeEndpointArn=endpoint)["ExternalAccountBindings"] == []


@pytest.mark.parametrize("value", [3651, 2**63 - 1])
def test_binding_must_expire_within_ten_years(acm: Any, endpoint: str, value: int) -> None:
    call, expiration = acm.create_acme_external_account_binding, {"Value": value, "Type": "DAYS"}
    code, _ = refusal(call, AcmeEndpointArn=endpoint, RoleArn=role_arn(), Expiration=expiration)
    assert code == "ValidationException"


@pytest.mark.parametrize("name", ["10.0.0.7", "1", f"{'a' * 64}.test", "a.0x7f"])
def test_domain_must_be_a_dns_name(acm: Any, endpoint: str, name: str) -> None:
    call, given = acm.create_acme_domain_validation, options(Subdomains="ENABLED")
    code, message = refusal(call, AcmeEndpointArn=endpoint, DomainName=name, PrevalidationOptions=given)
    assert (code, message) == ("ValidationException", f"'{name}' is not a DNS name.")


@pytest.mark.parametrize("given", [{}, {"DnsPrevalidation": {"DomainScope": {}}}, options(ExactDomain="DISABLED")])
def test_domain_must_enable_something(acm: Any, endpoint: str, given: dict[str, Any]) -> None:
    call = acm.create_acme_domain_validation
    refused = refusal(call, AcmeEndpointArn=endpoint, DomainName="example.test", PrevalidationOptions=given)
    assert refused[0] == "ValidationException"


def test_endpoint_has_a_domain_once(acm: Any, endpoint: str) -> None:
    make_domain(acm, endpoint)
    call, given = acm.create_acme_domain_validation, options(Subdomains="ENABLED")
    code, _ = refusal(call, AcmeEndpointArn=endpoint, DomainName="example.test", PrevalidationOptions=given)
    assert code == "ConflictException"


def test_there_are_at_most_so_many(acm: Any, endpoint: str, ca_arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_domain(acm, endpoint)
    make_binding(acm, endpoint)
    for module in (bindings, domains, endpoints):
        monkeypatch.setattr(module, "MOST", 1)
    given = options(Subdomains="ENABLED")
    for call, request in (
        (acm.create_acme_endpoint, new_endpoint((AUTHORITY, ca_arn))),
        (acm.create_acme_external_account_binding, {"AcmeEndpointArn": endpoint, "RoleArn": role_arn()}),
        (
            acm.create_acme_domain_validation,
            {"AcmeEndpointArn": endpoint, "DomainName": "b.test", "PrevalidationOptions": given},
        ),
    ):
        assert refusal(call, **request)[0] == "ServiceQuotaExceededException"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1:8000/acme/other/account/{id}",
        "http://127.0.0.1:8000/acme/{name}/account/" + "0" * 32,
        "http://127.0.0.1:8000/acme/{name}/account/{id}/",
        "{id}",
        "x" * 1_000_000,
    ],
)
def test_account_has_one_url(acm: Any, endpoint: str, rt: Runtime, url: str) -> None:
    client = client_of(rt, acm, make_binding(acm, endpoint))
    text = url.replace("{name}", client.directory).replace("{id}", client.kid.rpartition("/")[2])
    for call in (acm.describe_acme_account, acm.revoke_acme_account):
        assert refusal(call, AcmeEndpointArn=endpoint, AccountUrl=text)[0] == "ResourceNotFoundException"


# lists, tags, tokens


def test_lists_come_in_pages(acm: Any, ca_arn: str, rt: Runtime) -> None:
    made = {make_endpoint(acm, ca_arn) for _ in range(3)}
    seen, request = [], {"MaxResults": 2}
    while True:
        answer = acm.list_acme_endpoints(**request)
        seen.append([each["AcmeEndpointArn"] for each in answer["AcmeEndpoints"]])
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert [len(page) for page in seen] == [2, 1]
    assert {arn for page in seen for arn in page} == made
    domains_of = acm.list_acme_domain_validations
    refused = refusal(domains_of, AcmeEndpointArn=made.pop(), NextToken=request["NextToken"])
    assert refused == ("ValidationException", "The NextToken is not from this list.")


def test_each_resource_has_tags(acm: Any, endpoint: str, ca_arn: str) -> None:
    own = {AUTHORITY: ca_arn, NAME: endpoint.rpartition("/")[2]}
    binding = make_binding(acm, endpoint, Tags=[{"Key": "a", "Value": "1"}])
    for arn, always in ((endpoint, own), (make_domain(acm, endpoint), {}), (binding, {})):
        acm.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}])
        tags = acm.list_tags_for_resource(ResourceArn=arn)["Tags"]
        assert {each["Key"]: each["Value"] for each in tags} == always | {"a": "2", "b": ""}
        acm.untag_resource(ResourceArn=arn, TagKeys=["a", "c"])
        tags = acm.list_tags_for_resource(ResourceArn=arn)["Tags"]
        assert {each["Key"]: each["Value"] for each in tags} == always | {"b": ""}
        assert refusal(acm.tag_resource, ResourceArn=arn, Tags=[{"Key": AUTHORITY}])[0] == "ValidationException"
        assert refusal(acm.untag_resource, ResourceArn=arn, TagKeys=[NAME])[0] == "ValidationException"
        many = [{"Key": str(number)} for number in range(50)]
        assert refusal(acm.tag_resource, ResourceArn=arn, Tags=many)[0] == "ServiceQuotaExceededException"


@pytest.mark.parametrize("arn", [MISSING.replace("acm-pca", "acm"), "arn:aws:acm:us-east-1:000000000000:certificate/1"])
def test_nothing_else_has_tags_here(acm: Any, arn: str) -> None:
    assert refusal(acm.list_tags_for_resource, ResourceArn=arn)[0] == "ResourceNotFoundException"


def test_request_with_the_same_token_makes_nothing_more(
    acm: Any, endpoint: str, ca_arn: str, rt: Runtime, clock: Clock
) -> None:
    given = {"AcmeEndpointArn": endpoint, "DomainName": "a.test", "PrevalidationOptions": options(Subdomains="ENABLED")}
    for call, request, other in (
        (acm.create_acme_endpoint, new_endpoint((AUTHORITY, ca_arn)), {"Contact": "REQUIRED"}),
        (
            acm.create_acme_external_account_binding,
            {"AcmeEndpointArn": endpoint, "RoleArn": role_arn()},
            {"Expiration": {"Value": 1, "Type": "DAYS"}},
        ),
        (acm.create_acme_domain_validation, given, {"DomainName": "b.test"}),
    ):
        first, again = (call(**request, IdempotencyToken="t") for _ in range(2))
        del first["ResponseMetadata"], again["ResponseMetadata"]
        assert first == again
        assert refusal(call, **request | other, IdempotencyToken="t")[0] == "ConflictException"
    assert len(acm.list_acme_endpoints()["AcmeEndpoints"]) == 2
    assert len(acm.list_acme_external_account_bindings(AcmeEndpointArn=endpoint)["ExternalAccountBindings"]) == 1
    assert len(acm.list_acme_domain_validations(AcmeEndpointArn=endpoint)["AcmeDomainValidations"]) == 1
    clock.forward(seconds=int(rt.settings.idempotency_seconds))
    acm.create_acme_endpoint(**new_endpoint((AUTHORITY, ca_arn)), IdempotencyToken="t")
    assert len(acm.list_acme_endpoints()["AcmeEndpoints"]) == 3


def test_two_requests_with_one_token_do_not_run_at_once(acm: Any, ca_arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = new_endpoint((AUTHORITY, ca_arn)) | {"IdempotencyToken": "t"}
    create_directory, refused = directories.create, []

    def overtaken(*args: Any) -> Any:
        refused.append(refusal(acm.create_acme_endpoint, **request))
        return create_directory(*args)

    with monkeypatch.context() as patch:
        patch.setattr(directories, "create", overtaken)
        made = acm.create_acme_endpoint(**request)["AcmeEndpointArn"]
    assert [code for code, _ in refused] == ["ConflictException"]
    assert acm.create_acme_endpoint(**request)["AcmeEndpointArn"] == made


def test_failed_request_leaves_its_token_free(acm: Any, ca_arn: str) -> None:
    make_endpoint(acm, ca_arn, {"Key": NAME, "Value": "web"})
    taken = new_endpoint((AUTHORITY, ca_arn), (NAME, "web")) | {"IdempotencyToken": "t"}
    for _ in range(2):
        code, message = refusal(acm.create_acme_endpoint, **taken)
        assert (code, message) == ("ConflictException", "There is an ACME directory web already.")
    acm.create_acme_endpoint(**new_endpoint((AUTHORITY, ca_arn)), IdempotencyToken="t")
