"""The monitor's last looks, in the table; `chalicelib.store.reachability_records` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.home_records import Reachability
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Update
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from collections.abc import Sequence


class Reachabilities(Base):
    """One item for each CA."""

    def get_reachability(self, ca_arns: Sequence[str]) -> dict[str, Reachability]:
        keys = [items.reachability_key(ca_arn) for ca_arn in ca_arns]
        found = [self.table.get(keys[0])] if len(keys) == 1 else self.table.get_many(keys)
        return {
            ca_arn: items.from_item(Reachability, item)
            for ca_arn, item in zip(ca_arns, found, strict=True)
            if item is not None
        }

    def put_reachability(self, reachability: Reachability) -> Reachability:
        new = replace(reachability, version=reachability.version + 1)
        unchanged = version_is(reachability.version) if reachability.version else ABSENT
        key = items.reachability_key(new.ca_arn)
        values = {name: value for name, value in items.to_item(new, key).items() if name not in key._fields}
        try:
            self.table.write(Update(key, unchanged, values))  # an update, which the monitor's role may do, unlike a put
        except ConditionFailedError as error:
            raise ConflictError("Another round has recorded what it saw.") from error
        return new
