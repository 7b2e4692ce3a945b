"""Times in DER; whole seconds in UTC.

Source: RFC 5280 section 4.1.2.5; RFC 6960 section 4.2.2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.asn1 import der

if TYPE_CHECKING:
    from datetime import datetime


def encode(moment: datetime) -> bytes:
    """UTCTime from 1950 through 2049, otherwise GeneralizedTime, as certificates and CRLs have it."""
    if 1950 <= moment.year < 2050:
        return der.tlv(der.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return encode_generalized(moment)


def encode_generalized(moment: datetime) -> bytes:
    """GeneralizedTime in every year, as OCSP has it."""
    return der.tlv(der.GENERALIZED_TIME, f"{moment.year:04d}{moment.strftime('%m%d%H%M%SZ')}".encode())
