"""The freshness of a CRL: one rule, whose word the command line, the console, the overview and verification repeat."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from chalicelib import runtime
from chalicelib.cli import signet
from chalicelib.crl import freshness
from chalicelib.crl.verification import verify_crls
from chalicelib.identities import ADMINISTRATOR
from chalicelib.records import CrlState
from chalicelib.reports.overview import overview
from chalicelib.runtime import Caller
from tests.support.authority_steps import active_root, issue
from tests.support.builders import CRL_CONFIGURATION, START
from tests.support.clock_steps import later
from tests.support.console_authority_steps import facts, page_of
from tests.support.console_browser import Browser

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.laptop

OFF = {"CrlConfiguration": {"Enabled": False}}
# What the publisher has recorded, in days from now, and the condition that follows.
RECORDED: dict[str, tuple[dict[str, Any], str]] = {
    "published on schedule": ({"published_at": -3.5, "next_update": 3.5, "next_crl_at": 0}, "FRESH"),
    "the first one is due": ({"next_crl_at": 0}, "WAITING"),
    "past half of its validity": ({"published_at": -4, "next_update": 3, "next_crl_at": -0.5}, "OLD"),
    "due for an hour": ({"published_at": -1, "next_update": 6, "next_crl_at": -1 / 24}, "OVERDUE"),
    "the last run failed": ({"published_at": -1, "next_update": 6, "failures": 1, "last_error": "x"}, "FAILING"),
    "the first run failed": ({"next_crl_at": 0, "failures": 1, "last_error": "x"}, "FAILING"),
    "past nextUpdate": ({"published_at": -8, "next_update": 0, "failures": 1, "last_error": "x"}, "EXPIRED"),
}


def recorded(crl_arn: str, situation: str) -> CrlState:
    members: dict[str, Any] = {
        name: START + timedelta(days=value) if name.endswith(("_at", "_update")) else value
        for name, value in RECORDED[situation][0].items()
    }
    return CrlState(crl_arn=crl_arn, **members)


class Publisher:
    """A store in which every CRL is in one situation."""

    def __init__(self, store: Any, situation: str) -> None:
        self._store, self._situation = store, situation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_crl_state(self, crl_arn: str) -> CrlState:
        return recorded(crl_arn, self._situation)

    def get_crl_states(self, crl_arns: Sequence[str]) -> list[CrlState]:
        return [recorded(crl_arn, self._situation) for crl_arn in crl_arns]


@pytest.mark.parametrize("situation", RECORDED)
def test_condition_of_a_crl(situation: str) -> None:
    """Half of a validity and the schedule have five minutes' grace."""
    assert freshness.condition_of(recorded("x", situation), START) == RECORDED[situation][1]


@pytest.mark.parametrize("situation", RECORDED)
def test_command_line_and_console_agree_on_a_crl(
    rt: Any, acm_pca: Any, situation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    rt = replace(rt, store=Publisher(rt.store, situation))
    members, condition = RECORDED[situation]
    agreed(rt, arn, freshness.WORDS[condition], monkeypatch)
    (age,) = overview(
        rt, Caller(account_id=rt.settings.account_id, access_key_id="AKIATEST", principal=ADMINISTRATOR), START
    ).crls
    assert age.crl.condition == condition
    (verdict,) = verify_crls(rt)
    assert verdict.freshness == (freshness.WORDS[condition] if "published_at" in members else "")


@pytest.mark.parametrize("situation", ["none yet", "off", "off, and still needed", "expired CA"])
def test_command_line_and_console_agree_on_a_ca(
    rt: Any, acm_pca: Any, clock: Any, situation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=OFF if situation == "off" else CRL_CONFIGURATION)
    if situation in {"off, and still needed", "expired CA"}:
        issue(acm_pca, arn)
    if situation == "off, and still needed":
        acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=OFF)
    if situation == "expired CA":
        later(rt, clock, days=20 * 366)
    word = {"off, and still needed": "fresh", "expired CA": "not published"}.get(situation, situation)
    agreed(rt, arn, word, monkeypatch)


def agreed(rt: Any, arn: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """See that `signet status`, its JSON, the list of CAs and the CA's page say this word.

    Pages say *fresh* only of what the monitor has seen, and here it has not looked.
    """
    monkeypatch.setattr(runtime, "from_env", lambda: rt)
    ran = CliRunner().invoke(signet, ["status"])
    assert f"  {word}  " in ran.output.splitlines()[1]
    (described,) = json.loads(CliRunner().invoke(signet, ["status", "--json"]).output)["CertificateAuthorities"]
    assert described["Freshness"] == word
    assert described["Crl"] is None or described["Crl"]["Fresh"] == (word == "fresh")
    browser = Browser(rt)
    browser.sign_in()
    shown = "not looked at yet" if word == "fresh" else word
    assert f"</span> {shown}</span>" in browser.get("/console/cas").text
    assert facts(page_of(browser, arn))["CRL"].endswith(shown)


def test_published_crl_is_judged_by_its_times_alone() -> None:
    half = START + timedelta(days=3.5)
    week = (START, START + timedelta(days=7))
    assert freshness.condition_of_times(*week, half + freshness.GRACE - timedelta(seconds=1)) == "FRESH"
    assert freshness.condition_of_times(*week, half + freshness.GRACE) == "OLD"
    assert freshness.condition_of_times(*week, START + timedelta(days=7)) == "EXPIRED"
