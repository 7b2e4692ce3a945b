"""RFC 8555 sections 7.3, 7.3.1 to 7.3.3 and 7.3.6: accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, at_once, ok, refused, statuses
from tests.acme_conformance.jose import generate
from tests.acme_conformance.rfc import about, must, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Server

_CREATED = must(
    "RFC 8555 7.3",
    "The server returns this account object in a 201 (Created) response, with the account URL in a Location header field.",
)
_FOUND = must(
    "RFC 8555 7.3",
    "then it MUST return a response with status code 200 (OK) and provide the URL of that account in the Location header field.",
)
_NOBODY = must(
    "RFC 8555 7.3",
    'MUST return an error response with status code 400 (Bad Request) and type "urn:ietf:params:acme:error:accountDoesNotExist".',
)
_IGNORE = must(
    "RFC 8555 7.3",
    'The server MUST ignore any values provided in the "orders" fields in account bodies sent by the client, as well as any other fields that it does not recognize.',
)
_REFLECT = must(
    "RFC 8555 7.3", "In particular, it MUST NOT reflect unrecognized fields in the resulting account object."
)
_STATUS = must(
    "RFC 8555 7.3",
    'The server MUST ignore any updates to the "orders" field, "termsOfServiceAgreed" field …, the "status" field',
)
_UPDATED = must(
    "RFC 8555 7.3",
    "If the server accepts the update, it MUST return a response with a 200 (OK) status code and the resulting account object.",
)
_MAILTO = should(
    "RFC 8555 7.3",
    'If a server encounters a "mailto" contact URL that does not meet these criteria, then it SHOULD reject it as invalid.',
)
_SCHEME = must(
    "RFC 8555 7.3",
    'If the server rejects a contact URL for using an unsupported scheme, it MUST return an error of type "unsupportedContact"',
)
_INVALID = must("RFC 8555 7.3", 'then the server MUST return an error of type "invalidContact".')
_TERMS = must(
    "RFC 8555 7.3",
    'the server MUST reject new-account requests that do not have the "termsOfServiceAgreed" field set to "true".',
)
_GONE = must(
    "RFC 8555 7.3.6",
    'it MUST return an error response with status code 401 (Unauthorized) and type "urn:ietf:params:acme:error:unauthorized".',
)
_ORDERS = must(
    "RFC 8555 7.1", 'The result of the request MUST be a JSON object whose "orders" field is an array of URLs'
)


@about(_CREATED)
def test_account_is_created(server: Server) -> None:
    made = server.register()
    assert made.url.startswith("https://")
    assert made.created.json["status"] == "valid"


@about(
    must(
        "RFC 8555 7.1",
        "orders (required, string): A URL from which a list of orders submitted by this account can be fetched",
    )
)
def test_account_has_its_orders_url(account: Account) -> None:
    assert account.created.json["orders"].startswith("https://")


@about(_CREATED)
def test_contact_is_kept(server: Server) -> None:
    contact = [f"mailto:admin@{server.base}"]
    made = server.register(contact=contact)
    assert ok(made.fetch(made.url)).json["contact"] == contact


@about(must("RFC 8555 6.3", "the server MUST treat this request as having the same semantics as a GET request"))
def test_account_is_read_by_post_as_get(account: Account) -> None:
    assert ok(account.fetch(account.url)).json["status"] == "valid"


@about(_FOUND)
def test_same_key_is_the_same_account(account: Account, server: Server) -> None:
    answer = ok(server.post(server.resource("newAccount"), account.key, server.stub(account.key)))
    assert answer.header("Location") == account.url


@about(
    must(
        "RFC 8555 7.3",
        "The body of this response represents the account object as it existed on the server before this request; any fields in the request object MUST be ignored.",
    )
)
def test_finding_an_account_changes_nothing(server: Server) -> None:
    made = server.register(contact=[f"mailto:first@{server.base}"])
    more = server.stub(made.key, contact=[f"mailto:second@{server.base}"])
    answer = ok(server.post(server.resource("newAccount"), made.key, more))
    assert answer.json["contact"] == [f"mailto:first@{server.base}"]


@about(_FOUND)
def test_account_is_found_by_its_key(account: Account, server: Server) -> None:
    answer = ok(server.post(server.resource("newAccount"), account.key, {"onlyReturnExisting": True}))
    assert answer.header("Location") == account.url


@about(_NOBODY)
def test_unknown_key_has_no_account(server: Server) -> None:
    answer = server.post(server.resource("newAccount"), generate(), {"onlyReturnExisting": True})
    refused(answer, "accountDoesNotExist", status=400)


@about(_NOBODY)
def test_search_creates_no_account(server: Server) -> None:
    key = generate()
    for _ in range(2):
        stub = server.stub(key, onlyReturnExisting=True)
        refused(server.post(server.resource("newAccount"), key, stub), "accountDoesNotExist", status=400)


@about(_IGNORE)
@pytest.mark.parametrize(
    "more",
    [{"orders": "https://other.example/orders"}, {"status": "deactivated"}, {"unheard-of": [1, {"a": None}]}],
    ids=["orders", "status", "unknown"],
)
def test_new_account_ignores(server: Server, more: dict[str, Any]) -> None:
    made = server.register(**more)
    assert made.created.json["status"] == "valid"
    assert made.created.json["orders"] != "https://other.example/orders"


@about(_REFLECT)
def test_unknown_field_is_not_reflected(server: Server) -> None:
    more: dict[str, Any] = {"unheard-of": 1}
    made = server.register(**more)
    assert "unheard-of" not in made.created.json
    assert "unheard-of" not in ok(made.post(made.url, {"contact": [], "unheard-of": 2})).json


@about(_UPDATED)
def test_contact_is_updated(own: Account) -> None:
    contact = [f"mailto:new@{own.server.base}"]
    assert ok(own.post(own.url, {"contact": contact})).json["contact"] == contact
    assert ok(own.fetch(own.url)).json["contact"] == contact


@about(_STATUS)
@pytest.mark.parametrize(
    "more",
    [{"orders": "https://other.example/orders"}, {"termsOfServiceAgreed": False}, {"unheard-of": 1}, {"key": {}}],
    ids=["orders", "terms", "unknown", "key"],
)
def test_update_ignores(own: Account, more: dict[str, Any]) -> None:
    before, contact = ok(own.fetch(own.url)).json, [f"mailto:new@{own.server.base}"]
    ok(own.post(own.url, more | {"contact": contact}))
    after = ok(own.fetch(own.url)).json
    assert after["contact"] == contact
    for name in ("status", *more):
        assert after.get(name) == before.get(name)


@about(_STATUS)
@pytest.mark.parametrize("status", ["revoked", "valid", "unheard-of", 1])
def test_status_is_not_updated(own: Account, status: Any) -> None:
    """The server may refuse, or ignore the field."""
    answer = own.post(own.url, {"status": status})
    assert answer.status == 200 or 400 <= answer.status < 500, answer
    assert ok(own.fetch(own.url)).json["status"] == "valid"


@about(_MAILTO)
@pytest.mark.parametrize(
    "contact",
    [
        "mailto:a@example.test?subject=x",
        "mailto:a@example.test,b@example.test",
        "mailto:",
        "mailto:nobody",
        "mailto:a@",
        "mailto:a@example.test\r\nBcc: b@example.test",
    ],
    ids=["hfields", "two", "empty", "no-domain", "no-host", "line-feed"],
)
def test_bad_mailto_is_invalid(server: Server, contact: str) -> None:
    key = generate()
    stub = server.stub(key, contact=[contact])
    refused(server.post(server.resource("newAccount"), key, stub), "invalidContact")


@about(_SCHEME)
@pytest.mark.parametrize("contact", ["tel:+1-201-555-0123", "ftp://example.test/", "javascript:alert(1)"])
def test_other_scheme_is_accepted_or_unsupported(server: Server, contact: str) -> None:
    key = generate()
    answer = server.post(server.resource("newAccount"), key, server.stub(key, contact=[contact]))
    if answer.status != 201:
        refused(answer, "unsupportedContact", "invalidContact")


@about(_INVALID)
@pytest.mark.parametrize(
    "contact",
    ["mailto:a@example.test", [1], [None], {"mailto": "a"}, [["mailto:a@example.test"]]],
    ids=["text", "number", "null", "object", "nested"],
)
def test_contact_of_another_type_is_refused(server: Server, contact: Any) -> None:
    key = generate()
    answer = server.post(server.resource("newAccount"), key, server.stub(key, contact=contact))
    refused(answer, "invalidContact", "malformed", "unsupportedContact")


@about(_TERMS)
@pytest.mark.parametrize("agreed", [None, False, "true", 1], ids=["absent", "false", "text", "number"])
def test_terms_have_to_be_agreed_to(server: Server, agreed: Any) -> None:
    if "termsOfService" not in server.meta:
        pytest.skip("the server has no terms of service")
    key = generate()
    stub = server.stub(key)
    del stub["termsOfServiceAgreed"]
    more = {} if agreed is None else {"termsOfServiceAgreed": agreed}
    refused(server.post(server.resource("newAccount"), key, stub | more))


@about(
    must(
        "RFC 8555 7.3.6",
        "If the server accepts the deactivation request, it replies with a 200 (OK) status code and the current contents of the account object.",
    )
)
def test_account_is_deactivated(own: Account) -> None:
    assert ok(own.post(own.url, {"status": "deactivated"})).json["status"] == "deactivated"


@about(_GONE)
@pytest.mark.parametrize(
    "what", ["account", "new-order", "order", "authorization", "finalize", "key-change", "reactivation"]
)
def test_deactivated_account_is_unauthorized(own: Account, what: str) -> None:
    order = own.order()
    urls = {"account": own.url, "order": order.url, "authorization": order.body["authorizations"][0]}
    ok(own.post(own.url, {"status": "deactivated"}))
    payloads: dict[str, tuple[str, Any]] = {
        "new-order": (own.server.resource("newOrder"), {"identifiers": [{"type": "dns", "value": own.server.name()}]}),
        "finalize": (order.finalize_url, {"csr": "AAAA"}),
        "key-change": (own.server.resource("keyChange"), {}),
        "reactivation": (own.url, {"status": "valid"}),
    }
    url, payload = payloads.get(what, (urls.get(what, ""), None))
    refused(own.post(url, payload), "unauthorized", status=401)


@about(
    must(
        "RFC 8555 7.3.6",
        "Once an account is deactivated, the server MUST NOT accept further requests authorized by that account's key.",
    )
)
def test_key_of_a_deactivated_account_makes_no_new_one(own: Account) -> None:
    ok(own.post(own.url, {"status": "deactivated"}))
    url = own.server.resource("newAccount")
    refused(own.server.post(url, own.key, own.server.stub(own.key)))


@about(must("RFC 8555 7.3.6", "The server MUST verify that the request is signed by the account key."))
def test_account_of_another_is_not_deactivated(own: Account, server: Server) -> None:
    refused(server.register().post(own.url, {"status": "deactivated"}))
    assert ok(own.fetch(own.url)).json["status"] == "valid"


@about(must("RFC 8555 6.3", "the server MUST authenticate the sender and verify any access control rules."))
def test_account_of_another_is_not_read(account: Account, other: Account) -> None:
    refused(other.fetch(account.url))


@about(_ORDERS)
def test_orders_are_listed(own: Account) -> None:
    orders = {own.order().url for _ in range(4)}
    listed, url = set[str](), own.created.json["orders"]
    for _ in range(10):
        answer = ok(own.fetch(url))
        listed |= set(answer.json["orders"])
        if not (following := answer.links("next")):
            break
        url = following[0]
    assert orders <= listed


@about(must("RFC 8555 6.3", "the server MUST authenticate the sender and verify any access control rules."))
def test_orders_of_another_are_not_listed(own: Account, other: Account) -> None:
    refused(other.fetch(own.created.json["orders"]))


@about(must("RFC 8555 11.1", "the server MUST not allow account key pair reuse across multiple accounts."))
def test_accounts_of_one_key_at_once_are_one(server: Server) -> None:
    key, url = generate(), server.resource("newAccount")
    requests = [server.request(url, key, server.stub(key)) for _ in range(6)]
    answers = at_once(server, requests)
    assert set(statuses(answers)) <= {200, 201, 409}, answers
    assert statuses(answers).count(201) == 1
    assert len({each.header("Location") for each in answers if each.status < 300}) == 1
