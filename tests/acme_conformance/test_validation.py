"""RFC 8555 sections 7.5.1 and 8, RFC 8737: challenges, met and missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, Order, at_once, challenge, ok, refused
from tests.acme_conformance.certificates import self_signed
from tests.acme_conformance.responder import Page, Responder
from tests.acme_conformance.rfc import about, must, optional, should
from tests.acme_conformance.steps import attempt, key_authorization, make_ready, provision, respond

if TYPE_CHECKING:
    from collections.abc import Callable

_MATCH = must(
    "RFC 8555 8.3",
    "Verify that key authorization provided by the HTTP server matches the key authorization stored by the server.",
)
_BODY = must("RFC 8555 8.3", "Verify that the body of the response is a well-formed key authorization.")
_SPACE = should("RFC 8555 8.3", "The server SHOULD ignore whitespace characters at the end of the body.")
_REDIRECT = should("RFC 8555 8.3", "The server SHOULD follow redirects when dereferencing the URL.")
_FAILED = must("RFC 8555 8.3", "If the request fails, or the body does not pass these checks, then it has failed.")
_TXT = must("RFC 8555 8.4", "Verify that the contents of one of the TXT records match the digest value")
_NO_TXT = must(
    "RFC 8555 8.4",
    "If no DNS record is found, or DNS record and response payload do not pass these checks, then the validation fails.",
)
_STRINGS = optional(
    "RFC 8555 8.4", "A TXT record is one or more character strings (RFC 1035 section 3.3.14), read as one"
)
_ALPN = must("RFC 8737 3", "The ACME server verifies that … the ALPN extension … acme-tls/1 was negotiated")
_SAN = must(
    "RFC 8737 3", "containing a subjectAltName extension containing the dNSName being validated and no other entries"
)
_CRITICAL = must(
    "RFC 8737 3", "The acmeIdentifier extension MUST be critical so that the certificate isn't inadvertently used"
)
_DIGEST = must("RFC 8737 3", "acmeIdentifier … containing the expected SHA-256 digest of the key authorization")
_ERROR = should(
    "RFC 8555 8", 'If the server sets a challenge\'s "status" to "invalid", it SHOULD also include the "error" field'
)


@dataclass(frozen=True)
class Case:
    """What is put for a challenge, by name, key authorization and responder; and how it has to end."""

    kind: str
    put: Callable[[Responder, dict[str, Any], str, str], None]
    status: str


def _page(body: Callable[[str], bytes], **more: Any) -> Callable[..., None]:
    return lambda responder, found, name, text: responder.put_page(found["token"], body(text), **more)


def _redirect(status: int) -> Callable[..., None]:
    def put(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
        target = f"http://{name}:{responder.http_port}/elsewhere/{found['token']}"
        responder.put_page(found["token"], b"", status=status, location=target)
        responder.pages[f"/elsewhere/{found['token']}"] = Page(text.encode())

    return put


def _loop(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    target = f"http://{name}:{responder.http_port}/.well-known/acme-challenge/{found['token']}"
    responder.put_page(found["token"], b"", status=302, location=target)


def _scheme(location: str) -> Callable[..., None]:
    return lambda responder, found, name, text: responder.put_page(found["token"], b"", status=302, location=location)


def _txt(*values: str) -> Callable[..., None]:
    def put(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
        responder.records[f"_acme-challenge.{name}.", "TXT"] = [f'"{each}"' for each in values]

    return put


def _more_txt(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    responder.put_txt(name, text, "another", "v=spf1 -all")


def _split_txt(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    responder.put_txt(name, text)
    key = (f"_acme-challenge.{name}.", "TXT")
    value = responder.records[key][0].strip('"')
    responder.records[key] = [f'"{value[:10]}" "{value[10:]}"']


def _text_itself(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    responder.records[f"_acme-challenge.{name}.", "TXT"] = [f'"{text}"']


def _at_the_name(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    responder.put_txt(name, text)
    responder.records[f"{name}.", "TXT"] = responder.records.pop((f"_acme-challenge.{name}.", "TXT"))


def _delegated(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
    responder.put_txt(f"delegated.{name}", text)
    responder.records[f"_acme-challenge.{name}.", "CNAME"] = [f"_acme-challenge.delegated.{name}."]


def _tls(
    names: Callable[[str], tuple[str, ...]] = lambda name: (name,), *, alpn: str | None = "acme-tls/1", **more: Any
) -> Callable[..., None]:
    def put(responder: Responder, found: dict[str, Any], name: str, text: str) -> None:
        wanted = {"authorization": text} | more
        responder.put_certificate(name, *self_signed(*names(name), **wanted), alpn=alpn)

    return put


_CASES = {
    "http": (Case("http-01", _page(str.encode), "valid"), _MATCH),
    "http-line-feed": (Case("http-01", _page(lambda text: text.encode() + b"\n"), "valid"), _SPACE),
    "http-spaces": (Case("http-01", _page(lambda text: text.encode() + b" \t\r\n"), "valid"), _SPACE),
    "http-301": (Case("http-01", _redirect(301), "valid"), _REDIRECT),
    "http-302": (Case("http-01", _redirect(302), "valid"), _REDIRECT),
    "http-307": (Case("http-01", _redirect(307), "valid"), _REDIRECT),
    "http-308": (Case("http-01", _redirect(308), "valid"), _REDIRECT),
    "http-redirect-loop": (Case("http-01", _loop, "invalid"), _FAILED),
    "http-redirect-to-a-file": (Case("http-01", _scheme("file:///etc/passwd"), "invalid"), _FAILED),
    "http-redirect-without-a-target": (Case("http-01", _page(str.encode, status=302), "invalid"), _FAILED),
    "http-404": (Case("http-01", _page(str.encode, status=404), "invalid"), _FAILED),
    "http-500": (Case("http-01", _page(str.encode, status=500), "invalid"), _FAILED),
    "http-empty": (Case("http-01", _page(lambda _: b""), "invalid"), _BODY),
    "http-token-alone": (Case("http-01", _page(lambda text: text.partition(".")[0].encode()), "invalid"), _BODY),
    "http-one-character": (Case("http-01", _page(lambda text: text[:-1].encode() + b"_"), "invalid"), _MATCH),
    "http-more": (Case("http-01", _page(lambda text: text.encode() + b"x"), "invalid"), _MATCH),
    "http-before": (Case("http-01", _page(lambda text: b"x" + text.encode()), "invalid"), _MATCH),
    "http-in-upper-case": (Case("http-01", _page(lambda text: text.swapcase().encode()), "invalid"), _MATCH),
    "http-4-MiB": (Case("http-01", _page(lambda text: text.encode() + b"x" * (4 << 20)), "invalid"), _MATCH),
    "dns": (Case("dns-01", lambda responder, _, name, text: responder.put_txt(name, text), "valid"), _TXT),
    "dns-among-others": (Case("dns-01", _more_txt, "valid"), _TXT),
    "dns-in-two-strings": (Case("dns-01", _split_txt, "valid"), _STRINGS),
    "dns-by-cname": (Case("dns-01", _delegated, "valid"), _TXT),
    "dns-missing": (Case("dns-01", lambda *_: None, "invalid"), _NO_TXT),
    "dns-other-value": (Case("dns-01", _txt("AAAA"), "invalid"), _NO_TXT),
    "dns-empty-value": (Case("dns-01", _txt(""), "invalid"), _NO_TXT),
    "dns-no-digest": (Case("dns-01", _text_itself, "invalid"), _NO_TXT),
    "dns-at-the-name-itself": (Case("dns-01", _at_the_name, "invalid"), _NO_TXT),
    "tls": (Case("tls-alpn-01", _tls(), "valid"), _DIGEST),
    "tls-without-alpn": (Case("tls-alpn-01", _tls(alpn=None), "invalid"), _ALPN),
    "tls-other-protocol": (Case("tls-alpn-01", _tls(alpn="http/1.1"), "invalid"), _ALPN),
    "tls-without-extension": (Case("tls-alpn-01", _tls(authorization=None), "invalid"), _DIGEST),
    "tls-not-critical": (Case("tls-alpn-01", _tls(critical=False), "invalid"), _CRITICAL),
    "tls-other-digest": (Case("tls-alpn-01", _tls(authorization="another"), "invalid"), _DIGEST),
    "tls-digest-not-der": (Case("tls-alpn-01", _tls(authorization=None, value=bytes(32)), "invalid"), _DIGEST),
    "tls-digest-of-31-octets": (Case("tls-alpn-01", _tls(authorization=None, value=b"\x04\x1f" + bytes(31)), "invalid"), _DIGEST),
    "tls-other-name": (Case("tls-alpn-01", _tls(lambda name: (f"other-{name}",)), "invalid"), _SAN),
    "tls-another-name-too": (Case("tls-alpn-01", _tls(lambda name: (name, f"other-{name}")), "invalid"), _SAN),
    "tls-address-too": (Case("tls-alpn-01", _tls(lambda name: (name, "127.0.0.1")), "invalid"), _SAN),
    "tls-wildcard": (Case("tls-alpn-01", _tls(lambda name: ("*." + name.partition(".")[2],)), "invalid"), _SAN),
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=about(source)) for name, (case, source) in _CASES.items()]
)
def test_challenge_ends(account: Account, responder: Responder, case: Case) -> None:
    url, authorization = account.order().authorization()
    found = challenge(authorization, case.kind)
    case.put(responder, found, authorization["identifier"]["value"], key_authorization(account, found))
    assert attempt(account, url, found)["status"] == case.status


@about(_NO_TXT)
def test_name_that_does_not_exist_is_not_validated(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    responder.missing.add(f"{authorization['identifier']['value']}.")
    found = attempt(account, url, provision(responder, account, authorization, "http-01"))
    assert (found["status"], found["error"]["type"].rpartition(":")[2]) in {
        ("invalid", "dns"),
        ("invalid", "connection"),
    }


@about(must("RFC 8555 8", "using the SHA-256 digest … of the key authorization … the current client account key"))
def test_thumbprint_of_another_account_is_no_answer(account: Account, other: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    found = challenge(authorization, "http-01")
    responder.put_page(found["token"], key_authorization(other, found).encode())
    assert attempt(account, url, found)["status"] == "invalid"


@about(_MATCH)
def test_token_of_another_challenge_is_no_answer(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    found, foreign = challenge(authorization, "http-01"), challenge(account.order().authorization()[1], "http-01")
    responder.put_page(found["token"], key_authorization(account, foreign).encode())
    assert attempt(account, url, found)["status"] == "invalid"


@pytest.fixture
def failed(account: Account, responder: Responder) -> tuple[Order, dict[str, Any]]:
    """An order whose challenge has failed, and its authorization."""
    order = account.order()
    url, authorization = order.authorization()
    found = challenge(authorization, "http-01")
    responder.put_page(found["token"], b"wrong")
    return order, respond(account, url, found)


@about(_ERROR)
def test_failed_challenge_says_why(failed: tuple[Order, dict[str, Any]]) -> None:
    error = challenge(failed[1], "http-01")["error"]
    assert error["type"].rpartition(":")[2] in {"unauthorized", "incorrectResponse"}
    assert error["detail"]


@about(
    must(
        "RFC 8555 7.1",
        'If the client attempts to fulfill a challenge and fails, … then the authorization transitions to the "invalid" state.',
    )
)
def test_failed_challenge_ends_the_authorization(failed: tuple[Order, dict[str, Any]]) -> None:
    assert failed[1]["status"] == "invalid"


@about(must("RFC 8555 7.1", 'If an error occurs at any of these stages, the order moves to the "invalid" state.'))
def test_failed_challenge_ends_the_order(account: Account, failed: tuple[Order, dict[str, Any]]) -> None:
    assert account.wait(failed[0].url, "invalid")["status"] == "invalid"


@about(must("RFC 8555 7.4", 'If the order indicated does not have status "ready"'))
def test_failed_order_is_not_finalized(account: Account, failed: tuple[Order, dict[str, Any]]) -> None:
    refused(account.post(failed[0].finalize_url, {"csr": "AAAA"}))


@about(must("RFC 8555 7.5", "The server provides a 200 (OK) response with the updated challenge object as its body."))
def test_response_is_answered_with_the_challenge(account: Account, responder: Responder) -> None:
    _, authorization = account.order().authorization()
    found = provision(responder, account, authorization, "http-01")
    answer = ok(account.post(found["url"], {}))
    assert (answer.json["url"], answer.json["token"]) == (found["url"], found["token"])
    assert answer.json["status"] in {"pending", "processing", "valid"}


@about(
    must(
        "RFC 8555 7.1", 'The "up" link relation is used with challenge resources to indicate the authorization resource'
    )
)
def test_challenge_links_to_its_authorization(account: Account) -> None:
    url, authorization = account.order().authorization()
    assert ok(account.fetch(authorization["challenges"][0]["url"])).links("up") == [url]


@about(
    must(
        "RFC 8555 7.5",
        "The server MUST ignore any fields in the response object that are not specified as response fields",
    )
)
def test_unknown_fields_of_a_response_are_ignored(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    found = provision(responder, account, authorization, "http-01")
    ok(account.post(found["url"], {"status": "valid", "keyAuthorization": "x", "token": "y"}))
    assert account.wait(url, "valid", "invalid")["status"] == "valid"
    assert challenge(ok(account.fetch(url)).json, "http-01")["token"] == found["token"]


@about(
    must(
        "RFC 8555 7.5",
        'The client indicates to the server it is ready for the challenge validation by sending an empty JSON body ("{}")',
    )
)
def test_reading_a_challenge_starts_no_validation(account: Account, responder: Responder) -> None:
    _, authorization = account.order().authorization()
    found = provision(responder, account, authorization, "http-01")
    ok(account.fetch(found["url"]))
    assert ok(account.fetch(found["url"])).json["status"] == "pending"


@about(
    must(
        "RFC 8555 7.5",
        "If the client's response is invalid for any reason …, then the server MUST return an HTTP error.",
    )
)
@pytest.mark.parametrize("payload", [[], "text", 1], ids=["array", "text", "number"])
def test_response_that_is_no_object_is_refused(account: Account, payload: Any) -> None:
    refused(account.post(account.order().challenge("http-01")["url"], payload))


@about(must("RFC 8555 8", 'validated: … This field is REQUIRED if the "status" field is "valid".'))
def test_valid_challenge_says_when(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    done = attempt(account, url, provision(responder, account, authorization, "http-01"))
    assert datetime.fromisoformat(done["validated"]).tzinfo is not None


@about(must("RFC 8555 7.5", 'If the final state is "valid", then the server MUST include an "expires" field.'))
def test_valid_authorization_says_when_it_expires(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    found = provision(responder, account, authorization, "http-01")
    assert datetime.fromisoformat(respond(account, url, found)["expires"]).tzinfo is not None


@about(
    must(
        "RFC 8555 8.3",
        'Construct a URL by populating the URL template "http://{domain}/.well-known/acme-challenge/{token}"',
    )
)
def test_http_request_names_host_and_token(account: Account, responder: Responder) -> None:
    url, authorization = account.order().authorization()
    found = provision(responder, account, authorization, "http-01")
    respond(account, url, found)
    hosts = {host.partition(":")[0] for host, path in responder.seen.http if path.endswith(found["token"])}
    assert hosts == {authorization["identifier"]["value"]}


@about(
    must(
        "RFC 8555 7.1",
        'Once all of the authorizations listed in the order object are in the "valid" state, the order transitions to the "ready" state.',
    )
)
def test_order_is_ready_once_all_are_valid(account: Account, responder: Responder) -> None:
    order = account.order(account.server.name(), account.server.name())
    (url, authorization), _ = order.authorizations()
    respond(account, url, provision(responder, account, authorization, "http-01"))
    assert order.now()["status"] == "pending"
    make_ready(responder, order)


@pytest.mark.parametrize("kind", ["http-01", "dns-01", "tls-alpn-01"])
@about(must("RFC 8555 7.5", "The client indicates to the server it is ready for the challenge validation"))
def test_responses_at_once_validate_once(own: Account, responder: Responder, kind: str) -> None:
    order = own.order()
    url, authorization = order.authorization()
    found = provision(responder, own, authorization, kind)
    requests = [own.request(found["url"], {}) for _ in range(6)]
    answers = at_once(own.server, requests)
    assert all(each.status == 200 or 400 <= each.status < 500 for each in answers), [str(each) for each in answers]
    assert any(each.status == 200 for each in answers)
    assert own.wait(url, "valid", "invalid")["status"] == "valid"
    assert order.now()["status"] == "ready"


@about(
    must("RFC 8555 7.1", "server should consider any one of the challenges sufficient to make the authorization valid")
)
def test_different_challenges_at_once_make_one_authorization(own: Account, responder: Responder) -> None:
    order = own.order()
    url, authorization = order.authorization()
    kinds = [
        each["type"] for each in authorization["challenges"] if each["type"] in {"http-01", "dns-01", "tls-alpn-01"}
    ]
    requests = [own.request(provision(responder, own, authorization, kind)["url"], {}) for kind in kinds]
    answers = at_once(own.server, requests)
    assert all(each.status == 200 or 400 <= each.status < 500 for each in answers), [str(each) for each in answers]
    assert own.wait(url, "valid", "invalid")["status"] == "valid"
    own.wait(order.url, "ready")
