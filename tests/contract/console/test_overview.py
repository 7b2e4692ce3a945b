"""The overview and the hierarchy in the console: what needs attention, charts with their tables, trees of CAs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.access import access_keys
from chalicelib.console.parts import authority_rows
from chalicelib.console.views import overview as overview_view
from chalicelib.crl import freshness, publication
from chalicelib.operations import listing
from chalicelib.reports import overview
from tests.support.authority_steps import active_subordinate
from tests.support.builders import csr
from tests.support.clock_steps import later
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import (
    HOSTILE,
    arn_of,
    check_harmless,
    create,
    issue,
    link_to,
    revoke,
    root,
    seen_well,
    signed_in,
    subordinate,
)

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def figure(page: Answer, name: str) -> str:
    return page.text.partition(f'<figure class="card" id="{name}">')[2].partition("</figure>")[0]


def table(page: Answer, name: str) -> dict[str, int]:
    cells = re.sub("</?a[^>]*>", "", figure(page, name))
    found = re.findall(r'<tr><td>([0-9-]+)</td><td class="number">([0-9,]+)</td></tr>', cells)
    return {label: int(number.replace(",", "")) for label, number in found}


def test_console_begins_with_the_overview_once_there_is_a_ca(browser: Browser, rt: Any) -> None:
    assert urlsplit(browser.get("/console").url).path == "/console/cas"
    assert "Get started" in browser.get("/console/overview").text
    create(rt)
    page = browser.get("/console")
    assert urlsplit(page.url).path == "/console/overview"
    assert "<h1>Overview</h1>" in page.text


def test_charts_and_their_tables_say_the_same(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    for _ in range(3):
        issue(rt, ca, csr(), validity={"Type": "DAYS", "Value": 10})
    clock.forward(days=1)
    browser.sign_in()
    serial = issue(rt, ca)
    revoke(rt, ca, serial)
    page = browser.get("/console/overview")
    issued, expiring, revoked = (table(page, name) for name in ("issued", "expiring", "revoked"))
    assert (len(issued), len(expiring), len(revoked)) == (overview.DAYS, overview.WEEKS, overview.DAYS)
    assert {day: number for day, number in issued.items() if number} == {"2030-01-01": 4, "2030-01-02": 1}
    assert {day: number for day, number in expiring.items() if number} == {"2030-01-09": 3, "2030-01-30": 1}
    assert {day: number for day, number in revoked.items() if number} == {"2030-01-02": 1}
    for name, rows in (("issued", issued), ("expiring", expiring), ("revoked", revoked)):
        bars = re.findall(r'<rect class="bar"[^>]*><title>([0-9-]+): ([0-9,]+)</title>', figure(page, name))
        assert {label: int(number) for label, number in bars} == {day: number for day, number in rows.items() if number}
        assert f'role="group" aria-labelledby="{name}-title {name}-desc"' in figure(page, name)
    assert "5 in the last 30 days; peak 4 on 1 January" in page.text


def numbers_and_lists(page: Answer) -> dict[str, tuple[str, str]]:
    """Each figure that leads to a list of certificates: its name, what it says, and the address."""
    found = {}
    for label, address, said in re.findall(
        r'<span class="label">([^<]+)</span>\s*<strong><a href="([^"]+)">([^<]+)</a>', page.text
    ):
        found[label] = (said, address)
    for name in ("issued", "expiring", "revoked"):
        part = figure(page, name)
        for address, label, number in re.findall(r'<a href="([^"]+)" aria-label="([0-9-]+): ([0-9,]+)"', part):
            found[f"{name} {label}"] = (number, address)
        for label, address, number in re.findall(
            r'<td>([0-9-]+)</td><td class="number"><a href="([^"]+)">([0-9,]+)', part
        ):
            assert found[f"{name} {label}"] == (number, address)
    return {name: (said, urljoin(page.url, at.replace("&amp;", "&"))) for name, (said, at) in found.items()}


def counted(browser: Browser, address: str) -> str:
    """The count of a list."""
    page = browser.get(address)
    found = re.search(r'class="count" role="status">([^<]*?) (?:certificates?|CAs?)\b', page.text)
    assert page.status == 200
    assert found is not None, address
    return found[1]


@pytest.mark.parametrize("most", [2000, 2], ids=["read", "walked"])
def test_each_figure_leads_to_a_list_of_as_many(
    rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Also where some are revoked, expired and pending, and whatever part of a second it is."""
    ca, other = root(rt), root(rt, {"CommonName": "Other"})
    create(rt, subject={"CommonName": "Waiting"})
    for number in range(4):
        clock.forward(hours=7, seconds=0.25)
        issue(rt, ca, csr(f"a{number}.example.com"), validity={"Type": "DAYS", "Value": 2 + 9 * number})
        revoke(rt, other, issue(rt, other, csr(f"b{number}.example.com")))
    later(rt, clock, days=3)
    issue(rt, ca, csr("late.example.com"))
    monkeypatch.setattr(listing, "MOST", most)
    browser = signed_in(rt)
    found = numbers_and_lists(browser.get("/console/overview"))
    assert {said for name, (said, _) in found.items() if name == "Valid certificates"} == {"6"}
    assert {said for name, (said, _) in found.items() if name == "Revoked certificates"} == {"4"}
    assert len([name for name in found if name.startswith("issued ")]) == 3
    assert len([name for name in found if name.startswith("expiring ")]) >= 4
    addressed = {name: counted(browser, address) for name, (_, address) in found.items() if "answer" not in name}
    assert addressed == {name: said for name, (said, _) in found.items() if "answer" not in name}
    parts = re.findall(r'<a href="([^"]+)"><span class="badge[^>]*>.*?</span> ([^<]+)</span> ([0-9,]+)</a>',
                       browser.get("/console/overview").text)  # fmt: skip
    assert {word: number for _, word, number in parts} == {"Active": "2", "Pending certificate": "1"}
    for address, _, number in parts:
        assert counted(browser, urljoin("http://127.0.0.1:8000/console/overview", address)) == number


