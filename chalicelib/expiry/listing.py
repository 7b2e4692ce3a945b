"""Expiries in a span of time: CAs, and certificates that are neither revoked nor renewed; read from an index.

A certificate counts as renewed if its CA has issued another one with the same names that expires later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.ca import find, iterate
from chalicelib.ca import state as ca_state
from chalicelib.ocsp import responders
from chalicelib.operations import search
from chalicelib.pki.x509 import summary as summaries
from chalicelib.store import SEPARATOR, Span, search_value
from chalicelib.store.codecs import micros

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.pki.x509.summary import Summary
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime

_NEWER_EXAMINED = 20  # certificates with the same name that were reserved later
_MOST_NAMES, _MOST_CHARACTERS = 10, 200
_WITH_EXPIRY = frozenset({"ACTIVE", "DISABLED"})


class Expiring(NamedTuple):
    """A certificate or a CA that expires.

    Attributes:
        arn: of the certificate, or of the CA.
        name: the first subject alternative name or subject, or the name of the CA; others wrote it.
        names: the first subject alternative names.
        serial: hexadecimal; empty for a CA.
    """

    kind: Literal["certificate", "ca"]
    arn: str
    ca_arn: str
    name: str
    not_after: datetime
    names: tuple[str, ...] = ()
    serial: str = ""


class Listing(NamedTuple):
    """Certificates in the order of their expiry; `more` counts index entries that were not looked at."""

    found: list[Expiring]
    more: int


def certificates(
    rt: Runtime, account_id: str, since: datetime, until: datetime, *, limit: int, renewals: bool = True
) -> Listing:
    """The certificates of an account that expire from `since` on and before `until`, of the first `limit` entries.

    Args:
        rt: the runtime.
        account_id: the account.
        since: the earliest expiry.
        until: after the last expiry.
        limit: of index entries that are looked at.
        renewals: leave out renewed certificates, at the cost of some more reads for each one.
    """
    entries = rt.store.list_expiring(account_id, since=since, until=until, limit=limit + 1)
    more = 0
    if len(entries) > limit:
        (number,) = rt.store.count_certificates(account_id, "expires", (since, until))
        entries, more = entries[:limit], number - limit
    installed = {ca.certificate_der for ca in iterate.of_account(rt, account_id)} if entries else set()
    found = []
    for not_after, ca_id, serial_number in entries:
        ca_arn = find.arn_of(rt, account_id, ca_id)
        expiring = _looked_at(rt, ca_arn, serial_number, not_after, installed, renewals=renewals)
        found += [expiring] if expiring else []
    return Listing(found, more)


def authorities(rt: Runtime, account_id: str) -> Iterator[Expiring]:
    """The CAs of an account that have a certificate, with its expiry."""
    for ca in iterate.of_account(rt, account_id):
        not_after = _expiry_of(ca)
        if not_after is not None:
            yield Expiring("ca", ca.arn, ca.arn, ca_state.name_of(ca)[:_MOST_CHARACTERS], not_after)


def _expiry_of(ca: CertificateAuthority) -> datetime | None:
    return ca_state.not_after_of(ca) if ca.status in _WITH_EXPIRY else None


def _looked_at(
    rt: Runtime,
    ca_arn: str,
    serial_number: int,
    not_after: datetime,
    installed: set[bytes | None],
    *,
    renewals: bool,
) -> Expiring | None:
    """A certificate with its names; None if nobody has to act. An unreadable record does not hide the others."""
    serial = arns.serial_hex(serial_number)
    arn = f"{ca_arn}/certificate/{serial}"
    try:
        record = rt.store.get_certificate(ca_arn, serial_number)
        if record is None or not _counts(record, installed):
            return None
        summary = summaries.of_certificate(record.certificate_der or b"")
        if renewals and _is_renewed(rt, record, summary):
            return None
    except Exception:  # noqa: BLE001  it expires all the same
        logs.log_exception("look_failed", certificate=arn)
        return Expiring("certificate", arn, ca_arn, serial, not_after, (), serial)
    names = tuple(name[:_MOST_CHARACTERS] for name in summary.alternative_names[:_MOST_NAMES])
    name = next(iter(names), "") or summary.subject[:_MOST_CHARACTERS] or serial
    return Expiring("certificate", arn, ca_arn, name, not_after, names, serial)


def _counts(record: Certificate, installed: set[bytes | None]) -> bool:
    """False for revoked and unissued certificates, for responders, which Signet renews, and for CAs, listed as such."""
    return (
        record.status == "ISSUED"
        and record.revoked_at is None
        and record.requested_by != responders.REQUESTED_BY
        and record.certificate_der not in installed
    )


def _is_renewed(rt: Runtime, record: Certificate, summary: Summary) -> bool:
    terms = search.terms_of(summary)
    if not terms:
        return False
    kind, value = next((term for term in terms if term[0] == "san"), terms[0])
    own = (kind, search_value(value), f"{micros(record.reserved_at):020d}", arns.serial_hex(record.serial_number))
    span = Span("san" if kind == "san" else "subject", value, value, whole=True)
    newer = rt.store.find_certificates(record.ca_arn, span, after=SEPARATOR.join(own), limit=_NEWER_EXAMINED)
    others = (rt.store.get_certificate(record.ca_arn, serial_number) for _, serial_number in newer)
    return any(other is not None and _replaces(other, record, summary) for other in others)


def _replaces(other: Certificate, record: Certificate, summary: Summary) -> bool:
    if other.status != "ISSUED" or other.revoked_at is not None or other.not_after <= record.not_after:
        return False
    names = summaries.of_certificate(other.certificate_der or b"")
    same_names = set(names.alternative_names) == set(summary.alternative_names)
    return same_names and names.subject == summary.subject
