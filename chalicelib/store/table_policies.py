"""Resource policies in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.records import ResourcePolicy
from chalicelib.store import ConflictError, ThrottledError, TooManySharesError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Key, Put
from chalicelib.store.table_base import Base, version_is

if TYPE_CHECKING:
    from chalicelib.store.table import Write


_ATTEMPTS = 8
ANYBODY = "*"


class Policies(Base):
    """Resource policies, and the accounts that they name."""

    def get_policy(self, ca_arn: str) -> ResourcePolicy | None:
        item = self.table.get(items.policy_key(ca_arn))
        policy = None if item is None else items.from_item(ResourcePolicy, item)
        return policy if policy is not None and policy.ca_arn == ca_arn else None

    def put_policy(self, old: ResourcePolicy | None, new: ResourcePolicy, *, most: int) -> None:
        new = replace(new, version=1 if old is None else old.version + 1)
        condition = ABSENT if old is None else version_is(old.version)
        before = () if old is None else old.shared_with
        writes: list[Write] = [
            Put(items.to_item(new, items.policy_key(new.ca_arn)), condition),
            *(_share(name, new.ca_arn) for name in new.shared_with),
            *(Delete(items.share_key(name, new.ca_arn)) for name in before if name not in new.shared_with),
        ]
        anybody = items.share_key(ANYBODY, new.ca_arn)
        writes.append(_share(ANYBODY, new.ca_arn) if new.shared_with_all else Delete(anybody))
        added = [name for name in new.shared_with if name not in before]
        for _ in range(_ATTEMPTS):
            counted = self._counted(new.ca_arn, added, most)
            try:
                self.table.write(*writes, *counted)
            except ConditionFailedError as error:
                if 0 in error.items:
                    raise ConflictError("The policy has changed.") from error
            else:
                return
        raise ThrottledError("Other policies of the account kept changing.")

    def _counted(self, ca_arn: str, accounts: list[str], most: int) -> list[Write]:
        """See that a CA may be shared with more accounts; the write fails if the owner shares another one meanwhile."""
        if not accounts:
            return []
        owner = arns.parse_ca_arn(ca_arn).account_id
        key = items.sharing_key(owner)
        version = int(str((self.table.get(key) or {}).get("version", 0)))
        for account in accounts:
            shared = (arns.parse_ca_arn(str(item["arn"])) for item in self.table.query(f"SHARED#{account}"))
            if sum(1 for _ in islice((ca for ca in shared if ca.account_id == owner), most)) >= most:
                raise TooManySharesError(account)
        return [Put({"pk": key.pk, "sk": key.sk, "version": version + 1}, version_is(version) if version else ABSENT)]

    def delete_policy(self, policy: ResourcePolicy) -> None:
        shares = [Delete(items.share_key(name, policy.ca_arn)) for name in (*policy.shared_with, ANYBODY)]
        try:
            self.table.write(Delete(items.policy_key(policy.ca_arn), version_is(policy.version)), *shares)
        except ConditionFailedError as error:
            raise ConflictError("The policy has changed.") from error

    def is_shared(self, ca_arn: str, account_id: str) -> bool:
        return any(self.table.get_many([items.share_key(name, ca_arn) for name in (account_id, ANYBODY)]))

    def list_shared(self, account_id: str, *, limit: int, after: str | None = None, region: str = "") -> list[str]:
        page = self._in_region(f"SHARED#{account_id}", region, after=after, limit=limit)
        return [str(item["arn"]) for item in page]

    def accept_shares(self, account_id: str, owner: str) -> None:
        key = items.accepted_key(account_id, owner)
        self.table.write(Put({"pk": key.pk, "sk": key.sk, "owner": owner}))

    def reject_shares(self, account_id: str, owner: str) -> None:
        self.table.write(Delete(items.accepted_key(account_id, owner)))

    def list_accepted(self, account_id: str) -> list[str]:
        return [str(item["owner"]) for item in self.table.query(items.accepted_key(account_id).pk)]


def _share(account_id: str, ca_arn: str) -> Put:
    key: Key = items.share_key(account_id, ca_arn)
    return Put({"pk": key.pk, "sk": key.sk, "arn": ca_arn})
