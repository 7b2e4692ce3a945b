"""Requests that no client sends: whatever comes is answered with a named error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import endpoint, errors
from chalicelib.api import dispatch, model
from chalicelib.api.sigv4 import WireRequest
from tests.support.wire_requests import JSON, TARGET, refusal

_HEADER_NAMES = (
    "authorization",
    "x-amz-date",
    "x-amz-target",
    "content-type",
    "host",
    "x-amz-content-sha256",
    "x-other",
)
_headers = st.lists(
    st.tuples(st.sampled_from(_HEADER_NAMES), st.one_of(st.sampled_from((JSON[1], TARGET[1])), st.text(max_size=60))),
    max_size=8,
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)
_fuzz = settings(
    max_examples=300,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_fuzz
@given(headers=_headers, body=st.binary(max_size=200), query=st.text(max_size=20))
def test_any_request_is_answered_with_a_named_4xx(
    rt: Any, headers: list[tuple[str, str]], body: bytes, query: str
) -> None:
    made = WireRequest(method="POST", path="/", query=query, headers=tuple(headers), body=body)
    response = endpoint.handle(rt, made)
    assert 400 <= response.status < 500
    assert hasattr(errors, refusal(response))


@_fuzz
@given(name=st.sampled_from(sorted(dispatch.OPERATIONS)), members=st.data())
def test_any_signed_document_is_answered_without_a_5xx(rt: Any, signed: Any, name: str, members: Any) -> None:
    shape = model.shape(model.operations()[name].input)["members"]
    document = {member: members.draw(_json, label=member) for member in shape if members.draw(st.booleans())}
    body = json.dumps(document).encode()
    response = endpoint.handle(rt, signed(body, target=f"ACMPrivateCA.{name}"))
    assert response.status < 500
    if response.status != 200:
        allowed = {*model.operations()[name].errors, "ValidationException", "SerializationException"}
        assert refusal(response) in allowed


def test_answer_to_unknown_header_forms_is_never_an_exception(rt: Any) -> None:
    empty = WireRequest(method="POST", path="", query="", headers=(), body=b"")
    assert endpoint.handle(rt, replace(empty, method="")).status == 400
