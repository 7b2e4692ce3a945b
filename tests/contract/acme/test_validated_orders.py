"""Orders whose names are validated by challenges, with real servers on this machine."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import jws
from tests.support.acme_calls import AcmeClient, b64, jwk, made_binding, made_directory
from tests.support.authority_steps import active_root
from tests.support.challenge_responder import ChallengeResponder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime
    from tests.support.acme_calls import Got


@pytest.fixture
def responder() -> Iterator[ChallengeResponder]:
    with ChallengeResponder() as responder:
        yield responder


@pytest.fixture
def client(rt: Runtime, acm_pca: Any, responder: ChallengeResponder) -> AcmeClient:
    """A client with an account bound to names below example.test and to loopback addresses."""
    settings = replace(
        rt.settings,
        acme_http_port=str(responder.http_port),
        acme_tls_port=str(responder.tls_port),
        acme_resolver=responder.resolver,
    )
    rt = replace(rt, settings=settings)
    directory = made_directory(rt, rt.settings.account_id, active_root(acm_pca))
    client = AcmeClient(rt, directory.name)
    assert client.register(made_binding(rt, directory, "*.example.test", "127.0.0.0/8")).status == 201
    return client


def authorization(client: AcmeClient, order: Got, number: int = 0) -> Got:
    return client.post(order.body["authorizations"][number])


def challenge(found: Got, kind: str) -> dict[str, Any]:
    return next(each for each in found.body["challenges"] if each["type"] == kind)


def prepare(client: AcmeClient, responder: ChallengeResponder, found: Got, kind: str) -> dict[str, Any]:
    """Set what the challenge wants, and return the challenge."""
    wanted = challenge(found, kind)
    name, proof = found.body["identifier"]["value"], f"{wanted['token']}.{jws.thumbprint(jwk(client.key))}"
    if kind == "http-01":
        responder.set_http(wanted["token"], proof)
    elif kind == "dns-01":
        responder.set_txt(f"_acme-challenge.{name}", b64(hashlib.sha256(proof.encode()).digest()))
    else:
        responder.set_tls(name, proof)
    return wanted


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.example.test", "http-01"),
        ("a.example.test", "dns-01"),
        ("a.example.test", "tls-alpn-01"),
        ("*.a.example.test", "dns-01"),
        ("127.0.0.1", "http-01"),
        ("127.0.0.1", "tls-alpn-01"),
    ],
)
def test_each_challenge_leads_to_a_certificate(
    client: AcmeClient, responder: ChallengeResponder, name: str, kind: str
) -> None:
    order = client.order(name)
    assert (order.status, order.body["status"]) == (201, "pending"), order.body
    wanted = prepare(client, responder, authorization(client, order), kind)
    answered = client.post(wanted["url"], {})
    assert (answered.status, answered.body["status"]) == (200, "valid"), answered.body
    assert authorization(client, order).body["status"] == "valid"
    assert client.post(order.headers["Location"]).body["status"] == "ready"
    assert client.finalize(order).body["status"] == "valid"


def test_failed_challenge_says_what_was_seen_and_ends_the_order(client: AcmeClient) -> None:
    order = client.order("a.example.test", "b.example.test")
    found = authorization(client, order)
    answered = client.post(challenge(found, "http-01")["url"], {})
    assert (answered.status, answered.body["status"]) == (200, "invalid")
    assert "404" in answered.body["error"]["detail"]
    assert authorization(client, order).body["status"] == "invalid"
    ended = client.post(order.headers["Location"]).body
    assert ended["status"] == "invalid"
    assert ended["error"]["subproblems"][0]["identifier"] == {"type": "dns", "value": "a.example.test"}
    refused = client.finalize(order)
    assert (refused.status, refused.kind) == (403, "orderNotReady")


def test_valid_authorization_serves_the_next_order(client: AcmeClient, responder: ChallengeResponder) -> None:
    first = client.order("a.example.test")
    client.post(prepare(client, responder, authorization(client, first), "http-01")["url"], {})
    again = client.order("a.example.test")
    assert again.body["status"] == "ready"
    assert again.body["authorizations"] == first.body["authorizations"]


def test_deactivated_authorization_is_used_no_more(client: AcmeClient, responder: ChallengeResponder) -> None:
    first = client.order("a.example.test")
    client.post(prepare(client, responder, authorization(client, first), "http-01")["url"], {})
    assert client.post(first.body["authorizations"][0], {"status": "deactivated"}).body["status"] == "deactivated"
    assert client.post(first.headers["Location"]).body["status"] == "invalid"
    assert client.order("a.example.test").body["status"] == "pending"


def test_name_that_keeps_failing_is_refused_for_an_hour(rt: Runtime, client: AcmeClient) -> None:
    client.rt = replace(client.rt, settings=replace(client.rt.settings, acme_failed_validations="2"))
    for _ in range(2):
        found = authorization(client, client.order("a.example.test"))
        assert client.post(challenge(found, "http-01")["url"], {}).body["status"] == "invalid"
    found = authorization(client, client.order("a.example.test"))
    refused = client.post(challenge(found, "http-01")["url"], {})
    assert (refused.status, refused.kind, refused.headers["Retry-After"]) == (429, "rateLimited", "600")
    other = authorization(client, client.order("b.example.test"))
    assert client.post(challenge(other, "http-01")["url"], {}).body["status"] == "invalid"
