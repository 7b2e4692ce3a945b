"""OCSP's index of CAs and its responders in the table. What the methods promise is said in `chalicelib.store.Store`."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.records import OcspResponder
from chalicelib.store import ConflictError, items
from chalicelib.store.table import Clause, ConditionFailedError, Put, Update
from chalicelib.store.table_base import Base

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.store.table import Condition, Value, Write


def responder_revoked(ca_arn: str, at: datetime) -> list[Write]:
    """That a CA's responder is due, and that no answer made before counts: the CA is read for each that is kept."""
    there: Condition = ((Clause("pk", "present"),),)
    due: dict[str, Value] = {"due_at": items.micros(at), **items.due("RESPONDER", at, ca_arn)}
    counted = {"version": 1, "responders_revoked": 1}
    return [
        Update(items.authority_key(ca_arn), there, added=counted),
        Update(items.responder_key(ca_arn), there, due),
    ]


class Ocsp(Base):
    """Who answers OCSP for whom."""

    def list_issuers(self, key_hash: str) -> list[str]:
        return [str(item["sk"]) for item in self.table.query(items.issuer_key(key_hash, "").pk)]

    def get_responder(self, ca_arn: str) -> OcspResponder | None:
        item = self.table.get(items.responder_key(ca_arn))
        return None if item is None else items.from_item(OcspResponder, item)

    def update_responder(self, old: OcspResponder, new: OcspResponder) -> None:
        is_still = (Clause("generation", "=", old.generation), Clause("due_at", "=", items.micros(old.due_at)))
        unchanged: Condition = (is_still,)
        try:
            self.table.write(Put(items.responder_item(new), unchanged))
        except ConditionFailedError as error:
            raise ConflictError(f"The OCSP responder of {old.ca_arn} has changed.") from error
