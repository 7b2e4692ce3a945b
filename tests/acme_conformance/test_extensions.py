"""RFC 8738 IP identifiers, RFC 9773 renewal information, the draft of profiles, RFC 8555 7.4.1 pre-authorization."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.acme_conformance.acme import Account, Server, at_once, ok, refused, statuses
from tests.acme_conformance.certificates import certificate_id, csr, der
from tests.acme_conformance.jose import b64, generate
from tests.acme_conformance.rfc import about, must, optional, should
from tests.acme_conformance.steps import Issued, attempt, finish, ip_order, issue, make_ready, provision, respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme_conformance.responder import Responder
    from tests.acme_conformance.wire import Answer

_FORM = must(
    "RFC 8738",
    "The value field of the identifier MUST contain the textual form of the address as defined in Section 2.1 of RFC 1123 for IPv4 and in Section 4 of RFC 5952 for IPv6. (3)",
)
_NO_DNS = must("RFC 8738", 'The existing "dns-01" challenge MUST NOT be used to validate IP identifiers. (7)')
_SNI = must(
    "RFC 8738", "the HostName field … MUST contain the IN-ADDR.ARPA … or IP6.ARPA reverse mapping of the IP address (6)"
)
_HOST = must(
    "RFC 8738",
    "For the http-01 challenge, the Host header field MUST be set to the IP address being used for validation (5)",
)
_WINDOW = must(
    "RFC 9773 4",
    "A RenewalInfo object in which the end timestamp equals or precedes the start timestamp is invalid. Servers MUST NOT serve such a response",
)
_GET = must(
    "RFC 9773 4", "the client sends an unauthenticated GET request to a path under the server's renewalInfo URL."
)
_AFTER = must("RFC 9773 4", "This protocol uses the Retry-After header to indicate to clients how often to retry.")
_PATH = must("RFC 9773 4", 'All trailing "=" characters MUST be stripped from both parts of the unique identifier.')
_REFLECT = must(
    "RFC 9773 5",
    'If the server accepts a newOrder request with a "replaces" field, it MUST reflect that field in the response and in subsequent requests for the corresponding Order object.',
)
_CHECK = should(
    "RFC 9773 5",
    "Servers SHOULD check that the identified certificate and the newOrder request correspond to the same ACME Account, that they share at least one identifier",
)
_REPLACED = must(
    "RFC 9773 5", 'it MUST return an HTTP 409 (Conflict) with a problem document of type "alreadyReplaced"'
)
_PROFILES = must("profiles", "profiles (optional, object): A map of profile names to human-readable descriptions")
_UNKNOWN = must("profiles", 'it MUST reject the request with a problem document of type "invalidProfile"')
_CHOSEN = must(
    "profiles", "If it accepts the request, the server responds with an Order object including the selected profile."
)
_DEFAULT = should(
    "profiles", "it is RECOMMENDED that the server select a profile and associate it with the new Order object."
)
_NEW = should(
    "RFC 8555 7.4.1",
    "returns a status code 201 (Created) response with the authorization URL in the Location header field",
)
_EXACT = must("RFC 8555 7.4.1", "pre-authorization cannot be used to authorize issuance with wildcard DNS identifiers.")
_EXTERNAL = should(
    "RFC 8555 7.4.1",
    "the CA should provision its ACME server with authorization objects corresponding to these authorizations and reflect them as already valid",
)


@pytest.mark.parametrize(
    "value",
    [
        "127.0.0.1/32",
        "127.1",
        "127.0.0.01",
        "0x7f.0.0.1",
        "2130706433",
        "[::1]",
        "::0001",
        "::1%lo",
        "2001:DB8::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:7f00:1x",
        "localhost",
        "",
        "256.0.0.1",
        "127.0.0.1 ",
    ],
)
@about(_FORM)
def test_address_in_another_form_is_refused(account: Account, value: str) -> None:
    refused(account.ask(identifiers=[{"type": "ip", "value": value}]))


@about(_NO_DNS)
def test_address_is_not_validated_by_dns(own: Account) -> None:
    _, authorization = ip_order(own).authorization()
    assert authorization["identifier"] == {"type": "ip", "value": own.server.ip}
    assert "dns-01" not in {each["type"] for each in authorization["challenges"]}


@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01"])
@about(must("RFC 8738", 'IP identifiers MAY be used with the existing "http-01" … and "tls-alpn-01" challenges (4)'))
def test_certificate_of_an_address(own: Account, responder: Responder, kind: str) -> None:
    order = ip_order(own)
    url, authorization = order.authorization()
    found = provision(responder, own, authorization, kind)
    if kind == "tls-alpn-01":
        name = ip_address(own.server.ip).reverse_pointer
        responder.contexts[name] = responder.contexts.pop(own.server.ip)
    assert attempt(own, url, found)["status"] == "valid"
    leaf = finish(order).leaf
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ip_address(own.server.ip)]


@about(_SNI)
def test_server_name_is_the_reverse_mapping(own: Account, responder: Responder) -> None:
    url, authorization = ip_order(own).authorization()
    found = provision(responder, own, authorization, "tls-alpn-01")
    responder.seen.tls.clear()
    respond(own, url, found)
    assert set(responder.seen.tls) == {ip_address(own.server.ip).reverse_pointer}


@about(_HOST)
def test_host_is_the_address(own: Account, responder: Responder) -> None:
    url, authorization = ip_order(own).authorization()
    found = provision(responder, own, authorization, "http-01")
    respond(own, url, found)
    assert {host.partition(":")[0] for host, path in responder.seen.http if path.endswith(found["token"])} == {
        own.server.ip
    }


@pytest.fixture(scope="module")
def issued(account: Account, responder: Responder) -> Issued:
    account.server.resource("renewalInfo")
    return issue(responder, account)


def information(issued: Issued, identifier: str | None = None) -> Answer:
    server = issued.order.account.server
    return server.wire.send("GET", f"{server.resource('renewalInfo')}/{identifier or certificate_id(issued.leaf)}")


@about(_GET)
def test_renewal_information_is_read_by_get(issued: Issued) -> None:
    assert ok(information(issued)).media_type == "application/json"


@about(_WINDOW)
def test_window_has_start_and_end(issued: Issued) -> None:
    window = ok(information(issued)).json["suggestedWindow"]
    start, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
    assert start < end
    assert end.tzinfo is not None
    assert issued.leaf.not_valid_before_utc < end <= issued.leaf.not_valid_after_utc


@about(_AFTER)
def test_renewal_information_says_when_to_ask_again(issued: Issued) -> None:
    found = ok(information(issued)).header("Retry-After")
    assert int(found) > 0 if found.isdigit() else parsedate_to_datetime(found)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "A",
        lambda text: "AAAA." + text.partition(".")[2],
        lambda text: text.partition(".")[0] + ".AIdlQyE",
        lambda text: "x",
        lambda text: text + "=",
        lambda text: text.replace(".", "/"),
        lambda text: "%00." + text,
        lambda text: text.partition(".")[0] + ".",
    ],
    ids=["longer", "other-issuer", "other-serial", "text", "padding", "slash", "nul", "no-serial"],
)
@about(_PATH)
def test_identifier_of_nothing_is_refused(issued: Issued, change: Callable[[str], str]) -> None:
    refused(information(issued, change(certificate_id(issued.leaf))))


@about(_REFLECT)
def test_replacement_is_in_the_order(account: Account, responder: Responder) -> None:
    account.server.resource("renewalInfo")
    first = issue(responder, account)
    name, identifier = first.order.body["identifiers"][0]["value"], certificate_id(first.leaf)
    order = account.order(name, replaces=identifier)
    assert (order.body["replaces"], order.now()["replaces"]) == (identifier, identifier)


@about(_REPLACED)
def test_certificate_is_replaced_once(account: Account, responder: Responder) -> None:
    account.server.resource("renewalInfo")
    first = issue(responder, account)
    name, identifier = first.order.body["identifiers"][0]["value"], certificate_id(first.leaf)
    finish(make_ready(responder, account.order(name, replaces=identifier)))
    refused(account.ask(name, replaces=identifier), "alreadyReplaced", status=409)


@about(_REPLACED)
def test_replacements_at_once_are_one(own: Account, responder: Responder) -> None:
    new_order = own.server.resource("renewalInfo") and own.server.resource("newOrder")
    first = issue(responder, own)
    wanted = {"identifiers": first.order.body["identifiers"], "replaces": certificate_id(first.leaf)}
    answers = at_once(own.server, [own.request(new_order, wanted) for _ in range(6)])
    assert statuses(answers) == [201] + [409] * 5, [str(each) for each in answers]


@about(
    should(
        "RFC 9773 5",
        'that the identified certificate has not already been marked as replaced by a different Order that is not "invalid".',
    )
)
def test_invalid_order_replaces_nothing(account: Account, responder: Responder) -> None:
    account.server.resource("renewalInfo")
    first = issue(responder, account)
    name, identifier = f"n{first.order.body['identifiers'][0]['value']}", certificate_id(first.leaf)
    names = (first.order.body["identifiers"][0]["value"], name)
    order = account.order(*names, replaces=identifier)
    for url, found in order.authorizations():
        if found["status"] == "pending":
            ok(account.post(url, {"status": "deactivated"}))
    assert order.now()["status"] == "invalid"
    ok(account.ask(*names, replaces=identifier), 201)


@about(_CHECK)
def test_certificate_of_another_account_is_not_replaced(issued: Issued, other: Account) -> None:
    name = issued.order.body["identifiers"][0]["value"]
    refused(other.ask(name, replaces=certificate_id(issued.leaf)))


@about(_CHECK)
def test_certificate_of_other_names_is_not_replaced(account: Account, issued: Issued) -> None:
    refused(account.ask(account.server.name(), replaces=certificate_id(issued.leaf)))


@pytest.mark.parametrize(
    "replaces", ["", "x", "AAAA.AAAA", 1, [], {}], ids=["empty", "text", "unknown", "number", "array", "object"]
)
@about(_CHECK)
def test_replacement_of_nothing_is_refused(account: Account, replaces: Any) -> None:
    account.server.resource("renewalInfo")
    refused(account.ask(account.server.name(), replaces=replaces))


@about(
    optional(
        "RFC 9773 4",
        "a CA could suggest that clients renew prior to a mass-revocation event to mitigate the impact of the revocation",
    )
)
def test_revoked_certificate_is_to_be_renewed_now(account: Account, responder: Responder) -> None:
    account.server.resource("renewalInfo")
    made = issue(responder, account)
    before = datetime.fromisoformat(ok(information(made)).json["suggestedWindow"]["start"])
    ok(account.post(account.server.resource("revokeCert"), {"certificate": b64(der(made.leaf))}))
    after = datetime.fromisoformat(ok(information(made)).json["suggestedWindow"]["start"])
    assert after < before or after <= made.leaf.not_valid_before_utc


@pytest.fixture
def profiles(server: Server) -> list[str]:
    found = server.meta.get("profiles")
    if not found:
        pytest.skip("meta has no profiles")
    return list(found)


@about(_PROFILES)
def test_profiles_have_descriptions(server: Server, profiles: list[str]) -> None:
    assert all(isinstance(server.meta["profiles"][name], str) for name in profiles)


@about(_CHOSEN)
def test_profile_is_in_the_order(account: Account, profiles: list[str]) -> None:
    for profile in profiles:
        order = account.order(profile=profile)
        assert (order.body["profile"], order.now()["profile"]) == (profile, profile)


@about(_DEFAULT)
def test_profile_is_chosen_by_the_server(account: Account, profiles: list[str]) -> None:
    assert account.order().body["profile"] in profiles


@pytest.mark.parametrize(
    "profile", ["unheard-of", "", 1, [], "../x"], ids=["unknown", "empty", "number", "array", "path"]
)
@about(_UNKNOWN)
def test_unknown_profile_is_refused(account: Account, profiles: list[str], profile: Any) -> None:
    refused(account.ask(account.server.name(), profile=profile), "invalidProfile", "malformed")


@about(_UNKNOWN)
def test_unknown_profile_is_invalid_profile(account: Account, profiles: list[str]) -> None:
    refused(account.ask(account.server.name(), profile="unheard-of"), "invalidProfile")


@about(_CHOSEN)
def test_profile_issues(account: Account, responder: Responder, profiles: list[str]) -> None:
    assert issue(responder, account, profile=profiles[0]).chain


@about(_NEW)
def test_authorization_is_made_before_an_order(account: Account, responder: Responder, server: Server) -> None:
    name = server.name()
    answer = ok(account.post(server.resource("newAuthz"), {"identifier": {"type": "dns", "value": name}}), 201)
    url = answer.header("Location")
    assert answer.json["identifier"] == {"type": "dns", "value": name}
    if answer.json["status"] == "pending":
        respond(account, url, provision(responder, account, answer.json, "http-01"))
    assert account.order(name).now()["status"] in {"ready", "pending"}


@pytest.mark.parametrize(
    "value",
    ["*.{base}", "*", "a..{base}", "", 1, None],
    ids=["wildcard", "asterisk", "empty-label", "empty", "number", "null"],
)
@about(_EXACT)
def test_authorization_of_no_name_is_refused(account: Account, server: Server, value: Any) -> None:
    name = value.replace("{base}", server.base) if isinstance(value, str) else value
    refused(account.post(server.resource("newAuthz"), {"identifier": {"type": "dns", "value": name}}))


@about(must("RFC 8555 7.4.1", 'it MUST omit the "newAuthz" field of the directory.'))
def test_directory_without_pre_authorization_has_no_field(server: Server, account: Account) -> None:
    if "newAuthz" in server.directory:
        answer = account.post(server.directory["newAuthz"], {"identifier": {"type": "dns", "value": server.name()}})
        assert answer.status in {201, 403}, answer


@pytest.fixture
def granted(server: Server) -> Account:
    """An account whose names are valid without challenges."""
    if server.preauthorized is None:
        pytest.skip("needs --acme-preauthorized-eab")
    return replace(server, bindings=[server.preauthorized]).register(key=generate())


@about(_EXTERNAL)
def test_order_of_granted_names_is_ready(granted: Account, responder: Responder) -> None:
    order = granted.order(granted.server.name())
    assert order.body["status"] == "ready"
    assert {each["status"] for _, each in order.authorizations()} == {"valid"}
    assert finish(order).chain


@about(_EXTERNAL)
def test_wildcard_of_granted_names_is_ready_or_pending(granted: Account) -> None:
    assert granted.order(f"*.{granted.server.name()}").body["status"] in {"ready", "pending"}


@about(
    optional(
        "RFC 8555 7.4.1", "the server SHOULD determine whether it is willing to issue certificates for the identifier"
    )
)
def test_names_that_are_not_granted_need_more(granted: Account) -> None:
    answer = granted.ask("host.elsewhere.invalid")
    if answer.status == 201:
        assert answer.json["status"] == "pending"
    else:
        refused(answer, "rejectedIdentifier", "unauthorized")


@about(must("RFC 8555 7.4", "it MUST NOT issue a certificate with contents other than those requested."))
def test_granted_order_issues_no_other_name(granted: Account) -> None:
    order = granted.order(granted.server.name())
    refused(order.finalize(csr(granted.server.name())))
