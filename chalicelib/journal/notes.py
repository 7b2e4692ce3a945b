"""Signed notes, their verifier keys, and timestamped cosignatures. C2SP signed-note and tlog-cosignature, Ed25519 only.

A note is text that ends with a line feed, a blank line, and a line for each signature.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chalicelib.frozen import dataclass
from chalicelib.journal import JournalError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE, COSIGNATURE = 1, 4  # the types of signatures: of a log, and of a witness with the time
MOST_BYTES = 64 * 1024
_MOST_SIGNATURES = 100
_MOST_SECONDS = 253_402_300_799  # the year 9999
_LINE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Signature(NamedTuple):
    """One line below a note: the name of a key, its id as 4 bytes, and what it made."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as parsed; nothing is verified."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name and the type of its signatures."""

    name: str
    kind: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key beside its name."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public_key)}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Read a verifier key, `NAME+ID+KEY`.

    Raises:
        JournalError: it is none, or not of Ed25519.
    """
    parts = text.strip().split("+", 2)
    material = decode_base64(parts[2]) if len(parts) == 3 else b""
    if len(material) != 33 or material[0] not in {SIGNATURE, COSIGNATURE}:
        raise JournalError("This is no verifier key of Ed25519: NAME+ID+KEY, as `signet log key` prints it.")
    key = VerifierKey(parts[0], material[0], material[1:])
    if not is_key_name(key.name) or parts[1] != key.key_id.hex():
        raise JournalError("The id of the verifier key does not match its name and its key.")
    return key


def is_key_name(name: str) -> bool:
    """True if a key may have the name: no spaces, no plus signs, no control characters."""
    return bool(re.fullmatch(r"[^\s+]+", name)) and name.isprintable()


def parse(content: bytes) -> Note:
    """Read a signed note.

    Raises:
        JournalError: it is none.
    """
    try:
        whole = content.decode() if len(content) <= MOST_BYTES else ""
    except UnicodeDecodeError:
        whole = ""
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _CONTROL.search(whole):
        raise JournalError("This is not a signed note.")
    matches = [_LINE.fullmatch(line) for line in lines[:-1].split("\n")]
    signatures = [(match["name"], decode_base64(match["signature"])) for match in matches if match]
    if len(signatures) < len(matches) or len(matches) > _MOST_SIGNATURES or any(len(it) < 5 for _, it in signatures):
        raise JournalError("A signature below the note is malformed.")
    return Note(text + "\n", tuple(Signature(name, value[:4], value[4:]) for name, value in signatures))


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """Return the signature line of a text."""
    verifier = VerifierKey(name, SIGNATURE, key.public_key().public_bytes_raw())
    return _line(verifier, key.sign(text.encode()))


def cosign(text: str, name: str, key: Ed25519PrivateKey, now: datetime) -> str:
    """Return the signature line of a witness, with the time in seconds, for the text of a checkpoint."""
    verifier, seconds = VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw()), int(now.timestamp())
    return _line(verifier, seconds.to_bytes(8) + key.sign(_cosigned(text, seconds)))


def is_signed(note: Note, key: VerifierKey) -> bool:
    """True if the note has a signature of a log's key.

    Raises:
        JournalError: a signature of this key is wrong.
    """
    values = _values(note, key)
    if not all(_verify(key, value, note.text.encode()) for value in values):
        raise JournalError(f"A signature of {key.name} below the note is wrong.")
    return bool(values)


def cosigned_at(note: Note, key: VerifierKey) -> datetime | None:
    """Return the last time at which a witness cosigned the note; None if it did not.

    Raises:
        JournalError: a signature of this key is wrong.
    """
    times = []
    for value in _values(note, key):
        seconds = int.from_bytes(value[:8])
        if seconds > _MOST_SECONDS or not _verify(key, value[8:], _cosigned(note.text, seconds)):
            raise JournalError(f"A cosignature of {key.name} below the note is wrong.")
        times.append(seconds)
    return datetime.fromtimestamp(max(times), UTC) if times else None


def decode_base64(text: str) -> bytes:
    """Decode base64 in its one canonical form; b"" if it is none."""
    try:
        content = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if _base64(content) == text else b""


def _values(note: Note, key: VerifierKey) -> list[bytes]:
    return [value for name, key_id, value in note.signatures if (name, key_id) == (key.name, key.key_id)]


def _verify(key: VerifierKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _line(key: VerifierKey, value: bytes) -> str:
    return f"— {key.name} {_base64(key.key_id + value)}\n"


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
