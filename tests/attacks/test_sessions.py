"""A console session that was left open, or a cookie that was stolen, is of little use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from chalicelib import reconcile
from chalicelib.access import access_keys
from chalicelib.console import sessions, table
from chalicelib.store import items
from tests.support.console_browser import Browser
from tests.support.console_steps import create, root, signed_in

if TYPE_CHECKING:
    from datetime import timedelta

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
SIGN_IN = "/console/sign-in"


def is_signed_in(browser: Browser, path: str = "/console/cas", **headers: str) -> bool:
    return browser.request("GET", path, b"", **headers).status == 200


def test_session_without_a_page_for_half_an_hour_ends(rt: Any, clock: Clock) -> None:
    browser = signed_in(rt)
    clock.now += sessions.IDLE
    assert not is_signed_in(browser)
    clock.now += items.SESSION_REMAINS
    assert reconcile.reconcile(rt).sessions_ended == 1


def test_session_that_is_used_ends_after_its_life(rt: Any, clock: Clock) -> None:
    browser = signed_in(rt)
    step: timedelta = sessions.IDLE - sessions._LONGER / 2
    for _ in range(sessions.LIFE // step):
        clock.now += step
        assert is_signed_in(browser)
    clock.now += step
    assert not is_signed_in(browser)


def test_page_that_reloads_a_part_of_itself_keeps_no_session(rt: Any, clock: Clock) -> None:
    browser = signed_in(rt)
    for _ in range(29):
        clock.forward(minutes=1)
        assert is_signed_in(browser, **{"HX-Request": "true"})
    clock.forward(minutes=1)
    assert not is_signed_in(browser)


def test_visit_writes_a_session_seldom(rt: Any, clock: Clock) -> None:
    browser = signed_in(rt)
    session_id = browser.cookies[sessions.COOKIE]
    versions = set()
    for _ in range(60):
        assert is_signed_in(browser)
        clock.forward(seconds=5)
        found = sessions.find(rt, session_id)
        assert found is not None
        versions.add(found.version)
    assert len(versions) <= 2


def test_session_that_is_changed_at_the_same_moment_lives(
    rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(rt)
    clock.forward(minutes=20)
    stale = rt.store.get_session

    def meanwhile(id_sha256: str) -> Any:
        session = stale(id_sha256)
        if session is not None:
            rt.store.update_session(session, replace(session, note="x"))
        return session

    monkeypatch.setattr(rt.store, "get_session", meanwhile)
    assert sessions.find(rt, browser.cookies[sessions.COOKIE]) is not None


# deleting

FRESH = [page for page in table.PAGES if page.fresh]


def test_deleting_asks_who_is_there(rt: Any, clock: Clock) -> None:
    browser, ca_id = signed_in(rt), create(rt)
    page = browser.get(f"/console/cas/{ca_id}/delete")
    form = page.form("/delete")
    clock.now += sessions.FRESH
    refused = browser.request("GET", f"/console/cas/{ca_id}/delete")
    assert refused.status == 303
    again = browser.post(f"/console/cas/{ca_id}/delete", form["fields"])
    assert urlsplit(again.url).path == SIGN_IN
    assert "Sign in again" in again.text
    ca = rt.store.get_certificate_authority(f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/{ca_id}")
    assert ca is not None
    assert ca.status == "PENDING_CERTIFICATE"
    key = access_keys.ensure_root_key(rt)
    back = browser.submit(again, "sign-in", access_key_id=key.access_key_id, secret_access_key=key.secret)
    assert urlsplit(back.url).path == f"/console/cas/{ca_id}/delete"
    browser.submit(back, "/delete")
    assert rt.store.get_certificate_authority(ca.arn).status == "DELETED"


def test_use_does_not_make_a_session_fresh(rt: Any, clock: Clock) -> None:
    browser, ca_id = signed_in(rt), root(rt)
    for _ in range(12):
        clock.forward(minutes=1)
        browser.get("/console/cas")
    assert browser.request("GET", f"/console/cas/{ca_id}/delete").status == 303


def test_link_makes_a_fresh_session(rt: Any, clock: Clock) -> None:
    browser, ca_id = signed_in(rt), create(rt)
    clock.forward(minutes=11)
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    browser.get(f"/console/link?once={sessions.make_link(rt, key)}")
    assert browser.request("GET", f"/console/cas/{ca_id}/delete").status == 200


def test_every_page_that_deletes_for_good_is_fresh() -> None:
    deletes = {(page.method, page.path) for page in table.PAGES if page.path.endswith("/delete")}
    assert deletes == {(page.method, page.path) for page in FRESH}


# HSTS


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/cas", "/console/none", "/console/static/console.css"])
def test_browser_by_https_stays_there(rt: Any, path: str) -> None:
    browser = Browser(rt)
    secure = browser.request("GET", path, b"", **{"X-Forwarded-Proto": "https"})
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in browser.request("GET", path).headers
