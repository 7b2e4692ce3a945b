"""Settings and health of the home: for its administrator alone, without any secret."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

import app as signet_app
from chalicelib import schedules
from chalicelib.access import access_keys, principals
from chalicelib.config import Settings
from chalicelib.local.scheduler import Scheduler, scheduled_handlers
from chalicelib.runtime import from_settings
from tests.support.console_browser import Browser
from tests.support.console_steps import signed_in
from tests.support.roles import OWNER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
PASSPHRASE = "planted-passphrase-1"


@pytest.fixture
def furnished(tmp_path: Path, clock: Clock) -> Any:
    """A home with secrets in its settings."""
    settings = Settings(
        data=str(tmp_path / "home"),
        key_passphrase=PASSPHRASE,
        backup_passphrase=PASSPHRASE,
        backups=str(tmp_path / "backups"),
        storm_guard="77",
    )
    return replace(from_settings(settings), now=clock)


def test_every_setting_is_shown_and_no_secret(furnished: Any) -> None:
    page = signed_in(furnished).get("/console/settings")
    assert [
        entry.metadata["variable"] for entry in fields(Settings) if entry.metadata["variable"] not in page.text
    ] == []
    assert PASSPHRASE not in page.text
    assert page.text.count("(set)") == 2
    row = page.text.partition("<code>SIGNET_STORM_GUARD</code>")[2].partition("</tr>")[0]
    assert "<bdi>77</bdi>" in row
    assert "<strong>environment</strong>" in row
    row = page.text.partition("<code>SIGNET_TABLE</code>")[2].partition("</tr>")[0]
    assert "default" in row
    assert "environment" not in row


def test_health_shows_last_runs_parts_and_what_a_home_has(furnished: Any, clock: Clock) -> None:
    signet_app.use_runtime(furnished)
    browser = signed_in(furnished)
    page = browser.get("/console/health")
    assert page.text.count("None on record") == len(schedules.SCHEDULES)
    scheduler = Scheduler(signet_app.app, furnished)
    scheduler.tick()
    page = browser.get("/console/health")
    assert page.text.count("Succeeded") == len(schedules.SCHEDULES) - len({"monitor", "sequence_journal"})
    assert page.text.count("Works") == 5
    assert furnished.settings.backups in page.text
    assert f"{clock():%Y-%m-%d}" in page.text


def test_health_names_what_fails(furnished: Any) -> None:
    browser = signed_in(furnished)

    def broken() -> None:
        raise ValueError("<b>planted</b>")

    with pytest.raises(ValueError, match="planted"):
        schedules.noted(furnished, "reconcile", broken)
    page = browser.get("/console/health")
    assert "Failed" in page.text
    assert "ValueError: &lt;b&gt;planted" in page.text


@pytest.mark.parametrize("page", ["settings", "health"])
def test_only_the_administrator_of_the_home_sees_it(rt: Any, page: str) -> None:
    principals.create(
        rt, OWNER, "auditor", policies=(("p", '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'),)
    )
    others = (
        access_keys.create_access_key(rt, OWNER, principal="auditor"),
        access_keys.create_access_key(rt, "999999999999"),
    )
    for key in others:
        browser = Browser(rt)
        browser.sign_in(key)
        assert browser.get(f"/console/{page}").status == 403
        assert f'href="{page}"' not in browser.get("/console/you").text
    assert signed_in(rt).get(f"/console/{page}").status == 200


def test_every_schedule_of_the_app_is_noted(rt: Any) -> None:
    assert set(schedules.SCHEDULES) == set(scheduled_handlers(signet_app.app))
