"""What clients get, on every page: lights are green only where the monitor has seen what a client needs."""

from __future__ import annotations

import re
import socket
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

import app as signet_app
from chalicelib.local.scheduler import scheduled_event, scheduled_handlers
from tests.support.console_steps import arn_of, issue, root, seen_well, signed_in

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console
NAME = "crl.nowhere.example"
CUSTOM: dict[str, Any] = {
    "RevocationConfiguration": {
        "CrlConfiguration": {
            "Enabled": True,
            "ExpirationInDays": 7,
            "S3BucketName": "crl-bucket",
            "CustomCname": NAME,
        },
        "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "localhost:9"},
    }
}
PAGES = ("", "/revocation", "/certificates/{serial}")


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


@pytest.fixture(autouse=True)
def _no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **more: Any) -> Any:
        if host == NAME:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def text(page: Answer) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text)).split())


def monitor(rt: Any) -> None:
    """The scheduled function itself."""
    signet_app.use_runtime(rt)
    scheduled_handlers(signet_app.app)["monitor"](scheduled_event(rt, "monitor"), None)


def test_name_that_does_not_resolve_is_neither_fresh_nor_well(browser: Browser, rt: Any) -> None:
    ca_id = root(rt, **CUSTOM)
    serial = issue(rt, ca_id)
    overview = text(browser.get("/console/overview"))
    assert "All well" not in overview
    assert "The monitor has not looked at 2 of 2 distribution points and OCSP URLs lately" in overview
    for page in PAGES:
        shown = text(browser.get(f"/console/cas/{ca_id}{page.format(serial=serial)}"))
        assert "not looked at yet" in shown
        assert "● fresh" not in shown
    monitor(rt)
    overview = text(browser.get("/console/overview"))
    assert "Urgent" in overview
    assert f"{NAME} cannot be resolved: Name or service not known." in overview
    assert "Clients get no usable OCSP response from http://localhost:9" in overview
    for page in PAGES:
        shown = text(browser.get(f"/console/cas/{ca_id}{page.format(serial=serial)}"))
        assert "✕ unusable" in shown
        assert "● fresh" not in shown
    for page in PAGES[1:]:
        shown = text(browser.get(f"/console/cas/{ca_id}{page.format(serial=serial)}"))
        assert f"{NAME} cannot be resolved: Name or service not known. Last look 2030-01-01 12:00" in shown
        assert ", from this server (" in shown
    assert "✕ unusable" in text(browser.get("/console/cas"))


def test_what_the_monitor_has_seen_is_fresh_and_well(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = root(rt, **CUSTOM)
    issue(rt, ca_id)
    seen_well(rt, arn_of(ca_id))
    assert "All well" in text(browser.get("/console/overview"))
    assert "● fresh" in text(browser.get(f"/console/cas/{ca_id}"))
    assert "● works" in text(browser.get(f"/console/cas/{ca_id}/revocation"))
    clock.forward(minutes=40)
    browser.sign_in()
    assert "All well" not in text(browser.get("/console/overview"))
    assert "◐ not looked at lately" in text(browser.get(f"/console/cas/{ca_id}"))


def test_crl_is_downloaded_from_this_server(browser: Browser, rt: Any) -> None:
    ca_id = root(rt, **CUSTOM)
    issue(rt, ca_id)
    page = browser.get(f"/console/cas/{ca_id}/revocation")
    (link,) = re.findall(r'<a href="([^"]+)" rel="noreferrer">Download from here</a>', page.text)
    address = urljoin(page.url, link)
    assert urlsplit(address).netloc == urlsplit(page.url).netloc
    assert browser.get(address).body == rt.buckets.get("crl-bucket", f"crl/{ca_id}.crl").body
