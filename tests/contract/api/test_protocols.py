"""Both protocols carry the same requests, answers and errors of every operation; the other contracts speak JSON alone.

An operation is performed once. The second client gets the recorded end, so that nothing but the codec can differ.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from chalicelib import errors
from chalicelib.api import cbor_codec, dispatch, json_codec, model
from chalicelib.errors import SerializationException
from chalicelib.keystore import KeyStoreError
from chalicelib.store import ThrottledError
from tests.support.client import client_for
from tests.support.good_requests import GOOD, World
from tests.support.model_cases import cases, input_of, members

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = [pytest.mark.wide, pytest.mark.laptop]  # the deployed API answers both protocols in tests/localstack
# Errors that no operation lists: those of the wire, and outages, which clients see as another error.
UNLISTED: list[Exception] = [
    errors.ValidationException("1 validation error detected: caf\u00e9"),
    errors.AccessDeniedException("a"),
    errors.ThrottlingException("Rate exceeded", retry_after_seconds=1),
    errors.ServiceUnavailable("b", retry_after_seconds=2),
    errors.InternalFailure("c"),
    KeyStoreError("secret"),
    ThrottledError("secret"),
    RuntimeError("secret"),
]


class Once:
    """An operation that is performed for its first request and ends in the same way for the next."""

    def __init__(self, operation: dispatch.Operation) -> None:
        self._operation = operation
        self.requests: list[Any] = []
        self.answer: Any = None

    def __call__(self, rt: Any, caller: Any, request: Any) -> Any:
        self.requests.append(request)
        if len(self.requests) == 1:
            self.answer = self._operation(rt, caller, request)
        return self.answer


@pytest.fixture
def clients(acm_pca: Any, rt: Any) -> list[Any]:
    """One client for each protocol."""
    return [client_for(rt, protocol=protocol) for protocol in ("json", "smithy-rpc-v2-cbor")]


def exchange(client: Any, operation: str, request: dict[str, Any]) -> tuple[Any, ...]:
    """What a client sees: the answer or the error's class and members, the status, and the headers that vary."""
    try:
        answer, raised = getattr(client, xform_name(operation))(**request), ""
    except ClientError as error:
        answer, raised = error.response, type(error).__name__
    metadata = answer.pop("ResponseMetadata")
    headers = {name: metadata["HTTPHeaders"].get(name) for name in ("x-amzn-errortype", "retry-after")}
    return raised, answer, metadata["HTTPStatusCode"], headers


@pytest.mark.parametrize("operation", GOOD)
def test_operation_has_one_request_and_one_answer_by_both_protocols(
    acm_pca: Any, clients: list[Any], monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    world = World(acm_pca)
    for make in GOOD[operation]:
        request, once = make(world), Once(dispatch.OPERATIONS[operation])
        with monkeypatch.context() as patched:
            patched.setitem(dispatch.OPERATIONS, operation, once)
            by_json, by_cbor = (exchange(client, operation, request) for client in clients)
        assert by_json == by_cbor
        assert (by_json[0], by_json[2]) == ("", 200)
        assert by_json[1] == (once.answer or {})
        assert once.requests == [request, request]


@pytest.mark.parametrize("operation", GOOD)
def test_errors_of_an_operation_are_the_same_by_both_protocols(
    acm_pca: Any, clients: list[Any], monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    request = GOOD[operation][0](World(acm_pca))
    listed = [getattr(errors, name)(f"{name}: caf\u00e9") for name in model.operations()[operation].errors]
    for error in [*listed, *UNLISTED]:

        def fail(*_: Any, error: Exception = error) -> Any:
            raise error

        with monkeypatch.context() as patched:
            patched.setitem(dispatch.OPERATIONS, operation, fail)
            by_json, by_cbor = (exchange(client, operation, request) for client in clients)
        assert by_json == by_cbor
        if error in listed:
            code = type(error).__name__
            assert by_json[0] == code
            assert by_json[1]["Error"] == {"Code": code, "Message": str(error)}
        assert "secret" not in str(by_json)


def decoded(codec: ModuleType, operation: str, body: bytes) -> dict[str, Any] | str:
    """The members that a codec reads, or the refusal."""
    try:
        members: dict[str, Any] = codec.decode(model.operations()[operation].input, body)
    except SerializationException as refusal:
        return refusal.message.replace("a byte string", "a string")  # JSON's blobs are text
    return members


@pytest.mark.slow
@pytest.mark.parametrize("operation", GOOD)
def test_member_is_decoded_the_same_by_both_codecs_whatever_it_holds(acm_pca: Any, operation: str) -> None:
    """All that `test_model_members` does to the members by JSON."""
    world = World(acm_pca)
    differing = []
    for make in GOOD[operation]:
        good = make(world)
        for member in members(input_of(operation), good):
            for case in cases(good, member, every=True):
                request = case.applied(good, member)
                body = json.dumps(request, default=lambda blob: base64.b64encode(blob).decode()).encode()
                by_json = decoded(json_codec, operation, body)
                by_cbor = decoded(cbor_codec, operation, cbor2.dumps(request))
                if by_json != by_cbor:
                    differing.append((member.path, case.name, by_json, by_cbor))
    assert differing == []
