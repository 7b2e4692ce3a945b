"""Every member of every input shape, driven from botocore's model: present, absent, at its limits and past them.

No answer is a 5xx; a refusal bears an error of the operation; what breaks the model's rules is refused in the model's
name and at the member's place; and a refused request has made and changed nothing.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.access import access_keys
from tests.support.client import send
from tests.support.good_requests import GOOD, World
from tests.support.model_cases import MODEL, Case, Member, cases, input_of, members, paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.traces import Traces

# Errors that any operation may answer with.
COMMON = {"ValidationException", "SerializationException", "ThrottlingException"}
URL = "http://127.0.0.1:8000/"


class Wire:
    """Requests of any content, and what is stored."""

    def __init__(self, rt: Any, traces: Traces) -> None:
        self.traces = traces
        root = access_keys.ensure_root_key(rt)
        self.credentials = Credentials(root.access_key_id, root.secret)

    def call(self, operation: str, request: dict[str, Any]) -> tuple[int, str, str]:
        """Send a request; status, code and message."""
        body = json.dumps(request, default=lambda value: base64.b64encode(value).decode()).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"ACMPrivateCA.{operation}"}
        made = AWSRequest("POST", URL, headers=headers | {"host": "127.0.0.1:8000"}, data=body)
        SigV4Auth(self.credentials, "acm-pca", "us-east-1").add_auth(made)
        status, _, raw = send("POST", URL, list(made.headers.items()), body)
        answer = json.loads(raw) if raw else {}
        return status, str(answer.get("__type", "")).rpartition("#")[2], str(answer.get("message", ""))

    def stored(self) -> tuple[Any, ...]:
        """What differs as soon as anything else has been written."""
        return self.traces.state(), self.traces.ca_keys(), self.traces.objects()


def broken(operation: str, shown: str, case: Case, answer: tuple[int, str, str]) -> str | None:
    """Which rule of this file an answer breaks."""
    status, code, message = answer
    if status >= 500 or status not in {200, 400, 409, 413}:
        return f"status {status} {code}"
    if status == 200:
        return None if case.code is None else f"not refused with {case.code}"
    return _broken_by_refusal(operation, shown, case, code, message)


def _broken_by_refusal(operation: str, shown: str, case: Case, code: str, message: str) -> str | None:
    allowed = COMMON | {each.name for each in MODEL.operation_model(operation).error_shapes}
    if code not in allowed or not message:
        return f"{code} is no error of the operation"
    if case.code is not None and code != case.code:
        return f"{code} ({message}) instead of {case.code}"
    if case.code == "ValidationException" and f"'{shown}" not in message:
        return f"the refusal does not name the place: {message}"
    if case.code is None and f"at '{shown}'" in message and "failed to satisfy constraint" in message:
        return f"the model has nothing against it, but: {message}"
    return None


def test_good_requests_have_every_member_of_the_model(acm_pca: Any) -> None:
    assert GOOD.keys() == set(MODEL.operation_names)
    world = World(acm_pca)
    for operation, makers in GOOD.items():
        shape = input_of(operation)
        found = {each.path for make in makers for each in members(shape, make(world))}
        assert found == set(paths(shape)), operation


@pytest.fixture
def wire(acm_pca: Any, rt: Any, traces: Traces) -> Wire:
    return Wire(rt, traces)


@pytest.mark.slow
@pytest.mark.laptop  # thousands of requests, most of them refused before any adapter is asked
@pytest.mark.parametrize("operation", GOOD)
def test_each_member_of_each_input(request: pytest.FixtureRequest, acm_pca: Any, wire: Wire, operation: str) -> None:
    every = request.config.getoption("--whole")
    world = World(acm_pca)
    shape = input_of(operation)
    seen: set[str] = set()
    wrong: list[str] = []
    for make in GOOD[operation]:
        good = make(world)
        fresh = [each for each in members(shape, good) if each.path not in seen]
        seen |= {each.path for each in fresh}
        _, code, message = wire.call(operation, good)
        assert code == "", message
        wrong += drive(wire, operation, fresh, partial(make, world), every=every)
    assert not wrong, "\n".join(wrong)


def drive(
    wire: Wire, operation: str, listed: list[Member], make: Callable[[], dict[str, Any]], *, every: bool
) -> Iterator[str]:
    """Do everything to each member, and tell which rules the answers break."""
    good = make()
    before = wire.stored()
    for member in listed:
        for case in cases(good, member, every=every):
            status, code, message = wire.call(operation, case.applied(good, member))
            problem = broken(operation, member.shown, case, (status, code, message))
            if wire.stored() != before:
                if status != 200:
                    problem = f"refused with {code} ({message}), but something was stored"
                good = make()
                before = wire.stored()
            if problem is not None:
                yield f"{member.path}, {case.name}: {problem}"
