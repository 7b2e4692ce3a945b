"""ACME endpoints that boto3's acm client makes, and what ACME clients get from them until they end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.access import roles
from chalicelib.acme import directories
from chalicelib.cli import signet
from tests.support.acm_steps import (
    AUTHORITY,
    ISSUE,
    NAME,
    client_of,
    credentials,
    make_binding,
    make_domain,
    make_endpoint,
    options,
)
from tests.support.acme_calls import AcmeClient, b64, csr, made_binding, made_directory
from tests.support.refusals import refusal
from tests.support.roles import OWNER, make_role

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


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
