"""Getting into the console: sessions, cookies, tokens, headers; and that nobody gets past them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from chalicelib import reconcile
from chalicelib.access import access_keys
from chalicelib.console import sessions, static_files, table, web
from chalicelib.store import items
from tests.support.console_browser import ORIGIN, Browser
from tests.support.console_pages import CA_ID, SAMPLES

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # the store's suite keeps sessions on LocalStack; tests/localstack signs in there

ROOT = Path(__file__).resolve().parents[3]


def address(page: table.Page) -> str:
    path = re.sub(r"\{(\w+)\}", lambda match: SAMPLES.get(match[1], "x"), page.path)
    return f"/console/{path}".rstrip("/")


@pytest.fixture
def browser(rt: Any) -> Browser:
    return Browser(rt)


def test_page_asked_for_is_shown_after_signing_in(browser: Browser) -> None:
    asked = browser.get("/console/cas/create")
    assert asked.url == f"{ORIGIN}/console/sign-in?back=cas%2Fcreate"
    key = access_keys.ensure_root_key(browser.rt)
    fields = {"access_key_id": key.access_key_id, "secret_access_key": key.secret}
    assert re.fullmatch(
        rf"{ORIGIN}/console/cas/create/[0-9a-f]{{16}}/type", browser.submit(asked, "sign-in", **fields).url
    )


def test_query_of_the_page_asked_for_is_kept(browser: Browser) -> None:
    asked = browser.get("/console/cas/create/0123456789abcdef/type?subject=a%2F%2Fb+c&state=REVOKED&x=%0D%0A%3Chtml")
    key = access_keys.ensure_root_key(browser.rt)
    fields = {"access_key_id": key.access_key_id, "secret_access_key": key.secret}
    found = urlsplit(browser.submit(asked, "sign-in", **fields).url)
    assert found.path == "/console/cas/create/0123456789abcdef/type"
    assert parse_qs(found.query) == {"subject": ["a//b c"], "state": ["REVOKED"], "x": ["\r\n<html"]}


@pytest.mark.parametrize("stage", ["", "/api"])
@pytest.mark.parametrize("ends", ["", "/", "?state=ISSUED", "#top"])
def test_part_of_a_page_sends_the_whole_page_to_sign_in(rt: Any, stage: str, ends: str) -> None:
    """A part is put into its page: a sign-in form would stand in the middle of it."""
    browser = Browser(rt, stage=stage)
    page = f"{ORIGIN}{stage}/console/cas/{CA_ID}/issue{ends}"
    sent = {"HX-Request": "true", "HX-Current-URL": page}
    for method, part in (("GET", "/console/cas/midpoint"), ("POST", f"/console/cas/{CA_ID}/issue/csr")):
        answer = browser.request(method, stage + part, b"", **sent)
        assert (answer.status, answer.body) == (200, b"")
        found = urlsplit(urljoin(page, answer.headers["HX-Redirect"]))
        assert f"{found.scheme}://{found.netloc}{found.path}" == f"{ORIGIN}{stage}/console/sign-in"
        back = f"cas/{CA_ID}/issue" + (ends if ends.startswith("?") else "")
        assert parse_qs(found.query) == {"back": [back]}


@pytest.mark.parametrize("page", ["https://evil.example/console/x", "//evil.example/console//evil.example", "[", "x"])
def test_part_of_a_strange_page_leads_nowhere_else(browser: Browser, page: str) -> None:
    answer = browser.request("GET", "/console/cas", b"", **{"HX-Request": "true", "HX-Current-URL": page})
    assert urljoin(f"{ORIGIN}/console/cas", answer.headers["HX-Redirect"]).startswith(f"{ORIGIN}/console/")


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example",
        "/etc",
        "../..",
        "cas?x=//y",
        "cas\r\nX: y",
        "javascript:alert(1)",
        "cas?//evil",
        "cas/..//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "%2F%2Fevil.example",
        "cas/%2e%2e/x",
        "\thttps://evil.example",
        "cas?x=<script>",
        "cas?x#y",
    ],
)
def test_way_back_leads_nowhere_else(browser: Browser, back: str) -> None:
    key = access_keys.ensure_root_key(browser.rt)
    page = browser.get("/console/sign-in")
    fields = {"access_key_id": key.access_key_id, "secret_access_key": key.secret, "back": back}
    assert browser.submit(page, "sign-in", **fields).url == f"{ORIGIN}/console/cas"


@pytest.mark.parametrize("wrong", ["secret", "key", "both", "odd"])
def test_wrong_credentials_are_refused_alike(browser: Browser, wrong: str) -> None:
    key = access_keys.ensure_root_key(browser.rt)
    key_id = {"secret": key.access_key_id, "odd": "\x00'\"<b>é"}.get(wrong, "AKIANOSUCHKEY")
    secret = key.secret if wrong == "key" else "not-the-secret"
    page = browser.get("/console/sign-in")
    answer = browser.submit(page, "sign-in", access_key_id=key_id, secret_access_key=secret)
    assert answer.status == 403
    assert "The access key ID or the secret access key is wrong." in answer.text
    assert sessions.COOKIE not in browser.cookies
    assert secret not in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookie_is_out_of_reach_of_scripts_and_other_sites(rt: Any, scheme: str) -> None:
    browser = Browser(rt, origin=f"{scheme}://127.0.0.1:8000", headers={"X-Forwarded-Proto": scheme})
    key = access_keys.ensure_root_key(rt)
    page = browser.get("/console/sign-in")
    fields = page.form("sign-in")["fields"] | {
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret,
    }
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin}
    cookie = browser.request("POST", "/console/sign-in", body, **sent).headers["Set-Cookie"]
    name, *attributes = cookie.split("; ")
    assert re.fullmatch(r"signet-session=[A-Za-z0-9_-]{43}", name)
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Strict", *(["Secure"] if scheme == "https" else [])}


def test_session_id_is_new_at_every_sign_in_and_kept_nowhere(browser: Browser, rt: Any) -> None:
    chosen = "A" * 43
    browser.cookies[sessions.COOKIE] = chosen
    browser.sign_in()
    first = browser.cookies[sessions.COOKIE]
    browser.sign_in()
    assert len({chosen, first, browser.cookies[sessions.COOKIE]}) == 3
    found = sessions.find(rt, first)
    assert found is not None
    assert first not in repr(found)
    assert rt.store.get_session(first) is None


def test_sign_out_ends_the_session_and_not_the_cookie_alone(browser: Browser) -> None:
    page = browser.sign_in()
    kept = dict(browser.cookies)
    assert urlsplit(browser.submit(page, "sign-out").url).path == "/console/sign-in"
    assert sessions.COOKIE not in browser.cookies
    browser.cookies = kept
    assert urlsplit(browser.get("/console/cas").url).path == "/console/sign-in"


def test_session_ends_by_itself_and_is_forgotten(browser: Browser, rt: Any, clock: Clock) -> None:
    browser.sign_in()
    for _ in range(sessions.LIFE // sessions.IDLE):
        clock.now += sessions.IDLE - timedelta(seconds=1)
        assert browser.get("/console/cas").status == 200
        assert reconcile.reconcile(rt).sessions_ended == 0
    clock.now += timedelta(seconds=sessions.LIFE // sessions.IDLE)
    assert urlsplit(browser.get("/console/cas").url).path == "/console/sign-in"
    clock.now += items.SESSION_REMAINS
    assert reconcile.reconcile(rt).sessions_ended == 1


def test_session_of_a_clock_that_ran_ahead_is_none(browser: Browser, clock: Clock) -> None:
    clock.now += timedelta(days=3650)
    browser.sign_in()
    assert urlsplit(browser.get("/console/cas").url).path == "/console/cas"
    clock.now -= timedelta(days=3650)
    assert urlsplit(browser.get("/console/cas").url).path == "/console/sign-in"


def test_session_ends_with_its_access_key(browser: Browser, rt: Any) -> None:
    key = access_keys.create_access_key(rt, "111122223333", "guest")
    assert "111122223333" in browser.sign_in(key).text
    rt.store.delete_access_key(key.access_key_id)
    assert urlsplit(browser.get("/console/cas").url).path == "/console/sign-in"


def test_link_signs_in_once_and_for_a_minute(rt: Any, clock: Clock) -> None:
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    link = sessions.make_link(rt, key)
    assert Browser(rt).get(f"/console/link?once={link}").url == f"{ORIGIN}/console/cas"
    again = Browser(rt)
    assert again.get(f"/console/link?once={link}").status == 403
    assert sessions.COOKIE not in again.cookies
    late = sessions.make_link(rt, key)
    clock.now += sessions.LINK_LIFE
    assert Browser(rt).get(f"/console/link?once={late}").status == 403
    unused = sessions.make_link(rt, key)  # a link is no session
    assert urlsplit(Browser(rt, {sessions.COOKIE: unused}).get("/console/cas").url).path == "/console/sign-in"


FORMS = [page for page in table.PAGES if page.method == "POST"]


@pytest.mark.wide
@pytest.mark.parametrize("page", FORMS, ids=lambda page: page.path)
def test_form_of_others_is_refused(browser: Browser, page: table.Page) -> None:
    browser.sign_in()
    browser.get("/console/sign-in")
    mine = sessions.form_token(browser.cookies[sessions.VISITOR_COOKIE if page.public else sessions.COOKIE])
    others = sessions.form_token(sessions.new_id())
    good = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN}
    cases: list[tuple[str, dict[str, str | None]]] = [
        ("", {}),
        (others, {}),
        (mine + "0", {}),
        (mine, {"Origin": None}),
        (mine, {"Origin": "null"}),
        (mine, {"Origin": "http://evil.example"}),
        (mine, {"Origin": "https://127.0.0.1:8000"}),
        (mine, {"Origin": "http://127.0.0.1:8001"}),
        (mine, {"Origin": ORIGIN + "/x"}),
        (mine, {"Host": "evil.example"}),
    ]
    for token, changes in cases:
        headers = {name: value for name, value in (good | changes).items() if value is not None}
        answer = browser.request("POST", address(page), f"token={token}".encode(), **headers)
        assert answer.status == 403, (token == mine, changes)
        assert "This form did not come from a page of this console" in answer.text
    assert browser.request("POST", address(page), f"token={mine}".encode(), **good).status != 403 or page.public


def test_htmx_may_send_the_token_in_a_header(browser: Browser) -> None:
    browser.sign_in()
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN, "X-Signet-Token": token}
    assert browser.request("POST", "/console/sign-out", b"", **headers).status == 303


@pytest.mark.wide
@pytest.mark.parametrize("page", table.PAGES, ids=lambda page: f"{page.method} {page.path}")
@pytest.mark.parametrize("signed_in", [True, False])
def test_every_answer_has_the_headers(browser: Browser, page: table.Page, *, signed_in: bool) -> None:
    if signed_in:
        browser.sign_in()
    answer = browser.request(page.method, address(page))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    if not page.path.startswith("static"):
        assert answer.headers["Cache-Control"] == "no-store"
    if not page.public and not signed_in:
        assert answer.status == 303
        assert "sign-in" in answer.headers["Location"]


@pytest.mark.parametrize(
    "path", ["/console/none", "/console/cas/%2e%2e/x", "/console/static/pages.py", "/console/cas/A/csr"]
)
def test_page_that_is_not_there_is_told(browser: Browser, path: str) -> None:
    answer = browser.request("GET", path)
    assert answer.status == 404
    assert answer.headers["Content-Security-Policy"] == web.CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "none", 404), ("POST", "you", 405)])
def test_page_that_is_not_there_has_menu_and_sign_out(browser: Browser, method: str, path: str, status: int) -> None:
    browser.sign_in()
    answer = browser.request(method, f"/console/{path}")
    assert answer.status == status
    assert "Private CAs</a>" in answer.text
    assert urlsplit(browser.submit(answer, "sign-out").url).path == "/console/sign-in"
    nobody = browser.request(method, f"/console/{path}")
    assert (nobody.status, "Private CAs</a>" in nobody.text) == (status, False)


@pytest.mark.parametrize("path", ["", "/cas", "/sign-in", "/none", "/static/console.css", "/sign-out"])
def test_head_is_answered_as_get_is(browser: Browser, path: str) -> None:
    """The gateway in front leaves the body out (RFC 9110 section 9.3.2)."""
    browser.sign_in()
    head, got = (browser.request(method, f"/console{path}") for method in ("HEAD", "GET"))
    assert (head.status, head.headers) == (got.status, got.headers)


def test_failure_is_told_without_detail(browser: Browser, rt: Any) -> None:
    browser.sign_in()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret detail")

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return fail if name == "list_certificate_authorities" else getattr(rt.store, name)

    browser.rt = replace(rt, store=Broken())
    answer = browser.get("/console/cas")
    assert answer.status == 500
    assert "An internal failure occurred." in answer.text
    assert "secret detail" not in answer.text


def test_first_load_is_small_and_is_kept(browser: Browser) -> None:
    page = browser.sign_in()
    found = [each.get("src") or each.get("href", "") for tag, each in page.elements if tag in {"script", "link", "img"}]
    assert found
    size = len(page.body)
    for url in set(found):
        answer = browser.request("GET", urljoin(page.url, url))
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        size += len(answer.body)
    assert size <= 200_000
    of_some = {"vendor/htmx.min.js", "browser-key.js", "drop.js"}  # of pages that ask again, make keys or take files
    assert {urlsplit(url).path.rsplit("static/", 1)[1] for url in found} == set(static_files.NAMES) - of_some


def test_nothing_is_inline(browser: Browser) -> None:
    for page in (browser.get("/console/sign-in"), browser.sign_in(), browser.get("/console/cas/create")):
        for tag, attributes in page.elements:
            assert "style" not in attributes
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert not [name for name in attributes if name.startswith(("on", "hx-on"))]


@pytest.mark.parametrize("stage", ["", "/api", "/restapis/x/api/_user_request_"])
@pytest.mark.parametrize("path", ["/console", "/console/", "/console/cas", "/console/cas/", "/console/cas/create"])
def test_every_address_is_relative_and_works_behind_a_stage(rt: Any, stage: str, path: str) -> None:
    browser = Browser(rt, stage=stage)
    browser.sign_in()
    page = browser.get(stage + path)
    assert page.status == 200
    for _, attributes in page.elements:
        for name in {"href", "src", "action", "hx-get", "hx-post"} & attributes.keys():
            given = attributes[name]
            assert not given.startswith(("/", "http")), given
            if not given.startswith("#"):
                assert urlsplit(urljoin(page.url, given)).path.startswith(f"{stage}/console"), given
    assert browser.submit(page, "sign-out").url == f"{ORIGIN}{stage}/console/sign-in?why=out"


@pytest.mark.slow
def test_api_and_schedules_know_nothing_of_the_console() -> None:
    """The cold start of every other function pays no template engine, neither at the import nor at what it does."""
    code = (
        "import sys; sys.path.insert(0, '.'); import tempfile, logging;"
        "import app; print([name for name in sys.modules if 'jinja2' in name or 'console' in name]);"
        "from tests.support.client import client_for; from tests.support.authority_steps import active_root, issue;"
        "from chalicelib.config import Settings; from chalicelib.runtime import from_settings;"
        "rt = from_settings(Settings(data=tempfile.mkdtemp())); client = client_for(rt);"
        "issue(client, active_root(client));"
        "from chalicelib.local.scheduler import scheduled_event, scheduled_handlers;"
        "handlers = scheduled_handlers(app.app); print(len(handlers));"
        "[handler(scheduled_event(rt, name), None) for name, handler in handlers.items()];"
        "print([name for name in sys.modules if 'jinja2' in name or 'chalicelib.console' in name])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["[]", "6", "[]"]
