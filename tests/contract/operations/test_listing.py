"""Lists of certificates over all CAs of an account, with both stores: found, counted and walked as the records say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.config import Settings
from chalicelib.operations import listing
from chalicelib.operations.listing_question import Between, Question
from chalicelib.runtime import from_settings
from chalicelib.store.dynamodb import create_table, open_store
from tests.support.builders import csr
from tests.support.console_steps import CALLER, issue, revoke, root

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # with the tables of both homes
SEARCHING = replace(CALLER, operation="SearchCertificates")


@pytest.fixture
def rt(request: pytest.FixtureRequest, aws: None, tmp_path: Path, clock: Clock) -> Runtime:
    """A home with either store."""
    home = replace(from_settings(Settings(data=str(tmp_path / "home"))), now=clock)
    if request.param == "sqlite":
        return home
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    return replace(home, store=open_store("signet", "us-east-1"))


def serials(rt: Any, question: Question, limit: int = 3) -> list[str]:
    """The serial numbers of a list, page by page."""
    found, token = list[str](), ""
    while True:
        listed = listing.certificates(rt, SEARCHING, question, token, limit=limit)
        found += [f"{match.record.serial_number:032x}" for match in listed.matches]
        token = listed.following
        if not token:
            return found


@pytest.mark.parametrize(("rt", "most"), [("sqlite", 2000), ("sqlite", 2), ("dynamodb", 2)], indirect=["rt"])
def test_lists_have_what_the_records_say(rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    cas = [root(rt), root(rt)]
    begin = rt.now()
    made = []
    for number in range(5):
        clock.forward(seconds=1)
        host = f"host{number}.example.com"
        validity = {"Type": "DAYS", "Value": 20 - number}
        made.append(issue(rt, cas[number % 2], csr(host, dns_names=[host]), validity=validity))
    revoke(rt, cas[1], made[1])
    monkeypatch.setattr(listing, "MOST", most)
    newest = made[::-1]
    recent = Between(begin.replace(microsecond=0), None)
    assert serials(rt, Question(text="host")) == newest
    assert serials(rt, Question(text=".example.com")) == newest
    assert serials(rt, Question(text=made[2])) == [made[2]]
    assert serials(rt, Question(text=made[2][:10])) == [made[2]]
    assert serials(rt, Question(state="REVOKED")) == [made[1]]
    assert serials(rt, Question(template="EndEntityCertificate")) == newest
    assert serials(rt, Question(ca_id=cas[0], template="EndEntityCertificate")) == newest[::2]
    assert serials(rt, Question(order="expires"))[:5] == newest
    assert set(serials(rt, Question(issued=recent))) >= set(made)
    assert serials(rt, Question(state="ISSUED", order="expires"))[:4] == [each for each in newest if each != made[1]]
    assert listing.count(rt, SEARCHING, Question(state="ISSUED")) == (6, "=")
    assert listing.count(rt, SEARCHING, Question(state="REVOKED")) == (1, "=")
    assert listing.count(rt, SEARCHING, Question()) == (7, "=")
    next_ones = listing.next_to_expire(rt, SEARCHING, limit=3)
    assert [f"{match.record.serial_number:032x}" for match in next_ones] == [made[4], made[3], made[2]]
