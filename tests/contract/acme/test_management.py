"""ACME endpoints, their domains, bindings and accounts by boto3's acm client, and what ACME clients get then."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.access import principals, roles
from chalicelib.acme import directories
from chalicelib.acme.management import bindings, domains, endpoints
from chalicelib.cli import signet
from tests.contract.audit.conftest import records
from tests.support.acm_steps import (
    AUTHORITY,
    NAME,
    PUBLIC,
    client_of,
    credentials,
    make_binding,
    make_domain,
    make_endpoint,
    options,
    role_arn,
)
from tests.support.acme_calls import AcmeClient, b64, csr, made_binding, made_directory
from tests.support.authority_steps import MISSING, active_root, create
from tests.support.client import acm_for, client_for
from tests.support.refusals import refusal
from tests.support.roles import OWNER, key_of, make_role

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

ISSUE = '{"Statement":{"Effect":"Allow","Action":["acm-pca:IssueCertificate"],"Resource":"*"}}'


@pytest.fixture
def ca_arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


@pytest.fixture
def acm(acm_pca: Any, rt: Runtime) -> Any:
    return acm_for(rt)


@pytest.fixture
def endpoint(acm: Any, ca_arn: str, rt: Runtime) -> str:
    make_role(rt, policy=ISSUE)
    return make_endpoint(acm, ca_arn)


def dns_names(client: AcmeClient, *names: str) -> list[str]:
    """The names of the certificate that an order of these names leads to."""
    order = client.order(*names)
    assert (order.status, order.body["status"]) == (201, "ready"), order.body
    done = client.finalize(order)
    assert done.body["status"] == "valid", done.body
    leaf = x509.load_pem_x509_certificates(client.post(done.body["certificate"]).raw)[0]
    names_of = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(names_of.get_values_for_type(x509.DNSName))


def test_boto3_makes_a_directory_and_an_acme_client_gets_a_certificate(acm: Any, ca_arn: str, rt: Runtime) -> None:
    make_role(rt, policy=ISSUE)
    endpoint = make_endpoint(acm, ca_arn, {"Key": NAME, "Value": "web"}, Contact="REQUIRED")
    make_domain(acm, endpoint)
    made = credentials(rt, acm, make_binding(acm, endpoint))
    url = acm.describe_acme_endpoint(AcmeEndpointArn=endpoint)["AcmeEndpoint"]["EndpointUrl"]
    assert url == "http://127.0.0.1:8000/acme/web/directory"
    client = AcmeClient(rt, "web")
    assert client.register(made).kind == "invalidContact"
    assert client.register(made, contact=["mailto:a@example.test"]).status == 201
    assert dns_names(client, "a.example.test", "*.example.test") == ["*.example.test", "a.example.test"]
    (account,) = acm.list_acme_accounts(AcmeEndpointArn=endpoint)["AcmeAccounts"]
    assert (account["AccountUrl"], account["Status"]) == (client.kid, "VALID")
    assert account["Contacts"] == ["mailto:a@example.test"]


def test_new_binding_and_its_credentials_work_for_several_accounts(acm: Any, endpoint: str, rt: Runtime) -> None:
    make_domain(acm, endpoint)
    binding = make_binding(acm, endpoint)
    first, second = client_of(rt, acm, binding), client_of(rt, acm, binding)
    assert dns_names(first, "example.test") == dns_names(second, "example.test") == ["example.test"]
    found = acm.describe_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)["ExternalAccountBinding"]
    assert found["LastUsedAt"] >= found["CreatedAt"]


SCOPES: dict[str, tuple[dict[str, str], set[str]]] = {
    "exact": ({"ExactDomain": "ENABLED"}, {"example.test"}),
    "subdomains": ({"Subdomains": "ENABLED"}, {"a.example.test", "b.a.example.test"}),
    "wildcards": ({"Wildcards": "ENABLED"}, {"*.example.test"}),
    "subdomains and wildcards": (
        {"Subdomains": "ENABLED", "Wildcards": "ENABLED"},
        {"a.example.test", "b.a.example.test", "*.example.test", "*.a.example.test"},
    ),
    "exact and wildcards, said in full": (
        {"ExactDomain": "ENABLED", "Subdomains": "DISABLED", "Wildcards": "ENABLED"},
        {"example.test", "*.example.test"},
    ),
}
ASKED = (
    "example.test",
    "a.example.test",
    "b.a.example.test",
    "*.example.test",
    "*.a.example.test",
    "badexample.test",
    "test",
    "example.test.evil.test",
    "10.0.0.7",
)


@pytest.mark.parametrize("case", SCOPES)
def test_domain_grants_what_its_scope_enables(acm: Any, endpoint: str, rt: Runtime, case: str) -> None:
    scope, granted = SCOPES[case]
    make_domain(acm, endpoint, **scope)
    client = client_of(rt, acm, make_binding(acm, endpoint))
    assert {name for name in ASKED if client.order(name).status == 201} == granted


def test_domain_without_a_scope_grants_its_name(acm: Any, endpoint: str, rt: Runtime) -> None:
    made = acm.create_acme_domain_validation(
        AcmeEndpointArn=endpoint,
        DomainName="example.test",
        PrevalidationOptions={"DnsPrevalidation": {"HostedZoneId": "Z1"}},
    )["AcmeDomainValidationArn"]
    found = acm.describe_acme_domain_validation(AcmeDomainValidationArn=made)["AcmeDomainValidation"]
    assert found["Status"] == "VALID"
    assert found["PrevalidationDetails"]["DnsPrevalidation"] == {
        "DomainScope": {"ExactDomain": "ENABLED", "Subdomains": "DISABLED", "Wildcards": "DISABLED"},
        "HostedZoneId": "Z1",
    }
    client = client_of(rt, acm, make_binding(acm, endpoint))
    assert [name for name in ASKED if client.order(name).status == 201] == ["example.test"]


def test_endpoint_without_domains_grants_nothing(acm: Any, endpoint: str, rt: Runtime) -> None:
    client = client_of(rt, acm, make_binding(acm, endpoint))
    assert [client.order(name).kind for name in ASKED] == ["rejectedIdentifier"] * len(ASKED)


def test_changed_and_deleted_domain_counts_for_bindings_that_are_there(acm: Any, endpoint: str, rt: Runtime) -> None:
    client = client_of(rt, acm, make_binding(acm, endpoint))
    domain = make_domain(acm, endpoint, ExactDomain="ENABLED")
    order = client.order("example.test")
    acm.update_acme_domain_validation(
        AcmeDomainValidationArn=domain, PrevalidationOptions=options(Subdomains="ENABLED")
    )
    assert client.finalize(order).kind == "rejectedIdentifier"
    assert client.order("a.example.test").status == 201
    acm.delete_acme_domain_validation(AcmeDomainValidationArn=domain)
    acm.delete_acme_domain_validation(AcmeDomainValidationArn=domain)
    assert client.order("a.example.test").kind == "rejectedIdentifier"


def test_role_decides_what_is_issued(acm: Any, endpoint: str, rt: Runtime, clock: Clock) -> None:
    make_domain(acm, endpoint)
    make_role(rt, "none", policy="")
    client = client_of(rt, acm, make_binding(acm, endpoint, "none"))
    done = client.finalize(client.order("a.example.test"))
    assert done.body["status"] == "invalid"
    assert "assumed-role/none/acme is not authorized" in done.body["error"]["detail"]
    roles.put_policy(rt, OWNER, "none", "p", ISSUE)
    assert dns_names(client, "a.example.test") == ["a.example.test"]
    roles.delete(rt, OWNER, "none")
    clock.forward(seconds=6)
    assert client.finalize(client.order("a.example.test")).body["status"] == "invalid"


def test_csr_must_have_an_allowed_key(acm: Any, endpoint: str, rt: Runtime) -> None:
    make_domain(acm, endpoint)
    client = client_of(rt, acm, make_binding(acm, endpoint))
    allowed = {"PublicCertificateAuthority": {"AllowedKeyAlgorithms": ["RSA_2048"]}}
    acm.update_acme_endpoint(AcmeEndpointArn=endpoint, CertificateAuthority=allowed)
    assert acm.describe_acme_endpoint(AcmeEndpointArn=endpoint)["AcmeEndpoint"]["CertificateAuthority"] == allowed
    order = client.order("a.example.test")
    refused = client.finalize(order)
    assert (refused.kind, refused.body["detail"]) == ("badCSR", "The key of the CSR must be one of RSA_2048.")
    key: Any = rsa.generate_private_key(65537, 2048)
    done = client.post(order.body["finalize"], {"csr": b64(csr(["a.example.test"], key))})
    assert done.body["status"] == "valid"


# ends


def test_revoked_binding_binds_nobody_and_leaves_its_accounts(acm: Any, endpoint: str, rt: Runtime) -> None:
    """RevokeAcmeExternalAccountBinding: accounts "are not affected and must be revoked separately"."""
    make_domain(acm, endpoint)
    binding = make_binding(acm, endpoint)
    made, client = credentials(rt, acm, binding), client_of(rt, acm, binding)
    acm.revoke_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    shown = acm.describe_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    assert shown["ExternalAccountBinding"]["RevokedAt"]
    assert AcmeClient(rt, client.directory).register(made).kind == "unauthorized"
    get = acm.get_acme_external_account_binding_credentials
    assert refusal(get, AcmeExternalAccountBindingArn=binding)[0] == "ResourceNotFoundException"
    assert dns_names(client, "a.example.test") == ["a.example.test"]
    acm.revoke_acme_account(AcmeEndpointArn=endpoint, AccountUrl=client.kid)
    acm.revoke_acme_account(AcmeEndpointArn=endpoint, AccountUrl=client.kid)
    shown = acm.describe_acme_account(AcmeEndpointArn=endpoint, AccountUrl=client.kid)["AcmeAccount"]
    assert (shown["Status"], shown["AcmeExternalAccountBindingArn"]) == ("REVOKED", binding)
    assert client.order("a.example.test").kind == "unauthorized"


def test_binding_of_a_deleted_role_can_be_revoked(acm: Any, endpoint: str, rt: Runtime) -> None:
    binding = make_binding(acm, endpoint)
    roles.delete(rt, OWNER, "r")
    acm.revoke_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)


def test_expired_binding_binds_nobody(acm: Any, endpoint: str, rt: Runtime, clock: Clock) -> None:
    binding = make_binding(acm, endpoint, Expiration={"Value": 2, "Type": "HOURS"})
    made = credentials(rt, acm, binding)
    shown = acm.describe_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)["ExternalAccountBinding"]
    assert shown["ExpiresAt"] - shown["CreatedAt"] == timedelta(hours=2)
    clock.forward(hours=2)
    assert AcmeClient(rt, made.binding.directory).register(made).kind == "unauthorized"


def test_deleted_binding_is_gone_with_its_key(acm: Any, endpoint: str, rt: Runtime) -> None:
    binding = make_binding(acm, endpoint)
    client = client_of(rt, acm, binding)
    acm.delete_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    acm.delete_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    for call in (acm.describe_acme_external_account_binding, acm.get_acme_external_account_binding_credentials):
        assert refusal(call, AcmeExternalAccountBindingArn=binding)[0] == "ResourceNotFoundException"
    assert client.order("a.example.test").kind == "unauthorized"


def test_deleted_endpoint_is_gone_with_all_it_has(acm: Any, endpoint: str, rt: Runtime) -> None:
    domain, binding = make_domain(acm, endpoint), make_binding(acm, endpoint)
    client = client_of(rt, acm, binding)
    acm.delete_acme_endpoint(AcmeEndpointArn=endpoint)
    acm.delete_acme_endpoint(AcmeEndpointArn=endpoint)
    assert client.get("directory").status == 404
    assert acm.list_acme_endpoints()["AcmeEndpoints"] == []
    assert refusal(acm.describe_acme_endpoint, AcmeEndpointArn=endpoint)[0] == "ResourceNotFoundException"
    assert refusal(acm.list_acme_accounts, AcmeEndpointArn=endpoint)[0] == "ResourceNotFoundException"
    named = {"AcmeExternalAccountBindingArn": binding}
    assert refusal(acm.describe_acme_external_account_binding, **named)[0] == "ResourceNotFoundException"
    named = {"AcmeDomainValidationArn": domain}
    assert refusal(acm.describe_acme_domain_validation, **named)[0] == "ResourceNotFoundException"


# refusals


def new_endpoint(*tags: tuple[str, str], **more: Any) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags]
    return {"AuthorizationBehavior": "PRE_APPROVED", "CertificateAuthority": PUBLIC, "Tags": listed} | more


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


# who made it otherwise


def test_directories_and_bindings_of_the_command_line_are_listed(acm: Any, ca_arn: str, rt: Runtime) -> None:
    directory = made_directory(rt, OWNER, ca_arn)
    binding = made_binding(rt, directory, preauthorized=True).binding
    (found,) = acm.list_acme_endpoints()["AcmeEndpoints"]
    assert found["EndpointUrl"] == directories.url(rt.settings, "test")
    arn = found["AcmeEndpointArn"]
    (shown,) = acm.list_acme_external_account_bindings(AcmeEndpointArn=arn)["ExternalAccountBindings"]
    assert "RoleArn" not in shown
    named = {"AcmeExternalAccountBindingArn": shown["AcmeExternalAccountBindingArn"]}
    assert named["AcmeExternalAccountBindingArn"].endswith(f"/acme-external-account-binding/{binding.name}")
    refused = refusal(acm.get_acme_external_account_binding_credentials, **named)
    assert refused[0] == "ResourceNotFoundException"
    tags = {each["Key"]: each["Value"] for each in acm.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    assert tags == {AUTHORITY: ca_arn, NAME: "test"}


@pytest.mark.laptop
def test_command_line_shows_bindings_of_roles_and_ends_them_with_their_accounts(
    acm: Any, endpoint: str, rt: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNET_DATA", str(rt.settings.data_path))
    make_domain(acm, endpoint)
    binding = make_binding(acm, endpoint)
    client = client_of(rt, acm, binding)
    listing = ("acme", "eab", "list", "--directory", client.directory)
    assert "the directory's domains" in CliRunner().invoke(signet, listing).output
    acm.revoke_acme_external_account_binding(AcmeExternalAccountBindingArn=binding)
    assert "revoked; its accounts stay" in CliRunner().invoke(signet, listing).output
    assert client.order("a.example.test").status == 201
    kid = binding.rpartition("/")[2]
    ending = ("acme", "eab", "revoke", kid, "--directory", client.directory)
    assert CliRunner().invoke(signet, ending).output == f"revoked {kid}\n"
    assert "accounts stay" not in CliRunner().invoke(signet, listing).output
    assert client.order("a.example.test").kind == "unauthorized"


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


# who may


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


def test_other_account_and_other_region_see_nothing(acm: Any, endpoint: str, acm_pca: Any, rt: Runtime) -> None:
    create(client_for(rt, region="eu-west-1"))
    elsewhere = acm_for(rt, region="eu-west-1")
    assert elsewhere.list_acme_endpoints()["AcmeEndpoints"] == []
    assert refusal(elsewhere.describe_acme_endpoint, AcmeEndpointArn=endpoint)[0] == "ResourceNotFoundException"
    foreign = endpoint.replace(OWNER, "111111111111")
    for arn in (foreign, foreign[:-1] + "0"):
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
