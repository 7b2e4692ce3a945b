"""The items by which certificates are found and counted: search entries, and the entries of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.store import SEPARATOR, search_value
from chalicelib.store.items import ca_id_of, micros
from chalicelib.store.table import Item, Key

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import Certificate, Revocation

FIND_SHARDS = 16
COUNT_SHARDS = 4


def find_partition(ca_arn: str, serial_number: int) -> str:
    """One of 16 partitions of a CA's search entries, by the serial number."""
    return f"FIND#{ca_id_of(ca_arn)}#{serial_number % FIND_SHARDS:x}"


def find_item(certificate: Certificate, kind: str, value: str) -> Item:
    """Search entry by which a certificate is found under a value of a kind; it consists of its keys alone.

    Every certificate has one for its template and one for its expiry. Through these two the certificates of an account
    are counted by time of issuance and by expiry.
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


def counted_partition(kind: str, account_id: str, shard: int) -> str:
    """One of the partitions in which the certificates of an account are counted: "issued", "expires" or "revoked"."""
    return f"COUNT#{kind}#{account_id}#{shard % COUNT_SHARDS}"


def counted_key(kind: str, at: datetime, ca_arn: str, serial_number: int) -> Key:
    """Key under which a certificate is counted at a time: in the index `list`, or in the table for "revoked"."""
    pk = counted_partition(kind, arns.parse_ca_arn(ca_arn).account_id, serial_number)
    return Key(pk, f"{micros(at):020d}#{ca_id_of(ca_arn)}#{arns.serial_hex(serial_number)}")


def revoked_entry(revocation: Revocation) -> Item:
    """Item through which a revocation is counted; it consists of its key alone."""
    key = counted_key("revoked", revocation.revoked_at, revocation.ca_arn, revocation.serial_number)
    return {"pk": key.pk, "sk": key.sk}
