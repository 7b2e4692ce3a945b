"""RFC 8555 sections 5, 6.1 and 6.2, RFC 7515: hostile serializations, signatures and payloads."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import ok
from tests.acme_conformance.hostile import Row, Stage, judge, table
from tests.acme_conformance.jose import Request, b64, dumps
from tests.acme_conformance.rfc import about, must, robust

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme_conformance.acme import Account, Server

_FLAT = must("RFC 8555 6.2", "The JWS MUST be in the Flattened JSON Serialization")
_ONE = must("RFC 8555 6.2", "The JWS MUST NOT have multiple signatures")
_UNPROTECTED = must("RFC 8555 6.2", "The JWS Unprotected Header [RFC7515] MUST NOT be used")
_DETACHED = must("RFC 8555 6.2", "The JWS Payload MUST NOT be detached")
_VERIFY = must("RFC 8555 6.2", "The server MUST verify the JWS before processing the request.")
_TYPE = must(
    "RFC 8555 6.2",
    "If a request does not meet this requirement, then the server MUST return a response with status code 415 "
    "(Unsupported Media Type).",
)
_PADDING = must(
    "RFC 8555 6.1", "Encoded values that include trailing '=' characters MUST be rejected as improperly encoded."
)
_BASE64 = must("RFC 8555 6.1", "Binary fields in the JSON objects used by ACME are encoded using base64url encoding")
_UTF8 = must("RFC 8555 5", "All requests and responses sent via HTTP … MUST be encoded using the UTF-8 character set")
_LENGTH = must("RFC 7518", "If the octet sequence is not 64 octets long, the validation has failed. (3.4)")
_SIGNATURE = must("RFC 7518", "turn the result into octet sequences … and concatenate (3.4)")
_MEMBERS = must("RFC 7515", '"signatures" member MUST NOT be present when using this syntax (7.2.2)')
_JSON = must("RFC 8555 6.1", "carrying JSON messages [RFC2818][RFC8259]")
_GET = must("RFC 8555 6.3", "where the payload of the JWS is a zero-length octet string")
_LARGE = robust("RFC 8555 6.2", "Implementations may … limit the size of texts that they accept (RFC 8259 section 9)")
_ROBUST = robust("RFC 8555 6.7", "When the server responds with an error status, it SHOULD provide a problem document")


def _finish(change: Callable[[dict[str, Any]], Any]) -> Any:
    return lambda request, _: replace(request, finish=change)


def _write(change: Callable[[bytes], bytes]) -> Any:
    return lambda request, _: replace(request, write=lambda jws: change(dumps(jws)))


def _payload(payload: bytes) -> Any:
    return lambda request, _: replace(request, payload=payload)


def _signed(change: Callable[[bytes], bytes]) -> Any:
    return lambda request, _: replace(request, sign=lambda data: change(request.key.sign(data)))


def _sign(sign: Callable[[Request, bytes], bytes]) -> Any:
    return lambda request, _: replace(request, sign=lambda data: sign(request, data))


def _type(kind: str | None) -> Any:
    return lambda request, _: replace(request, headers={} if kind is None else {"Content-Type": kind})


def _general(jws: dict[str, Any], number: int) -> dict[str, Any]:
    one = {"protected": jws["protected"], "signature": jws["signature"]}
    return {"payload": jws["payload"], "signatures": [one] * number}


def _without(name: str) -> Any:
    return _finish(lambda jws: {key: value for key, value in jws.items() if key != name})


def _standard(data: bytes) -> str:
    """Encode with base64's own alphabet, in which the payload has characters that base64url lacks."""
    return base64.b64encode(data).decode()


def _wrapped(data: bytes) -> str:
    text = b64(data)
    return f"{text[:8]}\n{text[8:]}"


def _padded(data: bytes) -> str:
    text = b64(data)
    return text + "=" * (-len(text) % 4 or 4)


def _other_key(request: Request, stage: Stage) -> Request:
    return replace(request, sign=stage.other.key.sign)


def _other_header(request: Request, _: Stage) -> Request:
    signature = request.but(x="1").jws()["signature"]
    return replace(request, finish=lambda jws: jws | {"signature": signature})


# The payload's last octets make "??" and ">>" of base64, where its two alphabets differ.
_ORDER = b'{"identifiers":[{"type":"dns","value":"a.example.test"}],"x":"???>>>~~~"}'
_NUMBER = b"9" * 100_000

