"""Proofs that an entry is in a log: what `signet log prove` writes, two judges accept, and nothing else."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.journal import JournalError, checkpoints, notes, proofs, tree
from chalicelib.journal.log import log_key
from chalicelib.journal.notes import COSIGNATURE, VerifierKey
from chalicelib.journal.tile_tree import TileTree
from tests.support.builders import START
from tests.support.journals import entries, entry
from tools.verify_journal import NotProvedError, check_proof

KEY, WITNESS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
VERIFIER = log_key(KEY.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey("witness.example", COSIGNATURE, WITNESS.public_key().public_bytes_raw())
SIZE = 300
TREE = TileTree(dict(TileTree(lambda _: None, 0).extended(entries(0, SIZE))).get, SIZE)
CHECKPOINT = checkpoints.sign(VERIFIER.name, SIZE, TREE.root, key=KEY, now=START)


def proof_of(number: int, **changes: Any) -> proofs.Proof:
    hashes = tuple(tree.inclusion_proof(number, SIZE, TREE.subtree))
    made = proofs.Proof(
        entry=entry(number), index=number, hashes=hashes, checkpoint=CHECKPOINT.content, claimed_key=str(VERIFIER)
    )
    return replace(made, **changes)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_proof_is_accepted_by_both_judges(index: int) -> None:
    proof = proof_of(index)
    assert proofs.parse(proof.encode()) == proof
    assert proofs.verify(proof, VERIFIER) == (CHECKPOINT, [])
    assert check_proof(proof.encode(), str(VERIFIER)) == (index, entry(index))


def test_proof_has_the_form_of_the_specification() -> None:
    lines = proof_of(7).encode().decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + b64encode(str(VERIFIER).encode() + b"\n" + entry(7)).decode()
    assert lines[2] == "index 7"
    assert lines[lines.index("") + 1] == VERIFIER.name


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": entry(8)},
        {"index": 8},
        {"index": SIZE},
        {"hashes": ()},
        {"hashes": proof_of(7).hashes[:-1]},
        {"hashes": (*proof_of(7).hashes, TREE.root)},
        {"hashes": proof_of(8).hashes},
    ],
    ids=str,
)
def test_proof_of_anything_else_is_refused_by_both_judges(changes: dict[str, Any]) -> None:
    proof = proof_of(7, **changes)
    with pytest.raises(JournalError, match="does not lead"):
        proofs.verify(proof, VERIFIER)
    with pytest.raises(NotProvedError):
        check_proof(proof.encode(), str(VERIFIER))


def test_each_changed_octet_of_a_proof_is_found() -> None:
    whole = proof_of(7).encode()
    unsigned = {*range(whole.index(b"extra "), whole.index(b"extra ") + 120)}  # the claimed key
    cosignature = whole.rindex(b"\xe2\x80\x94")  # without it, the log does not say when it signed
    for at in range(cosignature):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        if at not in unsigned:
            with pytest.raises(JournalError):
                proofs.verify(proofs.parse(changed), VERIFIER)


def test_proof_of_another_log_is_refused() -> None:
    other = Ed25519PrivateKey.generate()
    key = log_key(other.public_key().public_bytes_raw())
    forged = checkpoints.sign(VERIFIER.name, SIZE, TREE.root, key=other, now=START)
    for checkpoint in (forged, checkpoints.sign(key.name, SIZE, TREE.root, key=other, now=START)):
        with pytest.raises(JournalError, match=r"not signed|another log"):
            proofs.verify(proof_of(7, checkpoint=checkpoint.content), VERIFIER)
        with pytest.raises(NotProvedError):
            check_proof(proof_of(7, checkpoint=checkpoint.content).encode(), str(VERIFIER))


def test_witness_must_have_cosigned() -> None:
    with pytest.raises(JournalError, match=r"witness\.example has not cosigned"):
        proofs.verify(proof_of(7), VERIFIER, [WITNESS_KEY])
    at = START + timedelta(hours=1)
    line = notes.cosign(CHECKPOINT.note.text, "witness.example", WITNESS, at)
    cosigned = proof_of(7, checkpoint=CHECKPOINT.content + line.encode())
    assert proofs.verify(cosigned, VERIFIER, [WITNESS_KEY])[1] == [at]
    assert check_proof(cosigned.encode(), str(VERIFIER)) == (7, entry(7))


def test_key_of_the_log_is_no_witness() -> None:
    own = VerifierKey(VERIFIER.name, COSIGNATURE, VERIFIER.public_key)
    with pytest.raises(JournalError, match="own key is no witness"):
        proofs.verify(proof_of(7), VERIFIER, [own])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        proof_of(7).encode().replace(b"@v1", b"@v2"),
        proof_of(7).encode().replace(b"index 7", b"index 07"),
        proof_of(7).encode().replace(b"index 7", b"index -7"),
        proof_of(7).encode().replace(b"extra ", b"extra"),
        proof_of(7, claimed_key="not ASCII: \u2014").encode(),
        proof_of(7, hashes=[TREE.root] * 64).encode(),
        proof_of(7, entry=b"e" * 300_000).encode(),
        proof_of(7, hashes=[b"h" * 31]).encode(),
    ],
)
def test_other_files_are_no_proofs(content: bytes) -> None:
    with pytest.raises(JournalError, match="no proof"):
        proofs.parse(content)
