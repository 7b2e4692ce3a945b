"""What tests of ACME's management do with boto3's acm client, and good requests of every operation of it."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.acme import bindings, directories
from chalicelib.acme.bindings import Made
from tests.support.acme_calls import AcmeClient
from tests.support.authority_steps import active_root
from tests.support.client import acm_for, client_for
from tests.support.roles import OWNER, make_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime

AUTHORITY, NAME = "signet:certificate-authority-arn", "signet:directory-name"
PUBLIC: dict[str, Any] = {"PublicCertificateAuthority": {}}
ISSUE = '{"Statement":{"Effect":"Allow","Action":["acm-pca:IssueCertificate"],"Resource":"*"}}'
TAGS = [{"Key": "name", "Value": "value"}]
SCOPE = {"ExactDomain": "ENABLED", "Subdomains": "ENABLED", "Wildcards": "ENABLED"}


def options(**scope: str) -> dict[str, Any]:
    """The options of a domain validation."""
    return {"DnsPrevalidation": {"DomainScope": scope}}


def make_endpoint(acm: Any, ca_arn: str, *tags: dict[str, str], **more: Any) -> str:
    """An endpoint for a CA."""
    request = {"AuthorizationBehavior": "PRE_APPROVED", "CertificateAuthority": PUBLIC} | more
    answer = acm.create_acme_endpoint(**request, Tags=[{"Key": AUTHORITY, "Value": ca_arn}, *tags])
    return str(answer["AcmeEndpointArn"])


def new_endpoint(*tags: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The request for an endpoint with these tags."""
    listed = [{"Key": key, "Value": value} for key, value in tags]
    return {"AuthorizationBehavior": "PRE_APPROVED", "CertificateAuthority": PUBLIC, "Tags": listed} | more


def make_domain(acm: Any, endpoint: str, name: str = "example.test", **scope: str) -> str:
    """A domain of an endpoint, by default with all of its names."""
    answer = acm.create_acme_domain_validation(
        AcmeEndpointArn=endpoint, DomainName=name, PrevalidationOptions=options(**scope or SCOPE)
    )
    return str(answer["AcmeDomainValidationArn"])


def role_arn(name: str = "r") -> str:
    """The ARN of a role of `make_role`."""
    return f"arn:aws:iam::{OWNER}:role/{name}"


def make_binding(acm: Any, endpoint: str, role: str = "r", **more: Any) -> str:
    """A binding of an endpoint."""
    answer = acm.create_acme_external_account_binding(AcmeEndpointArn=endpoint, RoleArn=role_arn(role), **more)
    return str(answer["ExternalAccountBinding"]["AcmeExternalAccountBindingArn"])


def credentials(rt: Runtime, acm: Any, binding: str) -> Made:
    """The credentials of a binding, as `AcmeClient` takes them."""
    found = acm.get_acme_external_account_binding_credentials(AcmeExternalAccountBindingArn=binding)
    directory = next(each for each in directories.of_account(rt, OWNER) if each.directory_id in binding)
    named = bindings.named(rt, directory, found["KeyId"])
    assert named is not None
    return Made(named, found["MacKey"])


def client_of(rt: Runtime, acm: Any, binding: str) -> AcmeClient:
    """An ACME client with an account that a binding has bound."""
    made = credentials(rt, acm, binding)
    client = AcmeClient(rt, made.binding.directory)
    got = client.register(made)
    assert got.status == 201, got.body
    return client


