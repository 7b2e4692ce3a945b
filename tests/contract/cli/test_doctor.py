"""`signet doctor` finds what is wrong with a home, says what to do, and mends what is harmless; so does a start."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import doctor, migrations
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.doctor import integrity, records
from chalicelib.local.server import ServeError, serve
from chalicelib.runtime import Runtime, from_settings
from chalicelib.store.sqlite import FILE_SCHEMA
from chalicelib.store.table import SCHEMA
from tests.support.authority_steps import active_root, issue
from tests.support.client import client_for
from tests.support.localstack_home import make_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The directory of a home with a CA, its CRL and two certificates."""
    rt = from_settings(Settings(data=str(tmp_path / "data")))
    access_keys.ensure_root_key(rt)
    client = client_for(rt)
    arn = active_root(client)
    issue(client, arn)
    publication.publish_due_crls(rt, seconds=60)
    rt.store.table.close()  # type: ignore[attr-defined]  # the store over a table
    return tmp_path / "data"


def home(data: Path, **settings: str) -> Runtime:
    return from_settings(Settings(data=str(data), **settings))


def found(run: Run, *options: str) -> dict[str, list[dict[str, Any]]]:
    """The findings by their check."""
    findings = json.loads(run("doctor", "--json", *options).stdout)
    return {finding["check"]: [each for each in findings if each["check"] == finding["check"]] for finding in findings}


def test_home_that_is_well_has_no_findings(data: Path, run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"{check.name}: ok" for check in doctor.CHECKS]


def test_open_and_left_files_are_mended(data: Path, run: Run) -> None:
    (data / "keys" / "wrapping.key").chmod(0o644)
    left, recent = data / "keys" / ".tmp-0123", data / "buckets" / ".tmp-4567"
    for path in (left, recent):
        path.touch(0o600)
    os.utime(left, (0, 0))
    findings = found(run)
    assert [finding["remedy"] for finding in findings["permissions"]] == [f"chmod 600 {data}/keys/wrapping.key"]
    assert [finding["remedy"] for finding in findings["leftovers"]] == [f"remove {left}"]
    assert found(run, "--fix").keys() == {"permissions", "leftovers"}
    assert found(run) == {}
    assert recent.exists()


