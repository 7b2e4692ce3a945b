"""The files of the laptop home: rotation, repair, and what verification finds (docs/audit.md)."""

from __future__ import annotations

import json
import shutil
import stat
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.audit import AuditError, chain, json_files
from tests.contract.audit.conftest import event
from tests.faults.world import START

if TYPE_CHECKING:
    from chalicelib.audit import Trail
    from tests.contract.audit.conftest import Trails

pytestmark = pytest.mark.laptop


def fill(trail: Trail, number: int, begin: int = 0) -> None:
    for each in range(begin, begin + number):
        trail.append(event(f"event {each}"), now=START, durable=True)()
    trail.publish()


def verify(trails: Trails) -> tuple[str, ...]:
    return trails.process().verify(START).problems


def test_files_are_private(of_files: Trails) -> None:
    fill(of_files.process(most_bytes=2000), 20)
    assert stat.S_IMODE(of_files.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in of_files.directory.iterdir()} == {0o600}


def test_full_files_are_rotated_and_the_oldest_deleted_as_the_next_one_says(of_files: Trails) -> None:
    trail = of_files.process(most_bytes=2000, most=3)
    fill(trail, 100)
    files = json_files.files_of(of_files.directory)
    assert len(files) == 3
    assert all(path.stat().st_size < 4000 for path in files)
    assert all(chain.record_of(path.read_bytes().splitlines()[0])["eventName"] == chain.BEGIN for path in files)
    verdict = trail.verify(START)
    assert verdict.problems == ()
    (note,) = verdict.notes
    assert note == f"Records 1 to {json_files.first_of(files[0]) - 1} were deleted by the setting."


def test_rotated_files_are_closed(of_files: Trails) -> None:
    trail = of_files.process(most_bytes=2000, most=3)
    fill(trail, 100)
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert [path for path in opened if of_files.directory in path.parents] == [of_files.directory / json_files.CURRENT]


def test_a_file_that_somebody_else_deletes_is_missing(of_files: Trails) -> None:
    fill(of_files.process(most_bytes=2000, most=5), 100)
    files = json_files.files_of(of_files.directory)
    assert len(files) == 5
    for path in files:
        kept = path.read_bytes()
        path.unlink()
        assert verify(of_files), path.name
        path.write_bytes(kept)
    assert verify(of_files) == ()


def test_every_kind_of_tampering_with_files_is_found(of_files: Trails) -> None:
    fill(of_files.process(most_bytes=3000, most=100), 40)
    files = json_files.files_of(of_files.directory)
    assert len(files) > 3
    for path in files:
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        deleted = [b"".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines))]
        swapped = [b"".join([*lines[:at], two, one, *lines[at + 2 :]]) for at, (one, two) in enumerate(pairwise(lines))]
        cut = [b"".join(lines[:at]) for at in range(1, len(lines))]
        for tampered in (
            *deleted,
            *swapped,
            *cut,
            whole.replace(b"allowed", b"refused", 1),
            whole[:-1],
            whole + b"{}\n",
        ):
            if tampered != whole:
                path.write_bytes(tampered)
                assert verify(of_files), path.name
        path.write_bytes(whole)
    assert verify(of_files) == ()


def test_a_truncation_with_the_head_of_that_time_is_found_by_the_store(of_files: Trails, tmp_path: Path) -> None:
    trail = of_files.process()
    fill(trail, 5)
    trail.publish()
    shutil.copytree(of_files.directory, tmp_path / "then")
    fill(trail, 5, 5)
    trail.publish()
    shutil.rmtree(of_files.directory)
    shutil.copytree(tmp_path / "then", of_files.directory)
    assert json_files.verify(of_files.directory, of_files.signer.public_key).problems == ()
    (problem,) = verify(of_files)
    assert problem == "the end: records 7 to 11 are missing."


def test_a_record_that_vanished_as_a_whole_is_found_by_the_store(of_files: Trails) -> None:
    trail = of_files.process()
    fill(trail, 3)
    shutil.rmtree(of_files.directory)
    assert any("there is no record" in problem for problem in verify(of_files))
    fill(of_files.process(), 3)
    assert any("its 4 records are missing" in problem for problem in verify(of_files))


def test_records_that_were_missing_when_the_next_was_written_stay_found(of_files: Trails) -> None:
    fill(of_files.process(), 5)
    path = of_files.directory / json_files.CURRENT
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    fill(of_files.process(), 5, 5)
    (problem,) = verify(of_files)
    assert "the records did not reach the published head 6" in problem


@pytest.mark.parametrize("torn", [b"{", b'{"chain":"x","sequence":9', b"\0" * 300, "ü".encode()])
def test_an_incomplete_last_line_is_cut_off_and_that_is_recorded(of_files: Trails, torn: bytes) -> None:
    fill(of_files.process(), 3)
    path = of_files.directory / json_files.CURRENT
    with path.open("ab") as file:
        file.write(torn)
    assert verify(of_files)
    fill(of_files.process(), 2, 3)
    verdict = of_files.process().verify(START)
    assert verdict.problems == ()
    assert verdict.notes == (f"Record 5 says that {len(torn)} bytes behind the last whole record were cut off.",)


