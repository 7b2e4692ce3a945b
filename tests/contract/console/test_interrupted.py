"""A session that ends loses nothing: the reason is said, the way back is kept, and entries belong to the principal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest

from chalicelib import reconcile
from chalicelib.access import access_keys, principals
from chalicelib.console import drafts, sessions
from chalicelib.console.views import interrupted
from chalicelib.identities import ADMINISTRATOR
from tests.support.console_authority_steps import note
from tests.support.console_browser import ORIGIN, Answer, Browser
from tests.support.console_steps import arn_of, check_harmless, create, issue, root, signed_in, signed_in_as
from tests.support.console_wizard_steps import SUBJECT, begin, go, step_of

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack signs in there
FORM = "application/x-www-form-urlencoded"
HOSTILE = "</textarea><script>alert(1)</script>\u202e"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def kept(rt: Any, principal: str = ADMINISTRATOR) -> list[Any]:
    found: list[Any] = rt.store.list_drafts("000000000000", principal)
    return found


def again(browser: Browser, page: Answer, key: access_keys.Credential | None = None) -> Answer:
    """Sign in on the page that one was led to."""
    used = key or access_keys.ensure_root_key(browser.rt)
    fields = {"access_key_id": used.access_key_id, "secret_access_key": used.secret}
    return browser.submit(page, "sign-in", **fields)


def tags_of(rt: Any, ca_id: str) -> dict[str, str]:
    return dict(rt.store.get_certificate_authority(arn_of(ca_id)).tags)


# the reason


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("idle", "no page was opened for 30 minutes"),
        ("life", "sessions last 8 hours"),
        ("key", "its access key was deleted or deactivated"),
        ("gone", "Your session has ended."),
    ],
)
def test_reason_is_said(rt: Any, clock: Clock, why: str, words: str) -> None:
    browser = Browser(rt)
    key = access_keys.create_access_key(rt, "000000000000", "x")
    browser.sign_in(key)
    if why == "idle":
        clock.forward(minutes=31)
    if why == "life":
        for _ in range(16):
            browser.get("/console/cas")
            clock.forward(minutes=29.9)
        clock.forward(minutes=6)
    if why == "key":
        rt.store.delete_access_key(key.access_key_id)
    if why == "gone":
        clock.forward(days=3)
        reconcile.reconcile(rt)
    page = browser.get("/console/hierarchy?begin=50")
    assert parse_qs(urlsplit(page.url).query) == {"back": ["hierarchy?begin=50"], "why": [why]}
    assert words in page.text
    assert again(browser, page).url == f"{ORIGIN}/console/hierarchy?begin=50"


def test_nobody_is_told_of_a_session_that_there_never_was(rt: Any) -> None:
    page = Browser(rt).get("/console/cas")
    assert "session" not in page.text.partition("<form")[0]
    forged = Browser(rt).get("/console/sign-in?why=%3Cscript%3E&kept=1")
    assert "script&gt;" not in forged.text
    assert "is kept" not in forged.text
    out = signed_in(rt)
    assert "You have signed out." in out.submit(out.get("/console/cas"), "sign-out").text


# drafts


def test_wizard_goes_on_where_it_was(browser: Browser, clock: Clock) -> None:
    page = go(browser, go(browser, begin(browser), type="ROOT"), **SUBJECT)
    clock.forward(minutes=31)
    back = again(browser, browser.get(page.url))
    assert back.url == page.url
    assert browser.get(page.url.replace("/key", "/subject")).forms[-1]["fields"]["CommonName"] == "Example CA"


def test_step_that_meets_an_ended_session_is_kept(browser: Browser, clock: Clock) -> None:
    page = go(browser, begin(browser))
    clock.forward(minutes=31)
    asked = go(browser, page, **SUBJECT)
    assert "What you entered is kept for 24 hours" in asked.text
    offered = again(browser, asked)
    assert "<h1>Go on where you were</h1>" in offered.text
    assert "Example CA" in offered.text
    following = browser.submit(offered, "/subject")
    assert step_of(following) == "key"


def test_nothing_is_done_before_it_is_sent_again(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = root(rt)
    page = browser.get(f"/console/cas/{ca_id}/tags")
    clock.forward(minutes=31)
    offered = again(browser, browser.submit(page, "/tags", key="Team", value=f"A{HOSTILE}\nB"))
    assert tags_of(rt, ca_id) == {}
    check_harmless(offered)
    assert offered.form("/tags")["fields"]["value"] == f"A{HOSTILE}\nB"
    assert note(browser.submit(offered, "/tags", value="A")) == "The tag is saved."
    assert tags_of(rt, ca_id) == {"Team": "A"}
    assert "token" not in kept(rt)[-1].content["entries"]


def test_file_of_pem_is_kept_as_text(browser: Browser, rt: Any, clock: Clock) -> None:
    page = browser.get(f"/console/cas/{create(rt)}/install")
    token, boundary = page.form("/install")["fields"]["token"], "----b"
    pem = "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n"
    parts = (
        f'name="token"\r\n\r\n{token}',
        f'name="certificate_file"; filename="a.pem"\r\n\r\n{pem}',
        'name="chain_file"; filename="b.der"\r\n\r\n\x00\x01',
    )
    body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
    clock.forward(minutes=31)
    sent = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Origin": ORIGIN}
    answer = browser.request("POST", page.url, f"{body}--{boundary}--\r\n".encode(), **sent)
    assert "kept=1" in answer.headers["Location"]
    assert kept(rt)[-1].content["entries"] == {"certificate": pem}


def test_entries_are_seen_by_their_principal_alone(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = root(rt)
    page = browser.get(f"/console/cas/{ca_id}/tags")
    clock.forward(minutes=31)
    asked = browser.submit(page, "/tags", key="Team", value="mine")
    other = signed_in_as(rt, "ops")
    (back,) = parse_qs(urlsplit(asked.url).query)["back"]
    seen = other.get(f"/console/{back}")
    assert (seen.status, "mine" in seen.text) == (404, False)
    assert kept(rt, "ops") == []
    assert browser.submit(again(browser, asked), "/tags").status == 200


@pytest.mark.parametrize(
    "case",
    [
        "no cookie",
        "other cookie",
        "no token",
        "wrong token",
        "origin",
        "too long",
        "private key",
        "no form",
        "key",
        "late",
    ],
)
def test_what_is_not_proven_is_not_kept(browser: Browser, rt: Any, clock: Clock, case: str) -> None:
    ca_id = root(rt)
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    clock.forward(minutes=31)
    headers = {"Content-Type": "text/plain" if case == "no form" else FORM, "Origin": ORIGIN}
    if case == "origin":
        headers["Origin"] = "http://evil.example"
    if case in {"no cookie", "other cookie"}:
        del browser.cookies[sessions.COOKIE]
    if case == "other cookie":
        browser.cookies[sessions.COOKIE] = sessions.new_id()
    if case == "key":
        rt.store.delete_access_key(access_keys.ensure_root_key(rt).access_key_id)
    if case == "late":
        clock.forward(days=2)
        reconcile.reconcile(rt)
    proof = {"no token": "", "wrong token": "0" * 64}.get(case, token)
    values = {"too long": "x" * interrupted.MOST_BYTES, "private key": "-----BEGIN EC PRIVATE KEY-----"}
    value = quote(values.get(case, "x"))
    body = f"token={proof}&key=Team&value={value}".encode()
    answer = browser.request("POST", f"/console/cas/{ca_id}/tags", body, **headers)
    assert answer.status == 303
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["back"] == [f"cas/{ca_id}/tags"]
    assert "kept" not in query
    assert kept(rt) == []


def test_form_that_destroys_is_not_kept_and_leads_to_its_page(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = root(rt)
    serial = issue(rt, ca_id)
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    clock.forward(minutes=31)
    pages = {
        f"cas/{ca_id}/certificates/{serial}/revoke": f"cas/{ca_id}/certificates/{serial}/revoke",
        f"cas/{ca_id}/enable": f"cas/{ca_id}",
        f"cas/{ca_id}/install-own": f"cas/{ca_id}/install",
        f"cas/{ca_id}/tags/remove": f"cas/{ca_id}/tags",
        "principal/key?name=ops": "principal?name=ops",
    }
    for path, back in pages.items():
        answer = browser.request("POST", f"/console/{path}", f"token={token}".encode(), **{"Content-Type": FORM})
        assert parse_qs(urlsplit(answer.headers["Location"]).query)["back"] == [back]
    assert kept(rt) == []


def test_part_of_a_form_does_not_take_the_form_away(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = root(rt)
    clock.forward(minutes=31)
    page = f"{ORIGIN}/console/cas/{ca_id}/issue"
    parts = (
        ("GET", "cas/midpoint?days=3"),
        ("POST", f"cas/{ca_id}/issue/csr"),
        ("GET", f"cas/{ca_id}/issue?part=commands&amount=3"),
    )
    for method, path in parts:
        sent = {"HX-Request": "true", "HX-Current-URL": page}
        answer = browser.request(method, f"/console/{path}", b"", **sent)
        assert (answer.status, "HX-Redirect" in answer.headers) == (200, False)
        assert "Your session has ended. Send the form when you are done" in answer.text


# how long and how many


def test_drafts_are_bounded_expire_and_go_with_their_principal(browser: Browser, rt: Any, clock: Clock) -> None:
    session = sessions.find(rt, browser.cookies[sessions.COOKIE])
    assert session is not None
    for number in range(drafts.MOST + 3):
        clock.forward(seconds=1)
        drafts.change(rt, session, f"{number:016x}", lambda _: {"n": 1})
    assert [draft.draft_id for draft in kept(rt)] == [f"{number:016x}" for number in range(3, drafts.MOST + 3)]
    clock.now += drafts.LIFE
    assert drafts.find(rt, session, f"{5:016x}") == {}
    assert reconcile.reconcile(rt).drafts_expired == drafts.MOST
    assert kept(rt) == []
    other = signed_in_as(rt, "ops")
    go(other, begin(other))
    assert len(kept(rt, "ops")) == 1
    principals.delete(rt, "000000000000", "ops")
    assert kept(rt, "ops") == []


def test_draft_of_many_tabs_loses_none(browser: Browser, rt: Any) -> None:
    """Each change is conditional on what it was made from."""
    session = sessions.find(rt, browser.cookies[sessions.COOKIE])
    assert session is not None

    def add(name: str) -> None:
        def changed(stored: dict[str, Any]) -> dict[str, Any]:
            if name == "first" and "second" not in stored:
                add("second")  # another tab, between the read and the write
            return stored | {name: 1}

        drafts.change(rt, session, "0" * 16, changed)

    add("first")
    assert json.loads(json.dumps(drafts.find(rt, session, "0" * 16))) == {"first": 1, "second": 1}


# addresses of forms alone


def test_address_of_a_form_leads_back_to_its_page(browser: Browser, rt: Any) -> None:
    ca_id = root(rt)
    for path, page in (
        (f"cas/{ca_id}/install-signed", f"cas/{ca_id}/install"),
        (f"cas/{ca_id}/issue/csr", f"cas/{ca_id}/issue"),
        (f"cas/{ca_id}/tags/remove", f"cas/{ca_id}/tags"),
        (f"cas/{ca_id}/revocation/publish", f"cas/{ca_id}/revocation"),
        ("principal/policy/preview?name=ops&policy=x", "principal/policy?name=ops&policy=x"),
    ):
        answer = browser.request("GET", f"/console/{path}")
        assert answer.status == 303
        assert urljoin(answer.url, answer.headers["Location"]) == f"{ORIGIN}/console/{page}"
    assert browser.get("/console/sign-out").status == 200
