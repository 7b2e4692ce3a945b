"""What kinds of items there are: the key of each, and the indexes it is in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.store import SEPARATOR, search_value
from chalicelib.store.codecs import encode, from_item, micros, moment, to_item
from chalicelib.store.table import Item, Key

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import (
        AuditReport,
        Certificate,
        CertificateAuthority,
        ConsoleSession,
        CrlState,
        OcspResponder,
        Revocation,
    )

__all__ = ["encode", "from_item", "micros", "moment", "to_item"]

GUARDS = 16
LIST_SHARDS = 16
FIND_SHARDS = 16
COUNT_SHARDS = 4
DUE_SHARDS = {"PENDING": 8, "CRL": 1, "CREATING": 1, "PURGE": 1, "REPORT": 1, "RESPONDER": 1, "SESSION": 1}

# keys


def authority_key(ca_arn: str) -> Key:
    """Where a CA lies: in its account's partition."""
    parsed = arns.parse_ca_arn(ca_arn)
    return Key(f"ACCOUNT#{parsed.account_id}", f"CA#{parsed.ca_id}")


@lru_cache(maxsize=1024)  # each revocation that is folded asks for it many times
def ca_id_of(ca_arn: str) -> str:
    """The UUID of a CA."""
    return arns.parse_ca_arn(ca_arn).ca_id


def guard_key(ca_arn: str, number: int) -> Key:
    """One of a CA's guards: copies of its issuing epoch, so that issuances do not meet on one item."""
    return Key(f"GUARD#{ca_id_of(ca_arn)}#{number % GUARDS:x}", "GUARD")


def certificate_key(ca_arn: str, serial_number: int) -> Key:
    """Where a certificate lies: a partition of its own."""
    return Key(f"CERT#{ca_id_of(ca_arn)}#{arns.serial_hex(serial_number)}", "CERT")


def revocation_partition(ca_arn: str, shard: int) -> str:
    """One of 16 partitions of a CA's revocations, by the first hex digit of the serial."""
    return f"REV#{ca_id_of(ca_arn)}#{shard:x}"


def new_revocation_partitions(crl_arn: str) -> list[str]:
    """All partitions of revocations that no segment of a CRL has yet: 16 of a complete CRL, by the first hex digit."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    shards = [f"P{partition}"] if partition else [f"{shard:x}" for shard in range(16)]
    return [f"NEW#{ca_id_of(ca_arn)}#{shard}" for shard in shards]


def new_revocation_key(crl_arn: str, serial: str) -> Key:
    """Where a revocation lies until a segment of the CRL has it; `serial` is hex text."""
    partitions = new_revocation_partitions(crl_arn)
    return Key(partitions[int(serial[0], 16) % len(partitions)], serial)


def crl_key(crl_arn: str) -> Key:
    """Where a CRL's state lies."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    return Key(f"CRL#{ca_id_of(ca_arn)}", f"CRL#{partition}" if partition else "CRL")


def segments_partition(crl_arn: str) -> str:
    """The partition of a CRL's segments."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    return f"SEGMENTS#{ca_id_of(ca_arn)}" + (f"#P{partition}" if partition else "")


def segment_key(crl_arn: str, segment_id: str) -> Key:
    """Where a segment of a CRL lies."""
    return Key(segments_partition(crl_arn), f"SEGMENT#{segment_id}")


def segment_list_key(crl_arn: str) -> Key:
    """Where it is kept which segments a CRL has."""
    return Key(segments_partition(crl_arn), "LIST")


def slots_key(ca_arn: str) -> Key:
    """Where it is kept which partition of a CA's CRL new certificates go to."""
    return Key(f"CRL#{ca_id_of(ca_arn)}", "SLOTS")


def issuer_key(key_hash: str, ca_arn: str) -> Key:
    """That OCSP clients name a CA's key by this hash."""
    return Key(f"ISSUER#{key_hash}", ca_arn)


def responder_key(ca_arn: str) -> Key:
    """Where a CA's OCSP responder lies."""
    return Key(f"RESPONDER#{ca_id_of(ca_arn)}", "RESPONDER")


def policy_key(ca_arn: str) -> Key:
    """Where a CA's resource policy lies: not with the CA, because both may be long."""
    return Key(f"POLICY#{ca_id_of(ca_arn)}", "POLICY")


def share_key(account_id: str, ca_arn: str) -> Key:
    """That a CA's policy names an account."""
    return Key(f"SHARED#{account_id}", f"CA#{ca_id_of(ca_arn)}")


def report_key(ca_arn: str, report_id: str) -> Key:
    """Where an audit report's record lies."""
    return Key(f"REPORTS#{ca_id_of(ca_arn)}", f"REPORT#{report_id}")


def last_report_key(ca_arn: str) -> Key:
    """Which audit report of a CA was asked for last."""
    return Key(f"REPORTS#{ca_id_of(ca_arn)}", "LAST")


def session_key(id_sha256: str) -> Key:
    """Where a session of the console lies."""
    return Key(f"SESSION#{id_sha256}", "SESSION")


def find_partition(ca_arn: str, serial_number: int) -> str:
    """One of 16 partitions of a CA's search entries, by the serial."""
    return f"FIND#{ca_id_of(ca_arn)}#{serial_number % FIND_SHARDS:x}"


