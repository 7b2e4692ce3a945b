"""The filters and the order of the list of CAs: what an address says, and which CAs it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

TYPES = ("ROOT", "SUBORDINATE")
STATUSES = ("ACTIVE", "PENDING_CERTIFICATE", "DISABLED", "EXPIRED", "DELETED", "CREATING", "FAILED")
EXPIRIES = {"30": "within 30 days", "90": "within 90 days", "365": "within a year", "past": "in the past"}
ORDERS = ("name", "-name", "type", "-type", "status", "-status", "expires", "-expires", "created", "-created")
FIELDS = ("q", "region", "status", "type", "tag", "expires", "sort")
_NEVER = datetime.max.replace(tzinfo=UTC)
_CHOICES = {"status": STATUSES, "type": TYPES, "expires": tuple(EXPIRIES), "sort": ORDERS}


class Listed(NamedTuple):
    """A CA with what lists filter and sort by.

    Attributes:
        not_after: None without a certificate.
    """

    ca: CertificateAuthority
    name: str
    status: str
    not_after: datetime | None


def read(query: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The fields that are not empty, and the problems of those with unknown values."""
    typed = {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}
    wrong = (name for name, known in _CHOICES.items() if name in typed and typed[name] not in known)
    return typed, dict.fromkeys(wrong, "It must be one of these.")


def listed(rt: Runtime, cas: Iterable[CertificateAuthority], typed: Mapping[str, str]) -> list[Listed]:
    """The CAs that pass the filters, in order; CAs deleted for good are left out."""
    now = rt.now()
    rows = (_row(ca, now) for ca in cas if not state.is_gone(ca, now))
    passing = [
        row for row in rows if all(_PASSES[name](row, value, now) for name, value in typed.items() if name in _PASSES)
    ]
    order = typed.get("sort", ORDERS[0])
    wanted = order.removeprefix("-")
    keys: dict[str, Callable[[Listed], object]] = {
        "name": lambda row: row.name.casefold(),
        "type": lambda row: row.ca.type,
        "status": lambda row: STATUSES.index(row.status),
        "expires": lambda row: row.not_after or _NEVER,
        "created": lambda row: row.ca.created_at,
    }
    by_name = sorted(passing, key=lambda row: (row.name.casefold(), row.ca.arn))
    return sorted(by_name, key=keys[wanted], reverse=order.startswith("-"))  # type: ignore[arg-type]  # comparable


def regions_of(cas: Iterable[CertificateAuthority]) -> list[str]:
    """The regions of some CAs."""
    return sorted({region_of(ca) for ca in cas})


def region_of(ca: CertificateAuthority) -> str:
    """The region of a CA."""
    return arns.parse_ca_arn(ca.arn).region


def _row(ca: CertificateAuthority, now: datetime) -> Listed:
    not_after = state.not_after_of(ca)
    return Listed(ca, state.name_of(ca), state.status_until(ca, not_after, now), not_after)


def _has_text(row: Listed, text: str, _: datetime) -> bool:
    """A part of a name, or the beginning of the ARN or of the id in it."""
    if row.ca.arn.startswith(text) or row.ca.arn.rpartition("/")[2].startswith(text):
        return True
    subject = (value for value in row.ca.configuration["Subject"].values() if isinstance(value, str))
    return any(text.casefold() in name.casefold() for name in (row.name, *subject))


def _has_tag(row: Listed, tag: str, _: datetime) -> bool:
    """A tag's key, or key=value; the value may be the beginning of one."""
    key, sign, begin = (part.strip().casefold() for part in tag.partition("="))
    return any(
        key == name.casefold() and (not sign or (value or "").casefold().startswith(begin))
        for name, value in row.ca.tags
    )


def _expires(row: Listed, within: str, now: datetime) -> bool:
    if row.not_after is None:
        return False
    return row.not_after < now if within == "past" else now <= row.not_after <= now + timedelta(days=int(within))


_PASSES: dict[str, Callable[[Listed, str, datetime], bool]] = {
    "q": _has_text,
    "region": lambda row, region, _: region_of(row.ca) == region,
    "status": lambda row, status, _: row.status == status,
    "type": lambda row, kind, _: row.ca.type == kind,
    "tag": _has_tag,
    "expires": _expires,
}
