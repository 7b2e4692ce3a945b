"""RFC 8555 sections 6.1 and 7.1: the directory, links and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.acme_conformance.acme import ok, refused, registered
from tests.acme_conformance.jose import generate
from tests.acme_conformance.rfc import about, must, optional, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Account, Server

_META = must("RFC 8555 7.1", "The following metadata items are defined, all of which are OPTIONAL.")
_INDEX = must(
    "RFC 8555 7.1",
    'The "index" link relation is present on all resources other than the directory and indicates the URL of the '
    "directory.",
)


@about(must("RFC 8555 6.3", "The server MUST allow GET requests for the directory and newNonce resources."))
def test_directory_is_read_by_get(server: Server) -> None:
    answer = ok(server.wire.send("GET", server.address))
    assert answer.media_type == "application/json"
    assert isinstance(answer.json, dict)


@about(must("RFC 8555 6.3", "in addition to POST-as-GET requests for these resources."))
def test_directory_is_read_by_post_as_get(account: Account, server: Server) -> None:
    assert ok(account.fetch(server.address)).json["newNonce"] == server.directory["newNonce"]


@about(must("RFC 8555 6.3", "in addition to POST-as-GET requests for these resources."))
def test_nonce_is_read_by_post_as_get(account: Account, server: Server) -> None:
    answer = account.fetch(server.resource("newNonce"))
    assert answer.status in {200, 204}, answer
    assert answer.header("Replay-Nonce")


@pytest.mark.parametrize("name", ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"])
@about(must("RFC 8555 7.1", "ACME servers provide a directory object … whose values are the corresponding URLs."))
def test_directory_has_a_url(server: Server, name: str) -> None:
    assert urlsplit(server.directory[name]).netloc


@about(must("RFC 8555 6.1", "Use of HTTPS is REQUIRED."))
def test_every_url_is_https(server: Server) -> None:
    urls = [value for name, value in server.directory.items() if name != "meta" and isinstance(value, str)]
    assert {urlsplit(url).scheme for url in urls} == {"https"}


@about(
    optional("RFC 8555 6.1", 'Such servers SHOULD set the Access-Control-Allow-Origin header field to the value "*".')
)
def test_pages_of_other_origins_may_read(server: Server) -> None:
    answer = server.wire.send("GET", server.address, headers={"Origin": "https://client.example"})
    assert answer.header("Access-Control-Allow-Origin") == "*"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("termsOfService", str),
        ("website", str),
        ("caaIdentities", list),
        ("externalAccountRequired", bool),
        ("profiles", dict),
    ],
)
@about(_META)
def test_metadata_has_its_type(server: Server, name: str, kind: type) -> None:
    if name not in server.meta:
        pytest.skip(f"meta has no {name}")
    assert isinstance(server.meta[name], kind)


@about(must("RFC 8555 6.7", 'MUST return an error with status code 405 (Method Not Allowed) and type "malformed".'))
@pytest.mark.parametrize("name", ["newAccount", "newOrder", "revokeCert", "keyChange"])
def test_resource_refuses_get(server: Server, name: str) -> None:
    refused(server.wire.send("GET", server.resource(name)), "malformed", status=405)


@pytest.mark.parametrize("kind", ["account", "order", "authorization", "challenge", "finalize"])
@about(must("RFC 8555 6.3", 'MUST return an error with status code 405 (Method Not Allowed) and type "malformed".'))
def test_object_refuses_get(account: Account, kind: str) -> None:
    order = account.order()
    url, found = order.authorizations()[0]
    urls = {"account": account.url, "order": order.url, "authorization": url}
    urls |= {"challenge": found["challenges"][0]["url"], "finalize": order.finalize_url}
    refused(account.server.wire.send("GET", urls[kind]), "malformed", status=405)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@about(optional("RFC 8555 6.7", "then the server MAY return status code 405 (Method Not Allowed)."))
def test_other_methods_are_refused(account: Account, method: str) -> None:
    refused(account.server.wire.send(method, account.url))


@pytest.mark.parametrize("kind", ["nonce", "account", "order", "authorization", "challenge", "error"])
@about(_INDEX)
def test_answer_links_to_the_directory(account: Account, server: Server, kind: str) -> None:
    order = account.order()
    url, found = order.authorizations()[0]
    answers = {
        "nonce": lambda: server.wire.send("HEAD", server.resource("newNonce")),
        "account": lambda: account.fetch(account.url),
        "order": lambda: account.fetch(order.url),
        "authorization": lambda: account.fetch(url),
        "challenge": lambda: account.fetch(found["challenges"][0]["url"]),
        "error": lambda: account.post(server.resource("newOrder"), {"identifiers": []}),
    }
    assert server.address in answers[kind]().links("index")


@about(should("RFC 8555 6.7", "it SHOULD provide additional information using a problem document."))
def test_unknown_order_is_a_problem(account: Account) -> None:
    order = account.order()
    answer = refused(account.fetch(f"{order.url}x"))
    assert answer.media_type == "application/problem+json"


@pytest.mark.parametrize("kind", ["identifier", "terms", "binding", "nonce", "algorithm", "contact", "revocation"])
@about(must("RFC 8555 6.7", "Servers MUST NOT use the ACME URN namespace for errors not listed in the … registry"))
def test_error_type_is_registered(account: Account, server: Server, kind: str) -> None:
    new_order, key = server.resource("newOrder"), generate()
    url, stub = server.resource("newAccount"), server.stub(key)
    if kind == "terms" and "termsOfServiceAgreed" not in stub:
        pytest.skip("the server has no terms of service")
    if kind == "binding" and not server.meta.get("externalAccountRequired"):
        pytest.skip("the server requires no external account")
    answers = {
        "identifier": lambda: account.ask(identifiers=[{"type": "unheard-of", "value": "x"}]),
        "terms": lambda: server.post(url, key, stub | {"termsOfServiceAgreed": False}),
        "binding": lambda: server.post(url, key, stub | {"externalAccountBinding": None}),
        "nonce": lambda: server.send(account.request(new_order, {}).but(nonce="AAAA")),
        "algorithm": lambda: server.send(account.request(new_order, {}).but(alg="XS256")),
        "contact": lambda: server.post(url, key, stub | {"contact": ["unheard-of:x"]}),
        "revocation": lambda: account.post(server.resource("revokeCert"), {"certificate": "AAAA"}),
    }
    answer = answers[kind]()
    if answer.status < 300:
        pytest.skip("the server accepts it")
    registered(answer)
