"""Which error an ARN gets that names no CA of the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.conformance.requests import GOOD, service
from chalicelib.conformance.sources import ALCHEMY, Source, about, guide, model, observed

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Target

ERRORS = guide("PCATsExceptions")
OTHER = "111122223334"
SEEN = {
    "DescribeCertificateAuthority": observed("terraform-provider-aws and aws-cloudformation-resource-providers-acmpca"),
    "GetPolicy": observed("terraform-provider-aws resource_policy"),
}


def listed(exception: str) -> list[str]:
    """The operations whose model has an exception."""
    names = {name: service().operation_model(name).error_shapes for name in GOOD}
    return [name for name, errors in names.items() if exception in {each.name for each in errors}]


def each(exception: str, source: Source | None = None) -> pytest.MarkDecorator:
    """A probe for each of those operations."""
    from_model = model(f"errors of the operation have {exception}")
    return pytest.mark.parametrize(
        "operation",
        [pytest.param(name, marks=about(name, source or SEEN.get(name, from_model))) for name in listed(exception)],
    )


@each("ResourceNotFoundException")
def test_ca_that_is_not_there_is_not_found(target: Target, operation: str) -> None:
    arn = target.missing()
    target.wire.call(operation, **GOOD[operation](arn)).refused("ResourceNotFoundException")


@each("InvalidArnException", ALCHEMY)
def test_arn_of_another_kind_is_an_invalid_arn(target: Target, operation: str) -> None:
    answer = target.wire.call(operation, **GOOD[operation](target.other_kind()))
    answer.refused("InvalidArnException")


@each("ResourceNotFoundException", ERRORS)
def test_ca_of_an_account_that_does_not_share_it_is_denied(target: Target, operation: str) -> None:
    arn = target.missing(OTHER)
    target.wire.call(operation, **GOOD[operation](arn)).refused("AccessDeniedException")
