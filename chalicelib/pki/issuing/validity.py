"""The validity of a certificate: two times, from the forms of the API.

Source: AWS Private CA API, Validity, IssueCertificate (Validity, ValidityNotBefore); RFC 5280 section 4.1.2.5.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.pki.errors import ConstraintError, within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BACKDATED = timedelta(hours=1)  # notBefore and thisUpdate lie so far back, as AWS's do, for clocks that run slow
SHORT_LIVED = timedelta(days=7)


def validity_period(
    validity: Mapping[str, Any], not_before: Mapping[str, Any] | None, now: datetime
) -> tuple[datetime, datetime]:
    """Compute the first and the last second of a certificate issued at `now`.

    Periods count from `now`, whatever notBefore is. Without `not_before` the certificate begins an hour before `now`,
    as AWS has it, so that clients whose clocks are slow accept it.

    Raises:
        ConstraintError: a time does not exist, the end is past, or it is not after the beginning.
    """
    now = now.replace(microsecond=0)
    if not_before is not None and not_before["Type"] != "ABSOLUTE":
        raise ConstraintError("ValidityNotBefore must be of type ABSOLUTE.", member=("ValidityNotBefore", "Type"))
    with within("Validity", "Value"):
        not_after = _moment(validity, now)
        if not_after <= now:
            raise ConstraintError("The certificate validity ends in the past.")
    with within("ValidityNotBefore", "Value"):
        begins = now - BACKDATED if not_before is None else _moment(not_before, now)
        if begins >= not_after:
            raise ConstraintError("The certificate validity ends before it begins.")
    return begins, not_after


def _moment(validity: Mapping[str, Any], now: datetime) -> datetime:
    kind, value = validity["Type"], validity["Value"]
    try:
        return _KINDS[kind](value, now)
    except (ValueError, OverflowError, OSError) as error:
        raise ConstraintError(f"The validity value is not a time that a certificate can hold as {kind}.") from error


def _end_date(value: int, _now: datetime) -> datetime:
    """YYMMDDHHMMSS, where 50 to 99 are of the last century, or YYYYMMDDHHMMSS."""
    text = str(value).zfill(12)
    if len(text) == 12:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    if len(text) != 14:
        raise ValueError(value)
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _months(count: int, now: datetime) -> datetime:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(now.year * 12 + now.month - 1 + count, 12)
    if year > 9999:
        raise ValueError(count)
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


_KINDS: dict[str, Callable[[int, datetime], datetime]] = {
    "END_DATE": _end_date,
    "ABSOLUTE": lambda value, _now: datetime.fromtimestamp(value, UTC),
    "DAYS": lambda value, now: now + timedelta(days=value),
    "MONTHS": _months,
    "YEARS": lambda value, now: _months(12 * value, now),
}
