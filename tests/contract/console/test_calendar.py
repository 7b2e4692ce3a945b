"""The calendar of expiries, and its feeds: secret, for as long as their principal may see what they tell."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import icalendar
import pytest

from chalicelib.access import access_keys, principals
from chalicelib.expiry import feeds
from chalicelib.identities import CalendarFeed
from tests.support.builders import csr
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import HOSTILE, check_harmless, issue, revoke, root, signed_in, subordinate
from tests.support.roles import OWNER

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
READING = (
    '{"Statement":{"Effect":"Allow","Action":["acm-pca:ListCertificateAuthorities","acm-pca:SearchCertificates"],'
    '"Resource":"*"}}'
)


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def days(page: Answer) -> dict[str, str]:
    """The text of each day's cell."""
    cells = re.findall(r'<time datetime="([0-9-]{10})">\d+</time>(.*?)</td>', page.text, re.DOTALL)
    return {day: " ".join(re.sub(r"<[^>]*>", " ", text).split()) for day, text in cells}


def make_feed(browser: Browser, description: str = "") -> str:
    """A new feed; returns its path."""
    page = browser.submit(browser.get("/console/calendar"), "calendar/feeds", feed_description=description)
    assert page.status == 200
    found = re.search(r"http://127\.0\.0\.1:8000(/console/calendar/[0-9]{12}/[A-Za-z0-9_-]{43}\.ics)<", page.text)
    assert found is not None
    return found[1]


def events(text: str) -> list[Any]:
    made: Any = icalendar.Calendar.from_ical(text)
    assert made.errors == []
    return list(made.walk("VEVENT"))


def test_month_counts_by_day_and_leads_to_the_certificates(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt, {"CommonName": "Root"})
    subordinate(rt, ca, {"CommonName": "Below"}, years=1)
    for number in (10, 10, 20):
        issue(rt, ca, csr(), validity={"Type": "DAYS", "Value": number})
    page = browser.get("/console/calendar")
    assert '<h2 id="month-heading">January 2030</h2>' in page.text
    told = {day: text for day, text in days(page).items() if text}
    first, second = (f"{clock() + timedelta(days=number):%Y-%m-%d}" for number in (10, 20))
    assert {day: text for day, text in told.items() if day in {first, second}} == {
        first: "2 certificates",
        second: "1 certificate",
    }
    link = next(
        each["href"] for tag, each in page.elements if tag == "a" and f"expires_from={first}" in each.get("href", "")
    )
    assert link.endswith(f"certificates?expires_from={first}&expires_to={first}")
    listed = browser.get("/console/" + link.rsplit("/", 1)[1])
    assert listed.status == 200
    serials = {
        record.not_after.date(): f"{record.serial_number:032x}" for record in rt.store.list_certificates(arn(rt, ca))
    }
    assert serials[(clock() + timedelta(days=10)).date()] in listed.text
    assert serials[(clock() + timedelta(days=20)).date()] not in listed.text
    page = browser.get(f"/console/calendar?month={clock() + timedelta(days=365):%Y-%m}")
    assert any("Below" in text for text in days(page).values())


@pytest.mark.parametrize("month", ["2030-02", "1971-01", "9997-12", "2032-02"])
def test_every_month_has_its_weeks(browser: Browser, month: str) -> None:
    page = browser.get(f"/console/calendar?month={month}")
    assert page.status == 200
    assert len(days(page)) in {28, 35, 42}
    assert {f"{month}-01", f"{month}-28"} <= days(page).keys()


@pytest.mark.parametrize("month", ["2030-13", "2030", "0001-01", "9999-12", "\u0662030-01", HOSTILE])
def test_what_is_no_month_is_refused(browser: Browser, month: str) -> None:
    page = browser.get(f"/console/calendar?month={quote(month)}")
    assert page.status == 422
    check_harmless(page)


def test_feed_tells_what_expires_without_a_session(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt, {"CommonName": "Root, with comma"})
    serial = issue(rt, ca, csr("www.example.com", dns_names=["www.example.com"]))
    revoke(rt, ca, issue(rt, ca, csr("gone.example.com", dns_names=["gone.example.com"])))
    path = make_feed(browser, "Team")
    answer = Browser(rt).get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    found = {str(event["SUMMARY"]): event for event in events(answer.text)}
    assert found.keys() == {"CA Root, with comma expires", "Certificate www.example.com expires"}
    event = found["Certificate www.example.com expires"]
    assert event["UID"] == f"{serial}.{ca}@signet"
    issued = {each.arn.rsplit("/", 1)[1]: each for each in rt.store.last_certificates(arn(rt, ca), limit=3)}
    assert event["DTSTART"].dt == issued[serial].not_after.replace(microsecond=0)
    clock.forward(hours=1)
    again = {str(event["SUMMARY"]): str(event["UID"]) for event in events(Browser(rt).get(path).text)}
    assert again == {name: str(event["UID"]) for name, event in found.items()}


def arn(rt: Any, ca_id: str) -> str:
    return f"arn:aws:acm-pca:us-east-1:{rt.settings.account_id}:certificate-authority/{ca_id}"


def test_secret_is_shown_once_and_stored_as_its_hash(browser: Browser, rt: Any) -> None:
    path = make_feed(browser)
    secret = path.rsplit("/", 1)[1].removesuffix(".ics")
    (feed,) = rt.store.list_entities(CalendarFeed, OWNER)
    assert secret not in repr(feed)
    assert secret not in browser.get("/console/calendar").text
    for other in (secret[:-1] + ("A" if secret[-1] != "A" else "B"), "A" * 43, feed.name[:43]):
        answer = Browser(rt).get(f"/console/calendar/{OWNER}/{other}.ics")
        assert (answer.status, answer.text) == (404, "There is no such feed.")
    assert Browser(rt).get(f"/console/calendar/999999999999/{secret}.ics").status == 404


