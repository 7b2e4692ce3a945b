"""SQLite among threads and processes, and under kill -9: what was acknowledged is there."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import files
from chalicelib.store import RecordError, StoreError
from chalicelib.store.sqlite import SqliteTable, open_store
from chalicelib.store.table import ABSENT, Key, Put
from tests.support.builders import START
from tests.support.store_records import ACCOUNT, authority, certificate, token

if TYPE_CHECKING:
    from chalicelib.store.table_store import TableStore

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signet.db"


@pytest.fixture
def store(path: Path) -> TableStore:
    made = open_store(path)
    made.reserve_certificate_authority(authority(), None, now=START)
    return made


def test_database_is_private_and_durable(store: TableStore, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection = store.table._connection()  # type: ignore[attr-defined]  # the driver under test
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("durable", [True, False])
def test_log_is_copied_into_the_database_by_writes_that_wait(path: Path, *, durable: bool) -> None:
    """The copy syncs the log: an error of that sync would be lost while no commit waits for the disk."""
    table = SqliteTable(path)
    for begin in range(0, 600, 100):
        table.write(*(Put({"pk": "A", "sk": str(begin + number)}) for number in range(100)), durable=durable)
    alone = shutil.copy(path, path.with_name("copy.db"))  # without the log
    with closing(sqlite3.connect(alone)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'items'").fetchall()
        rows = database.execute("SELECT sk FROM items").fetchall() if tables else []
    assert bool(rows) == durable
    assert table.size() == 600


def test_large_items_do_not_let_the_log_grow(path: Path) -> None:
    table = SqliteTable(path)
    for number in range(40):
        table.write(Put({"pk": "A", "sk": str(number), "data": os.urandom(500_000)}))
    assert path.with_name(f"{path.name}-wal").stat().st_size < 10_000_000


class FailingCursor:
    """Cannot copy the log."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor, self.failures, self.stored = cursor, 0, 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if "checkpoint" in sql:
            self.failures += 1
            raise sqlite3.OperationalError("disk I/O error")
        return self._cursor.execute(sql, *parameters)


def test_failed_copy_of_the_log_takes_nothing_back(path: Path) -> None:
    table: Any = SqliteTable(path)
    table.write(Put({"pk": "A", "sk": ""}))
    writer = table._writer(os.getpid())
    writer.cursor = failing = FailingCursor(writer.cursor)
    table.write(*(Put({"pk": "A", "sk": str(number)}) for number in range(600)))
    assert failing.failures == 1
    assert table.size() == 601


def test_threads_with_one_token_reserve_one_certificate(store: TableStore) -> None:
    answers: list[tuple[str, bool]] = []
    gate = threading.Barrier(16)

    def reserve(number: int) -> None:
        gate.wait()
        for round_ in range(10):
            record, is_new = store.reserve_certificate(
                certificate(authority(), 1 + number + 100 * round_), authority(), token(str(round_)), now=START
            )
            answers.append((record.arn, is_new))

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 160
    assert sum(is_new for _, is_new in answers) == 10
    assert len({arn for arn, _ in answers}) == 10
    assert len(list(store.list_certificates(authority().arn))) == 10


def test_threads_that_open_a_new_database_at_once_all_succeed(path: Path) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(16)

    def add(number: int) -> None:
        opened = open_store(path)
        gate.wait()
        try:
            opened.reserve_certificate_authority(authority(number), None, now=START)
        except BaseException as error:  # noqa: BLE001  reported below
            failures.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(open_store(path).list_certificate_authorities(ACCOUNT, limit=99)) == 16


def test_process_that_opens_the_database_waits_for_another_one_that_does(store: TableStore, path: Path) -> None:
    """SQLite does not queue changes to WAL: of processes that began together, some failed with "database is locked"."""
    opened = threading.Thread(target=lambda: open_store(path).list_access_keys())
    with files.locked(path.with_name("signet.db.lock")):
        opened.start()
        opened.join(0.1)
        assert opened.is_alive()
    opened.join(10)
    assert not opened.is_alive()


