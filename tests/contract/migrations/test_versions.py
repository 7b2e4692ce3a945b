"""A home of each earlier version is upgraded, and then issues, revokes and publishes; a later one's is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner
from cryptography import x509

from chalicelib import migrations
from chalicelib.access import access_keys
from chalicelib.cli import signet
from chalicelib.cli.migrate import of_laptop
from chalicelib.config import Settings
from chalicelib.crl.publication import publish_due_crls
from chalicelib.migrations import m0006_packed_rows
from chalicelib.records import CrlState
from chalicelib.runtime import Runtime, from_settings
from chalicelib.store import RecordError, StoreError, items, sqlite_rows
from chalicelib.store.dynamodb import DynamoTable, create_table, open_store
from chalicelib.store.sqlite import FILE_SCHEMA, SqliteTable
from chalicelib.store.table import SCHEMA, VERSION, Delete, Key, Put, Update
from tests.support.authority_steps import issue, serial_of
from tests.support.client import client_for
from tests.support.localstack_home import make_state
from tests.support.rest import Rest
from tests.support.version_homes import HOMES, LAST_OF_SCHEMA_1, NAMES, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.store.table import Item, Write
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
PAST = datetime(2026, 12, 1, tzinfo=UTC)
EARLIEST = HOMES[0]
LAST_OF_SCHEMA_5 = HOMES[-1]


def contents(data: Path) -> list[tuple[Any, ...]]:
    """All rows of a database of this version or of an earlier one."""
    with closing(sqlite3.connect(data / "signet.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [row for name in names for row in connection.execute(f"SELECT * FROM {name} ORDER BY pk, sk")]


def items_of(data: Path) -> list[Item]:
    """All items of a database of this version or of an earlier one, in one order."""
    found = [sqlite_rows.item_of(row) for row in contents(data)]
    return sorted(found, key=lambda item: (str(item["pk"]), str(item["sk"])))


def upgraded(archive: Path, tmp_path: Path, clock: Clock) -> tuple[Runtime, dict[str, Any]]:
    data, facts = unpack(archive, tmp_path)
    settings = Settings(data=str(data))
    with closing(sqlite3.connect(data / "signet.db")) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
    assert of_laptop(settings) == FILE_SCHEMA - schema
    clock.now = PAST
    return replace(from_settings(settings), now=clock), facts


def published(rt: Runtime, arn: str) -> tuple[int, set[str]]:
    publish_due_crls(rt, seconds=60)
    stored = rt.buckets.get("crls", f"crl/{arn.rsplit('/', 1)[1]}.crl")
    assert stored is not None
    crl = x509.load_der_x509_crl(stored.body)
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    return number, {f"{entry.serial_number:x}" for entry in crl}


@pytest.fixture
def aws_time(clock: Clock, acm_pca: Any) -> Clock:
    """Signatures bear the time of the test's clock."""
    return clock


@pytest.mark.parametrize("archive", HOMES, ids=NAMES)
def test_home_of_an_earlier_version_goes_on(archive: Path, tmp_path: Path, aws_time: Clock) -> None:
    rt, facts = upgraded(archive, tmp_path / "past", aws_time)
    arn, client = facts["ca_arn"], client_for(rt)
    revoked = {*facts["revoked"], serial_of(issue(client, arn)).replace(":", "")}
    for serial in {facts["serials"][2], *revoked} - set(facts["revoked"]):
        client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
        revoked.add(serial)
    number, entries = published(rt, arn)
    assert entries == {f"{int(serial, 16):x}" for serial in revoked}
    assert number > facts["crl_number"]
    key = rt.store.get_access_key(facts["access_key_id"])
    assert key is not None
    assert access_keys.secret_of(rt, key) == facts["secret"]


