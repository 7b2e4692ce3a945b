"""What is done by the command, the console, the schedules and sessions is recorded, too (docs/audit.md)."""

from __future__ import annotations

import getpass
import json
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import boto3
import click
import pytest
from click.testing import CliRunner, Result

from chalicelib import logs, reconcile
from chalicelib.access import access_keys, principals
from chalicelib.audit import AuditError
from chalicelib.audit.file_trail import FileTrail
from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.console import acts, table
from chalicelib.crl import publication
from chalicelib.reports import audit_report_writer
from chalicelib.runtime import from_settings
from chalicelib.store.dynamodb import create_table
from tests.contract.audit.conftest import ends, records
from tests.support.authority_steps import active_root, create, issue
from tests.support.client import client_for, sts_for
from tests.support.clock_steps import later
from tests.support.console_authority_steps import page_of, path_of
from tests.support.console_browser import Browser
from tests.support.home import make_home
from tests.support.roles import assume, keys_in, make_role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop

OWNER = "000000000000"
# Forms that act by operations of the API alone, or change nothing but the session.
BY_THE_API = {
    *(
        "sign-in",
        "cas/create/{draft}/{step}",
        "cas/{ca_id}/issue",
        "cas/{ca_id}/issue/csr",
        "cas/{ca_id}/issue/{draft}",
    ),
    *(f"cas/{{ca_id}}/{each}" for each in ("install", "install-own", "install-signed", "renew", "disable", "enable")),
    *(f"cas/{{ca_id}}/{each}" for each in ("delete", "restore", "revocation/edit", "tags", "tags/remove", "reports")),
    *(f"cas/{{ca_id}}/sharing/{each}" for each in ("permit", "forbid", "policy", "unshare")),
    *("cas/{ca_id}/certificates/{serial}/revoke", "principal/policy/preview", "inspect", "theme"),
    *("certificates/revoke", "cas/{ca_id}/certificates/revoke"),
}


# Commands that change nothing here and reveal no secret; `demo` has a home of its own, `serve` records its calls.
LOOKING = {
    *(
        "serve",
        "status",
        "doctor",
        "monitor",
        "demo",
        "settings",
        "crl verify",
        "credentials list",
        "share list",
        "clock show",
    ),
    *("backup verify", "restore", "migrate"),  # the last two record themselves once they are done
    *(
        f"log {each}" for each in ("key", "verify", "prove", "check", "request", "witness")
    ),  # the last one records itself
    *(f"audit {each}" for each in ("tail", "search", "verify", "key")),
    *(f"{kind} {each}" for kind in ("principal", "role", "oidc-provider") for each in ("list", "show")),
    *("principal policy get", "role policy get", "role trust get"),
    *("trust list", "trust root"),
    *(f"acme {each} list" for each in ("directory", "eab", "account", "order")),
    "acme directory show",
}

# the command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "data"))
    make_home(tmp_path / "data")
    return lambda *words, **more: CliRunner().invoke(signet, words, **more)


@pytest.fixture
def home(tmp_path: Path) -> Runtime:
    return from_settings(Settings(data=str(tmp_path / "data")))


POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"acm-pca:List*","Resource":"*"}}'


