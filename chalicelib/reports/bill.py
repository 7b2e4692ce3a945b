"""The bill of an account's present month: at AWS Private CA, and for Signet's home."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.ca import iterate
from chalicelib.frozen import dataclass
from chalicelib.reports import costs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

SHORT_LIVED = "SHORT_LIVED_CERTIFICATE"
KNOWN_FOR = timedelta(minutes=5)
MOST_COUNTED = 20  # CAs in short-lived mode whose certificates are counted one by one
_FREE = frozenset({"DELETED", "FAILED"})  # AWS Private CA User Guide, "Update a private CA": not billed
_LAST = timedelta(days=366 * 200)


class Charge(NamedTuple):
    """A line of the bill.

    Attributes:
        number: of CAs or certificates.
        amount: in US dollars.
    """

    what: str
    number: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month of an account.

    Attributes:
        begins, ends: of the month, in UTC.
        charges: of AWS Private CA, for the CAs until the end of the month and the certificates issued so far.
        ocsp: what AWS Private CA charges in addition if every valid certificate is queried once; None without OCSP.
        uncounted: CAs in short-lived mode whose certificates count as those of general-purpose mode.
        signet: the model's costs of this month for Signet on AWS.
    """

    begins: datetime
    ends: datetime
    charges: tuple[Charge, ...]
    ocsp: Charge | None
    uncounted: int
    signet: costs.Month

    @property
    def total(self) -> Decimal:
        """The least that AWS Private CA charges, in US dollars."""
        return sum((charge.amount for charge in self.charges), Decimal())

    @property
    def most(self) -> Decimal:
        """The most that AWS Private CA charges, in US dollars."""
        return self.total + (self.ocsp.amount if self.ocsp else 0)


def recent(rt: Runtime, account_id: str) -> Bill:
    """The bill of the present month, counted within the last `KNOWN_FOR`, as counting a million takes a while."""
    now = rt.now()
    known: tuple[Bill | None, datetime] = rt.known.get(("bill", account_id), (None, now))
    made, at = known
    if made is None or abs(now - at) >= KNOWN_FOR or not made.begins <= now < made.ends:
        made = of_month(rt, account_id, now)
        rt.known["bill", account_id] = (made, now)
    return made


def of_month(rt: Runtime, account_id: str, now: datetime) -> Bill:
    """Compute the bill of the month in which `now` lies."""
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ends = (begins + timedelta(days=32)).replace(day=1)
    cas = list(iterate.of_account(rt, account_id))
    short = [ca for ca in cas if ca.usage_mode == SHORT_LIVED]
    (issued,) = rt.store.count_certificates(account_id, "issued", (begins, ends))
    short_lived = _short_lived(rt, cas, short, issued, (begins, ends))
    general = issued - short_lived
    charges = (
        *_of_authorities(cas, begins, ends),
        Charge("Certificates, general-purpose", general, costs.general_purpose_certificates(general)),
        *(
            [Charge("Certificates, short-lived", short_lived, costs.short_lived_certificates(short_lived))]
            if short
            else []
        ),
    )
    return Bill(
        begins=begins,
        ends=ends,
        charges=charges,
        ocsp=_of_ocsp(rt, account_id, cas, now),
        uncounted=0 if len(short) == len(cas) else max(len(short) - MOST_COUNTED, 0),
        signet=costs.signet(sum(ca.status not in _FREE for ca in cas), issued),
    )


def share_of(ca: CertificateAuthority, begins: datetime, ends: datetime) -> Decimal:
    """The share of a month for which a CA is billed: from its creation to its deletion, or to the end of the month."""
    if ca.status == "FAILED":
        return Decimal()
    end = min(ca.last_state_change_at, ends) if ca.status == "DELETED" else ends
    billed = end - max(ca.created_at, begins)
    return max(Decimal(_microseconds(billed)) / _microseconds(ends - begins), Decimal())


def _microseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _of_authorities(cas: Iterable[CertificateAuthority], begins: datetime, ends: datetime) -> Iterable[Charge]:
    labels = (("GENERAL_PURPOSE", "CAs, general-purpose"), (SHORT_LIVED, "CAs, short-lived"))
    for mode, label in labels:
        shares = [share for ca in cas if ca.usage_mode == mode and (share := share_of(ca, begins, ends))]
        if shares:
            yield Charge(label, len(shares), sum(shares, Decimal()) * costs.authority_month(mode))


def _short_lived(
    rt: Runtime,
    cas: list[CertificateAuthority],
    short: list[CertificateAuthority],
    issued: int,
    month: tuple[datetime, datetime],
) -> int:
    """The certificates of the month by CAs in short-lived mode; of `MOST_COUNTED` CAs, unless all are in that mode."""
    if len(short) == len(cas):
        return issued
    return rt.store.count_issued([ca.arn for ca in short[:MOST_COUNTED]], *month)


def _of_ocsp(rt: Runtime, account_id: str, cas: Iterable[CertificateAuthority], now: datetime) -> Charge | None:
    if not any(ca.revocation_configuration.get("OcspConfiguration", {}).get("Enabled") for ca in cas):
        return None
    (valid,) = rt.store.count_certificates(account_id, "expires", (now, now + _LAST))
    return Charge("OCSP", valid, costs.ocsp(valid))
