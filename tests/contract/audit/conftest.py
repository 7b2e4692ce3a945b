"""Audit records of every kind of trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.audit.file_trail import FileTrail
from chalicelib.audit.signer import Signer
from chalicelib.audit.table_trail import TableTrail
from chalicelib.keystore.software import SoftwareKeyStore
from chalicelib.store.table_store import TableStore
from tests.faults.memory_ports import MemoryTable

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.audit import Trail
    from chalicelib.runtime import Runtime

REGION = "us-east-1"


class Trails:
    """A store and a directory, and processes that write to them."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.directory = kind, path / "audit"
        self.store = TableStore(MemoryTable())
        self.keys = SoftwareKeyStore(path / "keys", passphrase=None)

    @property
    def signer(self) -> Signer:
        return Signer(self.store, self.keys)

    def process(self, *, most_bytes: int = 1_000_000, most: int = 4) -> Trail:
        """Another process of the home."""
        if self.kind == "table":
            return TableTrail(self.store, self.signer, days=400)
        return FileTrail(self.directory, self.store, self.signer, REGION, most_bytes=most_bytes, most=most)


@pytest.fixture(params=["files", "table"])
def trails(request: pytest.FixtureRequest, tmp_path: Path) -> Trails:
    return Trails(request.param, tmp_path)


@pytest.fixture
def of_table(tmp_path: Path) -> Trails:
    return Trails("table", tmp_path)


@pytest.fixture
def of_files(tmp_path: Path) -> Trails:
    return Trails("files", tmp_path)


def event(name: str, account_id: str = "000000000000", **more: Any) -> dict[str, Any]:
    return {"eventName": name, "recipientAccountId": account_id, "additionalEventData": {"outcome": "allowed"}} | more


def records(rt: Runtime, account_id: str = "000000000000") -> list[dict[str, Any]]:
    """The records that concern an account, the oldest first."""
    return [found.record for found in rt.audit.newest(account_id, now=rt.now())][::-1]


def ends(rt: Runtime, account_id: str = "000000000000") -> list[dict[str, Any]]:
    """The records of calls that have ended."""
    return [each for each in records(rt, account_id) if "outcome" in each["additionalEventData"]]
