"""Console sessions in the table; `chalicelib.store.Store` documents the methods."""
# ruff: noqa: D102  the port documents its methods

from __future__ import annotations

from dataclasses import replace

from chalicelib.identities import ConsoleSession
from chalicelib.store import ConflictError, items
from chalicelib.store.table import ABSENT, ConditionFailedError, Delete, Put
from chalicelib.store.table_base import Base, version_is


class Sessions(Base):
    """Sessions of the console."""

    def put_session(self, session: ConsoleSession) -> None:
        try:
            self.table.write(Put(items.session_item(session), ABSENT))
        except ConditionFailedError as error:
            raise ConflictError("The session already exists.") from error

    def get_session(self, id_sha256: str) -> ConsoleSession | None:
        item = self.table.get(items.session_key(id_sha256))
        return None if item is None else items.from_item(ConsoleSession, item)

    def update_session(self, old: ConsoleSession, new: ConsoleSession) -> ConsoleSession:
        new = replace(new, version=old.version + 1)
        try:
            self.table.write(Put(items.session_item(new), version_is(old.version)))
        except ConditionFailedError as error:
            raise ConflictError("The session has changed.") from error
        return new

    def take_session(self, id_sha256: str) -> ConsoleSession | None:
        while (session := self.get_session(id_sha256)) is not None:
            try:
                self.table.write(Delete(items.session_key(id_sha256), version_is(session.version)))
            except ConditionFailedError:
                continue  # it changed, or another caller took it: read again
            return session
        return None
