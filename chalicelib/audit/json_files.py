"""Files of JSON lines and their signed head: how they are named, read, and verified, in a home or as a copy."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from chalicelib.audit import AuditError, Found, chain
from chalicelib.audit.chain import Head, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

CURRENT, HEAD = "audit.jsonl", "head.json"
_ROTATED = re.compile(r"audit-([0-9]{12})\.jsonl", re.ASCII)
_POSITION = re.compile(r"([0-9]{12})-([0-9]{1,12})", re.ASCII)
_BLOCK = 256 * 1024
_HEAD_BYTES = 512


def files_of(directory: Path) -> list[Path]:
    """List the files of a record, the oldest first; `CURRENT` is the last one."""
    names = sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []
    rotated = [directory / name for name in names if _ROTATED.fullmatch(name)]
    return rotated + ([directory / CURRENT] if CURRENT in names else [])


def rotated_name(first: int) -> str:
    """Return the name of a full file by the sequence number of its first record."""
    return f"audit-{first:012d}.jsonl"


def first_of(path: Path) -> int:
    """Return the sequence number of a file's first record."""
    if match := _ROTATED.fullmatch(path.name):
        return int(match[1])
    with path.open("rb") as file:
        return chain.link_of(file.readline(chain.MOST_BYTES)).sequence


# heads


def head_bytes(head: Head) -> bytes:
    """Return the content of the head's file: of one length, so that it is overwritten at once."""
    members = {**head.link._asdict(), "signature": head.signature}
    return json.dumps(members).encode().ljust(_HEAD_BYTES - 1) + b"\n"


def read_head(directory: Path) -> Head | None:
    """Read the head beside the files; None if there is none, or none that can be read."""
    try:
        members = json.loads((directory / HEAD).read_bytes())
        link = Link(str(members["chain"]), int(members["sequence"]), str(members["sha256"]))
        return Head(link, str(members["signature"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


# reading


def lines_of(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield every line with its label: the file's name and the line's number."""
    for path in files:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda file=file: file.readline(chain.MOST_BYTES), b""), start=1):  # type: ignore[misc]  # file is bound now
                yield f"{path.name}, line {number}", line


def last_line(path: Path) -> tuple[bytes, int]:
    """Return the last complete line of a file, and the offset at which it ends; b"" and 0 if there is none."""
    for offset, line in backwards(path, path.stat().st_size):
        if line.endswith(b"\n"):
            return line, offset + len(line)
    return b"", 0


def whole_records(path: Path, heads: Iterable[Head]) -> tuple[Link | None, int]:
    """Return the last record that follows without a gap from the last published head, and the offset at which it ends.

    A loss of power may leave gaps among the records behind a head, because those may not have been on the disk.
    """
    published = {head.link.chain: head.link.sequence for head in sorted(heads, key=lambda head: head.link.sequence)}
    end = next((offset for offset, line in backwards(path, path.stat().st_size) if _is_among(line, published)), 0)
    last: Link | None = None
    with path.open("rb") as file:
        file.seek(end)
        for line in iter(lambda: file.readline(chain.MOST_BYTES), b""):
            record = _complete(line)
            if record is None or (last and not chain.follows(record, last)):
                break
            last, end = chain.link_of(line), end + len(line)
    return last, end


def _is_among(line: bytes, published: Mapping[str, int]) -> bool:
    """Tell whether a record is among those that a published head is about."""
    record = _complete(line)
    return record is not None and int(record["sequence"]) <= published.get(str(record["chain"]), 0)


def backwards(path: Path, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that begin before `end`, the last one first, each with the offset of its beginning."""
    with path.open("rb") as file:
        rest = b""
        while end > 0:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            lines = (file.read(end - begin) + rest).splitlines(keepends=True)
            rest = lines.pop(0) if lines and begin else b""
            offset = begin + len(rest) + sum(map(len, lines))
            for line in reversed(lines):
                offset -= len(line)
                yield offset, line
            end = begin


def newest(directory: Path, before: str) -> Iterator[Found]:
    """Yield the complete records before a position, the newest first.

    Raises:
        AuditError: `before` is not a position.
    """
    match = _POSITION.fullmatch(before) if before else None
    if before and match is None:
        raise AuditError("There is no such position in the audit record.")
    for path in reversed(files_of(directory)):
        first = first_of(path)
        if match and first > int(match[1]):
            continue
        size = path.stat().st_size
        end = min(int(match[2]), size) if match and first == int(match[1]) else size
        for offset, line in backwards(path, end):
            if (record := _complete(line)) is not None:
                yield Found(f"{first:012d}-{offset}", record)


def get(directory: Path, position: str) -> Found | None:
    """Return the record at a position."""
    match = _POSITION.fullmatch(position)
    for path in files_of(directory) if match else ():
        if match and first_of(path) == int(match[1]) and int(match[2]) < path.stat().st_size:
            with path.open("rb") as file:
                file.seek(max(0, int(match[2]) - 1))
                is_beginning = int(match[2]) == 0 or file.read(1) == b"\n"
                record = _complete(file.readline(chain.MOST_BYTES)) if is_beginning else None
            return None if record is None else Found(position, record)
    return None


def _complete(line: bytes) -> dict[str, Any] | None:
    """Return the record of a complete line; one that is being written, or is damaged, is none."""
    try:
        return chain.record_of(line) if line.endswith(b"\n") else None
    except chain.BrokenError:
        return None


# verifying


def verify(
    directory: Path, public_key: bytes, heads: Iterable[Head] = (), *, noted: tuple[int, str] | None = None
) -> chain.Verdict:
    """Verify the files of a directory, which may be a copy, against their own head and further ones.

    Raises:
        AuditError: the files cannot be read.
    """
    try:
        own = read_head(directory)
        files = files_of(directory)
        end = files[-1].stat().st_size if files else 0
        known = (*((own,) if own else ()), *heads)
        verdict = chain.verify(_until(lines_of(files), end), public_key, known, noted)
    except OSError as error:
        raise AuditError(f"The audit record in {directory} cannot be read: {error.strerror}.") from error
    problems = list(verdict.problems)
    if own is None:
        problems.append(f"{HEAD}: there is no head that can be read")
    elif not verdict.problems and own.link.chain != verdict.heads[0].chain:
        problems.append(f"{HEAD}: the head is that of another chain")
    return verdict._replace(problems=tuple(problems))


def _until(lines: Iterator[tuple[str, bytes]], end: int) -> Iterator[tuple[str, bytes]]:
    """Yield the lines that were written when the length of the last file was looked at."""
    read = 0
    for label, line in lines:
        read = read + len(line) if label.startswith(f"{CURRENT},") else 0
        if read > end:
            return
        yield label, line


def fsync(descriptor: int) -> None:
    """Flush a file's content to disk, without its times where the system can tell the difference."""
    getattr(os, "fdatasync", os.fsync)(descriptor)
