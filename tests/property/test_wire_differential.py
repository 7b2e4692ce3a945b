"""The wire against botocore's own serializer, parser and signer: what one side writes, the other reads alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api import cbor_codec, json_codec, model, protocols, sigv4
from chalicelib.api.sigv4 import Secret, WireRequest
from chalicelib.errors import SerializationException

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

pytestmark = pytest.mark.wide

SERVICE = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("acm-pca", "service-2"))
CODECS: dict[str, Any] = {"json": json_codec, "smithy-rpc-v2-cbor": cbor_codec}
SERIALIZERS = {name: botocore.serialize.create_serializer(name, include_validation=False) for name in CODECS}
PARSERS: dict[str, Any] = {name: botocore.parsers.create_parser(name) for name in CODECS}
EVENED: list[bool | None] = []
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# botocore reads times as floats, which have whole milliseconds for the next 80 years only.
_moments = st.one_of(
    st.integers(0, 1 << 32).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 1 << 41).map(lambda milliseconds: timedelta(milliseconds=milliseconds)),
    st.just(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - EPOCH),
)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    "blob": st.binary(max_size=12),
    "boolean": st.booleans(),
    "integer": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "timestamp": _moments.map(EPOCH.__add__),
}


@cache
def values_of(name: str) -> st.SearchStrategy[Any]:
    """Values of a shape of the model, whether they keep its limits or not."""
    shape = model.shape(name)
    if shape["type"] == "structure":
        optional = {member: values_of(target) for member, target in shape["members"].items()}
        return st.fixed_dictionaries({}, optional=optional)
    if shape["type"] == "list":
        return st.lists(values_of(shape["member"]), max_size=1)
    return _SCALARS[shape["type"]]


_few = settings(max_examples=10, deadline=None, derandomize=True)


@pytest.mark.parametrize("protocol", CODECS)
@pytest.mark.parametrize("name", sorted(model.operations()))
@_few
@given(data=st.data())
def test_decode_of_what_botocore_serializes_gives_it_back(protocol: str, name: str, data: Any) -> None:
    value = data.draw(values_of(model.operations()[name].input))
    body = SERIALIZERS[protocol].serialize_to_request(value, SERVICE.operation_model(name))["body"]
    assert CODECS[protocol].decode(model.operations()[name].input, body) == value


@pytest.mark.parametrize("protocol", CODECS)
@pytest.mark.parametrize("name", sorted(name for name, each in model.operations().items() if each.output))
@_few
@given(data=st.data())
def test_encode_gives_what_botocore_parses(protocol: str, name: str, data: Any) -> None:
    output = model.operations()[name].output
    assert output is not None
    value = data.draw(values_of(output))
    answer = {"status_code": 200, "headers": protocols.CBOR.headers, "body": CODECS[protocol].encode(output, value)}
    parsed = PARSERS[protocol].parse(answer, SERVICE.operation_model(name).output_shape)
    del parsed["ResponseMetadata"]
    assert parsed == value


_visible = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
_segment = st.one_of(st.sampled_from(["", ".", "..", "%20", "~"]), _visible.map(lambda text: quote(text, safe="")))
_pair = st.tuples(_visible, _visible).filter(lambda pair: not pair[0].lower().startswith("x-amz-"))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    segments=st.lists(_segment, max_size=4),
    pairs=st.lists(_pair, max_size=4),
    values=st.lists(_visible, max_size=3),
    body=st.binary(max_size=40),
    method=st.sampled_from(["POST", "GET", "PUT"]),
)
def test_verify_accepts_what_botocore_signs(
    segments: list[str], pairs: list[tuple[str, str]], values: list[str], body: bytes, method: str
) -> None:
    """Path, query and headers of every form that can be sent (AWS IAM User Guide, "Create a canonical request").

    Of a path that ends in "/." or "/.." botocore drops the last slash, RFC 3986 section 5.2.4 does not.
    """
    segments = [*segments, ""] if segments and segments[-1] in {".", ".."} else segments
    path = "/" + "/".join(segments)
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    headers = {"host": "x", "x-amz-target": "y"} | {f"x-amz-{place}": value for place, value in enumerate(values)}
    made = AWSRequest(method, f"http://x{path}" + (f"?{query}" if query else ""), headers=headers, data=body)
    SigV4Auth(Credentials(KEY_ID, SECRET), "acm-pca", "us-east-1").add_auth(made)
    found = tuple((name.lower(), value) for name, value in made.headers.items())
    request = WireRequest(method=method, path=path, query=query, headers=found, body=body)
    claimed = datetime.strptime(request.header("x-amz-date") or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    caller = sigv4.verify(
        request,
        signed=("x-amz-target",),
        secret_of=lambda key_id, _: Secret("000000000000", SECRET, "administrator", None) if key_id == KEY_ID else None,
        equalize=EVENED.append,
        regions=("us-east-1",),
        now=claimed,
    )
    assert caller.access_key_id == KEY_ID


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(model.operations())), data=st.data())
def test_decode_of_any_json_gives_values_of_the_model_or_one_error(name: str, data: Any) -> None:
    """Documents of the right member names and the wrong types: `SerializationException`, or a value to be encoded."""
    shape = model.operations()[name].input
    members = st.dictionaries(st.sampled_from([*model.shape(shape)["members"], "Unknown"]), _json, max_size=4)
    body = json.dumps(data.draw(members)).encode()
    try:
        decoded = json_codec.decode(shape, body)
    except SerializationException:
        return
    for codec in CODECS.values():
        assert codec.decode(shape, codec.encode(shape, decoded)) == decoded


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
