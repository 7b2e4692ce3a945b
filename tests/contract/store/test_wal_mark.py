"""A write-ahead log that was deleted after kill -9 is missed at the next start; a clean end leaves none."""

from __future__ import annotations

import contextlib
import gc
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from chalicelib import files
from chalicelib.store import RecordError
from chalicelib.store.sqlite import SqliteTable
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Key, Put
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.store.table import Write

pytestmark = pytest.mark.slow  # each starts processes

CHILD = """
import sys
from pathlib import Path
from chalicelib.store.sqlite import SqliteTable
from chalicelib.store.table import Key, Put
table = SqliteTable(Path(sys.argv[1]))
for line in sys.stdin:
    if line == "read\\n":
        table.get(Key("A", "1"))
    else:
        table.write(Put({"pk": "A", "sk": line.strip()}))
    print("done", flush=True)
"""


class Process:
    """A process that reads or writes when it is told to."""

    def __init__(self, path: Path) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def tell(self, *lines: str) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        for line in lines:
            self._popen.stdin.write(f"{line}\n")
            self._popen.stdin.flush()
            assert self._popen.stdout.readline() == "done\n"

    def end(self) -> None:
        self._popen.communicate()
        assert self._popen.returncode == 0

    def kill(self) -> None:
        self._popen.send_signal(signal.SIGKILL)
        self._popen.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "signet.db"
    gc.collect()


def beside(path: Path) -> set[str]:
    names = {entry.name for entry in path.parent.iterdir()}
    return names - {"signet.db", "signet.db.lock", "signet.db.queue", "signet.db.turn"}


@pytest.mark.parametrize("write", [Put({"pk": "A", "sk": "1"}, ABSENT), Delete(Key("B", "1"))], ids=["refused", "vain"])
def test_write_that_changes_nothing_leaves_no_mark_without_a_log(path: Path, write: Write) -> None:
    table = SqliteTable(path)
    table.write(Put({"pk": "A", "sk": "1"}))
    table.close()
    with contextlib.suppress(ConditionFailedError):
        table.write(write)
    assert "signet.db.open" not in beside(path)
    assert SqliteTable(path).get(Key("A", "1")) is not None


def test_clean_end_leaves_no_log(path: Path) -> None:
    process = Process(path)
    process.tell("1", "2")
    assert beside(path) == {"signet.db-wal", "signet.db-shm", "signet.db.open"}
    process.end()
    assert beside(path) == set()
    assert SqliteTable(path).get(Key("A", "2")) is not None


def test_log_of_a_killed_process_is_used(path: Path) -> None:
    process = Process(path)
    process.tell("1", "2")
    process.kill()
    table = SqliteTable(path)
    assert table.get(Key("A", "2")) is not None
    table.close()
    assert beside(path) == set()


def test_process_that_ends_while_it_closes_the_database_leaves_no_mark_without_a_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, so the next start must not say so."""
    table = SqliteTable(path)
    table.write(Put({"pk": "A", "sk": "1"}))
    left = path.parent / "left"

    def cut(mark: Path) -> None:
        shutil.copytree(path.parent, left)
        mark.unlink()

    monkeypatch.setattr(files, "remove", cut)
    table.close()
    assert (left / "signet.db.open").exists()
    assert SqliteTable(left / "signet.db").get(Key("A", "1")) is not None


def test_close_that_meets_a_reader_stops_nobody_who_writes(path: Path) -> None:
    table = SqliteTable(path)
    table.write(Put({"pk": "A", "sk": "1"}))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchall()
        table.write(Put({"pk": "A", "sk": "2"}))
        table._connection().execute("PRAGMA busy_timeout = 0")
        table.close()
        other = threading.Thread(target=lambda: SqliteTable(path).write(Put({"pk": "A", "sk": "3"})), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()
    assert SqliteTable(path).get(Key("A", "3")) is not None


def test_collector_of_garbage_waits_for_no_transaction(path: Path) -> None:
    """It may have interrupted the very thread whose transaction it would wait for."""
    table = SqliteTable(path)
    table.write(Put({"pk": "A", "sk": "1"}))
    (mark,) = table._marks.values()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        mark.close(wait=False)
        assert mark._connection.execute("PRAGMA busy_timeout").fetchone() == (0,)
        assert path.with_name("signet.db.open").exists()
    mark.close()
    assert not path.with_name("signet.db.open").exists()


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_lost_log_of_a_killed_process_is_missed(path: Path, how: str) -> None:
    process = Process(path)
    process.tell("1", "2")
    process.kill()
    log = path.with_name("signet.db-wal")
    log.unlink()
    if how == "emptied":
        log.touch()
    for _ in range(2):
        with pytest.raises(RecordError, match=r"signet\.db-wal is lost, .* restore .* from a backup"):
            SqliteTable(path).get(Key("A", "1"))
    path.with_name("signet.db.open").unlink()  # the operator decides
    assert SqliteTable(path).get(Key("A", "2")) is None


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_log_that_was_emptied_under_a_process_which_writes_on_is_missed(path: Path, how: str) -> None:
    """Its first bytes are zeros then, and SQLite ignores it without a word."""
    process = Process(path)
    process.tell("1")
    path.with_name("signet.db-wal").write_bytes(b"")
    process.tell("2")
    process.kill() if how == "killed" else process.end()
    with pytest.raises(RecordError, match="is lost"):
        SqliteTable(path).get(Key("A", "1"))


def test_lost_log_is_missed_though_another_process_ended_well(path: Path) -> None:
    first, second = Process(path), Process(path)
    first.tell("1")
    second.tell("2")
    second.end()
    first.tell("3")
    first.kill()
    path.with_name("signet.db-wal").unlink()
    with pytest.raises(RecordError, match=r"signet\.db-wal is lost"):
        SqliteTable(path).get(Key("A", "1"))


def test_process_that_only_reads_saves_the_log_of_a_killed_one(path: Path) -> None:
    killed = Process(path)
    killed.tell("1")
    killed.kill()
    reader = Process(path)
    reader.tell("read")
    reader.end()
    assert beside(path) == set()
    assert SqliteTable(path).get(Key("A", "1")) is not None


def test_process_that_never_wrote_leaves_no_mark(path: Path) -> None:
    Process(path).end()
    reader = Process(path)
    reader.tell("read")
    reader.kill()
    assert "signet.db.open" not in beside(path)
    assert SqliteTable(path).get(Key("A", "1")) is None


def test_store_that_is_dropped_and_opened_again_misses_nothing(path: Path) -> None:
    for number in range(3):
        SqliteTable(path).write(Put({"pk": "A", "sk": str(number)}))
        gc.collect()
    kept = SqliteTable(path)
    assert kept.get(Key("A", "2")) is not None
    with SqliteTable(path)._errors():
        kept.write(Put({"pk": "A", "sk": "3"}))
    SqliteTable(path).close()
    assert kept.get(Key("A", "3")) is not None