def test_next_to_expire_are_certificates_and_cas_in_order(browser: Browser, rt: Any, clock: Clock) -> None:
    short = root(rt, {"CommonName": "Short"}, years=1)
    serials = [issue(rt, short, csr(f"n{days}"), validity={"Type": "DAYS", "Value": days}) for days in range(20, 6, -1)]
    revoke(rt, short, serials[-1])
    later(rt, clock, days=2)
    browser = signed_in(rt)
    part = browser.get("/console/overview").text.partition('id="expiries"')[2].partition("</section>")[0]
    assert re.findall(r"certificates/([0-9a-f]{32})", part) == serials[-2:-12:-1]
    later(rt, clock, days=355)
    browser.sign_in()
    part = browser.get("/console/overview").text.partition('id="expiries"')[2].partition("</section>")[0]
    assert re.findall(r'data-label="What">(\w+)', part) == ["CA"]  # and not its certificate once more
    assert "<bdi>Short</bdi>" in part


def test_clock_that_jumped_is_named_and_leads_nowhere(browser: Browser, rt: Any, clock: Clock) -> None:
    root(rt)
    for _ in range(10):
        clock.now += timedelta(days=2)
        publication.publish_due_crls(rt, seconds=60)
    part = signed_in(rt).get("/console/overview").text.partition('class="attention"')[2].partition("</ul>")[0]
    assert "The clock went ahead by 2 days" in part
    assert "<strong>Clock</strong>" in part


def test_what_needs_attention_comes_first_and_leads_there(browser: Browser, rt: Any, clock: Clock) -> None:
    expiring, waiting = root(rt, {"CommonName": "Expiring"}, years=1), create(rt, subject={"CommonName": "Waiting"})
    issue(rt, expiring)
    later(rt, clock, days=340)
    browser.sign_in()
    issue(rt, expiring, validity={"Type": "DAYS", "Value": 3})
    page = browser.get("/console/overview")
    assert page.text.index("Needs attention") < page.text.index("<figure")
    part = page.text.partition('class="attention"')[2].partition("</ul>")[0]
    words = re.findall(r"</span> (Urgent|Warning|Note)</span>", part)
    assert words == ["Urgent", "Warning", "Warning", "Note"]
    for said in ("The CRL expired at", "The CA expires on 2031-01-01", "One certificate expires within 7 days."):
        assert said in part
    links = [urljoin(page.url, each.replace("&amp;", "&")) for each in re.findall(r'href="([^"]+)"', part)]
    assert [urlsplit(each).path for each in links] == [
        f"/console/cas/{expiring}",
        f"/console/cas/{expiring}",
        "/console/certificates",
        f"/console/cas/{waiting}",
    ]
    assert "expires_from=2030-12-07T12%3A00%3A00Z&expires_to=2030-12-14T12%3A00%3A00Z" in links[2]
    publication.publish_due_crls(rt, seconds=60)
    assert "The CRL expired" not in browser.get("/console/overview").text


