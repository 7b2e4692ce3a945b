"""RFC 8555 sections 6.2 to 6.4 and RFC 7515: hostile protected headers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.acme_conformance.acme import ok, refused
from tests.acme_conformance.hostile import Row, Stage, judge, table
from tests.acme_conformance.jose import Request, b64, dumps, generate, hs256
from tests.acme_conformance.rfc import about, must, robust, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Account, Server

_ALG = must(
    "RFC 8555 6.2", 'This field MUST NOT contain "none" or an algorithm that is Message Authentication Code (MAC) based'
)
_ALG_TYPES = ("badSignatureAlgorithm", "malformed")
_FIELDS = must("RFC 8555 6.2", "The JWS Protected Header MUST include the following fields")
_SUPPORTED = must(
    "RFC 8555 6.2",
    "then the server MUST return an error with status code 400 (Bad Request) and type "
    '"urn:ietf:params:acme:error:badSignatureAlgorithm".',
)
_B64 = must("RFC 8555 6.2", "The JWS Unencoded Payload Option [RFC7797] MUST NOT be used")
_BOTH = must("RFC 8555 6.2", "Servers MUST reject requests that contain both.")
_JWK = must("RFC 8555 6.2", 'For newAccount requests, … there MUST be a "jwk" field.')
_KID = must("RFC 8555 6.2", 'there MUST be a "kid" field. This field MUST contain the account URL')
_VERIFY = must("RFC 8555 6.2", "The server MUST verify the JWS before processing the request.")
_URL = must("RFC 8555 6.4", "If the two do not match, then the server MUST reject the request as unauthorized.")
_EQUAL = must("RFC 8555 6.4", "The server MUST reject the request as unauthorized if the string equality check fails.")
_URL_TEXT = must(
    "RFC 8555 6.4", 'The value of the "url" header parameter MUST be a string representing the target URL.'
)
_CRIT = must(
    "RFC 7515",
    "If any of the listed extension Header Parameters are not understood and supported by the recipient, then the JWS "
    "is invalid. (4.1.11)",
)
_CRIT_FORM = must("RFC 7515", "Its value is an array listing the Header Parameter names present in the JWS (4.1.11)")
_UNIQUE = must(
    "RFC 7515",
    "JWS parsers MUST either reject JWSs with duplicate Header Parameter names or use a JSON parser that returns only "
    "the lexically last duplicate member name (4)",
)
_CONFUSED = must("RFC 7515", "Validate the JWS Signature … in the manner defined for the algorithm being used (5.2)")
_JSON = must("RFC 7515", "Verify that the resulting octet sequence is a UTF-8-encoded representation of … JSON (5.2)")


def _public(request: Request, encoding: Encoding) -> bytes:
    return request.key.private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def _hs256(request: Request, secret: bytes) -> Request:
    return replace(request.but(alg="HS256"), sign=hs256(secret))


def _octets(request: Request, _: Stage) -> Request:
    secret = b"0123456789abcdef0123456789abcdef"
    return _hs256(request.but(jwk={"kty": "oct", "k": b64(secret)}), secret)


def _last(name: str, value: Any) -> Any:
    """Return a change that repeats a member of the header, with a wrong value at the end."""
    tail = b"," + dumps({name: value})[1:]
    return lambda request, _: replace(request, header_text=lambda header: dumps(header)[:-1] + tail)


def _header(**members: Any) -> Any:
    return lambda request, _: request.but(**members)


def _header_text(text: bytes) -> Any:
    return lambda request, _: replace(request, header_text=lambda _: text)


def _wrap(before: bytes, after: bytes) -> Any:
    return lambda request, _: replace(request, header_text=lambda header: before + dumps(header) + after)


def _url(change: Any) -> Any:
    return lambda request, _: request.but(url=change(request.url))


def _other_host(url: str) -> str:
    return urlsplit(url)._replace(netloc="other.example").geturl()


def _upper_host(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(scheme=parts.scheme.upper()).geturl()


def _kid(change: Any) -> Any:
    return lambda request, stage: request.but(kid=change(stage.account.url))


_ALGORITHMS = (
    Row("alg-none", "order", lambda r, _: replace(r.but(alg="none"), sign=lambda _: b""), _ALG, _ALG_TYPES),
    Row("alg-none-signed", "order", _header(alg="none"), _ALG, _ALG_TYPES),
    Row("alg-None", "order", lambda r, _: replace(r.but(alg="None"), sign=lambda _: b""), _ALG, _ALG_TYPES),
    Row("alg-NONE", "order", lambda r, _: replace(r.but(alg="NONE"), sign=lambda _: b""), _ALG, _ALG_TYPES),
    Row("hs256-public-pem", "order", lambda r, _: _hs256(r, _public(r, Encoding.PEM)), _ALG, _ALG_TYPES),
    Row("hs256-public-der", "order", lambda r, _: _hs256(r, _public(r, Encoding.DER)), _ALG, _ALG_TYPES),
    Row("hs256-jwk", "order", lambda r, _: _hs256(r, dumps(r.key.jwk)), _ALG, _ALG_TYPES),
    Row("hs256-empty-secret", "order", lambda r, _: _hs256(r, b""), _ALG, _ALG_TYPES),
    Row("hs256-own-secret", "lookup", _octets, _ALG, _ALG_TYPES),
    Row("alg-unheard-of", "order", _header(alg="XS256"), _SUPPORTED, ("badSignatureAlgorithm",), 400),
    Row("alg-rs1", "order", _header(alg="RS1"), _SUPPORTED, ("badSignatureAlgorithm",), 400),
    Row("alg-missing", "order", _header(alg=None), _FIELDS),
    Row("alg-number", "order", _header(alg=256), _FIELDS),
    Row("alg-array", "order", _header(alg=["ES256"]), _FIELDS),
    Row("alg-lower-case", "order", _header(alg="es256"), _SUPPORTED, ("badSignatureAlgorithm",), 400),
    Row("alg-es384-of-p256", "order", _header(alg="ES384"), _CONFUSED),
    Row("alg-rs256-of-p256", "order", _header(alg="RS256"), _CONFUSED),
    Row("alg-eddsa-of-p256", "order", _header(alg="EdDSA"), _CONFUSED),
    Row("alg-encryption", "order", _header(alg="RSA-OAEP", enc="A128GCM"), _SUPPORTED, ("badSignatureAlgorithm",), 400),
)
_EXTENSIONS = (
    Row("b64-false", "order", lambda r, _: replace(r.but(b64=False, crit=["b64"]), encode_payload=bytes.decode), _B64),
    Row("b64-false-encoded", "order", _header(b64=False, crit=["b64"]), _B64),
    Row("b64-false-not-critical", "order", lambda r, _: replace(r.but(b64=False), encode_payload=bytes.decode), _B64),
    Row("crit-unknown", "order", _header(crit=["x-unknown"], **{"x-unknown": True}), _CRIT),
    Row("crit-absent", "order", _header(crit=["x-unknown"]), _CRIT),
    Row("crit-text", "order", _header(crit="x-unknown"), _CRIT_FORM),
    Row("crit-number", "order", _header(crit=1), _CRIT_FORM),
    Row("crit-of-numbers", "order", _header(crit=[1]), _CRIT_FORM),
    Row("duplicate-alg", "order", _last("alg", "none"), _UNIQUE),
    Row("duplicate-url", "order", _last("url", "https://other.example/"), _UNIQUE, ("unauthorized", "malformed")),
    Row("duplicate-nonce", "order", _last("nonce", "AAAA"), _UNIQUE, ("badNonce", "malformed")),
    Row("duplicate-kid", "order", lambda r, s: _last("kid", s.other.url)(r, s), _UNIQUE),
    Row("duplicate-crit", "order", _last("crit", ["x-unknown"]), _CRIT),
    Row("header-array", "order", _header_text(b"[]"), _JSON),
    Row("header-text", "order", _header_text(b'"ES256"'), _JSON),
    Row("header-empty-object", "order", _header_text(b"{}"), _FIELDS),
    Row("header-empty", "order", _header_text(b""), _JSON),
    Row("header-not-utf-8", "order", _wrap(b'{"x":"\xff\xfe",', b"}"), _JSON),
    Row("header-trailing-bytes", "order", _wrap(b"", b"}"), _JSON),
    Row("header-truncated", "order", lambda r, _: replace(r, header_text=lambda h: dumps(h)[:-1]), _JSON),
    Row("header-deep", "order", lambda r, _: replace(r, header_text=lambda h: b'{"x":' + b"[" * 20_000), _JSON),
    Row(
        "header-64-KiB",
        "order",
        _header(x="x" * 65_536),
        robust("RFC 8555 6.2", "Implementations may … limit the size of texts that they accept (RFC 8259 section 9)"),
    ),
)
_URLS = (
    Row("url-missing", "order", _header(url=None), _FIELDS, ("malformed", "unauthorized")),
    Row("url-number", "order", _header(url=1), _URL_TEXT, ("malformed", "unauthorized")),
    Row("url-array", "order", lambda r, _: r.but(url=[r.url]), _URL_TEXT, ("malformed", "unauthorized")),
    Row("url-empty", "order", _header(url=""), _URL, ("unauthorized", "malformed")),
    Row(
        "url-of-another-resource",
        "order",
        lambda r, s: r.but(url=s.server.resource("revokeCert")),
        _URL,
        ("unauthorized",),
    ),
    Row("url-of-another-host", "order", _url(_other_host), _URL, ("unauthorized",)),
    Row("url-of-another-scheme", "order", _url(lambda u: u.replace("https:", "http:")), _URL, ("unauthorized",)),
    Row("url-relative", "order", _url(lambda u: urlsplit(u).path), _EQUAL, ("unauthorized",)),
    Row("url-with-a-query", "order", _url(lambda u: u + "?x=1"), _EQUAL, ("unauthorized",)),
    Row("url-with-a-fragment", "order", _url(lambda u: u + "#x"), _EQUAL, ("unauthorized",)),
    Row("url-with-a-slash", "order", _url(lambda u: u + "/"), _EQUAL, ("unauthorized",)),
    Row("url-in-upper-case", "order", _url(_upper_host), _EQUAL, ("unauthorized",)),
    Row("url-with-a-space", "order", _url(lambda u: u + " "), _EQUAL, ("unauthorized",)),
    Row("url-of-the-account-at-fetch", "fetch", lambda r, s: r.but(url=s.other.url), _URL, ("unauthorized",)),
)
_WHO = (
    Row("jwk-and-kid", "order", lambda r, s: r.but(jwk=s.account.key.jwk), _BOTH),
    Row("jwk-and-kid-at-new-account", "lookup", lambda r, s: r.but(kid=s.account.url), _BOTH),
    Row("neither-jwk-nor-kid", "order", _header(kid=None), _FIELDS),
    Row("jwk-at-new-order", "order", lambda r, s: r.but(kid=None, jwk=s.account.key.jwk), _KID),
    Row("jwk-at-fetch", "fetch", lambda r, s: r.but(kid=None, jwk=s.account.key.jwk), _KID),
    Row("kid-at-new-account", "lookup", lambda r, s: r.but(jwk=None, kid=s.account.url), _JWK),
    Row("kid-of-another-account", "order", lambda r, s: r.but(kid=s.other.url), _VERIFY),
    Row("kid-of-nobody", "order", _kid(lambda u: u + "x"), _KID),
    Row("kid-of-another-server", "order", _kid(_other_host), _KID),
    Row("kid-without-host", "order", _kid(lambda u: urlsplit(u).path), _KID),
    Row("kid-last-segment", "order", _kid(lambda u: u.rpartition("/")[2]), _KID),
    Row("kid-of-another-scheme", "order", _kid(lambda u: u.replace("https:", "http:")), _KID),
    Row("kid-with-a-slash", "order", _kid(lambda u: u + "/"), _KID),
    Row("kid-with-a-query", "order", _kid(lambda u: u + "?x"), _KID),
    Row("kid-with-dots", "order", _kid(lambda u: "{0}/x/../{2}".format(*u.rpartition("/"))), _KID),
    Row("kid-number", "order", _header(kid=1), _KID),
    Row("kid-empty", "order", _header(kid=""), _KID),
    Row("kid-is-an-order-url", "order", lambda r, s: r.but(kid=s.server.resource("newOrder")), _KID),
    Row("kid-traversal", "order", _kid(lambda u: u + "/../../../../etc/passwd"), _KID),
)


@pytest.fixture
def stage(server: Server, account: Account, other: Account) -> Stage:
    return Stage(server, account, other)


@about(_VERIFY)
def test_requests_without_a_change_are_accepted(stage: Stage) -> None:
    """The control: what every row changes would have been accepted."""
    assert [stage.server.send(each()).status for each in (stage.order, stage.lookup, stage.fetch)] == [201, 200, 200]


@table(*_ALGORITHMS, *_EXTENSIONS, *_URLS, *_WHO)
def test_header_is_refused(row: Row, stage: Stage) -> None:
    judge(row, stage)


@about(
    must(
        "RFC 8555 6.2",
        'The problem document … MUST include an "algorithms" field with an array of supported "alg" values.',
    )
)
def test_refusal_names_the_algorithms(stage: Stage) -> None:
    answer = refused(stage.server.send(stage.order().but(alg="XS256")), "badSignatureAlgorithm", status=400)
    assert "ES256" in answer.json["algorithms"]


@pytest.mark.parametrize(
    "alg",
    [
        pytest.param("ES256", marks=about(must("RFC 8555 6.2", 'MUST implement the "ES256" signature algorithm'))),
        pytest.param("EdDSA", marks=about(should("RFC 8555 6.2", 'SHOULD implement the "EdDSA" signature algorithm'))),
        *(pytest.param(alg, marks=about(_SUPPORTED)) for alg in ("ES384", "ES512", "RS256")),
    ],
)
def test_algorithm_that_the_server_offers_works(server: Server, alg: str) -> None:
    """An algorithm beyond ES256 works, or is refused as unsupported: then it must not be offered."""
    key = generate(alg)
    answer = server.post(server.resource("newAccount"), key, server.stub(key))
    if alg in {"ES384", "ES512", "RS256"} and answer.error == "badSignatureAlgorithm":
        assert alg not in answer.json["algorithms"]
        pytest.skip(f"the server does not offer {alg}")
    url = ok(answer, 201).header("Location")
    assert ok(server.post(url, key, None, url)).json["status"] == "valid"
