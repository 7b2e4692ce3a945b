"""Times in DER; whole seconds in UTC.

Source: RFC 5280 section 4.1.2.5; RFC 6960 section 4.2.2.1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import DerError


@lru_cache(maxsize=16)  # certificates that are issued in one second have the same times
def encode(moment: datetime) -> bytes:
    """UTCTime from 1950 through 2049, otherwise GeneralizedTime, as certificates and CRLs have it."""
    if 1950 <= moment.year < 2050:
        return der.tlv(der.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return encode_generalized(moment)


def encode_generalized(moment: datetime) -> bytes:
    """GeneralizedTime in every year, as OCSP has it."""
    return der.tlv(der.GENERALIZED_TIME, f"{moment.year:04d}{moment.strftime('%m%d%H%M%SZ')}".encode())


def decode(element: der.Element) -> datetime:
    """Read a UTCTime, of 1950 to 2049, or a GeneralizedTime.

    Raises:
        DerError: it is neither.
    """
    text = element.content.decode("ascii", "replace")
    if element.tag == der.UTC_TIME:
        text = f"{19 if text[:1] >= '5' else 20}{text}"
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise DerError("A time is malformed.") from error
