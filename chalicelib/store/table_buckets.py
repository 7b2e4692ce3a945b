"""Owners of buckets in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store import items
from chalicelib.store.table import ABSENT, ConditionFailedError, Put
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from collections.abc import Sequence


class BucketOwners(Base):
    """The account that each bucket belongs to."""

    def take_bucket(self, bucket: str, account_id: str) -> str:
        key = items.bucket_key(bucket)
        try:
            self.table.write(Put({"pk": key.pk, "sk": key.sk, "account_id": account_id}, ABSENT))
        except ConditionFailedError as error:
            owner = error.items[0] or {}
            return str(owner["account_id"])
        return account_id

    def bucket_owners(self, buckets: Sequence[str]) -> dict[str, str]:
        found = self.table.get_many([items.bucket_key(bucket) for bucket in buckets])
        owned = zip(buckets, found, strict=True)
        return {bucket: str(item["account_id"]) for bucket, item in owned if item is not None}
