"""No record of a chain can be removed, changed, moved or added unnoticed (docs/audit.md)."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.audit import chain
from chalicelib.audit.chain import FIRST, Head, Link

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
RECORDS = 1000


BEGINNING = Link("a chain", 0, FIRST)


def written(number: int, *, begin: Link = BEGINNING, **first: Any) -> tuple[list[bytes], Link]:
    """The lines of so many records, and the last link."""
    last, lines = begin, []
    for each in range(number):
        event: dict[str, Any] = {"eventName": f"event {each}", "additionalEventData": {"channel": "api"}}
        line, last = chain.following(first if first and not each else event, last)
        lines.append(line)
    return lines, last


LINES, LAST = written(RECORDS)
HEAD = chain.sign(KEY, LAST)


def problems(lines: Sequence[bytes], *heads: Head) -> tuple[str, ...]:
    labelled = zip(map("line {}".format, count(1)), lines, strict=False)
    return chain.verify(labelled, PUBLIC, heads or (HEAD,)).problems


def test_untouched_records_are_verified() -> None:
    verdict = chain.verify((("", line) for line in LINES), PUBLIC, (HEAD,))
    assert verdict == (RECORDS, (), (), (LAST,))


@pytest.fixture(scope="module")
def some(request: pytest.FixtureRequest) -> tuple[list[bytes], Head]:
    """Records of which each is changed in turn, and their head."""
    lines, last = written(RECORDS if request.config.getoption("--whole") else 50)
    return lines, chain.sign(KEY, last)


@pytest.mark.slow
def test_each_deletion_is_found(some: tuple[list[bytes], Head]) -> None:
    lines, head = some
    for at in range(len(lines)):
        assert problems(lines[:at] + lines[at + 1 :], head), at


@pytest.mark.slow
def test_each_swap_of_neighbours_is_found(some: tuple[list[bytes], Head]) -> None:
    lines, head = some
    for at in range(len(lines) - 1):
        assert problems([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]], head), at


@pytest.mark.slow
def test_an_edit_of_each_record_is_found(some: tuple[list[bytes], Head]) -> None:
    lines, head = some
    for at, line in enumerate(lines):
        edited = line.replace(b'"channel":"api"', b'"channel":"cli"')
        assert edited != line
        assert problems([*lines[:at], edited, *lines[at + 1 :]], head), at


@pytest.mark.slow
def test_each_truncation_is_found(some: tuple[list[bytes], Head]) -> None:
    lines, head = some
    for length in range(len(lines)):
        assert problems(lines[:length], head), length


@pytest.mark.slow
def test_each_doubled_record_is_found(some: tuple[list[bytes], Head]) -> None:
    lines, head = some
    for at in range(len(lines)):
        assert problems(lines[: at + 1] + lines[at:], head), at


@pytest.mark.parametrize("at", [0, 6, 11])
def test_an_edit_of_any_byte_is_found(at: int) -> None:
    lines, last = written(12)
    head = chain.sign(KEY, last)
    for place in range(len(lines[at])):
        edited = bytearray(lines[at])
        edited[place] ^= 1
        assert problems([*lines[:at], bytes(edited), *lines[at + 1 :]], head), place


def test_the_first_bad_record_is_named() -> None:
    (problem,) = problems([*LINES[:500], *LINES[501:]])
    assert problem.startswith("line 501: record 502 does not follow record 500")


def test_records_rewritten_with_correct_hashes_are_found_by_the_head() -> None:
    forged, _ = written(RECORDS, eventName="forged")
    (problem,) = problems(forged)
    assert problem == "line 1000: record 1000 is not the one whose hash was published."


def test_a_head_that_another_key_signed_proves_nothing() -> None:
    lines, last = written(3)
    forged = chain.sign(Ed25519PrivateKey.generate(), last)
    (problem,) = problems(lines, forged)
    assert "signature of the published head 3 is wrong" in problem


def test_a_signature_of_one_head_does_not_fit_another() -> None:
    for link in (LAST._replace(chain="b"), LAST._replace(sequence=999), LAST._replace(sha256=FIRST)):
        assert not chain.is_signed(PUBLIC, Head(link, HEAD.signature))
    assert not chain.is_signed(PUBLIC, Head(LAST, "no Base64"))
    assert chain.is_signed(PUBLIC, HEAD)


def test_verification_begins_where_a_file_begins_that_says_what_was_deleted() -> None:
    event = chain.beginning({"eventName": chain.BEGIN}, LAST, LAST.sequence, KEY)
    later, last = written(5, begin=LAST, **event)
    verdict = chain.verify((("", line) for line in later), PUBLIC, (chain.sign(KEY, last),))
    assert verdict.problems == ()
    assert verdict.notes == (f"Records 1 to {RECORDS} were deleted by the setting.",)


def test_older_files_that_nobody_said_were_deleted_are_missing() -> None:
    event = chain.beginning({"eventName": chain.BEGIN}, LAST, 400, KEY)
    later, last = written(5, begin=LAST, **event)
    (problem,) = problems(later, chain.sign(KEY, last))
    assert problem.startswith("the end: records 401 to 1000 are missing")


def test_verification_does_not_begin_at_a_file_that_another_key_began() -> None:
    event = chain.beginning({"eventName": chain.BEGIN}, LAST, LAST.sequence, Ed25519PrivateKey.generate())
    later, last = written(5, begin=LAST, **event)
    (problem,) = problems(later, chain.sign(KEY, last))
    assert "nothing signed says what was before it" in problem


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"x\n", b"[]\n", b"{}\n", b'{"chain":1}\n', b"[" * 5000 + b"\n", b"\0" * 9]
)
def test_what_is_no_record_is_named(line: bytes) -> None:
    (problem,) = problems([LINES[0], line])
    assert problem.startswith("line 2: ")
