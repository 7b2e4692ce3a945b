"""The log of a server: bounded files, and a stream that is stuck or closed and delays nothing."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib import logs
from tests.support.server_log import server_log

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_files_are_bounded_private_and_hold_the_newest_lines(tmp_path: Path) -> None:
    with server_log(tmp_path, io.StringIO()):
        for number in range(1000):
            logs.log("event", number=number)
    found = sorted(tmp_path.glob("signet.log*"))
    assert [each.name for each in found] == ["signet.log", "signet.log.1", "signet.log.2"]
    assert all(each.stat().st_size <= 10_000 for each in found)
    assert {each.stat().st_mode & 0o777 for each in found} == {0o600}
    assert lines(found[0].read_text())[-1]["number"] == 999


def test_processes_share_the_files_and_rotate_them_once(tmp_path: Path) -> None:
    """Each process here is a handler of its own."""
    most, line = 40, {"data": {"text": "x" * 200}}
    processes = [logs.RotatingFiles(tmp_path / "signet.log", 4_000, most) for _ in range(3)]
    for number in range(300):
        record = logging.LogRecord("signet", logging.INFO, "", 0, f"event {number}", (), None)
        record.__dict__.update(line)
        processes[number % 3].handle(record)
    for each in processes:
        each.close()
    found = sorted(tmp_path.glob("signet.log*"), key=lambda path: -int(path.suffix.strip(".log") or 0))
    assert len(found) < most
    assert all(3_000 < each.stat().st_size <= 4_000 for each in found[:-1])
    written = [line["event"] for path in found for line in lines(path.read_text())]
    assert written == [f"event {number}" for number in range(300)]


def test_lines_go_on_in_another_file_when_somebody_moved_or_closed_theirs(tmp_path: Path) -> None:
    path = tmp_path / "signet.log"
    with server_log(tmp_path, io.StringIO()):
        logs.log("first")
        path.rename(tmp_path / "moved")
        logs.log("second")
        logs.LOGGER.handlers[1].close()
        logs.log("third")
    assert [line["event"] for line in lines((tmp_path / "moved").read_text())] == ["first"]
    assert [line["event"] for line in lines(path.read_text())] == ["second", "third"]


def test_standard_error_gets_warnings_beside_files_or_everything(tmp_path: Path) -> None:
    for to_files, wanted in ((True, ["bad", "from a library"]), (False, ["good", "bad", "from a library"])):
        stream = io.StringIO()
        with server_log(tmp_path, stream, to_files=to_files):
            logs.log("good")
            logs.log("bad", logging.WARNING)
            logging.getLogger("asyncio").warning("from a %s", "library")
        assert [line["event"] for line in lines(stream.getvalue())] == wanted
    assert [line["event"] for line in lines((tmp_path / "signet.log").read_text())] == ["good", "bad", "from a library"]


def test_stuck_pipe_delays_nothing_and_what_it_lost_is_counted(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    found: list[dict[str, object]] = []
    with os.fdopen(reader) as there:
        reading = threading.Thread(target=lambda: found.extend(json.loads(line) for line in there))
        with os.fdopen(writer, "w") as here, server_log(tmp_path, here, to_files=False):
            for number in range(5000):  # a pipe holds about 600 of these lines, and 1,000 wait
                logs.log("event", number=number)
            reading.start()
        reading.join()
    numbers = [each["number"] for each in found if each["event"] == "event"]
    assert len(set(numbers)) == len(numbers)
    assert sum(int(str(each["count"])) for each in found if each["event"] == "log_lines_dropped") == 5000 - len(numbers)
    assert len(numbers) < 2500


def test_closed_pipe_delays_nothing_and_files_lose_no_line(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    here = os.fdopen(writer, "w")
    with server_log(tmp_path, here, most_bytes=10_000_000):
        for number in range(2000):
            logs.log("event", logging.WARNING, number=number)
    with suppress(BrokenPipeError):
        here.close()
    assert [line["number"] for line in lines((tmp_path / "signet.log").read_text())] == list(range(2000))


def test_full_disk_stops_no_request(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "signet.log").symlink_to("/dev/full")
    with server_log(tmp_path, io.StringIO()):
        logs.log("event")
    assert capfd.readouterr().err == ""
