"""The chain of records: canonical lines, hashes, signed heads, and their verification. Pure functions.

A record is one line of JSON. It names its chain, its sequence number and the SHA-256 of the line before it, so the hash
of the last line, the chain's head, stands for all lines up to it. Heads are signed with the installation's Ed25519 key.

Source: RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chalicelib import json_text
from chalicelib.home_records import AuditHead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

FIRST = "0" * 64  # what the first record of a chain names as the hash of the one before
BEGIN, REPAIR = "BeginAuditFile", "RepairAuditFile"
MOST_BYTES = 64 * 1024  # of a line
_json = json_text.writer()


class Link(NamedTuple):
    """A place in a chain: the sequence number of a record and the SHA-256 of its line, in hex."""

    chain: str
    sequence: int
    sha256: str


class Head(NamedTuple):
    """A signed link: all records of the chain up to it existed when it was signed.

    Attributes:
        signature: of `link`, Base64.
    """

    link: Link
    signature: str


class Verdict(NamedTuple):
    """The result of a verification.

    Attributes:
        records: how many records were verified.
        problems: sentences that name the first bad record of each chain; empty: everything is as it was written.
        notes: what an auditor should know, such as files that were deleted by the setting.
        heads: the last link of each chain.
    """

    records: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    heads: tuple[Link, ...]


class BrokenError(ValueError):
    """A record is not as it was written; the text names it."""


# writing


def following(event: Mapping[str, Any], last: Link) -> tuple[bytes, Link]:
    """Return the line of the event that follows `last`, whose bytes are what is hashed, and its link."""
    sequence = last.sequence + 1
    line = _json({"chain": last.chain, "sequence": sequence, "previous": last.sha256, **event}).encode()
    return line + b"\n", Link(last.chain, sequence, hashlib.sha256(line).hexdigest())


def sha256_of(line: bytes) -> str:
    """Hex SHA-256 of a line without its line feed."""
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def link_of(line: bytes) -> Link:
    """Return the link of a line; raises `BrokenError` if it is not a record."""
    record = record_of(line)
    return Link(record["chain"], record["sequence"], sha256_of(line))


def follows(record: Mapping[str, Any], last: Link) -> bool:
    """Tell whether a record is the one after `last`."""
    return (record["chain"], record["sequence"], record["previous"]) == (last.chain, last.sequence + 1, last.sha256)


def link_behind(last: Link, added: bytes) -> Link | None:
    """Return the link of the last of the lines that another process has added after `last`; None if it cannot be."""
    lines = added.splitlines(keepends=True)
    try:
        link = link_of(lines[-1]) if added.endswith(b"\n") else None
    except BrokenError:
        return None
    return link if link and link[:2] == (last.chain, last.sequence + len(lines)) else None


def record_of(line: bytes) -> dict[str, Any]:
    """Read a line; raises `BrokenError` if it is not a record."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenError("it is not JSON") from error
    kinds = (("chain", str), ("sequence", int), ("previous", str), ("eventName", str))
    if not isinstance(record, dict) or any(type(record.get(name)) is not kind for name, kind in kinds):
        raise BrokenError("it is not an audit record")
    return record


# signing


def sign(key: Ed25519PrivateKey, link: Link) -> Head:
    """Sign a link."""
    return Head(link, base64.b64encode(key.sign(_signed(link))).decode())


def is_signed(public_key: bytes, head: Head) -> bool:
    """Tell whether the key, 32 bytes, signed a head."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(base64.b64decode(head.signature), _signed(head.link))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _signed(link: Link) -> bytes:
    return "\n".join(("signet-audit-head", link.chain, str(link.sequence), link.sha256)).encode()


def stored(head: Head, expires_at: datetime | None = None) -> AuditHead:
    """Return a head as the store keeps it."""
    return AuditHead(**head.link._asdict(), signature=head.signature, expires_at=expires_at)


def published(head: AuditHead) -> Head:
    """The inverse of `stored`."""
    return Head(Link(head.chain, head.sequence, head.sha256), head.signature)


def beginning(event: Mapping[str, Any], last: Link, deleted_through: int, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Complete the event that begins a file: verification may begin there, because it holds the signed link before it.

    Args:
        event: to complete.
        last: the link before it.
        deleted_through: the sequence number up to which older records are deleted by the setting; 0: none are.
        key: of the installation.
    """
    head = sign(key, last)
    details = {"deletedThrough": deleted_through, "previousSignature": head.signature}
    return {**event, "additionalEventData": {**event.get("additionalEventData", {}), **details}}


# verifying


