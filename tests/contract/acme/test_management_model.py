"""The operations of AWS Certificate Manager against botocore's model, as `tests/contract/api/test_model_members.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from chalicelib.acme.management.service import OPERATIONS
from chalicelib.api import constraints, model
from tests.support.acm_steps import GOOD, World
from tests.support.client import acm_for
from tests.support.model_cases import ACM_MODEL, input_of, members, paths
from tests.support.model_drive import Wire, drive
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.support.traces import Traces

# About certificates, and the settings of an account for those: a private CA's are issued by AWS Private CA's API.
OF_CERTIFICATES = {
    "AddTagsToCertificate",
    "DeleteCertificate",
    "DescribeCertificate",
    "ExportCertificate",
    "GetAccountConfiguration",
    "GetCertificate",
    "ImportCertificate",
    "ListCertificateDomainValidations",
    "ListCertificates",
    "ListTagsForCertificate",
    "PutAccountConfiguration",
    "RemoveTagsFromCertificate",
    "RenewCertificate",
    "RequestCertificate",
    "ResendValidationEmail",
    "RevokeCertificate",
    "SearchCertificates",
    "UpdateCertificateOptions",
}


def test_every_operation_is_served_or_about_certificates() -> None:
    assert OPERATIONS.keys() == GOOD.keys() == model.operations(model.ACM).keys()
    assert OPERATIONS.keys() | OF_CERTIFICATES == set(ACM_MODEL.operation_names)
    assert not OPERATIONS.keys() & OF_CERTIFICATES


@pytest.mark.parametrize("operation", sorted(OF_CERTIFICATES))
def test_operation_about_certificates_is_unknown(acm_pca: Any, rt: Runtime, operation: str) -> None:
    code, message = refusal(getattr(acm_for(rt), xform_name(operation)))
    assert (code, message) == (
        "UnknownOperationException",
        f"There is no operation 'CertificateManager.{operation}'.",
    )


def test_good_requests_have_every_member_of_the_model(acm_pca: Any, rt: Runtime) -> None:
    world = World(rt)
    for operation, make in GOOD.items():
        shape = input_of(operation, ACM_MODEL)
        assert {each.path for each in members(shape, make(world))} == set(paths(shape)), operation


@pytest.mark.parametrize("operation", GOOD)
def test_answer_keeps_every_constraint_of_the_model(acm_pca: Any, rt: Runtime, operation: str) -> None:
    world = World(rt)
    answer = getattr(world.acm, xform_name(operation))(**GOOD[operation](world))
    del answer["ResponseMetadata"]
    output = ACM_MODEL.operation_model(operation).output_shape
    assert (output is None) == (answer == {})
    if output is not None:
        assert not ParamValidator().validate(answer, output).has_errors()
        assert not list(constraints.violations(f"acm:{output.name}", answer))


@pytest.mark.slow
@pytest.mark.laptop  # hundreds of requests, most of them refused before any adapter is asked
@pytest.mark.parametrize("operation", GOOD)
def test_each_member_of_each_input(
    request: pytest.FixtureRequest, acm_pca: Any, rt: Runtime, traces: Traces, operation: str
) -> None:
    wire, world = Wire(rt, traces, ACM_MODEL), World(rt)
    make = partial(GOOD[operation], world)
    _, code, message = wire.call(operation, make())
    assert code == "", message
    listed = list(members(input_of(operation, ACM_MODEL), make()))
    wrong = list(drive(wire, operation, listed, make, every=request.config.getoption("--whole")))
    assert not wrong, "\n".join(wrong)
