"""Signed requests: every hostile one is refused by name, every algorithm is accepted, and nothing else happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import jose
from chalicelib.acme import jws
from chalicelib.acme.problems import AcmeProblem
from chalicelib.pki.x509 import keys
from tests.support.acme_keys import ACCOUNT_URL, CONTENT_TYPE, NONCE, URL, ClientKey, body, key, mac_jws
from tests.support.hostile_jws import HOSTILE, Hostile

if TYPE_CHECKING:
    from chalicelib.acme.jws import Signed

SECRET = b"s" * 32


def accepted(request: bytes, content_type: str = CONTENT_TYPE) -> Signed:
    """What a server does with the request of a new account."""
    signed = jws.parse(content_type, request)
    jws.check_url(signed, URL)
    jws.verify(signed, jws.public_key(signed.jwk))
    return signed


def test_hostile_table_has_at_least_60_cases() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in HOSTILE.items()])
def test_hostile_request_is_refused(case: Hostile) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        accepted(case.build(), case.content_type)
    problem = refusal.value
    assert (problem.type, case.rule in problem.detail) == (case.type, True), problem.detail
    assert 400 <= problem.status < 500
    assert problem.detail.endswith(".")
    assert bool(problem.algorithms) is (case.type == "badSignatureAlgorithm")


@pytest.mark.parametrize("alg", jws.ALGORITHMS)
def test_request_of_each_algorithm_is_accepted(alg: str) -> None:
    signed = accepted(body(key(alg).request({"a": 1})))
    assert jws.payload_object(signed) == {"a": 1}
    assert (signed.alg, signed.nonce, signed.url, signed.kid) == (alg, NONCE, URL, None)
    assert jws.public_key(signed.jwk) == key(alg).jwk


def test_request_of_an_account_names_it() -> None:
    signed = jws.parse(f"{CONTENT_TYPE.title()}; charset=utf-8", body(key().request(kid=ACCOUNT_URL)))
    assert (signed.jwk, signed.kid, signed.payload) == (None, ACCOUNT_URL, b"")
    jws.verify(signed, key().jwk)


def test_unknown_header_parameters_are_ignored() -> None:
    accepted(body(key().request(typ="JOSE", cty="json")))


def test_status_names_what_is_wrong_with_the_http() -> None:
    with pytest.raises(AcmeProblem) as wrong_type:
        jws.parse("text/plain", b"")
    with pytest.raises(AcmeProblem) as too_long:
        jws.parse(CONTENT_TYPE, b" " * (jws.MAX_BYTES + 1))
    assert (wrong_type.value.status, too_long.value.status) == (415, 413)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":"\\udfff"}'])
def test_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(AcmeProblem, match="payload"):
        jws.payload_object(accepted(body(key().request(payload))))


@pytest.mark.parametrize("alg", jws.ALGORITHMS)
def test_hash_of_a_key_is_that_of_certificates(alg: str) -> None:
    native: Any = jose.import_key(key(alg).jwk).get_op_key("verify")
    assert jws.key_sha256(key(alg).jwk) == keys.key_sha256(native)


# key change

NEW = key("ES384", "new")


def change(
    by: ClientKey = NEW, account: Any = ACCOUNT_URL, old: Any = None, remove: str = "", **header: Any
) -> dict[str, str]:
    payload = {"account": account, "oldKey": key().jwk if old is None else old}
    protected = {"alg": by.alg, "jwk": by.jwk, "url": URL, **header}
    return by.jws({name: value for name, value in protected.items() if name != remove}, payload)


def changed(payload: Any) -> dict[str, str]:
    return jws.key_change(payload, url=URL, account_url=ACCOUNT_URL, account_key=key().jwk)


def test_key_is_changed() -> None:
    assert changed(change()) == NEW.jwk
    assert changed(change(old={**key().jwk, "kid": "1"})) == NEW.jwk


CHANGES: dict[str, tuple[Any, str, str]] = {
    "no JWS": ({"account": ACCOUNT_URL, "oldKey": {}}, "malformed", "must have the members"),
    "no key": (lambda: change(remove="jwk"), "malformed", "new key"),
    "account's URL instead of a key": (lambda: change(remove="jwk", kid=ACCOUNT_URL), "malformed", "no kid"),
    "both": (lambda: change(kid=ACCOUNT_URL), "malformed", "no kid"),
    "nonce": (lambda: change(nonce=NONCE), "malformed", "nonce"),
    "another url": (lambda: change(url=URL + "/x"), "malformed", "url"),
    "no url": (lambda: change(remove="url"), "malformed", "url"),
    "another account": (lambda: change(account=ACCOUNT_URL + "1"), "malformed", "account"),
    "no account": (lambda: change(account=None), "malformed", "account"),
    "another old key": (lambda: change(old=key(name="another").jwk), "malformed", "oldKey"),
    "old key that is none": (lambda: change(old=1), "badPublicKey", "JWK"),
    "private old key": (lambda: change(old=key().private_jwk), "badPublicKey", "member d"),
    "signed by the old key": (
        lambda: key().jws({"alg": "ES256", "jwk": key(name="x").jwk, "url": URL}, {}),
        "malformed",
        "verify",
    ),
    "MAC": (lambda: change(alg="HS256"), "badSignatureAlgorithm", "ES256"),
    "algorithm of another curve": (lambda: change(alg="ES256"), "badSignatureAlgorithm", "fit"),
    "weak new key": (lambda: change(jwk={"kty": "RSA", "n": "Aw", "e": "AQAB"}), "badPublicKey", "bits"),
    "payload that is no object": (
        lambda: NEW.jws({"alg": "ES384", "jwk": NEW.jwk, "url": URL}, [1]),
        "malformed",
        "payload",
    ),
}


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_change_of_key_is_refused(case: tuple[Any, str, str]) -> None:
    build, kind, rule = case
    with pytest.raises(AcmeProblem) as refusal:
        changed(build() if callable(build) else build)
    assert (refusal.value.type, rule in refusal.value.detail) == (kind, True), refusal.value.detail


# external accounts


def binding(
    secret: bytes = SECRET, alg: str = "HS256", payload: Any = None, remove: str = "", digest: str = "", **header: Any
) -> dict[str, str]:
    protected = {"alg": alg, "kid": "eab-1", "url": URL, **header}
    protected = {name: value for name, value in protected.items() if name != remove}
    return mac_jws(secret, protected, key().jwk if payload is None else payload, digest or f"sha{alg[2:]}")


def bound(document: Any) -> str:
    return jws.external_account(document, url=URL, account_key=key().jwk, mac_key={"eab-1": SECRET, "empty": b""}.get)


@pytest.mark.parametrize("alg", jws.MAC_ALGORITHMS)
def test_external_account_is_bound(alg: str) -> None:
    assert bound(binding(alg=alg)) == "eab-1"


BINDINGS: dict[str, tuple[Any, str, str]] = {
    "null": (None, "malformed", "must have the members"),
    "text": ("x", "malformed", "must have the members"),
    "unprotected header": (lambda: {**binding(), "header": {}}, "malformed", "must have the members"),
    "no kid": (lambda: binding(remove="kid"), "malformed", "kid"),
    "kid of a number": (lambda: binding(kid=1), "malformed", "kid"),
    "jwk": (lambda: binding(jwk=key().jwk), "malformed", "no jwk"),
    "nonce": (lambda: binding(nonce=NONCE), "malformed", "nonce"),
    "another url": (lambda: binding(url=URL + "?"), "malformed", "url"),
    "crit": (lambda: binding(crit=["kid"]), "malformed", "crit"),
    "another key": (lambda: binding(payload=key(name="another").jwk), "malformed", "key of the request"),
    "private key": (lambda: binding(payload=key().private_jwk), "badPublicKey", "member d"),
    "payload that is no object": (lambda: binding(payload="x"), "malformed", "payload"),
    "alg none": (lambda: binding(alg="none", digest="sha256"), "badSignatureAlgorithm", "HS256"),
    "signature": (
        lambda: key().jws({"alg": "ES256", "kid": "eab-1", "url": URL}, key().jwk),
        "badSignatureAlgorithm",
        "HS256",
    ),
    "another hash than alg says": (lambda: binding(digest="sha512"), "unauthorized", "MAC"),
    "wrong MAC key": (lambda: binding(b"t" * 32), "unauthorized", "MAC"),
    "unknown kid": (lambda: binding(kid="eab-2"), "unauthorized", "MAC"),
    "kid of an empty MAC key": (lambda: binding(b"", kid="empty"), "unauthorized", "MAC"),
    "MAC cut short": (lambda: {**binding(), "signature": binding()["signature"][:40]}, "unauthorized", "MAC"),
    "no MAC": (lambda: {**binding(), "signature": ""}, "unauthorized", "MAC"),
}


@pytest.mark.parametrize("case", BINDINGS.values(), ids=BINDINGS)
def test_binding_is_refused(case: tuple[Any, str, str]) -> None:
    build, kind, rule = case
    with pytest.raises(AcmeProblem) as refusal:
        bound(build() if callable(build) else build)
    assert (refusal.value.type, rule in refusal.value.detail) == (kind, True), refusal.value.detail


def test_unknown_external_account_is_answered_as_a_wrong_mac_is() -> None:
    documents = []
    for each in (binding(kid="eab-2"), binding(b"t" * 32)):
        with pytest.raises(AcmeProblem) as refusal:
            bound(each)
        documents.append(refusal.value.document())
    assert documents[0] == documents[1]