def test_nothing_to_attend_to_is_said(browser: Browser, rt: Any) -> None:
    seen_well(rt, arn_of(root(rt)))
    assert "The CA here needs no attention." in browser.get("/console/overview").text


def test_crl_ages_are_shown(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt, {"CommonName": "Aging"})
    assert "No CA here has a CRL yet." in browser.get("/console/overview").text
    issue(rt, ca)
    clock.forward(days=1, hours=18)
    browser.sign_in()
    seen_well(rt, arn_of(ca))
    part = figure(browser.get("/console/overview"), "crls")
    assert 'aria-label="25 percent of its validity used"' in part
    assert "Aging" in part
    assert "fresh" in part
    clock.forward(days=7)
    browser.sign_in()
    part = figure(browser.get("/console/overview"), "crls")
    assert 'aria-label="100 percent of its validity used"' in part
    assert "expired" in part


def test_condition_of_every_crl_has_its_words() -> None:
    assert set(authority_rows.LIGHTS) == set(freshness.CONDITIONS)


# the hierarchy


def names_and_levels(page: Answer) -> list[tuple[str, str]]:
    return re.findall(r'<span class="hidden">Level ([0-9]+)[^<]*</span>\s*<a [^>]*><bdi>([^<]*)</bdi>', page.text)


def test_hierarchy_shows_each_ca_below_its_issuer(browser: Browser, rt: Any, clock: Clock) -> None:
    top = root(rt, {"CommonName": "Top"})
    middle = subordinate(rt, top, {"CommonName": "Middle"}, depth=1, years=5)
    subordinate(rt, middle, {"CommonName": "Beta"}, years=1)
    subordinate(rt, middle, {"CommonName": "Alpha"}, years=2)
    create(rt, subject={"CommonName": "Waiting"})
    page = browser.get("/console/hierarchy")
    assert names_and_levels(page) == [
        ("1", "Top"),
        ("2", "Middle"),
        ("3", "Alpha"),
        ("3", "Beta"),
        ("1", "Waiting"),
    ]
    assert "Level 3, below Middle" in page.text
    assert "Valid from 2030-01-01 to 2040-01-01" in re.sub(r"</?(?:span|time)[^>]*>|\n *", "", page.text)
    assert "no certificate yet" in page.text
    links = {urlsplit(urljoin(page.url, each["href"])).path for tag, each in page.elements if tag == "a"}
    assert {f"/console/cas/{top}", f"/console/cas/{middle}"} <= links
    clock.forward(days=345)
    browser.sign_in()
    assert "20 days left" in browser.get("/console/hierarchy").text
    clock.forward(days=60)
    browser.sign_in()
    assert "</span> expired " in browser.get("/console/hierarchy").text


def test_bars_lie_where_their_times_are(browser: Browser, rt: Any, clock: Clock) -> None:
    top = root(rt, years=10)
    clock.forward(days=3652 / 2)
    browser.sign_in()
    subordinate(rt, top, {"CommonName": "Late"}, years=5)
    page = browser.get("/console/hierarchy")
    bars = [each for tag, each in page.elements if tag == "rect" and "bar" in each["class"]]
    marks = {each["x1"] for tag, each in page.elements if tag == "line"}
    assert [float(bar["x"]) for bar in bars] == [0, pytest.approx(50, abs=0.1)]
    assert [float(bar["x"]) + float(bar["width"]) for bar in bars] == [100, pytest.approx(100, abs=0.1)]
    assert [float(mark) for mark in marks] == [pytest.approx(50, abs=0.1)]


