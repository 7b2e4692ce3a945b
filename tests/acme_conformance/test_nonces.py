"""RFC 8555 sections 6.5 and 7.2: nonces, each used once."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import at_once, ok, refused, statuses
from tests.acme_conformance.hostile import Row, Stage, judge, table
from tests.acme_conformance.jose import Request, b64
from tests.acme_conformance.rfc import about, must, robust, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Account, Server

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_ISSUED = must(
    "RFC 8555 6.5",
    'the ACME server MUST verify that the value of the "nonce" header is a value that the server previously provided',
)
_ONCE = must(
    "RFC 8555 6.5",
    "Once a nonce value has appeared in an ACME request, the server MUST consider it invalid, in the same way as a "
    "value it had never issued.",
)
_STATUS = must(
    "RFC 8555 6.5", "it MUST provide HTTP status code 400 (Bad Request), and indicate the ACME error type … badNonce"
)
_ENCODED = must(
    "RFC 8555 6.5",
    'If the value of a "nonce" header parameter is not valid according to this encoding, then the verifier MUST reject '
    "the JWS as malformed.",
)
_FRESH = must(
    "RFC 8555 6.5",
    'An error response with the "badNonce" error type MUST include a Replay-Nonce header with a fresh nonce that the '
    "server will accept in a retry of the original query",
)
_NO_STORE = must("RFC 8555 7.2", 'The server MUST include a Cache-Control header field with the "no-store" directive')


def _nonce(change: Any) -> Any:
    return lambda request, _: request.but(nonce=change(request.header["nonce"]))


def _used(request: Request, stage: Stage) -> Request:
    """Use the nonce for another request first."""
    ok(stage.server.send(stage.fetch().but(nonce=request.header["nonce"])))
    return request


def _used_in_vain(request: Request, stage: Stage) -> Request:
    """Use the nonce for a request that is well signed, and refused for what it asks."""
    url = stage.server.resource("newOrder")
    refused(stage.server.send(stage.account.request(url, {"identifiers": []}).but(nonce=request.header["nonce"])))
    return request


def _used_badly(request: Request, stage: Stage) -> Request:
    """Use the nonce for a request whose signature is wrong."""
    refused(stage.server.send(replace(stage.fetch().but(nonce=request.header["nonce"]), sign=lambda _: bytes(64))))
    return request


def _used_by_another(request: Request, stage: Stage) -> Request:
    nonce = request.header["nonce"]
    ok(stage.server.send(stage.other.request(stage.other.url, None).but(nonce=nonce)))
    return request


def _respelled(request: Request, stage: Stage) -> Request:
    """Use the nonce, then spell it with other unused bits in its last character."""
    nonce = request.header["nonce"]
    if len(nonce) % 4 in {0, 1}:
        pytest.skip("the server's nonces have no unused bits")
    ok(stage.server.send(stage.fetch().but(nonce=nonce)))
    return request.but(nonce=nonce[:-1] + _ALPHABET[_ALPHABET.index(nonce[-1]) ^ 1])


def _flip(nonce: str) -> str:
    return nonce[:-2] + _ALPHABET[_ALPHABET.index(nonce[-2]) ^ 1] + nonce[-1]


_BAD = ("badNonce",)
_EITHER = ("badNonce", "malformed")
_ROWS = (
    Row("missing", "order", lambda r, _: r.but(nonce=None), _STATUS, _BAD, 400),
    Row("never-issued", "order", _nonce(lambda _: b64(b"never issued by anybody")), _ISSUED, _BAD, 400),
    Row("one-bit-changed", "order", _nonce(_flip), _ISSUED, _BAD, 400),
    Row(
        "first-character-changed", "order", _nonce(lambda n: ("A" if n[0] != "A" else "B") + n[1:]), _ISSUED, _BAD, 400
    ),
    Row("truncated", "order", _nonce(lambda n: n[:-4]), _ISSUED, _EITHER, 400),
    Row("extended", "order", _nonce(lambda n: n + "AAAA"), _ISSUED, _EITHER, 400),
    Row("twice-in-one", "order", _nonce(lambda n: n + n), _ISSUED, _EITHER, 400),
    Row("in-other-case", "order", _nonce(str.swapcase), _ISSUED, _EITHER, 400),
    Row("empty", "order", _nonce(lambda _: ""), _STATUS, _EITHER, 400),
    Row("number", "order", _nonce(lambda _: 7), _ENCODED, _EITHER),
    Row("null", "order", lambda r, _: replace(r, header=r.header | {"nonce": None}), _ENCODED, _EITHER),
    Row("array", "order", _nonce(lambda n: [n]), _ENCODED, _EITHER),
    Row("with-padding", "order", _nonce(lambda n: n + "="), _ENCODED, _EITHER),
    Row("not-base64url", "order", _nonce(lambda _: "*** not base64url ***"), _ENCODED, _EITHER),
    Row("with-a-line-feed", "order", _nonce(lambda n: n + "\n"), _ENCODED, _EITHER),
    Row("beyond-ascii", "order", _nonce(lambda n: n + "é"), _ENCODED, _EITHER),
    Row(
        "64-KiB",
        "order",
        _nonce(lambda _: "A" * 65_536),
        robust("RFC 8555 6.5", "Implementations may … limit the size of texts that they accept (RFC 8259 section 9)"),
    ),
    Row("replayed", "order", _used, _ONCE, _BAD, 400),
    Row("replayed-after-a-refusal", "order", _used_in_vain, _ONCE, _BAD, 400),
    Row("replayed-after-a-bad-signature", "order", _used_badly, _ONCE, _BAD, 400),
    Row("replayed-by-another-account", "order", _used_by_another, _ONCE, _BAD, 400),
    Row("replayed-in-another-spelling", "order", _respelled, _ONCE, _EITHER, 400),
    Row("replayed-at-new-account", "lookup", _used, _ONCE, _BAD, 400),
)


@pytest.fixture
def stage(server: Server, account: Account, other: Account) -> Stage:
    return Stage(server, account, other)


@table(*_ROWS)
def test_nonce_is_refused(row: Row, stage: Stage) -> None:
    judge(row, stage)


@about(_ONCE)
def test_whole_request_is_not_replayed(stage: Stage) -> None:
    request = stage.order()
    ok(stage.server.send(request), 201)
    refused(stage.server.send(request), "badNonce", status=400)


@about(_FRESH)
def test_refusal_has_a_nonce_for_the_retry(stage: Stage) -> None:
    request = stage.order().but(nonce=b64(b"never issued by anybody"))
    answer = refused(stage.server.send(request), "badNonce")
    ok(stage.server.send(request.but(nonce=answer.header("Replay-Nonce"))), 201)


@about(_ONCE)
def test_nonce_is_good_for_one_of_several_at_once(stage: Stage) -> None:
    nonce = stage.server.fresh_nonce()
    requests = [stage.order().but(nonce=nonce) for _ in range(8)]
    answers = at_once(stage.server, requests)
    assert statuses(answers) == [201] + [400] * 7


@about(should("RFC 8555 7.2", "and SHOULD have status code 200 (OK)."))
def test_head_is_answered_200(server: Server) -> None:
    ok(server.wire.send("HEAD", server.resource("newNonce")))


@about(
    must(
        "RFC 8555 7.2", "The server MUST also respond to GET requests for this resource, returning an empty body … 204"
    )
)
def test_get_is_answered_204(server: Server) -> None:
    answer = ok(server.wire.send("GET", server.resource("newNonce")), 204)
    assert (answer.body, bool(answer.header("Replay-Nonce"))) == (b"", True)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@about(_NO_STORE)
def test_nonce_is_not_cached(server: Server, method: str) -> None:
    assert "no-store" in server.wire.send(method, server.resource("newNonce")).header("Cache-Control")


@about(
    must(
        "RFC 8555 6.5", "The value of the Replay-Nonce field MUST be an octet string encoded according to the base64url"
    )
)
def test_nonce_is_base64url(server: Server) -> None:
    nonce = server.fresh_nonce()
    assert nonce
    assert set(nonce) <= set(_ALPHABET)


@about(must("RFC 8555 6.5", "The server MUST generate the value … in such a way that they are unique to each message"))
def test_nonces_differ(server: Server) -> None:
    assert len({server.fresh_nonce() for _ in range(50)}) == 50


@about(must("RFC 8555 6.5", "MUST include a Replay-Nonce header field in every successful response to a POST request"))
@pytest.mark.parametrize("kind", ["account", "order", "new-order", "authorization"])
def test_success_has_a_nonce(account: Account, kind: str) -> None:
    order = account.order()
    urls = {"account": account.url, "order": order.url, "authorization": order.body["authorizations"][0]}
    answer = account.fetch(urls[kind]) if kind in urls else order.created
    assert answer.header("Replay-Nonce")


@about(should("RFC 8555 6.5", "and SHOULD provide it in error responses as well."))
@pytest.mark.parametrize("kind", ["malformed", "bad-signature", "unknown"])
def test_refusal_has_a_nonce(stage: Stage, kind: str) -> None:
    answers = {
        "malformed": lambda: stage.account.post(stage.server.resource("newOrder"), {"identifiers": []}),
        "bad-signature": lambda: stage.server.send(replace(stage.order(), sign=lambda _: bytes(64))),
        "unknown": lambda: stage.account.fetch(stage.account.order().url + "x"),
    }
    assert refused(answers[kind]()).header("Replay-Nonce")
