"""Records hold what is on the list of their operation, and nothing else of a request (docs/audit.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme.management import service
from chalicelib.api.dispatch import OPERATIONS
from chalicelib.audit import parameters
from tests.support.model_cases import ACM_MODEL, MODEL, input_of

if TYPE_CHECKING:
    from botocore.model import Shape

OTHERS = {"AssumeRole", "AssumeRoleWithWebIdentity", "ExplainIssuance", "SearchCertificates"}


def marked(shape: Shape, path: str, marks: dict[str, str]) -> Any:
    """A value of a shape in which each text, blob and number is a mark, noted under its path."""
    if shape.type_name == "structure":
        return {
            name: marked(member, f"{path}.{name}".lstrip("."), marks)
            for name, member in shape.members.items()  # type: ignore[attr-defined]
        }
    if shape.type_name == "list":
        return [marked(shape.member, path, marks)]  # type: ignore[attr-defined]
    mark = str(770_000_000 + len(marks))
    marks[path] = mark
    return {"integer": int, "long": int, "boolean": bool, "blob": str.encode}.get(shape.type_name, str)(mark)  # type: ignore[operator]


@pytest.mark.parametrize("operation", [*OPERATIONS, *service.OPERATIONS])
def test_no_member_beyond_the_list_reaches_a_record(operation: str) -> None:
    marks: dict[str, str] = {}
    request = marked(input_of(operation, MODEL if operation in OPERATIONS else ACM_MODEL), "", marks)
    shown = json.dumps(parameters.of_request(operation, request))
    allowed = set(parameters.RECORDED[operation])
    assert allowed <= set(marks)
    for path, mark in marks.items():
        if isinstance(at(request, path), bool):
            continue
        assert (mark in shown) == (path in allowed), path
    for name in parameters.HASHED.get(operation, ()):
        assert parameters.sha256(marks[name]) in shown


def at(request: Any, path: str) -> Any:
    for step in path.split("."):
        request = request[step]
        request = request[0] if isinstance(request, list) else request
    return request


def test_every_operation_has_its_list() -> None:
    assert set(parameters.ACM) == set(service.OPERATIONS)
    assert set(parameters.RECORDED) == {*MODEL.operation_names, *OTHERS, *parameters.ACM}
    assert set(parameters.HASHED) | set(parameters.ANSWERED) <= set(parameters.RECORDED)


def test_no_certificate_or_csr_of_an_answer_reaches_a_record() -> None:
    answer = {"Csr": "secret", "Certificate": "secret", "Policy": "secret", "CertificateArn": "an ARN"}
    shown = [parameters.of_answer(operation, answer) for operation in OPERATIONS]
    assert [each for each in shown if each] == [{"certificateArn": "an ARN"}]
    assert parameters.of_answer("IssueCertificate", None) is None


def test_texts_and_lists_are_bounded() -> None:
    request = {"Principal": "x" * 10_000, "Actions": ["y"] * 1000}
    shown = parameters.of_request("CreatePermission", request)
    assert len(shown["principal"]) == parameters.MOST_CHARACTERS
    assert len(shown["actions"]) == parameters.MOST_ELEMENTS
