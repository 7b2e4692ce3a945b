"""Conversion between records and items: one table says how each member is stored as an attribute.

Times become integers of microseconds since 1970, serial numbers hex text (a DynamoDB number has only 38 digits),
members that are not scalars JSON text. Members that are None are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib import arn as arns
from chalicelib import json_text
from chalicelib.acme_records import AcmeChallenge, AcmeDomain, Identifier, Profile
from chalicelib.home_records import Look
from chalicelib.records import DistributionPoint, OcspUrl, Permission
from chalicelib.store import RecordError

if TYPE_CHECKING:
    from chalicelib.store.table import Item, Key

T = TypeVar("T")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_json = json_text.writer()


def micros(moment: datetime) -> int:
    """Convert a time to microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=microseconds)


_POINT = ("bucket", "key", "acl", "partition", "url", "until")


def _join(parts: tuple[bytes, ...]) -> str:
    return _json([part.hex() for part in parts])


def _points(points: tuple[DistributionPoint, ...]) -> str:
    return _json([[point.bucket, point.key, point.acl, point.partition, point.url, _until(point)] for point in points])


def _point(row: list[Any]) -> DistributionPoint:
    members = dict(zip(_POINT, row, strict=False))  # earlier versions wrote fewer
    return DistributionPoint(**members | {"until": _moment(members.get("until"))})


def _ocsp_urls(urls: tuple[OcspUrl, ...]) -> str:
    return _json([[ocsp_url.url, _until(ocsp_url)] for ocsp_url in urls])


def _ocsp_url(url: str, until: int | None) -> OcspUrl:
    return OcspUrl(url=url, until=_moment(until))


def _moment(until: int | None) -> datetime | None:
    return None if until is None else moment(until)


def _until(named: DistributionPoint | OcspUrl) -> int | None:
    return None if named.until is None else micros(named.until)


def _permissions(permissions: tuple[Permission, ...]) -> str:
    return _json(
        [[grant.principal, grant.source_account, grant.actions, micros(grant.created_at)] for grant in permissions]
    )


def _permission(principal: str, source_account: str, actions: list[str], created_at: int) -> Permission:
    return Permission(
        principal=principal, source_account=source_account, actions=tuple(actions), created_at=moment(created_at)
    )


def _looks(looks: tuple[Look, ...]) -> str:
    return _json([[look.url, micros(look.at), look.problem, micros(look.since)] for look in looks])


def _look(url: str, at: int, problem: str, since: int) -> Look:
    return Look(url=url, at=moment(at), problem=problem, since=moment(since))


def _challenge(*row: Any) -> AcmeChallenge:
    challenge = AcmeChallenge(*row)
    return challenge._replace(steps=tuple(challenge.steps))


def _domains(domains: tuple[AcmeDomain, ...]) -> str:
    return _json(
        [(name, value, micros(created), micros(changed), *rest) for name, value, created, changed, *rest in domains]
    )


def _domain(*row: Any) -> AcmeDomain:
    domain = AcmeDomain(*row)
    return domain._replace(
        created_at=moment(row[2]), changed_at=moment(row[3]), tags=tuple((key, value) for key, value in domain.tags)
    )


def _serial(text: str) -> int:
    return int(text, 16)


def _list(text: str) -> list[Any]:
    found: list[Any] = [] if text == "[]" else json.loads(text)  # most are empty
    return found


