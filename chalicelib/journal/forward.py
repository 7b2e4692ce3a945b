"""Bringing a database forward: it learns from its journal what happened since the copy that it was restored from.

Serial numbers become known, and revocable; revocations and CRL numbers return; used tokens give what they gave; deleted
keys, principals and policies stay deleted. The bytes of certificates and the secrets of access keys are not in the
journal. Every step may be repeated, and after each window of entries the database records how far it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.journal import JournalError
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.records import Certificate, CertificateAuthority, CrlState, OcspResponder, Revocation
from chalicelib.store import ConflictError, authorities_of, items, journal_entries, journal_items
from chalicelib.store.table import ABSENT, PRESENT, Clause, ConditionFailedError, Delete, Key, Put, Update
from chalicelib.store.table_search import entries as search_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from chalicelib.journal.log import Log
    from chalicelib.store.journal_entries import Entry
    from chalicelib.store.table import Item, Write
    from chalicelib.store.table_store import TableStore

WINDOW = 2_000  # entries
_WRITES = 4  # for a certificate, at most
_OF_RESPONDER = "signet-ocsp"  # requests the certificates of OCSP responders
_TEMPLATE = "template/"


@dataclass
class Report:
    """What was done.

    Attributes:
        entries: of the journal that were read.
        done: how many records changed, by the kind of their entries.
        lost: a sentence for each thing that cannot be brought back.
        purged: the ARNs of CAs that were deleted for good.
    """

    entries: int = 0
    done: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)


def bring_forward(
    plain: TableStore, log: Log, *, now: datetime, progress: Callable[[int], object] = lambda _: None
) -> Report:
    """Apply what the log has and the database has not; returns what was done.

    Args:
        plain: a store over the table whose writes are not in the journal.
        log: whose first entries the database has.
        now: the time.
        progress: is told how many entries have been applied since it was told last.

    Raises:
        JournalError: the log is damaged, or a later release wrote an entry.
        BucketError: the log cannot be read.
        StoreError: the database cannot be written.
    """
    checkpoint = log.checkpoint()
    end = checkpoint.size if checkpoint else 0
    run = _Forward(plain, now)
    head = plain.journal_head()
    while head.size < end:
        upto = min(head.size + WINDOW, end)
        window = list(log.entries(head.size, upto))
        run.apply([_decoded(content) for content in window])
        run.forget_pending(frozenset(window))
        head = plain.adopt_journal(head, size=upto, root=log.root_at(upto).hex())
        progress(len(window))
    return run.report


def _decoded(content: bytes) -> Entry:
    try:
        return journal_entries.decode(content)
    except ValueError as error:
        raise JournalError(str(error)) from error


def learn(plain: TableStore, log: Log, *, now: datetime) -> Report:
    """Apply what only grows of all that a log has: serial numbers, revocations, tokens, CRL numbers, deleted keys.

    For a log that does not go on from what the database knows: what its records say as a whole may be of another home.
    Parameters and exceptions as of `bring_forward`.
    """
    checkpoint = log.checkpoint()
    run = _Forward(plain, now)
    for first in range(0, checkpoint.size if checkpoint else 0, WINDOW):
        window = log.entries(first, min(first + WINDOW, checkpoint.size)) if checkpoint else ()
        run.apply([entry for entry in map(_decoded, window) if entry["kind"] in _GROWING])
    return run.report


class _Forward:
    """Applies entries, window by window."""

    def __init__(self, plain: TableStore, now: datetime) -> None:
        self._plain, self._table, self._now = plain, plain.table, now
        self._arns = {
            arns.parse_ca_arn(ca.arn).ca_id: ca.arn
            for account_id in plain.list_accounts()
            for ca in authorities_of(plain, account_id)
        }
        self.report = Report()

    def apply(self, window: Sequence[Entry]) -> None:
        """Apply some entries: first those about CAs and who may do what, in their order, and then the others."""
        self.report.entries += len(window)
        for entry in window:
            if entry["kind"] in _ONE_BY_ONE:
                self._count(entry, _ONE_BY_ONE[entry["kind"]](self, entry))
        self._certificates([entry for entry in window if entry["kind"] in {"reserved", "issued"}])
        for entry in window:
            if entry["kind"] in _AFTERWARDS:
                self._count(entry, _AFTERWARDS[entry["kind"]](self, entry))

    def _count(self, entry: Entry, is_done: bool) -> None:  # noqa: FBT001  the result of a step
        self.report.done[entry["kind"]] += is_done

    def forget_pending(self, window: frozenset[bytes]) -> None:
        """Remove what waits in the restored outbox and is in the journal already."""
        for pending in self._plain.list_outbox(limit=10 * WINDOW):
            if window.issuperset(pending.entries):
                self._table.write(Delete(journal_items.outbox_key(pending.name)))

    def _arn_of(self, entry: Entry) -> str | None:
        arn = self._arns.get(entry["ca"])
        if arn is None:
            name = f"The CA {entry['ca']}"
            self.report.lost[name] = f"{name} is in neither the database nor the journal; its certificates are unknown."
        return arn

    # certificates

    def _certificates(self, window: Sequence[Entry]) -> None:
        """Make serial numbers known: of an issued certificate also that it was issued."""
        merged: dict[tuple[str, str], Entry] = {}
        for entry in window:
            if self._arn_of(entry) is not None:
                merged.setdefault((entry["ca"], entry["serial"]), {})[entry["kind"]] = entry
        found = iter(merged.items())
        while chunk := list(islice(found, self._table.MOST_WRITES // _WRITES)):
            while not self._written([write for _, known in chunk for write in self._certificate(known)]):
                pass  # another process brings it forward, too

    def _written(self, writes: Sequence[Write]) -> bool:
        try:
            if writes:
                self._table.write(*writes)
        except ConditionFailedError:
            return False
        return True

    def _certificate(self, known: dict[str, Entry]) -> Iterator[Write]:
        reserved, issued = known.get("reserved"), known.get("issued")
        named: Entry = reserved or issued or {}
        ca_arn, serial_number = self._arns[named["ca"]], int(named["serial"], 16)
        key = items.certificate_key(ca_arn, serial_number)
        present = self._table.get(key)
        if present is None and reserved is not None:
            yield from _restored(_certificate_of(ca_arn, reserved), issued)
            self.report.done["issued" if issued else "reserved"] += 1
        elif present is not None and issued is not None and present["status"] != "ISSUED":
            same = ((Clause("status", "=", present["status"]),),)
            values = {"status": "ISSUED", "issued_at": issued["at"]}
            yield Update(key, same, values, ("due_pk", "due_sk", "failure"))
            self.report.done["issued"] += 1

    def token(self, entry: Entry) -> bool:
        """Let an idempotency token give what it gave."""
        arn = self._arn_of(entry)
        if arn is None:
            return False
        key = Key(f"TOKEN#{journal_entries.unpacked(entry['token']).hex()}", "TOKEN")
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "arn": f"{arn}/certificate/{entry['serial']}" if "serial" in entry else arn,
            "fingerprint": entry["fingerprint"],
            "expires_at": entry["to"],
            "ttl": int(entry["to"]) // 1_000_000 + 86400,
        }
        return self._written([Put(item, (*ABSENT, (Clause("expires_at", "<=", int(entry["to"]) - 1),)))])

    def revocation(self, entry: Entry) -> bool:
        """Revoke a certificate."""
        arn, serial_number = self._arn_of(entry), int(entry["serial"], 16)
        record = None if arn is None else self._plain.get_certificate(arn, serial_number)
        if record is None or record.revoked_at is not None:
            return False
        revoked_at = items.moment(entry["at"])
        revocation = Revocation(
            ca_arn=record.ca_arn,
            serial_number=serial_number,
            revoked_at=revoked_at,
            reason=entry["reason"],
            not_after=record.not_after,
            entry_der=crl_tbs.encode_entry(serial_number, revoked_at, entry["reason"]),
            crl_partition=record.crl_partition,
        )
        try:
            self._plain.revoke_certificate(record, revocation, of_responder=record.requested_by == _OF_RESPONDER)
        except ConflictError:  # another process brings it forward, too
            return False
        return True

    def crl(self, entry: Entry) -> bool:
        """Let numbers continue above those that were used, and let a CRL follow at once."""
        arn = self._arn_of(entry)
        state = None if arn is None else self._plain.get_crl_state(arns.crl_arn(arn, entry.get("partition", "")))
        if state is None or state.crl_number >= entry["number"]:
            return False
        self._plain.schedule_crl(state.crl_arn, due_at=self._now)  # first: with its number it is done
        same = ((Clause("crl_number", "=", state.crl_number),),)
        return self._written([Update(items.crl_key(state.crl_arn), same, {"crl_number": entry["number"]})])

    # CAs, and who may do what

    def access_key(self, entry: Entry) -> bool:
        """Deactivate or activate an access key; its secret cannot be brought back."""
        key = Key("KEYS", entry["id"])
        present = self._table.get(key)
        if present is None:
            name = f"The access key {entry['id']} of {entry['principal']}"
            self.report.lost[entry["id"]] = f"{name} is lost with its secret: make another one."
            return False
        if int(present.get("active", 1)) == entry["active"]:
            return False
        return self._written([Update(key, PRESENT, {"active": entry["active"]})])

    def access_key_gone(self, entry: Entry) -> bool:
        """Delete an access key."""
        self.report.lost.pop(entry["id"], None)
        was_present = self._table.get(Key("KEYS", entry["id"])) is not None
        self._plain.delete_access_key(entry["id"])
        return was_present

    def item(self, entry: Entry) -> bool:
        """Write a record that the journal has as a whole."""
        item = journal_entries.item_of(entry)
        key = Key(str(item["pk"]), str(item["sk"]))
        present = self._table.get(key)
        if key.pk.startswith("ACCOUNT#"):
            self._arns[key.sk.removeprefix("CA#")] = str(item["arn"])
        if present is not None and (present == item or _order(present) > _order(item)):
            return False
        if key.pk.startswith("ACCOUNT#"):
            self._authority(item)
        self._table.write(Put(item))
        return True

    def _authority(self, item: Item) -> None:
        """Write what belongs to a CA and is computed from it."""
        ca = items.from_item(CertificateAuthority, item)
        keys = [items.guard_key(ca.arn, number) for number in range(items.GUARDS)]
        guards = [Put({"pk": key.pk, "sk": key.sk, "issuing_epoch": ca.issuing_epoch}) for key in keys]
        account = arns.parse_ca_arn(ca.arn).account_id
        slots = Delete(items.slots_key(ca.arn))  # the open partition may be full: another one is opened
        self._table.write(*guards, Put({"pk": "ACCOUNTS", "sk": account}), slots)
        if ca.ocsp_key_hashes:
            responder = OcspResponder(ca_arn=ca.arn, due_at=self._now)
            self._written([Put(items.responder_item(responder), ABSENT)])
        for partition in {point.partition for point in ca.distribution_points}:
            state = CrlState(crl_arn=arns.crl_arn(ca.arn, partition), next_crl_at=self._now)
            self._written([Put(items.crl_item(state), ABSENT)])

    def gone(self, entry: Entry) -> bool:
        """Delete a record."""
        key = Key(entry["pk"], entry["sk"])
        if self._table.get(key) is None:
            return False
        if key.pk.startswith("ACCOUNT#"):
            arn = self._arns[key.sk.removeprefix("CA#")]
            ca = self._plain.get_certificate_authority(arn)
            if ca is not None:
                self._plain.purge_certificate_authority(ca)
                self.report.purged.add(arn)
        self._table.write(Delete(key))
        return True

    def large(self, entry: Entry) -> bool:
        """Name a record that cannot be brought back."""
        name = f"{entry['pk']} {entry['sk']}"
        self.report.lost[name] = (
            f"The record {name} was changed, and is too large for the journal: see that it is right."
        )
        return False


_ONE_BY_ONE: dict[str, Callable[[_Forward, Entry], bool]] = {
    "access-key": _Forward.access_key,
    "access-key-gone": _Forward.access_key_gone,
    "item": _Forward.item,
    "gone": _Forward.gone,
    "large-item": _Forward.large,
}
_AFTERWARDS: dict[str, Callable[[_Forward, Entry], bool]] = {
    "token": _Forward.token,
    "revoked": _Forward.revocation,
    "crl": _Forward.crl,
}


_GROWING = frozenset({"reserved", "issued", "access-key-gone", *_AFTERWARDS})


def _order(item: Item) -> tuple[int, int]:
    """What grows from one form of a record to the next one; a record of an old name begins again, later."""
    return int(item.get("created_at", 0)), int(item.get("version", 0))


def _certificate_of(ca_arn: str, entry: Entry) -> Certificate:
    parsed = arns.parse_ca_arn(ca_arn)
    template = arns.TemplateArn(parsed.partition, *_template(entry["template"]))
    return Certificate(
        arn=f"{ca_arn}/certificate/{entry['serial']}",
        ca_arn=ca_arn,
        serial_number=int(entry["serial"], 16),
        status="PENDING",
        template_arn=str(template),
        tbs_sha256=journal_entries.unpacked(entry["tbs"]).hex(),
        not_before=items.moment(entry["from"] * 1_000_000),
        not_after=items.moment(entry["to"] * 1_000_000),
        reserved_at=items.moment(entry["at"]),
        requested_by=entry["by"],
        requester_account=entry.get("account", parsed.account_id),
        crl_partition=entry.get("partition"),
    )


def _template(text: str) -> tuple[str, int]:
    name, _, version = text.partition("/V")
    return name, int(version)


def _restored(certificate: Certificate, issued: Entry | None) -> Iterable[Write]:
    """Writes of a record without bytes, and of what it is found by."""
    item = items.certificate_item(certificate)
    if issued is not None:
        item |= {"status": "ISSUED", "issued_at": issued["at"]}
        del item["due_pk"], item["due_sk"]
    return [Put(item, ABSENT), *(write for batch in search_entries(certificate, ()) for write in batch)]
