"""What a home keeps, looked at from beside its adapters: what a refused request must not have left behind."""

from __future__ import annotations

import os
import sqlite3
from fnmatch import fnmatchcase
from typing import Any, Protocol

import boto3

# A thread publishes heads of the audit record, and they go into the journal: at any time, and whatever is refused.
APART = ("AUDIT", "OUTBOX", "JOURNAL")
ALIAS = "alias/signet/"
_OTHERS = " AND ".join(f"pk NOT GLOB '{each}*'" for each in APART)
_ALL_BUT_APART = (f"SELECT * FROM items WHERE {_OTHERS}", "SELECT * FROM entries")


class Traces(Protocol):
    """What is kept at this moment."""

    def ca_keys(self) -> set[str]: ...

    def objects(self) -> set[str]: ...

    def state(self) -> Any:
        """Something that differs as soon as anything else has been written, but for audit record and journal."""
        ...

    def close(self) -> None: ...


def traces_of(rt: Any) -> Traces:
    return TracesOnTheLaptop(rt) if rt.settings.state == "sqlite" else TracesInAws(rt)


class TracesOnTheLaptop:
    def __init__(self, rt: Any) -> None:
        self._data = rt.settings.data_path
        self._database = sqlite3.connect(f"file:{self._data}/signet.db?mode=ro", uri=True)
        self._version, self._state = -1, 0

    def ca_keys(self) -> set[str]:
        _, _, names = next(os.walk(self._data / "keys"), ("", [], []))
        return {name for name in names if fnmatchcase(name, "*-*.key")}

    def objects(self) -> set[str]:
        return {f"{folder}/{name}" for folder, _, names in os.walk(self._data / "buckets") for name in names}

    def state(self) -> Any:
        """SQLite counts other connections' commits; what was committed is read again after each."""
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            rows = [self._database.execute(sql).fetchall() for sql in _ALL_BUT_APART]
            self._version, self._state = version, hash(tuple(map(frozenset, rows)))
        return self._state

    def close(self) -> None:
        self._database.close()


class TracesInAws:
    """The account is the test's own, but what the account is made with counts for nothing."""

    def __init__(self, rt: Any) -> None:
        session: Any = boto3.session.Session(region_name=rt.settings.region)
        self._table = rt.settings.table_name
        self._s3, self._kms, self._dynamodb = (session.client(each) for each in ("s3", "kms", "dynamodb"))

    def ca_keys(self) -> set[str]:
        pages = self._kms.get_paginator("list_aliases").paginate()
        aliases = (each["AliasName"] for page in pages for each in page["Aliases"])
        return {each for each in aliases if each.startswith(ALIAS)}

    def objects(self) -> set[str]:
        buckets = [each["Name"] for each in self._s3.list_buckets()["Buckets"]]
        listed = ((each, self._s3.list_objects_v2(Bucket=each).get("Contents", [])) for each in buckets)
        return {f"{bucket}/{found['Key']}" for bucket, contents in listed for found in contents}

    def state(self) -> Any:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"] if not item["pk"]["S"].startswith(APART)]
        return sorted(repr(sorted(item.items())) for item in items)

    def close(self) -> None:
        """Nothing is held."""