def test_child_process_uses_a_connection_of_its_own(store: TableStore) -> None:
    """A connection must not be carried across a fork (SQLite, "How To Corrupt An SQLite Database File", 2.6)."""
    inherited = store.table._connection()  # type: ignore[attr-defined]  # the driver under test
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own = store.table._connection()  # type: ignore[attr-defined]  # the driver under test
            store.reserve_certificate(certificate(authority(), 9), authority(), None, now=START)
            status = int(own is inherited)
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get_certificate(authority().arn, 9) is not None


CHILD = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.builders import START
from chalicelib.store.sqlite import open_store
from tests.support.store_records import authority, certificate
store = open_store(Path({path!r}))
for number in range({first}, {first} + 100000):
    record, _ = store.reserve_certificate(certificate(authority(), number), authority(), None, now=START)
    store.complete_certificate(record, b"der", issued_at=START)
    print(number, flush=True)
"""


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_file_that_disappears_from_under_a_process_takes_no_more_writes(tmp_path: Path, how: str) -> None:
    """Neither the lost file nor a new and empty one."""
    table = SqliteTable(tmp_path / "signet.db")
    table.write(Put({"pk": "A", "sk": "1"}))
    if how == "replaced":
        shutil.copy(tmp_path / "signet.db", tmp_path / "copy")
        (tmp_path / "copy").replace(tmp_path / "signet.db")
    else:
        (tmp_path / "signet.db").unlink()
    with ThreadPoolExecutor() as threads, pytest.raises(RecordError, match=r"deleted or replaced .*: restart Signet"):
        threads.submit(table.get, Key("A", "1")).result()  # on a connection of its own
    with pytest.raises(RecordError, match=r"was deleted or replaced"):
        table.write(Put({"pk": "A", "sk": "2"}))
    assert (how == "replaced") == (tmp_path / "signet.db").exists()


class FailingMark:
    """A mark of the log that cannot be made at first, because the disk is full for a moment."""

    def __init__(self, failures: int) -> None:
        self._failures = failures

    def written(self) -> None:
        self._failures -= 1
        if self._failures >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_nothing_is_tried_again_once_it_is_committed(path: Path) -> None:
    """Else a writer would learn that its own record is in its way."""
    table: Any = SqliteTable(path)
    table._connection()
    table._marks[os.getpid()] = FailingMark(2)  # for the first writer, and then for the others together
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(4) as threads:
        other.execute("BEGIN IMMEDIATE")
        writers = [threads.submit(table.write, Put({"pk": "A", "sk": "0"}, ABSENT))]
        while not table._commits._is_led or table._commits._waiting:  # it leads alone, and waits for the other program
            time.sleep(0.01)
        writers += [threads.submit(table.write, Put({"pk": "A", "sk": str(number)}, ABSENT)) for number in range(1, 4)]
        while len(table._commits._waiting) < 3:
            time.sleep(0.01)
        other.execute("ROLLBACK")
    assert {type(writer.exception()) for writer in writers} == {StoreError}
    assert [item["sk"] for item in table.query("A")] == ["0", "1", "2", "3"]
    del table._marks[os.getpid()]


@pytest.mark.slow
def test_killed_processes_lose_nothing_that_was_acknowledged(store: TableStore, path: Path) -> None:
    places = {"root": str(ROOT), "path": str(path)}
    for round_ in range(3):
        acknowledged: list[int] = []
        children = [
            subprocess.Popen(
                [sys.executable, "-c", CHILD.format(first=1 + 10**6 * (2 * round_ + each), **places)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for each in range(2)
        ]
        for child in children:
            assert child.stdout is not None
            acknowledged += [int(child.stdout.readline()) for _ in range(10)]
        for child in children:
            child.kill()
        for child in children:
            acknowledged += [int(line) for line in child.communicate()[0].split()]
        for number in acknowledged:
            found = store.get_certificate(authority().arn, number)
            assert found is not None
            assert found.status == "ISSUED"
    connection = store.table._connection()  # type: ignore[attr-defined]  # the driver under test
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_database_of_a_later_release_is_left_alone(store: TableStore, path: Path) -> None:
    store.table._connection().execute("PRAGMA user_version = 99")  # type: ignore[attr-defined]  # the driver under test
    with pytest.raises(StoreError, match="is of schema 99"):
        open_store(path).list_access_keys()


def test_what_is_no_database_is_a_store_error(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    with pytest.raises(StoreError):
        open_store(path).list_access_keys()