def test_deep_and_wide_trees_are_shown_whole(browser: Browser, rt: Any) -> None:
    # No template of AWS's makes a path longer than 3, so the deepest chain here has 4 CAs below the root.
    parent = root(rt, {"CommonName": "0"})
    for depth in (3, 2, 1, 0):
        parent = subordinate(rt, parent, {"CommonName": f"depth {depth}"}, depth=depth)
    wide = root(rt, {"CommonName": "wide"})
    for number in range(30):
        subordinate(rt, wide, {"CommonName": f"child {number}"})
    found = names_and_levels(browser.get("/console/hierarchy"))
    assert [level for level, _ in found] == ["1", "2", "3", "4", "5", "1", *["2"] * 30]


def test_hierarchy_goes_on_on_the_next_page(browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_view, "BRANCHES", 3)
    top = root(rt, {"CommonName": "Top"})
    middle = subordinate(rt, top, {"CommonName": "Middle"}, depth=1)
    for number in range(3):
        subordinate(rt, middle, {"CommonName": f"Below {number}"})
    create(rt, subject={"CommonName": "Waiting"})
    page = browser.get("/console/hierarchy")
    assert names_and_levels(page) == [("1", "Top"), ("2", "Middle"), ("3", "Below 0")]
    page = browser.get(urljoin(page.url, link_to(page, "next")))
    assert names_and_levels(page) == [("3", "Below 1"), ("3", "Below 2"), ("1", "Waiting")]
    assert "CAs 4 to 6 of 6; the first one here is below <bdi>Top</bdi> \u203a <bdi>Middle</bdi>" in page.text
    assert 'rel="next"' not in page.text
    assert names_and_levels(browser.get(urljoin(page.url, "hierarchy?begin=x"))) == [
        ("1", "Top"),
        ("2", "Middle"),
        ("3", "Below 0"),
    ]
    assert "There are no more CAs." in browser.get("/console/hierarchy?begin=999999").text


def test_overview_shows_the_most_urgent_and_counts_the_rest(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_view, "MOST_ATTENTION", 2)
    monkeypatch.setattr(overview_view, "MOST_CRLS", 1)
    monkeypatch.setattr(overview_view, "MOST_CRL_ROWS", 2)
    for _ in range(3):
        create(rt)
        issue(rt, root(rt))
    publication.publish_due_crls(rt, seconds=60)
    page = browser.get("/console/overview")
    assert page.text.count("Pending certificate: install it to activate this CA.") == 2
    assert "And 1 more, none of them more urgent." in page.text
    assert "The worst 1 of 3; the table lists the worst 2." in page.text
    assert figure(page, "crls").count("<tr><td>") == 2


def test_external_ca_is_shown_and_not_linked(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    active_subordinate(acm_pca, now=clock())
    page = browser.get("/console/hierarchy")
    assert re.search(r"Level 1: </span>\s*<bdi>Offline Root</bdi>", page.text)
    assert "Not a CA of this service" in page.text
    assert names_and_levels(page) == [("2", "Test CA")]


def test_without_a_ca_there_is_no_tree(browser: Browser) -> None:
    assert "This account has no certificate authority yet" in browser.get("/console/hierarchy").text


# others, and hostile names


def test_cas_of_others_are_not_shown(browser: Browser, rt: Any) -> None:
    ca = root(rt, {"CommonName": "Mine alone"})
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    for path in ("overview", "hierarchy", "certificates"):
        page = stranger.get(f"/console/{path}")
        assert page.status == 200
        assert ca not in page.text
        assert "Mine alone" not in page.text


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, rt: Any, clock: Clock) -> None:
    top = root(rt, {"CommonName": HOSTILE[:60]}, years=1)
    subordinate(rt, top, {"CommonName": "=" + HOSTILE[:58]}, years=1)
    tags = [{"Key": "Name", "Value": "=+@1 " * 30}]
    create(rt, "SUBORDINATE", {"CommonName": "tagged"}, Tags=tags)
    issue(rt, top)
    state = rt.store.get_crl_state(arn_of(top))
    rt.store.schedule_crl(arn_of(top), due_at=clock())
    number = state.crl_number + 1
    taken = rt.store.reserve_crl(arn_of(top), number=number, now=clock(), lease_until=clock() + timedelta(minutes=1))
    rt.store.fail_crl(taken, HOSTILE * 500, retry_at=clock() + timedelta(minutes=1))
    for path in ("overview", "hierarchy", "certificates"):
        page = browser.get(f"/console/{path}")
        assert page.status == 200
        check_harmless(page)
        assert "\\u{202e}" in page.text