def find_item(certificate: Certificate, kind: str, value: str) -> Item:
    """A search entry: that a certificate is found by this value of a kind.

    It holds nothing but its keys. Of each certificate there is one by its template and one by its end: with them an
    account's certificates are counted by the times of their issuance and of their end.
    """
    parts = (
        kind,
        search_value(value),
        f"{micros(certificate.reserved_at):020d}",
        arns.serial_hex(certificate.serial_number),
    )
    item: Item = {
        "pk": find_partition(certificate.ca_arn, certificate.serial_number),
        "sk": SEPARATOR.join(parts),
    }
    counted = {"template": ("issued", certificate.reserved_at), "expires": ("expires", certificate.not_after)}
    if kind in counted:
        key = counted_key(*counted[kind], certificate.ca_arn, certificate.serial_number)
        item |= {"list_pk": key.pk, "list_sk": key.sk}
    return item


def list_partition(ca_arn: str, shard: int) -> str:
    """One of the index partitions that list a CA's certificates."""
    return f"LIST#{ca_id_of(ca_arn)}#{shard % LIST_SHARDS:x}"


def revoked_partition(ca_arn: str, shard: int) -> str:
    """One of the index partitions that list a CA's revocations by their time."""
    return f"REVOKED#{ca_id_of(ca_arn)}#{shard:x}"


# index attributes


def counted_partition(kind: str, account_id: str, shard: int) -> str:
    """One of the partitions where certificates of an account are counted: "issued", "expires" or "revoked"."""
    return f"COUNT#{kind}#{account_id}#{shard % COUNT_SHARDS}"


def counted_key(kind: str, at: datetime, ca_arn: str, serial_number: int) -> Key:
    """Where a certificate is counted at a time: a key of the index `list`, or of the table for "revoked"."""
    pk = counted_partition(kind, arns.parse_ca_arn(ca_arn).account_id, serial_number)
    return Key(pk, f"{micros(at):020d}#{ca_id_of(ca_arn)}#{arns.serial_hex(serial_number)}")


def revoked_entry(revocation: Revocation) -> Item:
    """An item that lets a revocation be counted; it holds nothing but its key."""
    key = counted_key("revoked", revocation.revoked_at, revocation.ca_arn, revocation.serial_number)
    return {"pk": key.pk, "sk": key.sk}


def account_reports_partition(account_id: str) -> str:
    """The index partition that lists the audit reports of an account by the times when they were asked for."""
    return f"REPORTS-OF#{account_id}"


def due(kind: str, at: datetime | None, arn: str, shard: int = 0) -> dict[str, str]:
    """The attributes that make an item due; none without a time."""
    if at is None:
        return {}
    return {"due_pk": due_partition(kind, shard), "due_sk": f"{micros(at):020d}#{arn}"}


def due_partition(kind: str, shard: int) -> str:
    """One of the index partitions of what is due."""
    return f"{kind}#{shard % DUE_SHARDS[kind]}"


def authority_item(ca: CertificateAuthority) -> Item:
    """A CA; due while it is being created, and when its deletion window ends."""
    if ca.status == "CREATING":
        index = due("CREATING", ca.created_at, ca.arn)
    else:
        index = due("PURGE", ca.restorable_until, ca.arn)
    return to_item(ca, authority_key(ca.arn), **index)


def certificate_item(certificate: Certificate) -> Item:
    """A certificate that has just been reserved."""
    shard = certificate.serial_number
    index = due("PENDING", certificate.reserved_at, certificate.arn, shard) | {
        "list_pk": list_partition(certificate.ca_arn, shard),
        "list_sk": f"{micros(certificate.reserved_at):020d}#{arns.serial_hex(certificate.serial_number)}",
    }
    return to_item(certificate, certificate_key(certificate.ca_arn, certificate.serial_number), **index)


def revocation_item(revocation: Revocation) -> Item:
    """A revocation, in the partition of its serial's first digit; listed by its time."""
    serial = arns.serial_hex(revocation.serial_number)
    shard = int(serial[0], 16)
    index = {
        "list_pk": revoked_partition(revocation.ca_arn, shard),
        "list_sk": f"{micros(revocation.revoked_at):020d}#{serial}",
    }
    return to_item(revocation, Key(revocation_partition(revocation.ca_arn, shard), serial), **index)


def new_revocation_item(revocation: Revocation, crl_arn: str) -> Item:
    """The copy of a revocation that lasts until a segment of the CRL has it."""
    return to_item(revocation, new_revocation_key(crl_arn, arns.serial_hex(revocation.serial_number)))


def crl_item(state: CrlState) -> Item:
    """A CRL state; due at `next_crl_at`."""
    return to_item(state, crl_key(state.crl_arn), **due("CRL", state.next_crl_at, state.crl_arn))


def responder_item(responder: OcspResponder) -> Item:
    """An OCSP responder; due when its next key is."""
    index = due("RESPONDER", responder.due_at, responder.ca_arn)
    return to_item(responder, responder_key(responder.ca_arn), **index)


def report_item(report: AuditReport) -> Item:
    """An audit report; due until it is finished; listed by its time."""
    arn = f"{report.ca_arn}/audit-report/{report.report_id}"
    index = due("REPORT", report.due_at, arn) | {
        "list_pk": account_reports_partition(arns.parse_ca_arn(report.ca_arn).account_id),
        "list_sk": f"{micros(report.created_at):020d}#{report.report_id}",
    }
    return to_item(report, report_key(report.ca_arn, report.report_id), **index)


def session_item(session: ConsoleSession) -> Item:
    """A session of the console; due when it ends."""
    index = due("SESSION", session.expires_at, session.id_sha256)
    return to_item(session, session_key(session.id_sha256), **index)