def verify(
    lines: Iterable[tuple[str, bytes]],
    public_key: bytes,
    heads: Iterable[Head] = (),
    noted: tuple[int, str] | None = None,
) -> Verdict:
    """Verify the records of one chain.

    Args:
        lines: each with a label for people, from the oldest.
        public_key: of the installation, 32 bytes.
        heads: published ones, which must be signed and on the chain.
        noted: sequence number and SHA-256 of a record, noted elsewhere, which must be on the chain.
    """
    reader = _Reader(public_key, tuple(heads), noted)
    last: Link | None = None
    problems: tuple[str, ...] = ()
    at = "the beginning"
    try:
        for at, line in lines:  # noqa: B007  the refusal names it
            last = reader.read(line, last)
        at = "the end"
        reader.finish(last)
    except BrokenError as error:
        problems = (f"{at}: {error}.",)
    return Verdict(reader.records, problems, tuple(reader.notes), (last,) if last else ())


class _Reader:
    """Follows a chain, and compares it with published heads."""

    def __init__(self, public_key: bytes, heads: tuple[Head, ...], noted: tuple[int, str] | None) -> None:
        self._public_key, self._heads, self._noted = public_key, heads, noted
        self._expected: dict[int, str] = {}
        self._missing_through = self._deleted_through = self.records = 0
        self.notes: list[str] = []

    def read(self, line: bytes, last: Link | None) -> Link:
        if not line.endswith(b"\n"):
            raise BrokenError("the line is incomplete")
        record = record_of(line)
        link = Link(record["chain"], record["sequence"], sha256_of(line))
        details = record.get("additionalEventData") or {}
        if last is None:
            self._begin(record, details)
        elif not follows(record, last):
            raise BrokenError(
                f"record {record['sequence']} does not follow record {last.sequence}: "
                "a record was changed, moved, added or removed"
            )
        if record["eventName"] == BEGIN:
            self._deleted_through = max(self._deleted_through, int(details.get("deletedThrough", 0)))
        if record["eventName"] == REPAIR:
            self._repaired(record, details)
        self.records += 1
        self._compare(link)
        return link

    def _begin(self, record: dict[str, Any], details: dict[str, Any]) -> None:
        """Begin at the first record of a chain, or at one that holds the signed link before it."""
        chain, sequence, previous = record["chain"], record["sequence"], record["previous"]
        for head in self._heads:
            if head.link.chain == chain:
                if not is_signed(self._public_key, head):
                    raise BrokenError(f"the signature of the published head {head.link.sequence} is wrong")
                self._expected[head.link.sequence] = head.link.sha256
        if self._noted is not None:
            number, sha256 = self._noted
            if self._expected.setdefault(number, sha256) != sha256:
                raise BrokenError(f"the noted hash of record {number} is not the published one")
        before = Head(Link(chain, sequence - 1, previous), str(details.get("previousSignature", "")))
        if record["eventName"] == BEGIN and is_signed(self._public_key, before):
            self._missing_through = sequence - 1
        elif (sequence, previous) != (1, FIRST):
            raise BrokenError(f"record {sequence} is the first one, and nothing signed says what was before it")

    def _repaired(self, record: dict[str, Any], details: dict[str, Any]) -> None:
        lost = details.get("lostThrough")
        if lost is not None:
            raise BrokenError(
                f"when record {record['sequence']} was written, the records did not reach the published head {lost}"
            )
        cut = details.get("cutBytes")
        self.notes.append(
            f"Record {record['sequence']} says that {cut} bytes behind the last whole record were cut off."
        )

    def _compare(self, link: Link) -> None:
        if self._expected.get(link.sequence, link.sha256) != link.sha256:
            raise BrokenError(f"record {link.sequence} is not the one whose hash was published")

    def finish(self, last: Link | None) -> None:
        """Compare the end with the heads, and the beginning with what the records say was deleted."""
        if last is None:
            raise BrokenError("there is no record")
        if self._noted is not None and self._noted[0] <= self._missing_through:
            raise BrokenError(f"record {self._noted[0]}, which was noted, is among the deleted ones")
        if self._missing_through > self._deleted_through:
            raise BrokenError(
                f"records {self._deleted_through + 1} to {self._missing_through} are missing, and no record says that "
                "they were deleted by the setting"
            )
        if self._missing_through:
            self.notes.append(f"Records 1 to {self._missing_through} were deleted by the setting.")
        if (most := max(self._expected, default=0)) > last.sequence:
            raise BrokenError(f"records {last.sequence + 1} to {most} are missing")
