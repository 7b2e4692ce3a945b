"""RFC 8555 sections 7.1.3, 7.1.4 and 7.4: orders, their identifiers and authorizations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, ok, refused
from tests.acme_conformance.jose import unb64
from tests.acme_conformance.rfc import about, must, optional, should

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Server

_CREATED = must(
    "RFC 8555 7.4",
    "If the server is willing to issue the requested certificate, it responds with a 201 (Created) response.",
)
_ERROR = must(
    "RFC 8555 7.4",
    "The server MUST return an error if it cannot fulfill the request as specified, and it MUST NOT issue a certificate with contents other than those requested.",
)
_WILDCARD = must(
    "RFC 8555 7.1",
    'A wildcard domain name consists of a single asterisk character followed by a single full stop character ("*.") followed by a domain name',
)
_DOMAIN = must("RFC 8555 7.1", "The domain name MUST be encoded in the form in which it would appear in a certificate.")
_PUNYCODE = must(
    "RFC 8555 7.1",
    'Servers MUST verify any identifier values that begin with the ASCII-Compatible Encoding prefix "xn--" … are properly encoded.',
)
_EXPIRES = must("RFC 8555 7.1", 'This field is REQUIRED for objects with "pending" or "valid" in the status field.')
_TOKEN = must(
    "RFC 8555 8",
    "A random value that uniquely identifies the challenge. This value MUST have at least 128 bits of entropy.",
)
_ACCESS = must("RFC 8555 6.3", "the server MUST authenticate the sender and verify any access control rules.")
_SUB = must("RFC 8555 6.7", 'The "identifier" field MUST NOT be present at the top level in ACME problem documents.')


@about(_CREATED)
def test_order_is_created(account: Account) -> None:
    order = account.order()
    assert order.url.startswith("https://")
    assert order.body["status"] == "pending"
    assert order.finalize_url.startswith("https://")


@about(must("RFC 8555 7.4", "The body of this response is an order object reflecting the client's request"))
def test_order_has_the_identifiers(account: Account, server: Server) -> None:
    names = {server.name(), server.name(), f"*.{server.name()}"}
    order = account.order(*names)
    assert {each["value"] for each in order.body["identifiers"]} == names
    assert {each["type"] for each in order.body["identifiers"]} == {"dns"}


@about(_EXPIRES)
def test_pending_order_says_when_it_expires(account: Account) -> None:
    assert datetime.fromisoformat(account.order().body["expires"]) > datetime.now(UTC) - timedelta(days=1)


@about(must("RFC 8555 7.1", "encoded in the format specified in [RFC3339]"))
def test_times_have_a_zone(account: Account) -> None:
    assert datetime.fromisoformat(account.order().body["expires"]).tzinfo is not None


@about(must("RFC 8555 6.3", "the server MUST treat this request as having the same semantics as a GET request"))
def test_order_is_read_again(account: Account) -> None:
    order = account.order()
    assert order.now() == order.body


@about(
    must(
        "RFC 8555 7.1",
        "authorizations (required, array of string): … the authorizations that the client needs to complete",
    )
)
def test_each_identifier_has_an_authorization(account: Account, server: Server) -> None:
    names = {server.name(), server.name()}
    found = account.order(*names).authorizations()
    assert {each["identifier"]["value"] for _, each in found} == names


@about(
    must(
        "RFC 8555 7.1",
        'An authorization returned by the server for a wildcard domain name identifier MUST NOT include the asterisk and full stop ("*.") prefix',
    )
)
def test_authorization_of_a_wildcard_has_the_base_name(account: Account, server: Server) -> None:
    name = server.name()
    ((_, found),) = account.order(f"*.{name}").authorizations()
    assert found["identifier"] == {"type": "dns", "value": name}


@about(
    must("RFC 8555 7.1", 'The returned authorization MUST include the optional "wildcard" field, with a value of true.')
)
def test_authorization_of_a_wildcard_says_so(account: Account, server: Server) -> None:
    ((_, found),) = account.order(f"*.{server.name()}").authorizations()
    assert found["wildcard"] is True


@about(must("RFC 8555 7.1", "For other authorizations, the field MUST be absent."))
def test_other_authorization_has_no_wildcard_field(account: Account) -> None:
    assert "wildcard" not in account.order().authorization()[1]


@about(
    optional(
        "RFC 8555 8",
        "The choice of which challenges to offer to a client under which circumstances is a matter of server policy.",
    )
)
def test_wildcard_is_proved_by_dns_alone(account: Account, server: Server) -> None:
    ((_, found),) = account.order(f"*.{server.name()}").authorizations()
    assert {each["type"] for each in found["challenges"]} <= {"dns-01", "dns-account-01"}


@about(
    must(
        "RFC 8555 7.1",
        "challenges (required, array of objects): For pending authorizations, the challenges that the client can fulfill",
    )
)
def test_challenges_have_the_basic_fields(account: Account) -> None:
    found = account.order().authorization()[1]
    assert found["challenges"]
    for each in found["challenges"]:
        assert each["url"].startswith("https://")
        assert (each["status"], bool(each["type"]), bool(each["token"])) == ("pending", True, True)


@about(_TOKEN)
def test_tokens_are_long_enough(account: Account) -> None:
    tokens = [each["token"] for _ in range(3) for each in account.order().authorization()[1]["challenges"]]
    assert all(len(unb64(token)) >= 16 for token in tokens)


@about(
    must(
        "RFC 8555 8",
        'It MUST NOT contain any characters outside the base64url alphabet and MUST NOT include base64 padding characters ("=").',
    )
)
def test_tokens_are_base64url(account: Account) -> None:
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert all(set(each["token"]) <= alphabet for each in account.order().authorization()[1]["challenges"])


@about(_TOKEN)
def test_tokens_of_orders_differ(account: Account) -> None:
    orders = [{each["token"] for each in account.order().authorization()[1]["challenges"]} for _ in range(4)]
    assert all(one.isdisjoint(two) for place, one in enumerate(orders) for two in orders[:place])


_LABEL = "a" * 64
_NAMES: dict[str, tuple[str, Any]] = {
    "empty": ("", _DOMAIN),
    "space": ("a b.{base}", _DOMAIN),
    "empty-label": ("a..{base}", _DOMAIN),
    "leading-dot": (".a.{base}", _DOMAIN),
    "trailing-dot": ("a.{base}.", _DOMAIN),
    "label-of-64": (_LABEL + ".{base}", _DOMAIN),
    "name-of-300": ("a." * 150 + "{base}", _DOMAIN),
    "leading-hyphen": ("-a.{base}", _DOMAIN),
    "trailing-hyphen": ("a-.{base}", _DOMAIN),
    "underscore": ("a_b.{base}", _DOMAIN),
    "slash": ("a/b.{base}", _DOMAIN),
    "url": ("https://a.{base}", _DOMAIN),
    "port": ("a.{base}:443", _DOMAIN),
    "at": ("a@a.{base}", _DOMAIN),
    "nul": ("a\0.{base}", _DOMAIN),
    "line-feed": ("a.{base}\n", _DOMAIN),
    "u-label": ("bücher.{base}", _DOMAIN),
    "full-width": ("\uff41.{base}", _DOMAIN),
    "percent": ("%61.{base}", _DOMAIN),
    "ipv4-as-dns": ("192.0.2.1", _DOMAIN),
    "ipv6-as-dns": ("2001:db8::1", _DOMAIN),
    "asterisk": ("*", _WILDCARD),
    "asterisk-dot": ("*.", _WILDCARD),
    "two-asterisks": ("*.*.{base}", _WILDCARD),
    "asterisk-inside": ("a.*.{base}", _WILDCARD),
    "asterisk-in-label": ("a*.{base}", _WILDCARD),
    "punycode-empty": ("xn--.{base}", _PUNYCODE),
    "punycode-broken": ("xn--0.{base}", _PUNYCODE),
    "punycode-of-ascii": ("xn--a-.{base}", _PUNYCODE),
    "punycode-not-nfc": ("xn--a-ccb.{base}", _PUNYCODE),
    "punycode-overflow": ("xn--99999999999999999.{base}", _PUNYCODE),
}


@pytest.mark.parametrize(
    "name", [pytest.param(text, id=key, marks=about(source)) for key, (text, source) in _NAMES.items()]
)
def test_bad_name_is_refused(account: Account, server: Server, name: str) -> None:
    refused(
        account.ask(name.replace("{base}", server.base)),
        "malformed",
        "rejectedIdentifier",
        "unsupportedIdentifier",
        "compound",
    )


@about(_DOMAIN)
def test_name_in_upper_case_is_refused_or_means_the_same(account: Account, server: Server) -> None:
    name = server.name()
    answer = account.ask(name.upper())
    if answer.status != 201:
        refused(answer, "malformed", "rejectedIdentifier")
    else:
        assert answer.json["identifiers"][0]["value"] == name


@about(must("RFC 8555 6.7", "unsupportedIdentifier: An identifier is of an unsupported type"))
@pytest.mark.parametrize("kind", ["unheard-of", "DNS", "email", ""])
def test_type_that_is_unsupported(account: Account, server: Server, kind: str) -> None:
    refused(account.ask(identifiers=[{"type": kind, "value": server.name()}]), "unsupportedIdentifier", "malformed")


@about(_ERROR)
@pytest.mark.parametrize(
    "identifiers", [[], None, "a", [None], [[]]], ids=["none", "null", "text", "of-null", "of-array"]
)
def test_order_needs_identifiers(account: Account, identifiers: Any) -> None:
    refused(account.ask(identifiers=identifiers))


@about(_SUB)
def test_problem_names_bad_identifiers_below_the_top(account: Account, server: Server) -> None:
    answer = refused(account.ask(server.name(), f"a..{server.base}", f"b..{server.base}"))
    assert "identifier" not in answer.json
    for each in answer.json.get("subproblems", []):
        assert {"type", "value"} <= each.get("identifier", {"type": 1, "value": 1}).keys()


@about(_ERROR)
def test_same_name_twice_is_refused_or_one(account: Account, server: Server) -> None:
    name = server.name()
    answer = account.ask(name, name)
    if answer.status != 201:
        refused(answer)
    else:
        assert [each["value"] for each in answer.json["identifiers"]] == [name]


_SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")


@about(_ERROR)
@pytest.mark.parametrize(
    "more",
    [
        {"notBefore": "yesterday"},
        {"notAfter": "2026-13-45T00:00:00Z"},
        {"notAfter": 1},
        {"notAfter": "2020-01-01T00:00:00Z"},
        {"notBefore": "2030-01-01T00:00:00Z", "notAfter": "2029-01-01T00:00:00Z"},
        {"notAfter": "9999-12-31T23:59:59Z"},
    ],
    ids=["text", "no-date", "number", "in-the-past", "reversed", "far-away"],
)
def test_validity_that_cannot_be_is_refused(account: Account, server: Server, more: dict[str, Any]) -> None:
    refused(account.ask(server.name(), **more))


@about(must("RFC 8555 7.4", "The body of this response is an order object reflecting the client's request"))
def test_validity_is_reflected_or_refused(account: Account, server: Server) -> None:
    answer = account.ask(server.name(), notAfter=_SOON)
    if answer.status != 201:
        refused(answer)
    else:
        assert datetime.fromisoformat(answer.json["notAfter"]) == datetime.fromisoformat(_SOON)


@pytest.mark.parametrize("kind", ["order", "authorization", "challenge", "finalize"])
@about(_ACCESS)
def test_object_of_another_account_is_refused(account: Account, other: Account, kind: str) -> None:
    order = account.order()
    url, found = order.authorizations()[0]
    urls = {"order": order.url, "authorization": url, "challenge": found["challenges"][0]["url"]}
    if kind == "finalize":
        refused(other.post(order.finalize_url, {"csr": "AAAA"}))
    else:
        refused(other.fetch(urls[kind]))


@pytest.mark.parametrize("kind", ["order", "authorization", "challenge"])
@about(_ACCESS)
def test_unknown_object_is_refused(account: Account, kind: str) -> None:
    order = account.order()
    url, found = order.authorizations()[0]
    urls = {"order": order.url, "authorization": url, "challenge": found["challenges"][0]["url"]}
    url = urls[kind]
    refused(account.fetch(url[:-3] + ("AAA" if url[-3:] != "AAA" else "BBB")))


@about(must("RFC 8555 7.5", "the server responds with the current authorization object"))
def test_challenge_is_read_by_post_as_get(account: Account) -> None:
    each = account.order().authorization()[1]["challenges"][0]
    assert ok(account.fetch(each["url"])).json == each


@about(
    should(
        "RFC 8555 7.5",
        'The client … sends … the static object {"status": "deactivated"}. … it should reply with a 200 (OK) status code',
    )
)
def test_authorization_is_deactivated(account: Account) -> None:
    url, _ = account.order().authorization()
    assert ok(account.post(url, {"status": "deactivated"})).json["status"] == "deactivated"


@about(
    must(
        "RFC 8555 7.1",
        'The order also moves to the "invalid" state if it expires or one of its authorizations enters a final state other than "valid"',
    )
)
def test_order_of_a_deactivated_authorization_is_invalid(account: Account) -> None:
    order = account.order()
    ok(account.post(order.authorization()[0], {"status": "deactivated"}))
    assert order.now()["status"] == "invalid"
    refused(account.post(order.finalize_url, {"csr": "AAAA"}))


@about(
    must(
        "RFC 8555 7.5",
        "The server MUST verify that the request is signed by the account key corresponding to the account that owns the authorization.",
    )
)
def test_authorization_of_another_is_not_deactivated(account: Account, other: Account) -> None:
    url, _ = account.order().authorization()
    refused(other.post(url, {"status": "deactivated"}))
    assert ok(account.fetch(url)).json["status"] == "pending"


@about(must("RFC 8555 7.5", "The server MUST verify that the request is signed by the account key"))
@pytest.mark.parametrize("status", ["valid", "expired", "pending", 1])
def test_authorization_takes_no_other_status(account: Account, status: Any) -> None:
    url, _ = account.order().authorization()
    answer = account.post(url, {"status": status})
    assert answer.status == 200 or 400 <= answer.status < 500, answer
    assert ok(account.fetch(url)).json["status"] == "pending"