def test_processes_go_on_behind_each_other_without_reading_the_file_again(
    of_files: Trails, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = [of_files.process() for _ in range(3)]
    for each in processes:
        each.append(event("first"), now=START, durable=False)
    with monkeypatch.context() as patched:
        patched.setattr(json_files, "whole_records", None)  # nobody looks for the end
        for number in range(60):
            for each in processes[: 1 + number % 3]:
                each.append(event(f"event {number}"), now=START, durable=number % 5 == 0)()
    assert verify(of_files) == ()
    with (of_files.directory / json_files.CURRENT).open("ab") as file:
        file.write(b'{"chain":"torn')  # of one that was killed
    processes[0].append(event("last"), now=START, durable=True)()
    assert verify(of_files) == ()
    last = (of_files.directory / json_files.CURRENT).read_bytes().splitlines()[-2:]
    assert [chain.record_of(each)["eventName"] for each in last] == [chain.REPAIR, "last"]


def test_a_process_that_died_while_it_rotated_leaves_a_record_that_goes_on(of_files: Trails) -> None:
    fill(of_files.process(), 3)
    current = of_files.directory / json_files.CURRENT
    current.rename(of_files.directory / json_files.rotated_name(1))
    fill(of_files.process(), 2, 3)
    assert verify(of_files) == ()
    current.rename(of_files.directory / json_files.rotated_name(5))
    current.touch(0o600)
    fill(of_files.process(), 2, 5)
    assert verify(of_files) == ()


@pytest.mark.parametrize("lost", [4, 5])
def test_records_that_were_not_on_the_disk_when_the_power_went_leave_no_gap(of_files: Trails, lost: int) -> None:
    """A disk may keep later writes and lose earlier ones; the first record that this process wrote was published."""
    fill(of_files.process(), 3)
    path, head = (of_files.directory / name for name in (json_files.CURRENT, json_files.HEAD))
    published = head.read_bytes()
    writing = of_files.process()
    for number in range(3, 6):
        writing.append(event(f"event {number}"), now=START, durable=True)()
    head.write_bytes(published)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[lost + 1] = bytes(len(lines[lost + 1]))
    path.write_bytes(b"".join(lines))
    assert verify(of_files)
    fill(of_files.process(), 2, 6)
    verdict = of_files.process().verify(START)
    assert verdict.problems == ()
    assert verdict.records == lost + 1 + 3  # with the one that begins the file, and that of the repair
    cut = sum(map(len, lines[lost + 1 :]))
    assert verdict.notes == (f"Record {lost + 2} says that {cut} bytes behind the last whole record were cut off.",)


def test_a_damaged_record_that_was_published_stops_writing(of_files: Trails) -> None:
    fill(of_files.process(), 3)
    path = of_files.directory / json_files.CURRENT
    *lines, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, b"x" * (len(last) - 1) + b"\n"]))
    before = path.read_bytes()
    with pytest.raises(AuditError, match="it is not JSON"):
        fill(of_files.process(), 1)
    assert path.read_bytes() == before


def test_a_symbolic_link_is_not_followed(of_files: Trails, tmp_path: Path) -> None:
    of_files.directory.mkdir(mode=0o700)
    (of_files.directory / json_files.CURRENT).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditError):
        fill(of_files.process(), 1)
    assert not (tmp_path / "elsewhere").exists()


def test_a_copy_is_verified_with_the_public_key_alone(of_files: Trails, tmp_path: Path) -> None:
    trail = of_files.process(most_bytes=2000, most=3)
    fill(trail, 50)
    copy = tmp_path / "copy"
    shutil.copytree(of_files.directory, copy)
    assert json_files.verify(copy, of_files.signer.public_key).problems == ()
    assert json_files.verify(copy, bytes(32)).problems
    (copy / json_files.HEAD).unlink()
    assert json_files.verify(copy, of_files.signer.public_key).problems == (
        "head.json: there is no head that can be read",
    )
    assert json_files.verify(tmp_path / "nothing", of_files.signer.public_key).problems


def test_the_head_is_published_beside_the_files_and_in_the_store(of_files: Trails) -> None:
    trail = of_files.process()
    fill(trail, 3)
    trail.append(event("a read"), now=START, durable=False)
    head = json.loads((of_files.directory / json_files.HEAD).read_text())
    assert head["sequence"] == 4
    trail.publish()
    assert json.loads((of_files.directory / json_files.HEAD).read_text())["sequence"] == 5
    assert max(head.sequence for head in of_files.store.list_audit_heads()) == 5