@pytest.mark.parametrize("archive", HOMES, ids=NAMES)
def test_home_of_an_earlier_version_holds_what_one_of_this_version_does(
    archive: Path, tmp_path: Path, aws_time: Clock
) -> None:
    rt, facts = upgraded(archive, tmp_path / "past", aws_time)
    arn = facts["ca_arn"]
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    assert ca.key_sha256
    assert rt.store.table.get(items.ca_key(ca.key_sha256)) == {  # type: ignore[attr-defined]  # the store over a table
        **dict(zip(("pk", "sk"), items.ca_key(ca.key_sha256), strict=True)),
        "arn": arn,
    }
    client_for(rt)
    (found,) = Rest(rt).found(arn, san=facts["names"][1])
    assert int(found.rsplit("/", 1)[1], 16) == int(facts["serials"][1], 16)
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 2027)]
    assert rt.store.count_certificates("000000000000", "issued", years) == [4]
    assert rt.store.count_certificates("000000000000", "revoked", years) == [2]
    assert len(rt.store.last_revocations(arn, limit=9)) == 2
    heads = [
        json.JSONDecoder().raw_decode(row[-1].partition(b"\0")[0].decode())[0]
        for row in contents(rt.settings.data_path)
        if row[-1].startswith(b"{")
    ]
    assert {head[VERSION] for head in heads} == {SCHEMA}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are copied seven rows at a time."""
    monkeypatch.setattr(m0006_packed_rows, "BATCH", 7)


def migrate(data: Path, progress: migrations.Progress = lambda *_: None) -> None:
    migrations.of_file(data / "signet.db", progress)


@pytest.mark.parametrize("archive", [EARLIEST, LAST_OF_SCHEMA_5], ids=["1", "5"])
def test_migration_that_was_stopped_anywhere_goes_on(archive: Path, tmp_path: Path, small_steps: None) -> None:
    whole, _ = unpack(archive, tmp_path / "whole")
    rows = len(contents(whole))
    migrate(whole)
    for stop in count(1):
        data, _ = unpack(archive, tmp_path / str(stop))
        before = contents(data)
        steps = iter(range(stop))
        try:
            migrate(data, lambda *_, steps=steps: next(steps))
        except StopIteration:
            assert contents(data) == before  # nothing has happened to the database yet
            copied: list[int] = []
            migrate(data, lambda _, number, copied=copied: copied.append(number))  # type: ignore[misc]  # see above
            assert copied[0] == min(7 * stop, rows)  # it begins where it was
            assert contents(data) == contents(whole)
            assert not (data / m0006_packed_rows.DIRECTORY).exists()
        else:
            assert stop > rows / 7
            return


def killed_after(steps: int, data: Path) -> None:
    """Migrate in a process that is killed once it has reported so many steps."""
    counter = count(1)

    def step(*_: object) -> None:
        if next(counter) == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        migrate(data, step)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_migration_that_is_killed_goes_on(tmp_path: Path, small_steps: None) -> None:
    whole, _ = unpack(EARLIEST, tmp_path / "whole")
    migrate(whole)
    for steps in (1, 3, 7, 9):
        data, _ = unpack(EARLIEST, tmp_path / str(steps))
        killed_after(steps, data)
        assert m0006_packed_rows.schema_of(data / "signet.db") < FILE_SCHEMA
        migrate(data)
        assert contents(data) == contents(whole)


def many(data: Path, certificates: int) -> None:
    """Add certificates to a database of schema 5, as copies of one of its own with other serial numbers."""
    with closing(sqlite3.connect(data / "signet.db")) as connection, connection:
        rows = connection.execute("SELECT * FROM items WHERE pk GLOB 'CERT#*' OR pk GLOB 'FIND#*'").fetchall()
        serial = rows[0][0].rpartition("#")[2]
        ones = [row for row in rows if serial in row[0] or serial in row[1]]
        for number in range(certificates):
            other = f"{number:x}{serial[:-1]}".ljust(32, "0")[:32]
            copies = [
                tuple(
                    each.replace(serial, other)
                    if isinstance(each, str)
                    else each and each.replace(serial.encode(), other.encode())
                    for each in row
                )
                for row in ones
            ]
            connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", copies)


@pytest.mark.slow
def test_migration_that_is_killed_at_random_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it does at that moment: copy, index, settle or rename."""
    monkeypatch.setattr(m0006_packed_rows, "BATCH", 50)
    choice, kills = random.Random(6), 0
    for number in count():  # a busy machine lets a migration end before it kills it often
        data, _ = unpack(LAST_OF_SCHEMA_5, tmp_path / str(number))
        many(data, 300)
        before = items_of(data)
        while m0006_packed_rows.schema_of(data / "signet.db") < FILE_SCHEMA:
            child = os.fork()
            if not child:
                migrate(data)
                os._exit(0)
            time.sleep(choice.uniform(0, 0.02) + 0.0005 * kills)
            os.kill(child, signal.SIGKILL)
            kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            assert items_of(data) == before
        assert SqliteTable(data / "signet.db").damage() == ""
        if kills > 5:
            return