_SERIALIZATIONS = (
    Row("general-one-signature", "order", _finish(lambda jws: _general(jws, 1)), _FLAT),
    Row("general-two-signatures", "order", _finish(lambda jws: _general(jws, 2)), _ONE),
    Row("general-no-signature", "order", _finish(lambda jws: _general(jws, 0)), _FLAT),
    Row("flattened-and-general", "order", _finish(lambda jws: jws | _general(jws, 1)), _MEMBERS),
    Row(
        "compact",
        "order",
        lambda r, _: replace(r, write=lambda j: f"{j['protected']}.{j['payload']}.{j['signature']}".encode()),
        _FLAT,
    ),
    Row("unprotected-header", "order", _finish(lambda jws: jws | {"header": {"x": "1"}}), _UNPROTECTED),
    Row(
        "unprotected-kid",
        "order",
        lambda r, s: replace(r.but(kid=None), finish=lambda j: j | {"header": {"kid": s.account.url}}),
        _UNPROTECTED,
    ),
    Row(
        "unprotected-alg",
        "order",
        lambda r, s: replace(r.but(alg=None), finish=lambda j: j | {"header": {"alg": "ES256"}}),
        _UNPROTECTED,
    ),
    Row(
        "unprotected-nonce",
        "order",
        lambda r, s: replace(r.but(nonce=None), finish=lambda j: j | {"header": {"nonce": r.header["nonce"]}}),
        _UNPROTECTED,
        ("badNonce", "malformed"),
    ),
    Row("payload-detached", "order", _without("payload"), _DETACHED),
    Row("payload-null", "order", _finish(lambda jws: jws | {"payload": None}), _DETACHED),
    Row("payload-object", "order", _finish(lambda jws: jws | {"payload": {"identifiers": []}}), _FLAT),
    Row("payload-number", "order", _finish(lambda jws: jws | {"payload": 1}), _FLAT),
    Row("protected-missing", "order", _without("protected"), _FLAT),
    Row("protected-object", "order", lambda r, _: replace(r, finish=lambda j: j | {"protected": r.header}), _FLAT),
    Row("signature-missing", "order", _without("signature"), _FLAT),
    Row("signature-null", "order", _finish(lambda jws: jws | {"signature": None}), _FLAT),
    Row("signature-array", "order", _finish(lambda jws: jws | {"signature": [jws["signature"]]}), _FLAT),
    Row("duplicate-payload", "order", _write(lambda body: body[:-1] + b',"payload":"e30"}'), _VERIFY),
    Row("duplicate-signature", "order", _write(lambda body: body[:-1] + b',"signature":"AAAA"}'), _VERIFY),
)
_BODIES = (
    Row("body-empty", "order", lambda r, _: replace(r, write=lambda _: b""), _FLAT),
    Row("body-no-json", "order", lambda r, _: replace(r, write=lambda _: b"identifiers=a"), _JSON),
    Row("body-array", "order", _write(lambda body: b"[" + body + b"]"), _FLAT),
    Row("body-text", "order", _write(lambda body: dumps(body.decode())), _FLAT),
    Row("body-null", "order", _write(lambda _: b"null"), _FLAT),
    Row("body-number", "order", _write(lambda _: b"1"), _FLAT),
    Row("body-empty-object", "order", _write(lambda _: b"{}"), _FLAT),
    Row("body-trailing-bytes", "order", _write(lambda body: body + b"x"), _JSON),
    Row("body-two-objects", "order", _write(lambda body: body + body), _JSON),
    Row("body-truncated", "order", _write(lambda body: body[:-1]), _JSON),
    Row("body-utf-16", "order", _write(lambda body: body.decode().encode("utf-16")), _UTF8),
    Row("body-not-utf-8", "order", _write(lambda body: b'{"x":"\xff",' + body[1:]), _UTF8),
    Row(
        "body-bom",
        "order",
        _write(lambda body: b"\xef\xbb\xbf" + body),
        robust("RFC 8555 5", "Implementations MUST NOT add a byte order mark (RFC 8259 section 8.1)"),
    ),
    Row("body-nul", "order", _write(lambda body: body + b"\0"), _JSON),
    Row("body-single-quotes", "order", _write(lambda body: body.replace(b'"', b"'")), _JSON),
    Row("body-deep", "order", _write(lambda _: b"[" * 100_000), _ROBUST),
    Row("body-deep-object", "order", _write(lambda _: b'{"a":' * 50_000), _ROBUST),
    Row("body-4-MiB", "order", _write(lambda body: b'{"x":"' + b"x" * (4 << 20) + b'",' + body[1:]), _LARGE),
    Row("type-json", "order", _type("application/json"), _TYPE, (), 415),
    Row("type-missing", "order", _type(None), _TYPE, (), 415),
    Row("type-text", "order", _type("text/plain"), _TYPE, (), 415),
    Row("type-jose", "order", _type("application/jose"), _TYPE, (), 415),
    Row("type-form", "order", _type("application/x-www-form-urlencoded"), _TYPE, (), 415),
    Row("type-longer", "order", _type("application/jose+json2"), _TYPE, (), 415),
    Row("type-list", "fetch", _type("text/html, application/jose+json"), _TYPE, (), 415),
)
_SIGNATURES = (
    Row("signature-empty", "order", _signed(lambda _: b""), _LENGTH),
    Row("signature-63-octets", "order", _signed(lambda s: s[:-1]), _LENGTH),
    Row("signature-65-octets", "order", _signed(lambda s: s + b"\0"), _LENGTH),
    Row("signature-padded-to-96", "order", _signed(lambda s: bytes(16) + s[:32] + bytes(16) + s[32:]), _LENGTH),
    Row("signature-der", "order", _sign(lambda r, data: r.key.sign_der(data)), _SIGNATURE),
    Row("signature-zeros", "order", _signed(lambda _: bytes(64)), _VERIFY),
    Row("signature-r-zero", "order", _signed(lambda s: bytes(32) + s[32:]), _VERIFY),
    Row("signature-ones", "order", _signed(lambda _: b"\xff" * 64), _VERIFY),
    Row("signature-halves-swapped", "order", _signed(lambda s: s[32:] + s[:32]), _VERIFY),
    Row("signature-one-bit", "order", _signed(lambda s: bytes([s[0] ^ 1]) + s[1:]), _VERIFY),
    Row("signature-64-KiB", "order", _signed(lambda s: s * 1024), _LENGTH),
    Row("signature-of-another-payload", "order", _finish(lambda jws: jws | {"payload": b64(_ORDER)}), _VERIFY),
    Row("signature-of-another-header", "order", _other_header, _VERIFY),
    Row("signature-of-payload-alone", "order", _sign(lambda r, _: r.key.sign(r.payload)), _VERIFY),
    Row("signature-of-another-key", "order", _other_key, _VERIFY),
    Row("signature-of-another-key-with-jwk", "lookup", _other_key, _VERIFY),
    Row("signature-with-padding", "order", lambda r, _: replace(r, encode_signature=_padded), _PADDING),
    Row("payload-with-padding", "order", lambda r, _: replace(r, encode_payload=_padded), _PADDING),
    Row("header-with-padding", "order", lambda r, _: replace(r, encode_header=_padded), _PADDING),
    Row("payload-in-base64", "order", lambda r, _: replace(r, payload=_ORDER, encode_payload=_standard), _BASE64),
    Row("payload-with-line-feeds", "order", lambda r, _: replace(r, encode_payload=_wrapped), _BASE64),
    Row("header-with-line-feeds", "order", lambda r, _: replace(r, encode_header=_wrapped), _BASE64),
    Row("signature-with-line-feeds", "order", lambda r, _: replace(r, encode_signature=_wrapped), _BASE64),
    Row("payload-beyond-ascii", "order", lambda r, _: replace(r, encode_payload=lambda d: b64(d) + "é"), _BASE64),
    Row("payload-of-one-character", "order", lambda r, _: replace(r, encode_payload=lambda d: "A"), _BASE64),
    Row("payload-with-a-dot", "order", lambda r, _: replace(r, encode_payload=lambda d: b64(d) + ".e30"), _BASE64),
)
_PAYLOADS = (
    Row("json-array", "order", _payload(b"[]"), _JSON),
    Row("json-text", "order", _payload(b'"identifiers"'), _JSON),
    Row("json-number", "order", _payload(b"1"), _JSON),
    Row("json-null", "order", _payload(b"null"), _JSON),
    Row("json-true", "order", _payload(b"true"), _JSON),
    Row("json-empty-object", "order", _payload(b"{}"), _JSON),
    Row("json-empty-payload", "order", _payload(b""), _GET),
    Row("json-trailing-bytes", "order", _payload(_ORDER + b"x"), _JSON),
    Row("json-two-objects", "order", _payload(_ORDER + _ORDER), _JSON),
    Row("json-truncated", "order", _payload(_ORDER[:-1]), _JSON),
    Row("json-not-utf-8", "order", _payload(_ORDER.replace(b"~~~", b"\xff\xfe")), _UTF8),
    Row("json-overlong-utf-8", "order", _payload(_ORDER.replace(b"~~~", b"\xc0\xaf")), _UTF8),
    Row(
        "json-bom",
        "order",
        _payload(b"\xef\xbb\xbf" + _ORDER),
        robust("RFC 8555 5", "Implementations MUST NOT add a byte order mark (RFC 8259 section 8.1)"),
    ),
    Row("json-utf-16", "order", _payload(_ORDER.decode().encode("utf-16")), _UTF8),
    Row("json-control-characters", "order", _payload(_ORDER.replace(b"~~~", b"\0\n")), _JSON),
    Row("json-nan", "order", _payload(_ORDER.replace(b'"???>>>~~~"', b"NaN")), _JSON),
    Row("json-comment", "order", _payload(_ORDER.replace(b'"x"', b'/**/"x"')), _JSON),
    Row("json-deep", "order", _payload(b'{"identifiers":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), _ROBUST),
    Row("json-huge-integer", "order", _payload(b'{"identifiers":' + _NUMBER + b"}"), _ROBUST),
    Row("json-huge-exponent", "order", _payload(b'{"identifiers":1e999999}'), _ROBUST),
    Row("json-1-MiB", "order", _payload(b'{"identifiers":[],"x":"' + b"x" * (1 << 20) + b'"}'), _ROBUST),
    Row(
        "json-identifiers-object", "order", _payload(b'{"identifiers":{"type":"dns","value":"a.example.test"}}'), _JSON
    ),
    Row("json-identifiers-of-text", "order", _payload(b'{"identifiers":["a.example.test"]}'), _JSON),
    Row("json-identifier-value-number", "order", _payload(b'{"identifiers":[{"type":"dns","value":1}]}'), _JSON),
    Row("json-identifier-value-null", "order", _payload(b'{"identifiers":[{"type":"dns","value":null}]}'), _JSON),
    Row("json-identifier-without-type", "order", _payload(b'{"identifiers":[{"value":"a.example.test"}]}'), _JSON),
    Row("json-identifier-without-value", "order", _payload(b'{"identifiers":[{"type":"dns"}]}'), _JSON),
    Row(
        "json-lone-surrogate",
        "order",
        _payload(b'{"identifiers":[{"type":"dns","value":"\\ud800.example.test"}]}'),
        _JSON,
    ),
    Row(
        "json-twenty-thousand-names",
        "order",
        _payload(dumps({"identifiers": [{"type": "dns", "value": f"n{n}.example.test"} for n in range(20_000)]})),
        _ROBUST,
    ),
)


@pytest.fixture
def stage(server: Server, account: Account, other: Account) -> Stage:
    return Stage(server, account, other)


@table(*_SERIALIZATIONS, *_BODIES, *_SIGNATURES, *_PAYLOADS)
def test_request_is_refused(row: Row, stage: Stage) -> None:
    judge(row, stage)


@about(must("RFC 7515", "Additional members can be present in the JSON objects … they MUST be ignored (7.2.1)"))
def test_unknown_member_of_the_jws_is_ignored(stage: Stage) -> None:
    ok(stage.server.send(replace(stage.order(), finish=lambda jws: jws | {"x": 1})), 201)


@about(must("RFC 7515", "other … Header Parameters … MUST be ignored when not understood (4)"))
def test_unknown_member_of_the_header_is_ignored(stage: Stage) -> None:
    ok(stage.server.send(stage.order().but(x="1", typ="JOSE+JSON")), 201)


@about(_JSON)
def test_white_space_around_json_is_ignored(stage: Stage) -> None:
    request = replace(stage.order(), write=lambda jws: b" \r\n\t" + dumps(jws) + b"\n")
    ok(stage.server.send(replace(request, header_text=lambda header: b" " + dumps(header) + b" ")), 201)


@pytest.mark.parametrize("kind", ["order", "finalize", "authorization", "certificate-like"])
@about(
    robust("RFC 8555 6.3", 'the "payload" field of the JWS object MUST be present and set to the empty string ("").')
)
def test_payload_where_none_belongs_is_no_fetch(account: Account, kind: str) -> None:
    """A payload that asks for nothing is refused, or changes nothing."""
    order = account.order()
    url = {"order": order.url, "authorization": order.body["authorizations"][0]}.get(kind, order.finalize_url)
    answer = account.post(url, [] if kind == "certificate-like" else {"unknown": True})
    assert answer.status == 200 or 400 <= answer.status < 500, answer
    assert order.now()["status"] == "pending"
