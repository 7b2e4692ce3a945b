"""sigstore's verification of proofs, which it runs on those of Rekor, accepts the journal's and no others.

Only sigstore's wheel is fetched, once, and not the thirty packages that it needs for other things.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.journal import tree
from chalicelib.journal.tile_tree import TileTree
from tests.support.home import ROOT
from tests.support.journals import entries, entry

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]

REQUIREMENT = ROOT / "requirements/journal-judge.txt"
PEERS = Path(sys.prefix) / "peers"
SIZES = (1, 2, 3, 7, 8, 9, 255, 256, 257, 300, 513)


class NotIncludedError(Exception):
    """What sigstore raises."""


@pytest.fixture
def merkle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """sigstore's module of Merkle proofs, from the wheel; its errors would need the other packages."""
    if not list(PEERS.glob("sigstore-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", "sigstore"]
        subprocess.run([*command, "--require-hashes", "-r", REQUIREMENT, "-d", PEERS], check=True, timeout=300)
    version = REQUIREMENT.read_text().partition("==")[2].split()[0]
    monkeypatch.syspath_prepend(PEERS / f"sigstore-{version}-py3-none-any.whl")
    monkeypatch.setitem(sys.modules, "sigstore.errors", SimpleNamespace(VerificationError=NotIncludedError))
    return import_module("sigstore._internal.merkle")


def rekor_entry(index: int, size: int, body: bytes, hashes: list[bytes], root: bytes) -> Any:
    proof = SimpleNamespace(log_index=index, tree_size=size, hashes=hashes, root_hash=root)
    return SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=body))


def test_sigstore_accepts_each_proof_for_its_entry_alone(merkle: Any) -> None:
    for size in SIZES:
        tile_tree = TileTree(dict(TileTree(lambda _: None, 0).extended(entries(0, size))).get, size)
        for index in range(size):
            hashes = tree.inclusion_proof(index, size, tile_tree.subtree)
            merkle.verify_merkle_inclusion(rekor_entry(index, size, entry(index), hashes, tile_tree.root))
            with pytest.raises(NotIncludedError):
                merkle.verify_merkle_inclusion(rekor_entry(index, size, entry(index + 1), hashes, tile_tree.root))