def test_commands_that_change_or_reveal_are_recorded(run: Callable[..., Result], home: Runtime, tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(POLICY)
    secrets = [
        run("env").stdout.split("AWS_SECRET_ACCESS_KEY=")[1].split()[0],
        run("principal", "create", "ci", "--preset", "auditor") and "",
        run("credentials", "create", "--principal", "ci", "--expires", "90d").stdout.split("KEY=")[1].strip(),
    ]
    key = next(key for key in home.store.list_access_keys() if key.principal == "ci")
    run("principal", "policy", "put", "ci", "p", str(tmp_path / "policy"))
    run("principal", "policy", "delete", "ci", "p")
    run("credentials", "delete", key.access_key_id)
    run("principal", "delete", "ci")
    run("principal", "delete", "ci")
    run("crl", "publish")
    found = ends(home)
    assert [(each["eventName"], each["additionalEventData"]["outcome"]) for each in found] == [
        ("RevealRootAccessKey", "allowed"),
        ("CreatePrincipal", "allowed"),
        ("CreateAccessKey", "allowed"),
        ("PutPrincipalPolicy", "allowed"),
        ("DeletePrincipalPolicy", "allowed"),
        ("DeleteAccessKey", "allowed"),
        ("DeletePrincipal", "allowed"),
        ("DeletePrincipal", "failed"),
        ("RequestCrlPublication", "allowed"),
    ]
    assert {each["userIdentity"]["userName"] for each in found} == {getpass.getuser()}
    assert {each["additionalEventData"]["channel"] for each in found} == {"cli"}
    assert found[1]["requestParameters"] == {"name": "ci", "preset": "auditor"}
    assert found[2]["additionalEventData"]["accessKeyId"] == key.access_key_id
    assert list(found[3]["additionalEventData"]["policies"]) == ["p"]
    files = "".join(path.read_text() for path in (tmp_path / "data/audit").iterdir())
    assert not [secret for secret in secrets if secret and secret in files]
    assert "acm-pca:List" not in files


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command by its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def test_every_command_is_recorded_or_only_looks() -> None:
    unrecorded = {name for name, command in commands(signet) if not hasattr(command.callback, "__wrapped__")}
    assert unrecorded - {"console"} == LOOKING  # `console` records the link that it makes


def test_a_command_that_cannot_be_recorded_does_nothing(
    run: Callable[..., Result], home: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AuditError("The disk is full.")

    monkeypatch.setattr(FileTrail, "append", fail)
    assert isinstance(run("principal", "create", "ci").exception, AuditError)
    assert home.store.get_principal(OWNER, "ci") is None


def test_tail_search_and_verify(run: Callable[..., Result], home: Runtime, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        run("principal", "create", name)
    lines = run("audit", "tail", "-n", "2").stdout.splitlines()
    assert len(lines) == 2
    assert all(f"allowed CreatePrincipal by {getpass.getuser()}" in line for line in lines)
    found = run("audit", "search", "--operation", "CreatePrincipal", "--since", "1h", "--limit", "2", "--json").stdout
    assert ['"name":"three"' in found, '"name":"two"' in found, '"name":"one"' in found] == [True, True, False]
    assert run("audit", "search", "--outcome", "denied").stdout == ""
    assert run("audit", "search", "--principal", getpass.getuser(), "--until", "1h").stdout == ""
    verified = run("audit", "verify")
    assert verified.exit_code == 0
    assert verified.stdout.startswith("7 records are as they were written.")
    head = verified.stdout.split()[-1]
    assert run("audit", "verify", "--head", head).exit_code == 0
    assert run("audit", "verify", "--head", head[:-1] + ("0" if head[-1] != "0" else "1")).exit_code == 1
    key = run("audit", "key").stdout.strip()
    assert run("audit", "verify", str(tmp_path / "data/audit"), "--public-key", key).exit_code == 0
    assert run("audit", "verify", str(tmp_path / "data/audit"), "--public-key", "0" * 64).exit_code == 1
    path = tmp_path / "data/audit/audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"name":"two"', b'"name":"six"', 1))
    tampered = run("audit", "verify")
    assert tampered.exit_code == 1
    assert tampered.stderr == (
        "audit.jsonl, line 5: record 5 does not follow record 4: a record was changed, moved, added or removed.\n"
    )
    path.write_bytes(whole)
    assert run("audit", "verify").exit_code == 0


# the console


def test_the_console_records_who_signs_in_and_out_and_what_pages_do(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    browser = Browser(rt)
    browser.sign_in()
    browser.submit(page_of(browser, arn, "/revocation"), "/revocation/publish")
    browser.submit(browser.get("/console/cas"), "sign-out")
    found = [each for each in ends(rt) if each["additionalEventData"]["channel"] == "console"]
    changes = [each for each in found if not each["readOnly"]]
    assert [each["eventName"] for each in changes] == ["ConsoleLogin", "RequestCrlPublication", "ConsoleLogout"]
    root = access_keys.ensure_root_key(rt).access_key_id
    assert {each["userIdentity"]["accessKeyId"] for each in changes} == {root}
    assert {each["eventType"] for each in changes} == {"AwsConsoleAction"}
    assert [each["ARN"] for each in changes[1]["resources"]] == [arn]


def test_calls_of_the_api_by_the_console_are_recorded_as_its_own(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    browser = Browser(rt)
    browser.sign_in()
    browser.submit(page_of(browser, arn, "/tags"), "/tags", key="a", value="b")
    *_, record = ends(rt)
    tagged = [each for each in ends(rt) if each["eventName"] == "TagCertificateAuthority"]
    assert [each["additionalEventData"]["channel"] for each in tagged] == ["console"]
    assert record["additionalEventData"]["channel"] == "console"


def test_a_refused_page_is_recorded(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    principals.create(rt, OWNER, "nobody")
    key = access_keys.create_access_key(rt, OWNER, principal="nobody")
    browser = Browser(rt)
    browser.sign_in(key)
    assert browser.get(path_of(arn, "/revocation")).status == 403
    *_, record = ends(rt)
    assert record["additionalEventData"]["outcome"] == "denied"
    assert record["userIdentity"]["userName"] == "nobody"
    assert [each["ARN"] for each in record["resources"]] == [arn]


def test_failed_attempts_to_sign_in_are_counted(rt: Runtime, clock: Clock) -> None:
    browser = Browser(rt)
    for _ in range(4):
        page = browser.get("/console/sign-in")
        browser.submit(page, "sign-in", access_key_id="AKIA" + "A" * 16, secret_access_key="wrong")
    clock.forward(seconds=61)
    reconcile.reconcile(rt)
    counted = [
        each["additionalEventData"]["counted"] for each in records(rt) if "counted" in each["additionalEventData"]
    ]
    assert sum(each["count"] for record in counted for each in record) == 4
    assert {each["reason"] for record in counted for each in record} == {acts.SIGNED_IN}


def test_every_form_acts_by_the_api_or_is_recorded_by_name() -> None:
    forms = {page.path for page in table.PAGES if page.method == "POST"}
    assert forms - BY_THE_API == set(acts.ACTS)


# schedules and sessions


def test_schedules_record_what_they_did(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    doomed = create(acm_pca)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=doomed, PermanentDeletionTimeInDays=7)
    acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="audit-bucket", AuditReportResponseFormat="JSON"
    )
    later(rt, clock, days=8)
    for _ in range(2):  # the second runs find nothing to do
        publication.publish_due_crls(rt, seconds=60)
        reconcile.reconcile(rt)
        audit_report_writer.write_due_reports(rt)
    found = [each for each in ends(rt) if each["additionalEventData"]["channel"] == "schedule"]
    assert [each["eventName"] for each in found] == ["PublishCrls", "PurgeCertificateAuthority", "WriteAuditReport"]
    assert [each["resources"][0]["ARN"] for each in found] == [arn, doomed, arn]
    assert found[0]["additionalEventData"]["crls"] == {"published": 1}
    assert {each["userIdentity"]["type"] for each in found} == {"AWSService"}


def test_crls_are_published_even_if_that_cannot_be_recorded(
    rt: Runtime, acm_pca: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(acm_pca, active_root(acm_pca))
    clock.forward(days=4)

    def fail(*_: object, **__: object) -> None:
        raise AuditError("The disk is full.")

    monkeypatch.setattr(FileTrail, "append", fail)
    assert [outcome.result for outcome in publication.publish_due_crls(rt, seconds=60)] == ["published"]


def test_a_session_of_a_role_is_recorded_with_its_name(rt: Runtime, acm_pca: Any) -> None:
    make_role(rt)
    answer = assume(sts_for(rt))
    begun, end = records(rt)[-2:]
    assert (begun["eventName"], end["eventName"]) == ("AssumeRole", "AssumeRole")
    assert end["eventSource"] == "sts.amazonaws.com"
    assert end["responseElements"] == {"credentials": {"accessKeyId": answer["Credentials"]["AccessKeyId"]}}
    client_for(rt, **keys_in(answer)).list_certificate_authorities()
    *_, record = ends(rt)
    assert record["userIdentity"]["type"] == "AssumedRole"
    assert record["userIdentity"]["arn"] == answer["AssumedRoleUser"]["Arn"]
    text = str(records(rt))
    assert answer["Credentials"]["SecretAccessKey"] not in text
    assert answer["Credentials"]["SessionToken"] not in text


# functions on AWS


@pytest.mark.slow
def test_functions_record_in_the_table_and_in_the_log(aws: None, tmp_path: Path, clock: Clock, acm_pca: Any) -> None:
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    settings = Settings(data=str(tmp_path / "home"), state="dynamodb")
    processes = [replace(from_settings(settings), now=clock) for _ in range(2)]
    arn = active_root(client_for(processes[0]))
    clock.forward(seconds=1)  # chains of several processes are in the order of their times
    lines = StringIO()
    kept = list(logs.LOGGER.handlers)
    logs.configure("INFO", lines)
    certificate_arn = issue(client_for(processes[1]), arn)
    logs.LOGGER.handlers[:] = kept
    logged = [line["record"] for line in map(json.loads, lines.getvalue().splitlines()) if line["event"] == "audit"]
    assert [each["eventName"] for each in logged] == ["IssueCertificate", "IssueCertificate"]
    assert logged[-1] == ends(processes[0])[-1]
    assert logged[-1]["responseElements"] == {"certificateArn": certificate_arn}
    assert len({each["chain"] for each in records(processes[0])}) == 2
    verdict = processes[0].audit.verify(clock())
    assert (verdict.problems, verdict.records) == ((), len(records(processes[0])))
    browser = Browser(processes[0])
    browser.sign_in()
    page = page_of(browser, arn, "/activity")
    assert (page.status, "leaf.example.com" in page.text) == (200, True)
