"""RFC 8555 section 7.3.4: external account binding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import at_once, ok, refused, statuses
from tests.acme_conformance.jose import Key, b64, binding, dumps, generate, unb64
from tests.acme_conformance.rfc import about, must, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Server

_CHECKS = must("RFC 8555 7.3.4", "If any of these checks fail, then the CA MUST reject the new-account request.")
_REQUIRED = should("RFC 8555 7.3.4", 'then it SHOULD reply with an error of type "externalAccountRequired".')
_META = must(
    "RFC 8555 7.3.4",
    'then it MUST provide the value "true" in the "externalAccountRequired" subfield of the "meta" field',
)
_SAME = must(
    "RFC 8555 7.3.4",
    'The account object the CA returns MUST include an "externalAccountBinding" field with the same value as the field in the request.',
)


@pytest.fixture
def credential(server: Server) -> tuple[str, bytes]:
    if not server.bindings:
        pytest.skip("needs --acme-eab")
    return server.bindings[0]


def _altered(kid: str, secret: bytes, key: Key, url: str, **changes: Any) -> dict[str, Any]:
    return binding(kid, secret, key.jwk, url) | changes


def _asymmetric(kid: str, _: bytes, key: Key, url: str) -> dict[str, Any]:
    protected, payload = b64(dumps({"alg": "ES256", "kid": kid, "url": url})), b64(dumps(key.jwk))
    return {"protected": protected, "payload": payload, "signature": b64(key.sign(f"{protected}.{payload}".encode()))}


def _one_bit(kid: str, secret: bytes, key: Key, url: str) -> dict[str, Any]:
    found = binding(kid, secret, key.jwk, url)
    mac = unb64(found["signature"])
    return found | {"signature": b64(bytes([mac[0] ^ 1]) + mac[1:])}


_BROKEN: dict[str, Any] = {
    "wrong-key": lambda kid, secret, key, url: binding(kid, b"x" * 32, key.jwk, url),
    "empty-key": lambda kid, secret, key, url: binding(kid, b"", key.jwk, url),
    "one-bit": _one_bit,
    "truncated-mac": lambda kid, secret, key, url: _altered(
        kid, secret, key, url, signature=binding(kid, secret, key.jwk, url)["signature"][:22]
    ),
    "empty-mac": lambda kid, secret, key, url: _altered(kid, secret, key, url, signature=""),
    "unknown-kid": lambda kid, secret, key, url: binding(kid + "x", secret, key.jwk, url),
    "kid-missing": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, kid=None),
    "kid-number": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, kid=1),
    "alg-none": lambda kid, secret, key, url: _altered(
        kid, secret, key, url, protected=b64(dumps({"alg": "none", "kid": kid, "url": url})), signature=""
    ),
    "alg-es256": _asymmetric,
    "alg-missing": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, alg=None),
    "alg-unheard-of": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, alg="HS1"),
    "nonce-present": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, nonce="AAAA"),
    "url-missing": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, url=None),
    "url-differs": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url + "x"),
    "payload-of-another-key": lambda kid, secret, key, url: binding(kid, secret, generate().jwk, url),
    "payload-no-key": lambda kid, secret, key, url: binding(kid, secret, {}, url),
    "payload-array": lambda kid, secret, key, url: binding(kid, secret, [key.jwk], url),
    "crit-unknown": lambda kid, secret, key, url: binding(kid, secret, key.jwk, url, crit=["x"], x=1),
    "member-missing": lambda kid, secret, key, url: {"protected": "e30"},
    "text": lambda kid, secret, key, url: "binding",
    "array": lambda kid, secret, key, url: [],
    "empty-object": lambda kid, secret, key, url: {},
}


@pytest.mark.parametrize("name", _BROKEN)
@about(_CHECKS)
def test_broken_binding_is_refused(server: Server, credential: tuple[str, bytes], name: str) -> None:
    key, url = generate(), server.resource("newAccount")
    stub = server.stub(key) | {"externalAccountBinding": _BROKEN[name](*credential, key, url)}
    refused(server.post(url, key, stub))
    refused(server.post(url, key, {"onlyReturnExisting": True}), "accountDoesNotExist")


@about(_SAME)
def test_binding_is_in_the_account(server: Server, credential: tuple[str, bytes]) -> None:
    key, url = generate(), server.resource("newAccount")
    stub = server.stub(key)
    assert ok(server.post(url, key, stub), 201).json["externalAccountBinding"] == stub["externalAccountBinding"]


@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
@about(_REQUIRED)
def test_account_without_a_binding_is_refused(server: Server, absent: bool) -> None:
    if not server.meta.get("externalAccountRequired"):
        pytest.skip("the server requires no external account")
    key = generate()
    stub = server.stub(key) | {"externalAccountBinding": None}
    if absent:
        del stub["externalAccountBinding"]
    refused(server.post(server.resource("newAccount"), key, stub), "externalAccountRequired")


@about(_META)
def test_directory_says_whether_a_binding_is_required(server: Server) -> None:
    key = generate()
    stub = server.stub(key)
    stub.pop("externalAccountBinding", None)
    answer = server.post(server.resource("newAccount"), key, stub)
    assert (answer.error == "externalAccountRequired") == bool(server.meta.get("externalAccountRequired")), answer


@about(must("RFC 8555 7.3", "any fields in the request object MUST be ignored."))
def test_existing_account_is_found_without_a_binding(server: Server) -> None:
    made = server.register()
    terms = {"termsOfServiceAgreed": True} if "termsOfService" in server.meta else {}
    answer = ok(server.post(server.resource("newAccount"), made.key, terms))
    assert answer.header("Location") == made.url


@about(_CHECKS)
def test_bindings_of_several_keys_at_once_stay_apart(server: Server, credential: tuple[str, bytes]) -> None:
    """A binding for one key is no good for another, whatever comes at the same time."""
    url, keys = server.resource("newAccount"), [generate() for _ in range(4)]
    stubs = [server.stub(key) for key in keys]
    swapped = [
        stub | {"externalAccountBinding": stubs[place - 1]["externalAccountBinding"]}
        for place, stub in enumerate(stubs)
    ]
    requests = [server.request(url, key, stub) for key, stub in zip(keys, swapped, strict=True)]
    answers = at_once(server, requests)
    assert all(400 <= status < 500 for status in statuses(answers))
