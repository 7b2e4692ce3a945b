"""Resource policies in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.records import ResourcePolicy
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Key, Put
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from chalicelib.store.table import Write


class Policies(Base):
    """Resource policies, and the accounts that they name."""

    def get_policy(self, ca_arn: str) -> ResourcePolicy | None:
        item = self.table.get(items.policy_key(ca_arn))
        policy = None if item is None else items.from_item(ResourcePolicy, item)
        return policy if policy is not None and policy.ca_arn == ca_arn else None

    def put_policy(self, old: ResourcePolicy | None, new: ResourcePolicy) -> None:
        new = replace(new, version=1 if old is None else old.version + 1)
        condition = ABSENT if old is None else version_is(old.version)
        dropped = [] if old is None else [name for name in old.shared_with if name not in new.shared_with]
        self._write_policy(
            Put(items.to_item(new, items.policy_key(new.ca_arn)), condition),
            *(_share(name, new.ca_arn) for name in new.shared_with),
            *(Delete(items.share_key(name, new.ca_arn)) for name in dropped),
        )

    def delete_policy(self, policy: ResourcePolicy) -> None:
        shares = [Delete(items.share_key(name, policy.ca_arn)) for name in policy.shared_with]
        self._write_policy(Delete(items.policy_key(policy.ca_arn), version_is(policy.version)), *shares)

    def list_shared(self, account_id: str, *, limit: int, after: str | None = None) -> list[str]:
        page = self.table.query(f"SHARED#{account_id}", after=f"CA#{after or ''}", limit=limit)
        return [str(item["arn"]) for item in page]

    def _write_policy(self, *writes: Write) -> None:
        try:
            self.table.write(*writes)
        except ConditionFailedError as error:
            raise ConflictError("The policy has changed.") from error


def _share(account_id: str, ca_arn: str) -> Put:
    key: Key = items.share_key(account_id, ca_arn)
    return Put({"pk": key.pk, "sk": key.sk, "arn": ca_arn})