def test_copy_of_a_database_that_was_used_since_begins_again(tmp_path: Path, small_steps: None) -> None:
    """Somebody may go back to the earlier version after a migration that was killed."""
    data, _ = unpack(LAST_OF_SCHEMA_5, tmp_path)
    killed_after(4, data)
    first = contents(data)[0]
    with closing(sqlite3.connect(data / "signet.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute("UPDATE items SET body = ? WHERE pk = ? AND sk = ?", (b'{"n":1,"":{}}\0', *first[:2]))
    expected = items_of(data)
    migrate(data)
    assert items_of(data) == expected


def test_log_of_a_killed_server_is_migrated_too(tmp_path: Path) -> None:
    data, _ = unpack(LAST_OF_SCHEMA_5, tmp_path)
    source = sqlite3.connect(data / "signet.db")
    source.execute("PRAGMA journal_mode = WAL")
    source.execute("INSERT INTO items (pk, sk, body) VALUES ('A', 'B', '{}')")
    source.commit()
    killed = tmp_path / "killed"
    shutil.copytree(data, killed)
    (killed / "signet.db.open").touch()
    source.close()
    migrate(killed)
    assert {"pk": "A", "sk": "B"} in items_of(killed)
    assert not (killed / "signet.db.open").exists()


def test_database_in_use_is_not_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m0006_packed_rows, "WAIT_SECONDS", 0)
    data, _ = unpack(LAST_OF_SCHEMA_5, tmp_path)
    before = contents(data)
    with closing(sqlite3.connect(data / "signet.db")) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("SELECT * FROM items").fetchone()
        with pytest.raises(StoreError, match=r"cannot be migrated: database is locked\.$"):
            migrate(data)
    assert contents(data) == before
    migrate(data)


def test_migration_says_what_space_it_needs_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _ = unpack(LAST_OF_SCHEMA_5, tmp_path)
    before = contents(data)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
        with pytest.raises(StoreError, match=rf"up to 1 MB are needed in {data}, and 1 MB are free\.$"):
            migrate(data)
    assert not (data / m0006_packed_rows.DIRECTORY).exists()
    assert contents(data) == before
    of_laptop(Settings(data=str(data)))
    assert "rows are written to a new file; that needs up to 1 MB, and " in capsys.readouterr().err


def test_migrated_home_is_not_touched_again(tmp_path: Path) -> None:
    data, _ = unpack(LAST_OF_SCHEMA_1, tmp_path)
    assert of_laptop(Settings(data=str(data))) == FILE_SCHEMA - 1
    before = contents(data)
    assert of_laptop(Settings(data=str(data))) == 0
    assert contents(data) == before


def test_items_of_dynamodb_are_migrated_in_place(tmp_path: Path, aws: None) -> None:
    data, facts = unpack(HOMES[4], tmp_path)  # whose CRL states name their CA alone are older; this one has no counts
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    create_table(client, "signet")
    stored = DynamoTable("signet", "us-east-1", page=5)
    for item in items_of(data):
        stored.write(Put(item))
    for entry in client.scan(TableName="signet")["Items"]:  # earlier versions wrote none
        client.update_item(
            TableName="signet",
            Key={"pk": entry["pk"], "sk": entry["sk"]},
            UpdateExpression="REMOVE v",
        )
    assert migrations.state_of(stored).schema == 1
    assert migrations.run(stored) == SCHEMA - 1
    assert migrations.run(stored) == 0
    assert all(entry["v"] == {"N": str(SCHEMA)} for entry in client.scan(TableName="signet")["Items"])
    store = open_store("signet", "us-east-1")
    assert len(store.last_revocations(facts["ca_arn"], limit=9)) == 2
    years = [datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 2027)]
    assert store.count_certificates("000000000000", "issued", years) == [4]


def test_commands_refuse_records_of_an_earlier_version_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = unpack(LAST_OF_SCHEMA_1, tmp_path)
    monkeypatch.setenv("SIGNET_DATA", str(data))
    before = contents(data)
    refused = CliRunner().invoke(signet, ["status"])
    assert str(refused.exception) == (
        f"{data}/signet.db is of schema 1, and this version of Signet reads schema {FILE_SCHEMA}: run `signet migrate`."
    )
    assert contents(data) == before
    migrated = CliRunner().invoke(signet, ["migrate"])
    assert migrated.exit_code == 0, migrated.output
    assert f"The records are of schema {FILE_SCHEMA}: {FILE_SCHEMA - 1} migrations were applied." in migrated.output
    assert CliRunner().invoke(signet, ["status"]).exit_code == 0
    assert "MigrateState" in CliRunner().invoke(signet, ["audit", "tail"]).output


