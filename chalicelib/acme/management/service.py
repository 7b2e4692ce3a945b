"""A request's way to an operation of AWS Certificate Manager, with a table of its own, as for AWS Private CA.

The model has the operations for ACME endpoints alone; the others, about certificates, are no part of a private CA.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import recording
from chalicelib.access import conditions, limits
from chalicelib.acme.management import accounts, bindings, domains, endpoints, tags
from chalicelib.api import constraints, dispatch, model, protocols
from chalicelib.audit import parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from chalicelib.api.dispatch import Operation, WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Runtime

OPERATIONS: dict[str, Operation] = {
    "CreateAcmeDomainValidation": domains.create_acme_domain_validation,
    "CreateAcmeEndpoint": endpoints.create_acme_endpoint,
    "CreateAcmeExternalAccountBinding": bindings.create_acme_external_account_binding,
    "DeleteAcmeDomainValidation": domains.delete_acme_domain_validation,
    "DeleteAcmeEndpoint": endpoints.delete_acme_endpoint,
    "DeleteAcmeExternalAccountBinding": bindings.delete_acme_external_account_binding,
    "DescribeAcmeAccount": accounts.describe_acme_account,
    "DescribeAcmeDomainValidation": domains.describe_acme_domain_validation,
    "DescribeAcmeEndpoint": endpoints.describe_acme_endpoint,
    "DescribeAcmeExternalAccountBinding": bindings.describe_acme_external_account_binding,
    "GetAcmeExternalAccountBindingCredentials": bindings.get_acme_external_account_binding_credentials,
    "ListAcmeAccounts": accounts.list_acme_accounts,
    "ListAcmeDomainValidations": domains.list_acme_domain_validations,
    "ListAcmeEndpoints": endpoints.list_acme_endpoints,
    "ListAcmeExternalAccountBindings": bindings.list_acme_external_account_bindings,
    "ListTagsForResource": tags.list_tags_for_resource,
    "RevokeAcmeAccount": accounts.revoke_acme_account,
    "RevokeAcmeExternalAccountBinding": bindings.revoke_acme_external_account_binding,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateAcmeDomainValidation": domains.update_acme_domain_validation,
    "UpdateAcmeEndpoint": endpoints.update_acme_endpoint,
}
_NAMING = ("AcmeEndpointArn", "AcmeExternalAccountBindingArn", "AcmeDomainValidationArn", "ResourceArn")


def handle(rt: Runtime, request: WireRequest) -> WireResponse:
    """Answer a request of AWS Certificate Manager; never raises."""
    return dispatch.respond(request, protocols.ACM, lambda: _answer(rt, request))


def _answer(rt: Runtime, request: WireRequest) -> bytes:
    protocol = protocols.ACM
    name = protocol.operation_of(request)
    caller = dispatch.authenticate(rt, request, protocol.signed, service=model.ACM)
    limits.take_request(rt, caller)
    rt, described = rt.in_region(caller.region), model.operations(model.ACM)[name]
    with recording.operation(rt, caller, name) as entry:
        decoded = protocol.codec.decode(described.input, request.body)
        constraints.check(described.input, decoded)
        caller = replace(caller, operation=f"{model.ACM}:{name}", facts=(*caller.facts, *_facts(decoded)))
        entry.begin(parameters.of_request(name, decoded), [decoded[each] for each in _NAMING if each in decoded])
        answer = OPERATIONS[name](rt, caller, decoded)
        entry.answered(parameters.of_answer(name, answer))
        encoded: bytes = protocol.codec.encode(described.output, answer)
    return encoded


def _facts(request: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what policies may ask of the tags in a request."""
    yield from dispatch.tag_facts(request)
    for key in request.get("TagKeys", ()):
        yield conditions.TAG_KEYS, (key,)
