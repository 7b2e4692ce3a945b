"""The audit record in the store's table, for functions on AWS: each process has a chain, so that none waits for others.

A record and the signed head of its chain are written in one transaction. Each record is also one line of the log. A
chain ends with the day, so that its records are deleted within a day of each other; then it is no longer verified.
"""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import logs
from chalicelib.audit import AuditError, Found, chain, events, nothing
from chalicelib.audit.chain import Link, Verdict
from chalicelib.keystore import KeyStoreError
from chalicelib.store import ConflictError, StoreError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.audit.signer import Signer
    from chalicelib.store import Store


class TableTrail:
    """The record in a table; after a failure the process begins another chain."""

    def __init__(self, store: Store, signer: Signer, *, days: int) -> None:
        """Prepare the record; records are deleted after so many days."""
        self._store, self._signer, self._kept = store, signer, timedelta(days=days)
        self._writing = threading.Lock()
        self._last: Link | None = None
        self._begun: datetime | None = None

    def append(self, event: Mapping[str, Any], *, now: datetime, durable: bool) -> Callable[[], None]:  # noqa: ARG002  all are
        """Write an event and the head of its chain, and log it."""
        with self._writing:
            last, begun = self._last, self._begun
            if last is None or begun is None or begun.date() != now.date():
                last, begun = Link(str(uuid.uuid4()), 0, chain.FIRST), now
            self._last = None
            line, link = chain.following(event, last)
            try:
                head = chain.stored(chain.sign(self._signer.key, link), begun + self._kept)
                accounts = events.accounts_of(event)
                self._store.append_audit_record(line, head, accounts, now=now, expires_at=now + self._kept)
            except (ConflictError, KeyStoreError, StoreError, TooLargeError) as error:
                raise AuditError(f"The audit record cannot be written: {error}.") from error
            self._last, self._begun = link, begun
        logs.log("audit", record=chain.record_of(line))
        return nothing

    def publish(self) -> None:
        """Do nothing: each record is written with its head."""

    def newest(self, account_id: str, *, before: str = "", now: datetime) -> Iterator[Found]:
        """Yield the records that concern an account, day by day."""
        try:
            for position, line in self._store.newest_audit_records(account_id, before=before, now=now, back=self._kept):
                yield Found(position, chain.record_of(line))
        except (StoreError, ValueError) as error:
            raise AuditError("The audit record cannot be read.") from error

    def get(self, account_id: str, position: str) -> Found | None:
        """Return the record at a position, if it concerns the account."""
        line = self._store.get_audit_record(position)
        found = None if line is None else Found(position, chain.record_of(line))
        return found if found and account_id in events.accounts_of(found.record) else None

    @property
    def public_key(self) -> bytes:
        """The key that verifies signatures of heads, 32 bytes."""
        return self._signer.public_key

    def verify(self, now: datetime, noted: tuple[int, str] | None = None) -> Verdict:
        """Verify each chain against its head, until its first record may be deleted."""
        records, problems, links, is_noted = 0, list[str](), list[Link](), noted is None
        for stored in self._store.list_audit_heads():
            if stored.expires_at is not None and stored.expires_at <= now:
                continue
            head, name = chain.published(stored), stored.chain
            lines = list(self._store.audit_chain(name))
            is_noted = is_noted or any((number, chain.sha256_of(line)) == noted for number, line in lines)
            labelled = ((f"chain {name}, record {number}", line) for number, line in lines)
            verdict = chain.verify(labelled, self._signer.public_key, (head,))
            records, links = records + verdict.records, [*links, *verdict.heads]
            problems += [f"chain {name}: {problem}" if name not in problem else problem for problem in verdict.problems]
        if noted is not None and not is_noted:
            problems.append(f"No chain has the record {noted[0]}:{noted[1]}.")
        return Verdict(records, tuple(problems), (), tuple(links))
