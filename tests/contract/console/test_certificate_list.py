"""Lists of certificates in the console: newest first, sorted, searched, filtered, counted, page by page."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin

import pytest
from cryptography import x509

from chalicelib.access import access_keys
from chalicelib.console.views import certificate_list
from chalicelib.operations import listing
from tests.support.builders import csr
from tests.support.console_browser import Browser
from tests.support.console_steps import issue, link_to, problems, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer

pytestmark = [pytest.mark.wide, pytest.mark.laptop]  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def rows(page: Answer) -> list[str]:
    """The serial numbers of a page of a list, in order."""
    return re.findall(r'data-label="Name"><a href="[^"]*/certificates/([0-9a-f]{32})"', page.text)


def count_line(page: Answer) -> str:
    found = re.search(r'<p class="count" role="status">([^<]*)</p>', page.text)
    return found[1] if found else ""


def to(browser: Browser, page: Answer, label: str) -> Answer:
    """Follow the link with a label."""
    (address,) = re.findall(rf'<a(?: rel="\w+")? href="([^"]*)">{label}', page.text)
    return browser.get(urljoin(page.url, address.replace("&amp;", "&")))


def issued(rt: Any, clock: Clock, ca: str, number: int) -> list[str]:
    """Certificates of one CA, one a second, whose names and expiries are in other orders."""
    made = []
    for each in range(number):
        clock.forward(seconds=1)
        host = f"host{each * 7 % number:02}.example.com"
        validity = {"Type": "DAYS", "Value": 10 + each * 3 % number}
        made.append(issue(rt, ca, csr(host, dns_names=[host]), validity=validity))
    return made


@pytest.mark.parametrize("most", [2000, 5], ids=["read", "walked"])
def test_newest_come_first_and_pages_lead_to_both_ends(
    browser: Browser, rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(certificate_list, "PAGE", 4)
    monkeypatch.setattr(listing, "MOST", most)
    ca = root(rt)
    (first,) = rows(browser.get(f"/console/cas/{ca}/certificates"))
    newest = [first, *issued(rt, clock, ca, 9)][::-1]
    page = browser.get(f"/console/cas/{ca}/certificates")
    assert "10 certificates, the newest first" in count_line(page)
    assert ("Page 1 of 3" in count_line(page)) == (most > 10)
    assert rows(page) == newest[:4]
    assert "First page" not in page.text
    second = to(browser, page, "Next page")
    assert rows(second) == newest[4:8]
    third = to(browser, second, "Next page")
    assert rows(third) == newest[8:]
    assert 'rel="next"' not in third.text
    assert rows(to(browser, third, "Previous page")) == newest[4:8]
    assert rows(to(browser, to(browser, third, "Previous page"), "Previous page")) == newest[:4]
    assert rows(to(browser, second, "First page")) == newest[:4]
    last = to(browser, page, "Last page")
    assert rows(last)[-1] == newest[-1]
    assert 'rel="next"' not in last.text
    assert rows(to(browser, last, "Previous page"))[-1] == newest[newest.index(rows(last)[0]) - 1]


def test_headings_sort_in_both_directions(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    (own,) = rows(browser.get(f"/console/cas/{ca}/certificates"))
    made = issued(rt, clock, ca, 9)
    page = browser.get(f"/console/cas/{ca}/certificates")
    assert re.findall(r'aria-sort="(\w+)"><a [^>]*>(\w+)', page.text) == [("descending", "Issued")]
    oldest = to(browser, page, "Issued")
    assert rows(oldest) == [own, *made]
    expiring = to(browser, page, "Expires")
    assert rows(expiring) == [*sorted(made, key=lambda serial: made.index(serial) * 3 % 9), own]
    assert "the next to expire first" in count_line(expiring)
    assert rows(to(browser, expiring, "Expires")) == rows(expiring)[::-1]
    named = to(browser, page, "Name")
    assert rows(named)[1:] == sorted(made, key=lambda serial: made.index(serial) * 7 % 9)
    assert rows(to(browser, named, "Name")) == rows(named)[::-1]
    assert 'aria-sort="ascending"' in named.text


def test_list_that_is_too_long_says_which_order_it_has(
    browser: Browser, rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST", 5)
    ca = root(rt)
    made = issued(rt, clock, ca, 9)
    page = browser.get(f"/console/cas/{ca}/certificates?sort=name")
    assert "the list is too long for another order" in count_line(page)
    assert rows(page)[:9] == made[::-1]
    by_expiry = browser.get(f"/console/cas/{ca}/certificates?sort=-expires")
    assert rows(by_expiry)[1:] == sorted(made, key=lambda serial: made.index(serial) * 3 % 9)[::-1]
    assert "too long" not in count_line(by_expiry)
    narrow = browser.get(f"/console/cas/{ca}/certificates?sort=name&q=host0")
    assert len(rows(narrow)) == 9


ADDRESSES = x509.SubjectAlternativeName([x509.IPAddress(ip_address(each)) for each in ("10.1.2.3", "fd00::1")])
CASES: dict[str, set[str]] = {
    "q=first.example.com": {"first"},
    "q=SECOND": {"second"},
    "q=absent": set(),
    "q=b.example.*": {"first"},
    "q=.example.com": {"first", "second", "third", "wild"},
    "q=*.example.com": {"first", "second", "third", "wild"},
    "q=any.wild.example.com": {"wild"},
    "q=CN=second.example.com": {"second"},
    "q=CN = second.example.com": {"second"},
    "q=CN=second": set(),
    "q=CN=second*": {"second"},
    "q=CN=first.example.com,O=Example": set(),
    "q=/CN=third.example.com": {"third"},
    "q=10.1.2.3": {"address"},
    "q=fd00:0:0::1": {"address"},
    "q=first&state=REVOKED": set(),
    "state=REVOKED": {"second"},
    "state=EXPIRED": {"third"},
    "state=ISSUED&q=.example.com": {"first", "wild"},
    "state=ISSUED": {"first", "wild", "address", "own"},
    "template=CodeSigningCertificate": {"second"},
    "expires_from=2030-01-31&expires_to=2030-01-31": {"first", "wild", "address"},
    "expires_from=2030-02-01&expires_to=2030-12-31": {"second"},
    "expires_to=2030-01-01": set(),
    "expires_from=2030-01-31T12:00:00Z&expires_to=2030-01-31T12:00:01Z": {"first"},
    "issued_from=2030-01-01T12:00:01Z&issued_to=2030-01-01T12:00:02Z": {"second"},
    "revoked_from=2030-01-01": {"second"},
    "revoked_from=2030-01-02": set(),
    "requested_by=AKIATEST&q=first": {"first"},
    "requested_by=AKIAOTHER": set(),
    "requested_by=nobody": set(),
}


@pytest.mark.parametrize("scope", ["account", "ca"])
@pytest.mark.parametrize("most", [2000, 1], ids=["read", "walked"])
def test_certificates_are_found_by_what_is_in_them(
    rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, scope: str, most: int
) -> None:
    browser, ca = signed_in(rt), root(rt)
    path = "/console/certificates" if scope == "account" else f"/console/cas/{ca}/certificates"
    named = {"own": rows(browser.get(path))[0]}
    orders: dict[str, dict[str, Any]] = {
        "first": {"request": csr("first.example.com", dns_names=["a.example.com", "b.example.com"])},
        "second": {"request": csr("second.example.com"), "template": "CodeSigningCertificate",
                   "validity": {"Type": "DAYS", "Value": 60}},
        "third": {"request": csr("third.example.com"), "validity": {"Type": "DAYS", "Value": 1}},
        "wild": {"request": csr("wildcards", dns_names=["*.wild.example.com"])},
        "address": {"request": csr("numbers", extensions=[(ADDRESSES, False)])},
    }  # fmt: skip
    for name, order in orders.items():
        named[name] = issue(rt, ca, **order)
        clock.forward(seconds=1)
    revoke(rt, ca, named["second"])
    clock.forward(days=2)
    browser.sign_in()  # the session has ended
    monkeypatch.setattr(listing, "MOST", most)
    found = {
        query: {name for name, serial in named.items() if serial in rows(browser.get(f"{path}?{_encoded(query)}"))}
        for query in CASES
    }
    assert found == CASES
    serial = named["first"]
    pairs = ":".join(re.findall("..", serial)).upper()
    ca_arn = f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/{ca}"
    whole = (serial, pairs, f"serial={pairs}", f"{ca_arn}/certificate/{serial}", serial.lstrip("0"))
    for text in (*whole, serial[:12], pairs[:14], pairs[:15]):
        page = browser.get(f"{path}?{urlencode({'q': text})}")
        assert rows(page) == [serial], text
    assert set(rows(browser.get(f"{path}?{urlencode({'q': ca_arn})}"))) == set(named.values())
    other = ca_arn.replace(ca, root(rt))
    assert named["first"] not in rows(browser.get(f"{path}?{urlencode({'q': other})}"))


def _encoded(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&"))
    return urlencode([(name, value) for name, _, value in pairs])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=FINE", "state"),
        ("template=../x", "template"),
        ("sort=up", "sort"),
        ("expires_from=tomorrow", "expires_from"),
        ("expires_to=2030-02-30", "expires_to"),
        ("expires_to=9999-12-31", "expires_to"),
        ("issued_from=2030-01-01T00:00:00", "issued_from"),
        ("of=here", "of"),
        ("of=00000000-0000-0000-0000-000000000000", "of"),
        ("q=arn:aws:acm-pca:us-east-1:000000000000:nothing", "q"),
        ("q=" + "x" * 10_000, "q"),
    ],
)
def test_what_cannot_be_searched_for_is_told_beside_its_field(
    browser: Browser, rt: Any, query: str, field: str
) -> None:
    root(rt)
    page = browser.get(f"/console/certificates?{query}")
    assert page.status == 422
    assert f'href="#{field}"' in page.text
    assert rows(page) == []
    if field != "sort":
        assert set(problems(page)) == {field}


def test_pages_keep_the_question_and_refuse_tokens_of_others(
    browser: Browser, rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_list, "PAGE", 2)
    monkeypatch.setattr(listing, "MOST", 3)
    ca = root(rt)
    issued(rt, clock, ca, 6)
    page = browser.get(f"/console/cas/{ca}/certificates?template=EndEntityCertificate")
    following = urljoin(page.url, link_to(page, "next"))
    second = browser.get(following)
    assert "template=EndEntityCertificate" in following
    assert 'value="EndEntityCertificate" selected' in second.text
    other = following.replace("template=EndEntityCertificate", "state=PENDING")
    for wrong in (other, f"/console/cas/{ca}/certificates?page=forged", following.replace(ca, root(rt))):
        refused = browser.get(wrong)
        assert refused.status == 400
        assert "is not from this list" in refused.text
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    answer = stranger.get(following)
    assert answer.status == 404
    assert rows(answer) == []


class Counting:
    """A store that counts how often it is asked for certificates."""

    def __init__(self, store: Any) -> None:
        self.store, self.asked = store, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if "certificates" not in name and "entries" not in name and "count" not in name:
            return found

        def counted(*given: Any, **named: Any) -> Any:
            self.asked += 1
            return found(*given, **named)

        return counted if callable(found) else found


def test_reads_of_a_page_do_not_grow_with_the_certificates(
    browser: Browser, rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, reads = root(rt), []
    clock.forward(seconds=1)  # its own certificate is not among the newest
    monkeypatch.setattr(listing, "MOST", 30)
    monkeypatch.setattr(certificate_list, "PAGE", 10)
    browser.rt = replace(rt, store=Counting(rt.store))
    for more in (40, 80):
        for number in range(more):
            issue(rt, ca, csr(f"host{number}.example.com"))
        counts = []
        for path in (f"/console/cas/{ca}/certificates", "/console/certificates"):
            browser.get(path)  # what is cached, is
            for query in ("", "q=host", "template=EndEntityCertificate", "expires_from=2030-01-01", "page=last"):
                browser.rt.store.asked = 0
                assert len(rows(browser.get(f"{path}?{query}"))) == 10
                counts.append(browser.rt.store.asked)
        reads.append(counts)
    assert reads[0] == reads[1]


def test_page_looks_at_a_bounded_number_of_certificates(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = root(rt)
    for _ in range(5):
        issue(rt, ca)
    monkeypatch.setattr(listing, "MOST", 2)
    monkeypatch.setattr(listing, "EXAMINED", 4)
    page = browser.get(f"/console/cas/{ca}/certificates?state=FAILED")
    assert "go on to the next page" in page.text
    assert "At most 6 certificates" in count_line(page)
    page = browser.get(urljoin(page.url, link_to(page, "next")))
    assert "No certificate matches these filters." in page.text


def test_command_asks_the_api_for_the_same(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    query = {"template": "EndEntityCertificate", "expires_from": "2030-01-01"}
    page = browser.get(f"/console/cas/{ca}/certificates?{urlencode(query)}")
    (shown,) = (each["data-copy"] for _, each in page.elements if "curl" in each.get("data-copy", ""))
    asked = urlencode({"expiresAfter": "2030-01-01T00:00:00Z", "template": "EndEntityCertificate"}, quote_via=quote)
    assert shown.endswith(f"'http://127.0.0.1:8000/certificate-authorities/{ca}/certificates?{asked}'")
