"""The stores of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.store.dynamodb import create_table
from chalicelib.store.dynamodb import open_store as open_dynamodb
from chalicelib.store.sqlite import open_store as open_sqlite
from chalicelib.store.table_store import TableStore
from tests.faults.memory_ports import MemoryTable
from tests.support.builders import START
from tests.support.store_records import authority

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.records import CertificateAuthority


# Reading DynamoDB in pages of one item is slow, and the driver's matter: `test_table.py` does it.
@pytest.fixture(params=["sqlite", "sqlite-page-1", "dynamodb", "memory", "memory-page-1"])
def store(request: pytest.FixtureRequest, tmp_path: Path, aws: None) -> TableStore:
    """A store of each kind; with pages of one item every read pages."""
    kind, _, page = request.param.partition("-page-")
    size = int(page or 1000)
    if kind == "sqlite":
        return open_sqlite(tmp_path / "signet.db", page=size)
    if kind == "memory":
        return TableStore(MemoryTable(page=size))
    create_table(boto3.session.Session().client("dynamodb", region_name="us-east-1"), "signet")
    made = open_dynamodb("signet", "us-east-1", page=size)
    table: Any = getattr(made.table, "inner", made.table)
    table._client.meta.events.register("provide-client-params.dynamodb.Query", refuse_reversed)
    return made


def refuse_reversed(params: dict[str, Any], **_: Any) -> None:
    """Refuse a span whose end is before its beginning, as DynamoDB does, and moto does not."""
    values = params["ExpressionAttributeValues"]
    for first, last in ((":first", ":last"), (":after", ":up_to")):
        if first in values and last in values and values[first]["S"].encode() > values[last]["S"].encode():
            raise AssertionError(f"The upper bound of BETWEEN is below the lower one: {values}")


@pytest.fixture
def ca(store: TableStore) -> CertificateAuthority:
    store.reserve_certificate_authority(authority(), None, now=START)
    found = store.get_certificate_authority(authority().arn)
    assert found is not None
    return found
