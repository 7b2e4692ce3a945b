"""A database restored from a copy, with a journal that was kept: nothing that was acknowledged since is undone."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

import app as signet_app
from chalicelib import logs, reconcile
from chalicelib.access import access_keys, principals
from chalicelib.cli import signet
from chalicelib.crl.publication import publish_due_crls
from chalicelib.identities import ADMINISTRATOR
from chalicelib.journal import JournalError
from chalicelib.journal.journal import NotServingError
from chalicelib.local.scheduler import Scheduler
from chalicelib.monitor import health
from chalicelib.operations import search
from chalicelib.runtime import Caller, from_settings
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.client import client_for
from tests.support.console_authority_steps import path_of
from tests.support.console_browser import Browser
from tests.support.restored_homes import copy_of, ocsp_status, restored
from tests.support.revocations import number, published

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop

REVOCATION = CRL_CONFIGURATION | {"OcspConfiguration": {"Enabled": True}}
BEFORE, SINCE = 2, 5  # certificates revoked before the copy was made, and since


def revoke(client: Any, arn: str, serial: str, reason: str) -> None:
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason=reason)


@dataclass
class Restored:
    """A home after the restore, before it is brought forward, and what clients were told."""

    rt: Runtime
    arn: str
    revoked: list[str]
    later: list[str]
    good: str
    number: int
    deleted_key: str
    token: dict[str, Any]
    token_answer: str


@pytest.fixture
def home(rt: Runtime, acm_pca: Any, clock: Clock) -> Restored:
    arn = active_root(acm_pca, RevocationConfiguration=REVOCATION)
    serials = [serial_of(issue(acm_pca, arn)) for _ in range(BEFORE + SINCE + 1)]
    principals.create(rt, rt.settings.account_id, "ci")
    key = access_keys.create_access_key(rt, rt.settings.account_id, "x", principal="ci")
    for serial in serials[:BEFORE]:
        revoke(acm_pca, arn, serial, "SUPERSEDED")
    publish_due_crls(rt, seconds=60)
    rt.journal.run(rt.now())
    copy = copy_of(rt)

    clock.forward(seconds=600)
    for serial in serials[BEFORE:-1]:
        revoke(acm_pca, arn, serial, "AFFILIATION_CHANGED")
    token = {"Csr": csr(dns_names=("token.example.com",)), "IdempotencyToken": "token"}
    token_answer = issue(acm_pca, arn, **token)
    later = [serial_of(issue(acm_pca, arn)) for _ in range(3)]
    rt.store.delete_access_key(key.access_key_id)
    rt.store.delete_principal(rt.settings.account_id, "ci")
    publish_due_crls(rt, seconds=60)
    rt.journal.run(rt.now())
    last = number(published(rt, arn))
    clock.forward(seconds=60)
    back = restored(rt, copy, with_journal=False)
    return Restored(back, arn, serials[:-1], later, serials[-1], last, key.access_key_id, token, token_answer)


def test_restored_database_serves_no_change_and_no_good_answer_before_it_is_brought_forward(
    home: Restored, caplog: pytest.LogCaptureFixture
) -> None:
    rt, client = home.rt, client_for(home.rt)
    with pytest.raises(ClientError) as caught:
        issue(client, home.arn)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "60"
    assert caught.value.response["Error"]["Message"] == "A part of the service does not answer; try again."
    assert client.list_certificate_authorities()["CertificateAuthorities"]
    with pytest.raises(ValueError, match="not successful"):  # tryLater
        ocsp_status(rt, home.arn, home.good)
    assert ocsp_status(rt, home.arn, home.revoked[0])[0] == "REVOKED"
    with pytest.raises(NotServingError):
        reconcile.reconcile(rt)
    with pytest.raises(NotServingError):
        publish_due_crls(rt, seconds=60)
    logs.LOGGER.addHandler(caplog.handler)
    Scheduler(signet_app.app, rt).tick()  # and the log is not filled with that
    assert not [record for record in caplog.records if "schedule_failed" in record.getMessage()]


def test_database_brought_forward_keeps_every_promise_made_since_the_copy(home: Restored, clock: Clock) -> None:
    rt = home.rt
    report = reconcile.bring_forward(rt)
    assert report.lost == {}
    client = client_for(rt)
    assert {ocsp_status(rt, home.arn, serial)[0] for serial in home.revoked} == {"REVOKED"}
    assert ocsp_status(rt, home.arn, home.revoked[-1]) == ("REVOKED", "affiliationChanged")
    assert ocsp_status(rt, home.arn, home.good)[0] == "GOOD"
    assert {ocsp_status(rt, home.arn, serial)[0] for serial in home.later} == {"GOOD"}
    # certificates issued since the copy can be revoked
    revoke(client, home.arn, home.later[0], "SUPERSEDED")
    clock.forward(seconds=5)
    assert ocsp_status(rt, home.arn, home.later[0])[0] == "REVOKED"
    assert [outcome.result for outcome in publish_due_crls(rt, seconds=60)] == ["published"]
    listed = {f"{entry.serial_number:032x}" for entry in published(rt, home.arn)}
    assert listed == {serial.replace(":", "") for serial in [*home.revoked, home.later[0]]}
    assert number(published(rt, home.arn)) > home.number
    # deleted stays deleted
    assert rt.store.get_access_key(home.deleted_key) is None
    assert rt.store.get_principal(rt.settings.account_id, "ci") is None
    # one token, one certificate
    assert issue(client, home.arn, **home.token) == home.token_answer
    assert rt.journal.difference(rt.now()) is None


def test_certificate_without_its_bytes_says_so(home: Restored) -> None:
    reconcile.bring_forward(home.rt)
    client = client_for(home.rt)
    with pytest.raises(ClientError, match="lost with the database") as caught:
        client.get_certificate(CertificateAuthorityArn=home.arn, CertificateArn=home.token_answer)
    assert caught.value.response["Error"]["Code"] == "RequestFailedException"


def test_certificate_without_its_bytes_is_listed_and_shown(home: Restored) -> None:
    reconcile.bring_forward(home.rt)
    serial = int(home.token_answer[-32:], 16)
    caller = Caller(account_id=home.rt.settings.account_id, access_key_id="", principal=ADMINISTRATOR)
    found, _ = search.search_certificates(home.rt, caller, home.arn, search.Filters(serial_number=serial))
    assert [(match.state, match.summary.subject) for match in found] == [("ISSUED", "")]
    browser = Browser(home.rt)
    browser.sign_in()
    page = browser.get(path_of(home.arn, f"/certificates/{home.token_answer[-32:]}"))
    assert page.status == 200
    assert "lost with the database" in page.text


def test_difference_is_a_problem_of_the_journal_for_health_and_status(home: Restored) -> None:
    problems = health.look(home.rt)
    assert [problem.part for problem in problems] == ["journal"]
    assert "signet reconcile --journal" in problems[0].remedy
    browser = Browser(home.rt)
    browser.sign_in()
    assert "Nothing is signed" in browser.get("/console/activity").text
    assert "signet reconcile --journal" in browser.get("/console/health").text
    reconcile.bring_forward(home.rt)
    assert health.look(home.rt) == ()


def test_number_continues_above_the_journal_s_where_the_bucket_is_lost_too(home: Restored, clock: Clock) -> None:
    rt = home.rt
    reconcile.bring_forward(rt)
    state = rt.store.get_crl_state(home.arn)
    assert state is not None
    assert state.crl_number >= home.number
    assert state.next_crl_at is not None
    assert state.next_crl_at <= rt.now()


def test_bringing_forward_twice_and_running_on_repeats_nothing(home: Restored, clock: Clock) -> None:
    rt = home.rt
    reconcile.bring_forward(rt)
    before = rt.journal.log.checkpoint()
    assert before is not None
    assert reconcile.bring_forward(rt).entries == 0
    issue(client_for(rt), home.arn)
    head = rt.journal.run(rt.now())
    kinds = [entry[:40] for entry in rt.journal.log.entries(before.size, head.size)]
    assert sum(b'"kind":"reserved"' in kind for kind in kinds) == 1
    assert not any(b'"kind":"revoked"' in kind for kind in kinds)


def test_change_is_answered_once_the_journal_has_it_if_that_is_set(rt: Runtime, acm_pca: Any) -> None:
    always = replace(rt, settings=replace(rt.settings, journal_sync="always"))
    client = client_for(always)
    arn = active_root(client)
    for _ in range(2):
        serial = issue(client, arn)[-32:]
        revoke(client, arn, serial, "SUPERSEDED")
        head = rt.store.journal_head()
        entries = [json.loads(entry) for entry in rt.journal.log.entries(0, head.size)]
        kinds = [entry["kind"] for entry in entries if entry.get("serial") == serial]
        assert kinds == ["reserved", "issued", "revoked"]


def test_change_that_the_journal_does_not_take_is_no_success_if_that_is_set(rt: Runtime, acm_pca: Any) -> None:
    always = replace(rt, settings=replace(rt.settings, journal_sync="always"))
    client = client_for(always)
    arn = active_root(client)
    rt.settings.journal_path.rename(rt.settings.journal_path.with_name("away"))
    rt.settings.journal_path.write_bytes(b"a file")
    with pytest.raises(ClientError) as caught:
        issue(client, arn)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"


# journals that were changed


@pytest.fixture
def running(rt: Runtime, acm_pca: Any) -> tuple[Runtime, str]:
    arn = active_root(acm_pca, RevocationConfiguration=REVOCATION)
    rt.journal.run(rt.now())
    issue(acm_pca, arn)
    rt.journal.run(rt.now())
    return rt, arn


def again(rt: Runtime) -> Runtime:
    """Another process."""
    made = replace(from_settings(rt.settings), now=rt.now)
    signet_app.use_runtime(made)
    return made


@pytest.mark.parametrize("change", ["lost", "truncated", "another"])
def test_journal_that_was_changed_stops_all_signing_until_somebody_accepts_it(
    running: tuple[Runtime, str], change: str, tmp_path: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    rt, arn = running
    path = rt.settings.journal_path
    if change == "truncated":
        older = tmp_path / "older"
        shutil.copytree(path, older)
        issue(client_for(rt), arn)
        rt.journal.run(rt.now())
        shutil.rmtree(path)
        shutil.copytree(older, path)
    else:
        shutil.rmtree(path)
    if change == "another":
        other = replace(from_settings(replace(rt.settings, data=str(tmp_path / "other"))), now=clock)
        active_root(client_for(other))
        other.journal.run(clock())
        shutil.copytree(other.settings.journal_path, path)
    rt = again(rt)
    logs.LOGGER.addHandler(caplog.handler)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        issue(client_for(rt), arn)
    (reported,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert reported.getMessage() == "journal_differs"
    assert "accept-fork" in reported.data["remedy"]  # type: ignore[attr-defined]  # see `logs.log`
    assert reconcile.bring_forward(rt).entries == 0
    leaf = next(iter(rt.store.list_certificates(arn)))
    with pytest.raises(ValueError, match="not successful"):
        ocsp_status(rt, arn, f"{leaf.serial_number:032x}")
    if change == "another":
        with pytest.raises(JournalError):
            rt.journal.accept(rt.now())
        shutil.rmtree(path)
    rt.journal.accept(rt.now())
    issue(client_for(rt), arn)
    clock.forward(seconds=1)
    head = rt.journal.run(rt.now())
    entries = list(rt.journal.log.entries(0, head.size))
    assert any(b'"kind":"accepted"' in entry for entry in entries)
    assert sum(b'"kind":"issued"' in entry for entry in entries) >= 3  # all that the database has is listed again
    assert again(rt).journal.difference(clock() + timedelta(hours=1)) is None


def test_home_that_had_no_journal_begins_one_with_all_that_it_has(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=REVOCATION)
    serial = serial_of(issue(acm_pca, arn))
    revoke(acm_pca, arn, serial, "SUPERSEDED")
    table: Any = rt.store.table  # type: ignore[attr-defined]  # the store over a table
    table.inner._connection().execute("DELETE FROM items WHERE pk LIKE 'OUTBOX#%'")  # an earlier release wrote none
    head = rt.journal.run(rt.now())
    entries = b"\n".join(rt.journal.log.entries(0, head.size))
    for kind in ("issued", "revoked", "access-key", "crl", "item"):
        assert f'"kind":"{kind}"'.encode() in entries
    assert head.listed_to is None


def test_process_that_runs_on_notices_a_restore_within_half_a_minute(
    running: tuple[Runtime, str], clock: Clock
) -> None:
    rt, arn = running
    issue(client_for(rt), arn)
    store: Any = rt.store
    store.adopt_journal(store.journal_head(), size=1, root=rt.journal.log.root_at(1).hex())
    clock.forward(seconds=31)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        issue(client_for(rt), arn)
    with pytest.raises(NotServingError):
        rt.journal.run(rt.now())
    assert reconcile.run_journal(rt, seconds=50)["lacked"] > 0
    issue(client_for(rt), arn)


def test_command_brings_forward_and_tells_what_it_did(
    home: Restored, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv("SIGNET_DATA", home.rt.settings.data)
    told = CliRunner().invoke(signet, ["reconcile", "--journal"])
    assert told.exit_code == 0, told.output
    assert f"revoked: {SINCE} brought back" in told.output
    assert "have the same" in told.output
    assert CliRunner().invoke(signet, ["reconcile", "--accept-fork"]).exit_code == 2
    shutil.rmtree(home.rt.settings.journal_path)
    refused = CliRunner().invoke(signet, ["reconcile", "--journal"])
    assert refused.exit_code == 1
    assert "The journal is lost" in refused.output
    accepted = CliRunner().invoke(signet, ["reconcile", "--journal", "--accept-fork"])
    assert accepted.exit_code == 0, accepted.output
    names = [found.record["eventName"] for found in home.rt.audit.newest("000000000000", now=clock())]
    assert {"AcceptJournal", "BringForward", "ReconcileJournal"} <= set(names)


def test_accepted_journal_of_another_history_forgets_none_of_its_revocations(
    home: Restored, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of one home went on: the database of one of them meets the journal of the other."""
    rt, store = home.rt, home.rt.store
    head = store.journal_head()
    here: Any = store
    here.adopt_journal(head, size=head.size, root="ab" * 32)
    clock.forward(seconds=31)
    assert "rewritten" in str(rt.journal.difference(clock()))
    assert reconcile.bring_forward(rt).entries == 0
    rt.journal.accept(clock())
    assert {ocsp_status(rt, home.arn, serial)[0] for serial in home.revoked} == {"REVOKED"}
    assert rt.store.get_access_key(home.deleted_key) is None
    assert rt.journal.run(clock()).listed_to is None
