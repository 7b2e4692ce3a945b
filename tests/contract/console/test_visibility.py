"""The console shows what the access key may do: no link and no form of a page leads to a refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from chalicelib.access import access_keys, presets, principals
from chalicelib.console import needs, table
from tests.support.acme_calls import ordered
from tests.support.builders import csr
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import arn_of, create, issue, revoke, root, subordinate
from tests.support.roles import make_role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


pytestmark = [pytest.mark.wide, pytest.mark.laptop]
ACCOUNT = "000000000000"
TEMPLATE = "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"
REFUSED = "is not authorized to perform", "Not allowed</h1>"


class Home:
    """CAs in several states, and certificates: `ca_id` has issued, revoked, and shares itself."""

    def __init__(self, rt: Any) -> None:
        self.ca_id = root(rt)
        self.serial = issue(rt, self.ca_id)
        revoke(rt, self.ca_id, issue(rt, self.ca_id))
        self.pending = create(rt, "SUBORDINATE", {"CommonName": "Pending"})
        self.below = subordinate(rt, self.ca_id, {"CommonName": "Below"})


@pytest.fixture
def made(rt: Any) -> Home:
    return Home(rt)


def browser_of(rt: Any, *policies: str) -> Browser:
    """A visitor whose principal has these policies."""
    named = tuple((f"policy-{number}", text) for number, text in enumerate(policies))
    principals.create(rt, ACCOUNT, "somebody", policies=named)
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, ACCOUNT, principal="somebody"))
    return browser


def allowing(*operations: str) -> str:
    actions = [f"acm-pca:{name}" for name in operations]
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}})


def offers(page: Answer) -> Iterator[tuple[str, str]]:
    """The links of a page, and the addresses that its forms and buttons send to: method and address."""
    method = "GET"
    for tag, each in page.elements:
        if tag == "a":
            yield "GET", each["href"]
        if tag == "form":
            method = each.get("method", "get").upper()
            yield method, each.get("action", "")
        if tag == "button" and "formaction" in each:
            yield method, each["formaction"]
        for name, verb in (("hx-get", "GET"), ("hx-post", "POST")):
            if name in each:
                yield verb, each[name]


def crawl(browser: Browser, starts: Sequence[str]) -> dict[tuple[str, str], Answer]:
    """Every address of the console that pages offer, with its answer; a form is sent empty, and without its token.

    Of each path only the first address is visited; those of `starts` come first.
    """
    waiting = [("GET", f"/console/{path}", "") for path in starts]
    seen: dict[tuple[str, str], Answer] = {}
    first = len(waiting)
    while waiting:
        method, address, origin = waiting.pop(0 if first > 0 else -1)
        first -= 1
        path = urlsplit(address).path
        if (method, path) in seen or "/console" not in path or "/console/help/" in path:
            continue  # the documents are everybody's, and quote refusals; `test_guide.py` follows their links
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin}
        answer = browser.get(address) if method == "GET" else browser.request(method, address, b"", **headers)
        assert not any(words in answer.text for words in REFUSED), (origin, method, address)
        seen[method, path] = answer
        if answer.headers["Content-Type"].startswith("text/html"):
            found = ((verb, urldefrag(urljoin(answer.url, each)).url) for verb, each in offers(answer))
            waiting += [(verb, each, answer.url) for verb, each in found if each.startswith(browser.origin)]
    return seen


def templates(seen: dict[tuple[str, str], Answer]) -> set[tuple[str, str]]:
    """The rows of the table of pages that were visited."""
    found = [(method, table.find(path.partition("/console")[2].strip("/"))[0]) for method, path in seen]
    return {(method, page.path) for method, candidates in found for page in candidates if page.method == method}


READING = {"cas", "overview", "hierarchy", "certificates", "cas/{ca_id}", "cas/{ca_id}/certificate",
           "cas/{ca_id}/certificates", "cas/{ca_id}/certificates/{serial}", "cas/{ca_id}/revocation",
           "cas/{ca_id}/tags", "cas/{ca_id}/sharing", "cas/{ca_id}/reports", "cas/{ca_id}/activity",
           "activity", "activity/record",
           "cas/{ca_id}/csr"}  # fmt: skip
CHANGING = ("cas/create", "install", "delete", "edit", "issue", "principal", "publish", "disable", "sharing/", "tags/")


def test_reader_is_offered_what_it_may_read_and_nothing_else(rt: Any, made: Home) -> None:
    seen = templates(crawl(browser_of(rt, presets.policy_of("read-only")), [""]))
    assert {("GET", path) for path in READING} <= seen
    assert {path for method, path in seen if method == "POST"} == {"sign-out", "calendar/feeds", "theme", "inspect"}
    assert not [path for _, path in seen if any(words in path for words in CHANGING)]


def test_auditor_can_ask_for_reports_and_change_nothing(rt: Any, made: Home) -> None:
    seen = templates(crawl(browser_of(rt, presets.policy_of("auditor")), [""]))
    assert {("GET", path) for path in READING} <= seen
    posts = {path for method, path in seen if method == "POST"}
    assert posts == {"sign-out", "theme", "inspect", "calendar/feeds", "cas/{ca_id}/reports"}


def test_revoker_is_led_from_a_ca_to_the_revocation_of_its_certificates(rt: Any, made: Home) -> None:
    policy = presets.policy_of("revoker", [arn_of(made.ca_id)])
    seen = templates(crawl(browser_of(rt, policy), [""]))
    assert ("POST", "cas/{ca_id}/certificates/{serial}/revoke") in seen
    assert not {"overview", "cas", "cas/create", "cas/{ca_id}/issue", "cas/{ca_id}/csr"} & {path for _, path in seen}


def test_issuer_sees_what_it_may_do(rt: Any, made: Home) -> None:
    browser = browser_of(rt, presets.policy_of("issuer", [arn_of(made.ca_id)], [TEMPLATE]))
    seen = crawl(browser, [""])
    assert {path for _, path in templates(seen)} == {"", "you", "help", "inspect", "sign-out", "theme"}
    page = browser.get(f"/console/you?ca={arn_of(made.ca_id)}")
    assert "by EndEntityServerAuthCertificate" in page.text
    assert page.text.count("Allowed</span>") == 2
    assert page.text.count("Not allowed</span>") == 24


def test_issuer_that_may_read_issues_by_its_template(rt: Any, made: Home) -> None:
    reading = allowing("DescribeCertificateAuthority", "SearchCertificates", "ListCertificateAuthorities")
    browser = browser_of(rt, presets.policy_of("issuer", [arn_of(made.ca_id)], [TEMPLATE]), reading)
    crawl(browser, [""])
    form = browser.get(f"/console/cas/{made.ca_id}/issue")
    offered = {each.get("value") for tag, each in form.elements if tag == "input" and each.get("name") == "template"}
    assert offered == {"EndEntityServerAuthCertificate", "other"}
    preview = browser.submit(form, "/issue", csr=csr().decode())
    issued = browser.submit(preview, preview.url.rsplit("/", 1)[1])
    assert (issued.status, "The certificate is issued." in issued.text) == (200, True)


def test_administrator_is_offered_everything(rt: Any, made: Home) -> None:
    make_role(rt)
    ordered(rt, arn_of(made.ca_id), "a.example.test")
    principals.create(rt, ACCOUNT, "zed", policies=(("all", allowing("*")),))
    access_keys.create_access_key(rt, ACCOUNT, principal="zed")
    browser = Browser(rt)
    browser.sign_in()
    starts = ["", f"cas/{made.ca_id}/sharing", "principal?name=zed", "certificates"]
    seen = templates(crawl(browser, starts))
    never = {"static/{name}", "static/vendor/{name}", "link", "sign-in", "help/{page}", "calendar/{account}/{feed}"}
    missing = {page.path for page in table.PAGES} - {path for _, path in seen} - never
    # Of a CA that is DISABLED, DELETED or renewed, of a draft, of a report, or what only a script loads.
    assert missing <= {"cas/{ca_id}/enable", "cas/{ca_id}/restore", "cas/{ca_id}/created", "cas/{ca_id}/install-own",
                       "cas/{ca_id}/former/{version}", "cas/{ca_id}/issue/{draft}", "cas/{ca_id}/report",
                       "cas/{ca_id}/reports/{report_id}",
                       "calendar/feeds/revoke", "presets/remove",
                       "cas/{ca_id}/sharing/forbid", "cas/{ca_id}/sharing/unshare", "cas/{ca_id}/tags/remove",
                       "cas/midpoint", "go-on/{draft}"}  # fmt: skip


def test_administrator_of_the_api_is_not_offered_principals(rt: Any, made: Home) -> None:
    browser = browser_of(rt, allowing("*"), '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}')
    seen = templates(crawl(browser, [""]))
    assert ("GET", "cas/create") in seen
    assert not [path for _, path in seen if path.startswith(("principal", "acme"))]


ROWS = [page for page in table.PAGES if not page.public and needs.of_page(page.method, page.path)]
BY_RANK = {needs.MANAGE_ACCESS, needs.MANAGE_HOME, needs.MANAGE_ACME}  # no policy grants them
ROWS = [page for page in ROWS if not BY_RANK.intersection(needs.of_page(page.method, page.path))]


@pytest.mark.slow
@pytest.mark.parametrize("page", ROWS, ids=lambda page: f"{page.method} {page.path}")
def test_page_needs_what_it_uses(rt: Any, made: Home, page: Any) -> None:
    """With the operations of the table alone nothing is refused; without any one of them everything is."""
    operations = {need.partition("/")[0] for need in needs.of_page(page.method, page.path)}
    named = {"ca_id": made.ca_id, "serial": made.serial, "report_id": made.ca_id, "draft": "0" * 16, "step": "type",
             "file": "certificate.pem", "name": "x", "version": "1"}  # fmt: skip
    address = f"/console/{page.path.format(**named)}"

    browser = browser_of(rt, allowing(*operations))

    def visited(allowed: set[str]) -> Answer:
        principals.put_policy(rt, ACCOUNT, "somebody", "policy-0", allowing(*allowed or {"PutPolicy"}))
        token = browser.get("/console/you").form("sign-out")["fields"]
        return browser.post(address, token) if page.method == "POST" else browser.get(address)

    for missing in operations:
        refused = visited(operations - {missing})
        assert (refused.status, f"acm-pca:{missing} " in refused.text) == (403, True), (missing, refused.status)
    answer = visited(operations)
    assert not any(words in answer.text for words in REFUSED), answer.text