_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
_Convert = Callable[[Any], Any] | None
_AS_TIME: _Codec = (micros, moment)
_AS_JSON: _Codec = (_json, json.loads)
# Writer and reader of each member that is not stored as it is; a name means the same in every record.
_CODECS: dict[str, _Codec] = {
    "serial_number": (arns.serial_hex, _serial),
    "configuration": _AS_JSON,
    "revocation_configuration": _AS_JSON,
    "content": _AS_JSON,
    "chain_der": (_join, lambda text: tuple(bytes.fromhex(part) for part in _list(text))),
    "policies": (_json, lambda text: tuple((name, policy) for name, policy in _list(text))),
    "tags": (_json, lambda text: tuple((key, value) for key, value in _list(text))),
    "shared_with": (_json, lambda text: tuple(_list(text))),
    "shared_with_all": (int, bool),
    "active": (int, bool),
    "confirmed": (int, bool),
    "assigned": (_json, lambda text: tuple(_list(text))),
    "names": (_json, lambda text: tuple(_list(text))),
    "audiences": (_json, lambda text: tuple(_list(text))),
    "undecided": (_json, lambda text: tuple(_list(text))),
    "ocsp_key_hashes": (_json, lambda text: tuple(_list(text))),
    "permissions": (_permissions, lambda text: tuple(_permission(*row) for row in _list(text))),
    "distribution_points": (_points, lambda text: tuple(_point(row) for row in _list(text))),
    "looks": (_looks, lambda text: tuple(_look(*row) for row in _list(text))),
    "ocsp_urls": (_ocsp_urls, lambda text: tuple(_ocsp_url(*row) for row in _list(text))),
    "profiles": (_json, lambda text: tuple(Profile(*row) for row in _list(text))),
    "identifier": (_json, lambda text: Identifier(*_list(text))),
    "identifiers": (_json, lambda text: tuple(Identifier(*row) for row in _list(text))),
    "challenges": (_json, lambda text: tuple(_challenge(*row) for row in _list(text))),
}
_CODECS |= dict.fromkeys(("jwk", "external_account", "requested", "error"), _AS_JSON)
_CODECS |= dict.fromkeys(
    ("binding_required", "contact_required", "preauthorized", "terms_agreed", "wildcard"), (int, bool)
)
_CODECS |= dict.fromkeys(
    ("allowed_profiles", "accounts", "authorizations", "compromised", "contacts", "former", "key_algorithms"),
    (_json, lambda text: tuple(_list(text))),
)
_CODECS["certificate_tags"] = _CODECS["tags"]
_CODECS["domains"] = (_domains, lambda text: tuple(_domain(*row) for row in _list(text)))
_TIMES = (
    "changed_at",
    "created_at",
    "last_state_change_at",
    "restorable_until",
    "not_before",
    "not_after",
    "reserved_at",
    "installed_at",
    "issued_at",
    "revoked_at",
    "next_crl_at",
    "lease_until",
    "published_at",
    "replaced_at",
    "verified_at",
    "preceded_at",
    "next_update",
    "expires_at",
    "last_used_at",
    "looked_at",
    "due_at",
    "newest_at",
    "settled_at",
    "jumped_from",
    "jumped_to",
    "began_at",
    "ended_at",
    "succeeded_at",
    "next_at",
    "told_until",
    "claimed_at",
    "delivered_at",
    "finalized_at",
)
_CODECS |= dict.fromkeys(_TIMES, _AS_TIME)
# Members whose attribute has another name, which stored records keep.
_ATTRIBUTES = {"distribution_points": "crl_locations", "ocsp_urls": "ocsp_addresses"}


def encode(name: str, value: Any) -> Any:
    """Convert a member's value to its attribute."""
    codec = _CODECS.get(name)
    return value if codec is None else codec[0](value)


def to_item(record: Any, key: Key, **index: str) -> Item:
    """Convert a record to an item under a key, with the index attributes added."""
    item: Item = {"pk": key.pk, "sk": key.sk, **index}
    for name, attribute, write, _ in _members(type(record)):  # type: ignore[arg-type]  # as below
        value = getattr(record, name)
        if value is not None:
            item[attribute] = write(value) if write else value
    return item


def from_item(kind: type[T], item: Item) -> T:
    """Convert an item back to its record.

    Raises:
        RecordError: the item lacks a member, or a member has another form.
    """
    members = _members(kind)  # type: ignore[arg-type]  # classes are hashable
    try:
        return kind(
            **{
                name: decode(item[attribute]) if decode else item[attribute]
                for name, attribute, _, decode in members
                if attribute in item
            }
        )
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"The record {item['pk']!r}, {item['sk']!r} cannot be understood: {error}.") from error


@cache
def _members(kind: Any) -> tuple[tuple[str, str, _Convert, _Convert], ...]:
    """List each member of a record with its attribute, and that one's writer and reader, None if it is stored as is."""
    names = [member.name for member in fields(kind)]
    return tuple((name, _ATTRIBUTES.get(name, name), *_CODECS.get(name, (None, None))) for name in names)
