"""Verify a journal, or a proof from one, with nothing of Signet: hashlib, and Ed25519 of `cryptography`.

    python tools/verify_journal.py log DIRECTORY VERIFIER-KEY
    python tools/verify_journal.py proof FILE VERIFIER-KEY [CERTIFICATE.pem]

The directory has `checkpoint` and `tile/`, as a log in the form of C2SP tlog-tiles has them. This file follows the
specifications: tlog-tiles, tlog-checkpoint, signed-note, tlog-proof (c2sp.org) and RFC 9162 section 2.1. Exit code 0:
the log, or the entry, is as the owner of the key signed it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotProvedError(Exception):
    """Something is not as it was signed; the text says what."""


def head_of(note: bytes, verifier_key: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that the key has signed."""
    name, key_id, material = verifier_key.strip().split("+", 2)
    public = base64.b64decode(material)
    if public[:1] != b"\1" or hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] != key_id:
        raise NotProvedError("not a verifier key of Ed25519")
    text, _, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    for line in signatures.decode().splitlines():
        dash, signer, value = line.split(" ")
        signature = base64.b64decode(value)
        if (dash, signer, signature[:4].hex()) == ("—", name, key_id):
            try:
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], text)
            except InvalidSignature as error:
                raise NotProvedError("the signature of the checkpoint is wrong") from error
            origin, size, root = text.decode().splitlines()
            if origin != name:
                raise NotProvedError("the checkpoint is of another log")
            return int(size), base64.b64decode(root)
    raise NotProvedError("the key has not signed the checkpoint")


def leaf(entry: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def leaves(bundle: bytes, width: int) -> list[bytes]:
    """The hashes of the first entries of a bundle."""
    hashes, at = [], 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if at + 2 > len(bundle) or end > len(bundle):
            raise NotProvedError("a bundle is too short")
        hashes.append(leaf(bundle[at + 2 : end]))
        at = end
    return hashes


def root_of(hashes: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, given the hashes of the leaves, from the bottom up."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        above = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
        hashes = above + hashes[len(above) * 2 :]  # an odd one goes up as it is
    return hashes[0]


def stored(directory: Path, kind: str, number: int, width: int) -> bytes:
    """The tile or bundle with so many hashes or entries; the full one may have replaced a partial one."""
    digits = str(number)
    digits = "0" * (-len(digits) % 3) + digits
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = directory / "tile" / kind / "/".join(["x" + part for part in parts[:-1]] + [parts[-1]])
    partial = path.with_name(f"{path.name}.p") / str(width)
    for candidate in (path,) if width == 256 else (partial, path):
        if candidate.is_file():
            return candidate.read_bytes()
    raise NotProvedError(f"{path.relative_to(directory)} is missing")


def check_log(directory: Path, verifier_key: str) -> int:
    """Verify every entry and every tile of a log; return the number of entries."""
    size, root = head_of((directory / "checkpoint").read_bytes(), verifier_key)
    hashes: list[bytes] = []
    for number in range(-(-size // 256)):
        width = min(256, size - 256 * number)
        hashes += leaves(stored(directory, "entries", number, width), width)
    if root_of(hashes) != root:
        raise NotProvedError("the entries are not those that were signed")
    level = 0
    while hashes:
        full = []
        for number in range(-(-len(hashes) // 256)):
            expected = hashes[256 * number : 256 * (number + 1)]
            tile = stored(directory, str(level), number, len(expected))
            if tile[: 32 * len(expected)] != b"".join(expected):
                raise NotProvedError(f"tile {number} of level {level} has other hashes")
            if len(expected) == 256:
                full.append(root_of(expected))
        hashes, level = full, level + 1
    return size


def check_proof(proof: bytes, verifier_key: str) -> tuple[int, bytes]:
    """Verify a proof; return the position of its entry, and the entry."""
    lines, _, checkpoint = proof.partition(b"\n\n")
    header, extra, index_line, *path = lines.decode().splitlines()
    if header != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index_line.startswith("index "):
        raise NotProvedError("not a proof")
    entry = base64.b64decode(extra[6:]).split(b"\n", 1)[1]
    index = int(index_line[6:])
    size, root = head_of(checkpoint, verifier_key)
    if not 0 <= index < size:
        raise NotProvedError("the entry is behind the end of the tree")
    if climb(leaf(entry), index, size, [base64.b64decode(line) for line in path]) != root:
        raise NotProvedError("the hashes do not lead to the root")
    return index, entry


def climb(found: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which a path leads, level by level; a node without a sibling goes up as it is."""
    while size > 1:
        if index ^ 1 < size:
            if not path:
                raise NotProvedError("the path is too short")
            sibling, *path = path
            pair = sibling + found if index & 1 else found + sibling
            found = hashlib.sha256(b"\1" + pair).digest()
        index, size = index >> 1, (size + 1) >> 1
    if path:
        raise NotProvedError("the path is too long")
    return found


def check_certificate(entry: bytes, pem: str) -> None:
    """Compare a certificate with the entry of its issuance."""
    body = "".join(line for line in pem.split("-----BEGIN CERTIFICATE-----")[1].splitlines() if "-----" not in line)
    digest = hashlib.sha256(base64.b64decode(body)).digest()
    said = json.loads(entry)
    if said["kind"] != "issued" or base64.urlsafe_b64decode(said["sha256"] + "=") != digest:
        raise NotProvedError("the entry is about another certificate")


def main(what: str, name: str, verifier_key: str, certificate: str = "") -> None:
    """Run the command."""
    if what == "log":
        print(f"{check_log(Path(name), verifier_key)} entries are as they were signed.")
        return
    index, entry = check_proof(Path(name).read_bytes(), verifier_key)
    if certificate:
        check_certificate(entry, Path(certificate).read_text())
    print(f"Entry {index}: {entry.decode()}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (NotProvedError, OSError, ValueError, TypeError, KeyError, IndexError) as problem:
        sys.exit(f"Not proved: {problem}")
