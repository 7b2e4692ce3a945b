"""Processes take turns to write, and learn of each other's commits that did not end (ADR 15)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from chalicelib.store import StoreError, wal_file
from chalicelib.store.sqlite import SqliteTable
from chalicelib.store.table import Key, Put
from chalicelib.store.write_turn import WriteTurn
from tests.support.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop
WRITER = """
import sys
from pathlib import Path
from chalicelib.store.sqlite import SqliteTable
from chalicelib.store.table import Put, Update
table, name = SqliteTable(Path(sys.argv[1])), sys.argv[2]
table.size()
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    table.write(Put({"pk": name, "sk": str(number)}))
    with open(sys.argv[4], "a") as order:
        order.write(name)
"""

OUTLIVING = """
import os, sys
from pathlib import Path
from chalicelib.store.write_turn import WriteTurn
os.turn = WriteTurn(Path(sys.argv[1]))  # this module is cleared after that of the class
with os.turn:
    pass
"""


def test_turn_that_outlives_its_module_closes_its_files_in_silence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OUTLIVING, str(tmp_path / "signet.db")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert ended.stderr == b""


def longest_run(work: Path, times: int) -> int:
    """Let three processes write at the same time, and return how often one of them wrote without the others."""
    work.mkdir()
    order = work / "order"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(work / "signet.db"), name, str(times), str(order)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    written = order.read_text()
    assert len(written) == times * len(writers)
    together = written[: min(written.rindex(name) for name in "abc")]  # until the first of them has ended
    return max(len(list(run)) for _, run in groupby(together))


def test_processes_write_in_turn(tmp_path: Path) -> None:
    """Without turns, one of them writes hundreds of times while the others wait for seconds, each time.

    A busy machine may keep a process from its turn once.
    """
    assert any(longest_run(tmp_path / str(attempt), 150) < 75 for attempt in range(4))


def test_failed_sync_of_one_process_is_known_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernel may have dropped what it failed to write, also of others; a table stands for a process here."""
    path, rewritten = tmp_path / "signet.db", list[object]()
    one, other = SqliteTable(path), SqliteTable(path)
    for table in (one, other):
        table.write(Put({"pk": "A", "sk": "1"}))
    rewrite = wal_file.rewrite

    def counted(database: Path) -> None:
        rewritten.append(database)
        rewrite(database)

    monkeypatch.setattr(wal_file, "rewrite", counted)
    other.write(Put({"pk": "A", "sk": "2"}))
    assert rewritten == []
    with monkeypatch.context() as failing:
        failing.setattr(wal_file, "sync", _fail)
        with pytest.raises(StoreError):
            one.settle()
    other.write(Put({"pk": "A", "sk": "3"}))
    assert rewritten == [path]
    one.write(Put({"pk": "A", "sk": "4"}))
    assert rewritten == [path]
    assert one.get(Key("A", "3")) is not None


def _fail(database: Path) -> bool:
    raise OSError(5, f"{database} cannot be synced")


def test_process_killed_in_its_turn_leaves_it_to_the_next(tmp_path: Path) -> None:
    turn = WriteTurn(tmp_path / "signet.db")
    with turn as is_unknown:
        assert is_unknown
        turn.begin()
        turn.end()
    child = os.fork()
    if not child:
        with suppress(BaseException), turn:
            turn.begin()
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with turn as has_doubt:
        assert has_doubt
        turn.begin()
        turn.end()
    with turn as has_doubt:
        assert not has_doubt
    turn.close()