def test_revoked_feed_answers_no_more(browser: Browser, rt: Any) -> None:
    path = make_feed(browser, "Team")
    page = browser.submit(browser.get("/console/calendar"), "calendar/feeds/revoke")
    assert "The feed is revoked" in page.text
    assert Browser(rt).get(path).status == 404
    assert browser.get("/console/calendar").text.count("calendar/feeds/revoke") == 0


def test_feed_ends_with_the_rights_of_its_principal(rt: Any, clock: Clock) -> None:
    principals.create(rt, OWNER, "reader", policies=(("p", READING),))
    visitor = Browser(rt)
    visitor.sign_in(access_keys.create_access_key(rt, OWNER, principal="reader"))
    path = make_feed(visitor)
    assert Browser(rt).get(path).status == 200
    principals.put_policy(
        rt, OWNER, "reader", "p", READING.replace('"acm-pca:SearchCertificates"', '"acm-pca:ListTags"')
    )
    assert Browser(rt).get(path).status == 404
    principals.put_policy(rt, OWNER, "reader", "p", READING)
    assert Browser(rt).get(path).status == 200
    principals.delete(rt, OWNER, "reader")
    assert Browser(rt).get(path).status == 404
    clock.forward(seconds=1)
    principals.create(rt, OWNER, "reader", policies=(("p", READING),))
    assert Browser(rt).get(path).status == 404


def test_feeds_of_others_are_the_administrator_s_alone(browser: Browser, rt: Any) -> None:
    make_feed(browser, "of the administrator")
    principals.create(rt, OWNER, "reader", policies=(("p", READING),))
    visitor = Browser(rt)
    visitor.sign_in(access_keys.create_access_key(rt, OWNER, principal="reader"))
    make_feed(visitor, "of the reader")
    assert "of the administrator" not in visitor.get("/console/calendar").text
    assert "of the reader" in browser.get("/console/calendar").text
    (feed,) = (each for each in rt.store.list_entities(CalendarFeed, OWNER) if each.principal == "administrator")
    form = visitor.get("/console/calendar").form("calendar/feeds/revoke")
    page = visitor.post("/console/calendar/feeds/revoke", form["fields"] | {"feed": feed.name})
    assert page.status == 404
    assert len(rt.store.list_entities(CalendarFeed, OWNER)) == 2


def test_guesses_and_reads_are_bounded(browser: Browser, rt: Any, clock: Clock) -> None:
    path = make_feed(browser)
    wrong = f"/console/calendar/{OWNER}/{'A' * 43}.ics"
    statuses = [Browser(rt).get(wrong).status for _ in range(60)]
    assert statuses == [404] * 50 + [429] * 10
    assert Browser(rt).get(path).status == 429
    clock.forward(seconds=10)
    statuses = [Browser(rt).get(path).status for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    assert Browser(rt).get(path).headers["Retry-After"] == "10"


def test_guesses_of_one_source_keep_no_other_from_a_feed(browser: Browser, rt: Any) -> None:
    secret = make_feed(browser).rsplit("/", 1)[1].removesuffix(".ics")
    for _ in range(60):
        feeds.read(rt, OWNER, "A" * 43, "192.0.2.1")
    assert feeds.read(rt, OWNER, secret, "192.0.2.1") == feeds.Rejected(429, 1)
    assert isinstance(feeds.read(rt, OWNER, secret, "198.51.100.1"), str)


def test_many_certificates_are_counted_by_day(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(feeds, "LISTED", 2)
    ca = root(rt, {"CommonName": "Root"})
    for number in (3, 5, 5, 9):
        host = f"in-{number}.example.com"
        issue(rt, ca, csr(host, dns_names=[host]), validity={"Type": "DAYS", "Value": number})
    told = [str(event["SUMMARY"]) for event in events(Browser(rt).get(make_feed(browser)).text)]
    assert sorted(told) == [
        "1 certificate expires",
        "2 certificates expire",
        "CA Root expires",
        "Certificate in-3.example.com expires",
    ]


def test_revoked_certificates_hide_no_later_ones(browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LISTED", 2)
    ca = root(rt, {"CommonName": "Root"})
    for number in (3, 3, 9):
        serial = issue(rt, ca, csr(), validity={"Type": "DAYS", "Value": number})
        if number == 3:
            revoke(rt, ca, serial)
    told = [str(event["SUMMARY"]) for event in events(Browser(rt).get(make_feed(browser)).text)]
    assert sorted(told) == ["1 certificate expires", "2 certificates expire", "CA Root expires"]


def test_account_has_a_bounded_number_of_feeds(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST", 1)
    make_feed(browser)
    page = browser.submit(browser.get("/console/calendar"), "calendar/feeds", feed_description="second")
    assert page.status == 422
    assert "revoke one first" in page.text
    page = browser.submit(browser.get("/console/calendar"), "calendar/feeds", feed_description="x" * 101)
    assert page.status == 422


def test_making_and_revoking_a_feed_is_recorded_without_its_secret(browser: Browser, rt: Any) -> None:
    path = make_feed(browser, "Team")
    browser.submit(browser.get("/console/calendar"), "calendar/feeds/revoke")
    text = browser.get("/console/activity").text
    assert "CreateCalendarFeed" in text
    assert "DeleteCalendarFeed" in text
    assert urlsplit(path).path.rsplit("/", 1)[1][:43] not in text
