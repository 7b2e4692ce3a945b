"""What time does, where the server lets the suite move its clock."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, ok, refused
from tests.acme_conformance.rfc import about, must, should
from tests.acme_conformance.steps import make_ready, provision

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme_conformance.acme import Server
    from tests.acme_conformance.responder import Responder

_EXPIRED = should(
    "RFC 8555 7.4",
    'If the client fails to complete the required actions before the "expires" time, then the server SHOULD change the status of the order to "invalid"',
)
_AUTHORIZATION = must(
    "RFC 8555 7.1", "expires: The timestamp after which the server will consider this authorization invalid"
)


@pytest.fixture
def advance(server: Server) -> Callable[[str], None]:
    """Move the server's clock forward by a time such as 4d."""
    if server.clock is None:
        pytest.skip("needs --acme-clock")
    clock = server.clock

    def by(time: str) -> None:
        answer = server.wire.send(
            "POST", clock, json.dumps({"advance": time}).encode(), {"Content-Type": "application/json"}
        )
        assert answer.status == 200, answer

    return by


def _after(expires: str, created: str) -> str:
    """Return the seconds until a time has passed, as the clock takes them."""
    return f"{int((datetime.fromisoformat(expires) - datetime.fromisoformat(created)).total_seconds()) + 60}s"


def _now(server: Server) -> str:
    assert server.clock is not None
    found: dict[str, Any] = ok(server.wire.send("GET", server.clock)).json
    return str(next(value for value in found.values() if isinstance(value, str)))


def _gone_or_invalid(account: Account, url: str) -> None:
    """Assert that an object is no longer pending; the server MAY delete it."""
    answer = account.fetch(url)
    if answer.status == 200:
        assert answer.json["status"] in {"invalid", "expired"}
    else:
        refused(answer)


@about(_EXPIRED)
def test_order_expires(own: Account, server: Server, advance: Callable[[str], None]) -> None:
    order = own.order()
    advance(_after(order.body["expires"], _now(server)))
    _gone_or_invalid(own, order.url)
    refused(own.post(order.finalize_url, {"csr": "AAAA"}))


@about(_AUTHORIZATION)
def test_authorization_expires(
    own: Account, server: Server, responder: Responder, advance: Callable[[str], None]
) -> None:
    url, found = own.order().authorization()
    advance(_after(found["expires"], _now(server)))
    _gone_or_invalid(own, url)
    own.post(provision(responder, own, found, "http-01")["url"], {})
    _gone_or_invalid(own, url)


@about(_EXPIRED)
def test_ready_order_expires(
    own: Account, server: Server, responder: Responder, advance: Callable[[str], None]
) -> None:
    order = make_ready(responder, own.order())
    advance(_after(order.body["expires"], _now(server)))
    _gone_or_invalid(own, order.url)


@about(
    must(
        "RFC 8555 6.5",
        "An error response with the badNonce error type MUST include a Replay-Nonce header with a fresh nonce",
    )
)
def test_old_nonce_is_good_or_refused_by_name(own: Account, server: Server, advance: Callable[[str], None]) -> None:
    request = own.request(own.url, None)
    advance("2d")
    answer = server.send(request)
    if answer.status != 200:
        nonce = refused(answer, "badNonce", status=400).header("Replay-Nonce")
        ok(server.send(request.but(nonce=nonce)))


@about(
    must(
        "RFC 8555 7.3",
        "The account URL is used as the kid value in the JWS authenticating subsequent requests by this account",
    )
)
def test_account_outlives_years(own: Account, advance: Callable[[str], None]) -> None:
    advance("52w")
    assert ok(own.fetch(own.url)).json["status"] == "valid"