class World:
    """What a request needs to be good; made anew after each request that changed something."""

    def __init__(self, rt: Runtime) -> None:
        self.rt, self.acm = rt, acm_for(rt)
        self.ca_arn = active_root(client_for(rt))
        make_role(rt)
        self._numbers = itertools.count()

    def number(self) -> str:
        """Text that was not used before."""
        return f"n{next(self._numbers)}"

    def new_endpoint(self) -> dict[str, Any]:
        return {
            "IdempotencyToken": self.number(),
            "AuthorizationBehavior": "PRE_APPROVED",
            "Contact": "REQUIRED",
            "CertificateAuthority": {"PublicCertificateAuthority": {"AllowedKeyAlgorithms": ["RSA_2048"]}},
            "Tags": [{"Key": AUTHORITY, "Value": self.ca_arn}],
            "CertificateTags": TAGS,
        }

    def endpoint(self) -> dict[str, Any]:
        return {"AcmeEndpointArn": make_endpoint(self.acm, self.ca_arn)}

    def changed_endpoint(self) -> dict[str, Any]:
        changes = {name: self.new_endpoint()[name] for name in ("AuthorizationBehavior", "CertificateAuthority")}
        return self.endpoint() | changes | {"Contact": "NOT_REQUIRED"}

    def new_domain(self) -> dict[str, Any]:
        return self.endpoint() | {
            "IdempotencyToken": self.number(),
            "DomainName": "example.test",
            "PrevalidationOptions": {"DnsPrevalidation": {"DomainScope": SCOPE, "HostedZoneId": "Z1"}},
            "Tags": TAGS,
        }

    def domain(self) -> dict[str, Any]:
        return {"AcmeDomainValidationArn": make_domain(self.acm, self.endpoint()["AcmeEndpointArn"])}

    def changed_domain(self) -> dict[str, Any]:
        return self.domain() | {"PrevalidationOptions": self.new_domain()["PrevalidationOptions"]}

    def new_binding(self) -> dict[str, Any]:
        return self.endpoint() | {
            "IdempotencyToken": self.number(),
            "RoleArn": role_arn(),
            "Expiration": {"Value": 1, "Type": "DAYS"},
            "Tags": TAGS,
        }

    def binding(self) -> dict[str, Any]:
        return {"AcmeExternalAccountBindingArn": make_binding(self.acm, self.endpoint()["AcmeEndpointArn"])}

    def account(self) -> dict[str, Any]:
        endpoint = self.endpoint()
        client = client_of(self.rt, self.acm, make_binding(self.acm, endpoint["AcmeEndpointArn"]))
        return endpoint | {"AccountUrl": client.kid}

    def page_of_accounts(self) -> dict[str, Any]:
        endpoint = self.endpoint()
        for _ in range(2):
            client_of(self.rt, self.acm, make_binding(self.acm, endpoint["AcmeEndpointArn"]))
        return self._page(self.acm.list_acme_accounts, endpoint)

    def page_of_bindings(self) -> dict[str, Any]:
        endpoint = self.endpoint()
        for _ in range(2):
            make_binding(self.acm, endpoint["AcmeEndpointArn"])
        return self._page(self.acm.list_acme_external_account_bindings, endpoint)

    def page_of_domains(self) -> dict[str, Any]:
        endpoint = self.endpoint()
        for name in ("a.test", "b.test"):
            make_domain(self.acm, endpoint["AcmeEndpointArn"], name)
        return self._page(self.acm.list_acme_domain_validations, endpoint)

    def page_of_endpoints(self) -> dict[str, Any]:
        for _ in range(2):
            self.endpoint()
        return self._page(self.acm.list_acme_endpoints, {})

    def _page(self, call: Any, named: dict[str, Any]) -> dict[str, Any]:
        return named | {"MaxResults": 1, "NextToken": call(**named, MaxResults=1)["NextToken"]}

    def resource(self, **more: Any) -> dict[str, Any]:
        return {"ResourceArn": self.endpoint()["AcmeEndpointArn"]} | more


GOOD: dict[str, Callable[[World], dict[str, Any]]] = {
    "CreateAcmeDomainValidation": World.new_domain,
    "CreateAcmeEndpoint": World.new_endpoint,
    "CreateAcmeExternalAccountBinding": World.new_binding,
    "DeleteAcmeDomainValidation": World.domain,
    "DeleteAcmeEndpoint": World.endpoint,
    "DeleteAcmeExternalAccountBinding": World.binding,
    "DescribeAcmeAccount": World.account,
    "DescribeAcmeDomainValidation": World.domain,
    "DescribeAcmeEndpoint": World.endpoint,
    "DescribeAcmeExternalAccountBinding": World.binding,
    "GetAcmeExternalAccountBindingCredentials": World.binding,
    "ListAcmeAccounts": World.page_of_accounts,
    "ListAcmeDomainValidations": World.page_of_domains,
    "ListAcmeEndpoints": World.page_of_endpoints,
    "ListAcmeExternalAccountBindings": World.page_of_bindings,
    "ListTagsForResource": World.resource,
    "RevokeAcmeAccount": World.account,
    "RevokeAcmeExternalAccountBinding": World.binding,
    "TagResource": partial(World.resource, Tags=TAGS),
    "UntagResource": partial(World.resource, TagKeys=["name"]),
    "UpdateAcmeDomainValidation": World.changed_domain,
    "UpdateAcmeEndpoint": World.changed_endpoint,
}