def test_damaged_database_is_found_and_not_served(data: Path, run: Run) -> None:
    with (data / "signet.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 8192)
    findings = found(run, "--quick")["database"]
    assert "signet.db is damaged" in findings[0]["problem"]
    with pytest.raises(ServeError, match=r"signet\.db is damaged: .* Remedy: restore a backup"):
        serve(home(data), None, None, lambda: None)  # type: ignore[arg-type]  # it does not come so far


def test_large_database_is_checked_again_where_it_is_copied(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "SMALL_BYTES", 0)
    rt = home(data)
    looks: list[str] = []
    table = rt.store.table.inner  # type: ignore[attr-defined]  # the store over a table
    monkeypatch.setattr(type(table), "damage", lambda _: looks.append("look"))  # and no damage
    for _ in range(2):
        assert list(integrity.quick(rt)) == []
    assert looks == ["look"]
    table.close()
    copy = shutil.copytree(data, data.with_name("copy"))
    assert list(integrity.quick(home(copy))) == []
    assert looks == ["look", "look"]


def test_torn_copy_is_not_served(data: Path, tmp_path: Path) -> None:
    """The database of one moment with the pages of a later one, as cp copies it while the server writes."""
    moments = []
    for change in ("SELECT 1", "DELETE FROM items WHERE rowid % 2"):
        with closing(sqlite3.connect(data / "signet.db", isolation_level=None)) as connection:
            connection.execute(change)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        moments.append((data / "signet.db").read_bytes())
    early, late = moments
    half = len(early) // 8192 * 4096
    (data / "signet.db").write_bytes(early[:half] + late[half:])
    assert "signet.db is damaged" in doctor.at_start(home(data))


@pytest.mark.parametrize("schema", [FILE_SCHEMA - 1, FILE_SCHEMA + 1])
def test_database_of_another_version_is_found(data: Path, run: Run, schema: int) -> None:
    with closing(sqlite3.connect(data / "signet.db")) as connection:
        connection.execute(f"PRAGMA user_version = {schema}")
    (finding,) = found(run)["versions"]
    assert f"is of schema {schema}, and this version of Signet reads schema {FILE_SCHEMA}" in finding["problem"]
    assert finding["remedy"] == ("run `signet migrate`" if schema < FILE_SCHEMA else "run a later version")


def test_key_of_another_ca_is_found(data: Path, run: Run) -> None:
    rt = home(data)
    (ca,) = rt.store.list_certificate_authorities("000000000000", limit=9)
    (data / "keys" / f"{ca.key_id}.key").unlink()
    rt.keys.create_key(ca.arn, "EC_prime256v1")
    findings = found(run)
    assert [finding["problem"] for finding in findings["CA keys"]] == [
        f"The key of {ca.arn} is another one than on record."
    ]


def test_damaged_crl_and_lost_secrets_are_found(data: Path, run: Run) -> None:
    (crl,) = data.glob("buckets/*/crl/*.crl")
    crl.write_bytes(b"no CRL")
    (data / "keys" / "wrapping.key").write_bytes(bytes(32))
    findings = found(run)
    assert crl.name in findings["CRLs"][0]["problem"]
    assert "does not open" in findings["secrets"][0]["problem"]
    assert "does not open" in findings["CA keys"][0]["problem"]


def test_lost_database_is_found(data: Path, run: Run) -> None:
    (data / "signet.db").unlink()
    (finding,) = found(run, "--quick")["files"]
    assert finding["problem"].startswith(f"{data}/signet.db is lost")
    assert finding["remedy"].startswith(f"restore {data} from a backup")


def test_clock_behind_what_is_on_record_is_found(data: Path) -> None:
    rt = home(data)
    list(doctor.examine(rt))
    behind = replace(rt, now=lambda: rt.now() - timedelta(hours=2))
    (finding,) = records.clock_on_record(behind)
    assert finding.problem.startswith("The clock is behind ")
    assert finding.remedy == "set the clock"


def test_check_that_fails_is_a_finding_and_the_others_go_on(data: Path, run: Run) -> None:
    (data / "signet.db").write_bytes(b"no database" * 1000)
    findings = found(run)
    assert findings.keys() >= {"versions", "database", "clock", "parts", "CA keys"}
    assert run("doctor").exit_code == 1


class Dated(BaseHTTPRequestHandler):
    """Answers HEAD with the date that the server has."""

    def do_HEAD(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", str(self.server.date))  # type: ignore[attr-defined]  # see the test
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Tue, 01 Jan 2030 12:00:30 GMT", ""),
        ("Tue, 01 Jan 2030 12:10:00 GMT", "600 seconds behind"),
        ("Tue, 01 Jan 2030 11:00:00 GMT", "3600 seconds ahead of"),
    ],
)
def test_clock_is_compared_with_that_of_a_url(
    data: Path, date: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    server = HTTPServer(("127.0.0.1", 0), Dated)
    server.date = date  # type: ignore[attr-defined]  # for the handler
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    rt = replace(home(data, clock_url=url), now=lambda: datetime(2030, 1, 1, 12, tzinfo=UTC))
    try:
        problems = [finding.problem for finding in records.clock_of_others(rt)]
    finally:
        server.shutdown()
        server.server_close()
    assert problems == ([f"The clock is {expected} that of {url}."] if expected else [])


def test_home_on_aws_is_checked_as_well(tmp_path: Path, aws: None) -> None:
    settings = Settings(data=str(tmp_path / "none"), state="dynamodb", buckets="s3", keys="kms")
    make_state(settings.table_name, settings.journal_bucket)
    rt = from_settings(settings)
    access_keys.ensure_root_key(rt)
    (finding,) = [finding for _, findings in doctor.examine(rt) for finding in findings]
    assert finding == (f"The records are of schema 1, and this version writes {SCHEMA}.", "run `signet migrate`", None)
    migrations.run(rt.store.table.inner)  # type: ignore[attr-defined]  # the store over a table
    assert [finding for _, findings in doctor.examine(rt) for finding in findings] == []
    assert not (tmp_path / "none").exists()