def test_command_migrates_the_table_of_dynamodb(tmp_path: Path, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"DATA": str(tmp_path / "none"), "STATE": "dynamodb", "BUCKETS": "s3", "KEYS": "kms"}
    for name, value in settings.items():
        monkeypatch.setenv(f"SIGNET_{name}", value)
    make_state("signet", Settings().journal_bucket)
    for applied in (SCHEMA - 1, 0):
        migrated = CliRunner().invoke(signet, ["migrate"])
        assert migrated.exit_code == 0, migrated.output
        assert f"The records are of schema {SCHEMA}: {applied} migrations were applied." in migrated.output


@pytest.mark.parametrize("command", ["migrate", "status"])
def test_database_of_a_later_version_is_refused_in_one_sentence(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = unpack(LAST_OF_SCHEMA_1, tmp_path)
    with closing(sqlite3.connect(data / "signet.db")) as connection:
        connection.execute(f"PRAGMA user_version = {FILE_SCHEMA + 1}")
    monkeypatch.setenv("SIGNET_DATA", str(data))
    refused = CliRunner().invoke(signet, [command])
    assert str(refused.exception) == (
        f"{data}/signet.db is of schema {FILE_SCHEMA + 1}, and this version of Signet reads schema {FILE_SCHEMA}: "
        "run a later version."
    )


def test_table_of_a_later_version_is_refused(tmp_path: Path, aws: None) -> None:
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    stored = DynamoTable("signet", "us-east-1")
    stored.write(Put({"pk": migrations.MARKER.pk, "sk": migrations.MARKER.sk, "schema": SCHEMA + 1}))
    with pytest.raises(RecordError, match=f"schema {SCHEMA + 1}, and this version of Signet reads schema {SCHEMA}"):
        migrations.run(stored)


MODULES = {"sqlite": "sqlite_items", "dynamodb": "dynamodb_items"}  # that write the schema into an item


@pytest.mark.parametrize("kind", MODULES)
def test_record_of_a_later_version_is_refused(
    kind: str, tmp_path: Path, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    stored = DynamoTable("signet", "us-east-1") if kind == "dynamodb" else SqliteTable(tmp_path / "signet.db")
    assert stored.get(Key("CERT#1", "CERT")) is None
    with monkeypatch.context() as later:
        later.setattr(f"chalicelib.store.{MODULES[kind]}.SCHEMA", SCHEMA + 1)
        stored.write(Put({"pk": "CERT#1", "sk": "CERT", "new": "member"}))
    with pytest.raises(RecordError, match=f"'CERT#1' is of schema {SCHEMA + 1}, and this version reads up to {SCHEMA}"):
        stored.get(Key("CERT#1", "CERT"))


LATER = Key("CERT#1", "CERT")


@pytest.mark.parametrize(
    "write",
    [Put({"pk": LATER.pk, "sk": LATER.sk}), Update(LATER, (), {"a": "b"}), Delete(LATER)],
    ids=["put", "update", "delete"],
)
def test_record_of_a_later_version_is_not_changed(write: Write, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by functions of the earlier version that still run during a deployment."""
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    create_table(client, "signet")
    stored = DynamoTable("signet", "us-east-1")
    with monkeypatch.context() as later:
        later.setattr("chalicelib.store.dynamodb_items.SCHEMA", SCHEMA + 1)
        for _ in range(2):  # the later version may replace what it has written
            stored.write(Put({"pk": LATER.pk, "sk": LATER.sk, "new": "member"}))
    with pytest.raises(RecordError, match=f"'CERT#1' is of schema {SCHEMA + 1}, and this version reads up to {SCHEMA}"):
        stored.write(write)
    (item,) = client.scan(TableName="signet")["Items"]
    assert (item["new"], item["v"]) == ({"S": "member"}, {"N": str(SCHEMA + 1)})


def test_record_that_lacks_a_member_is_named() -> None:
    item = items.to_item(CrlState(crl_arn="arn"), Key("CRL#1", "CRL"))
    with pytest.raises(RecordError, match=r"'CRL#1', 'CRL' cannot be understood: .*crl_arn"):
        items.from_item(CrlState, {name: value for name, value in item.items() if name != "crl_arn"})
