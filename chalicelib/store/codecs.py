"""Members of records as attributes and back, and records as items: one table of how each kind of member is kept.

Times are integers of microseconds since 1970, serial numbers hex text (a DynamoDB number has 38 digits), members that
are not scalars JSON text; what is None is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib import arn as arns
from chalicelib.records import CrlLocation, OcspAddress, Permission

if TYPE_CHECKING:
    from chalicelib.store.table import Item, Key

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


_LOCATION = ("bucket", "key", "acl", "partition", "url", "until")


def _join(parts: tuple[bytes, ...]) -> str:
    return _json([part.hex() for part in parts])


def _locations(locations: tuple[CrlLocation, ...]) -> str:
    return _json([[each.bucket, each.key, each.acl, each.partition, each.url, _until(each)] for each in locations])


def _location(row: list[Any]) -> CrlLocation:
    given = dict(zip(_LOCATION, row, strict=False))  # earlier releases wrote fewer
    return CrlLocation(**given | {"until": _moment(given.get("until"))})


def _ocsp_addresses(addresses: tuple[OcspAddress, ...]) -> str:
    return _json([[each.url, _until(each)] for each in addresses])


def _ocsp_address(url: str, until: int | None) -> OcspAddress:
    return OcspAddress(url=url, until=_moment(until))


def _moment(until: int | None) -> datetime | None:
    return None if until is None else moment(until)


def _until(address: CrlLocation | OcspAddress) -> int | None:
    return None if address.until is None else micros(address.until)


def _permissions(permissions: tuple[Permission, ...]) -> str:
    return _json([[each.principal, each.source_account, each.actions, micros(each.created_at)] for each in permissions])


def _permission(principal: str, source_account: str, actions: list[str], created_at: int) -> Permission:
    return Permission(
        principal=principal, source_account=source_account, actions=tuple(actions), created_at=moment(created_at)
    )


def _serial(text: str) -> int:
    return int(text, 16)


_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
_AS_TIME: _Codec = (micros, moment)
_AS_JSON: _Codec = (_json, json.loads)
# How members that are not plain are written and read; by name, which means the same in every record.
_CODECS: dict[str, _Codec] = {
    "serial_number": (arns.serial_hex, _serial),
    "configuration": _AS_JSON,
    "revocation_configuration": _AS_JSON,
    "drafts": _AS_JSON,
    "chain_der": (_join, lambda text: tuple(bytes.fromhex(part) for part in json.loads(text))),
    "tags": (_json, lambda text: tuple((key, value) for key, value in json.loads(text))),
    "shared_with": (_json, lambda text: tuple(json.loads(text))),
    "ocsp_key_hashes": (_json, lambda text: tuple(json.loads(text))),
    "permissions": (_permissions, lambda text: tuple(_permission(*each) for each in json.loads(text))),
    "crl_locations": (_locations, lambda text: tuple(_location(each) for each in json.loads(text))),
    "ocsp_addresses": (_ocsp_addresses, lambda text: tuple(_ocsp_address(*each) for each in json.loads(text))),
}
_TIMES = (
    "created_at",
    "last_state_change_at",
    "restorable_until",
    "not_before",
    "not_after",
    "reserved_at",
    "issued_at",
    "revoked_at",
    "next_crl_at",
    "lease_until",
    "published_at",
    "preceded_at",
    "next_update",
    "expires_at",
    "due_at",
)
_CODECS |= dict.fromkeys(_TIMES, _AS_TIME)


def encode(name: str, value: Any) -> Any:
    """A member as its attribute."""
    codec = _CODECS.get(name)
    return value if codec is None else codec[0](value)


def to_item(record: Any, key: Key, **index: str) -> Item:
    """A record as an item under a key, with the attributes of the indexes it is in."""
    item: Item = {"pk": key.pk, "sk": key.sk, **index}
    for each in fields(record):
        value = getattr(record, each.name)
        if value is not None:
            item[each.name] = encode(each.name, value)
    return item


def from_item(kind: type[T], item: Item) -> T:
    """The record in an item."""
    members = _members(kind)  # type: ignore[arg-type]  # classes are hashable
    return kind(**{name: decode(item[name]) if decode else item[name] for name, decode in members if name in item})


@cache
def _members(kind: Any) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """The members of a record, each with what reads its attribute."""
    return tuple((each.name, _CODECS[each.name][1] if each.name in _CODECS else None) for each in fields(kind))
