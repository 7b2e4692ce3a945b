"""The items by which certificates are found and counted: search entries, and the entries of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.store import SEPARATOR, search_value
from chalicelib.store.items import ca_id_of, micros
from chalicelib.store.table import Item, Key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.records import Certificate, Revocation

FIND_SHARDS = 16
COUNT_SHARDS = 4


def find_partition(ca_arn: str, serial_number: int) -> str:
    """One of 16 partitions of a CA's search entries, by the serial number."""
    return f"FIND#{ca_id_of(ca_arn)}#{serial_number % FIND_SHARDS:x}"


def find_items(certificate: Certificate, values: Iterable[tuple[str, str]]) -> list[Item]:
    """Search entries by which a certificate is found under values, which are pairs with their kind.

    Every certificate has one for its template and one for its expiry. Through these two the certificates of an account
    are counted by time of issuance and by expiry.
    """
    ca_arn, number = certificate.ca_arn, certificate.serial_number
    pk, serial, reserved_at = find_partition(ca_arn, number), arns.serial_hex(number), micros(certificate.reserved_at)
    found = list[Item]()
    for kind, value in values:
        sk = f"{kind}{SEPARATOR}{search_value(value)}{SEPARATOR}{reserved_at:020d}{SEPARATOR}{serial}"
        item: Item = {"pk": pk, "sk": sk}
        if kind == "template":
            item["list_pk"], item["list_sk"] = counted_key("issued", certificate.reserved_at, ca_arn, number)
        elif kind == "expires":
            item["list_pk"], item["list_sk"] = counted_key("expires", certificate.not_after, ca_arn, number)
        found.append(item)
    return found


def counted_partition(kind: str, account_id: str, shard: int) -> str:
    """One of the partitions in which the certificates of an account are counted: "issued", "expires" or "revoked"."""
    return f"COUNT#{kind}#{account_id}#{shard % COUNT_SHARDS}"


def counted_key(kind: str, at: datetime, ca_arn: str, serial_number: int) -> Key:
    """Key under which a certificate is counted at a time: in the index `list`, or in the table for "revoked"."""
    ca = arns.parse_ca_arn(ca_arn)
    pk = counted_partition(kind, ca.account_id, serial_number)
    return Key(pk, f"{micros(at):020d}#{ca.ca_id}#{arns.serial_hex(serial_number)}")


def revoked_entry(revocation: Revocation) -> Item:
    """Item through which a revocation is counted; it consists of its key alone."""
    key = counted_key("revoked", revocation.revoked_at, revocation.ca_arn, revocation.serial_number)
    return {"pk": key.pk, "sk": key.sk}
