"""OCSP's index of CAs and its responders in the table; `chalicelib.store.Store` documents the methods."""
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
    """Make a CA's responder due and invalidate cached answers, which depend on the CA's version."""
    present: Condition = ((Clause("pk", "present"),),)
    due: dict[str, Value] = {"due_at": items.micros(at), **items.due("RESPONDER", at, ca_arn)}
    counted = {"version": 1, "responders_revoked": 1}
    return [
        Update(items.authority_key(ca_arn), present, added=counted),
        Update(items.responder_key(ca_arn), present, due),
    ]


class Ocsp(Base):
    """CAs by the key hashes of OCSP requests, and OCSP responders."""

    def list_issuers(self, key_hash: str) -> list[str]:
        return [str(item["sk"]) for item in self.table.query(items.issuer_key(key_hash, "").pk)]

    def get_responder(self, ca_arn: str) -> OcspResponder | None:
        item = self.table.get(items.responder_key(ca_arn))
        return None if item is None else items.from_item(OcspResponder, item)

    def update_responder(self, old: OcspResponder, new: OcspResponder) -> None:
        clauses = (Clause("generation", "=", old.generation), Clause("due_at", "=", items.micros(old.due_at)))
        unchanged: Condition = (clauses,)
        try:
            self.table.write(Put(items.responder_item(new), unchanged))
        except ConditionFailedError as error:
            raise ConflictError(f"The OCSP responder of {old.ca_arn} has changed.") from error
