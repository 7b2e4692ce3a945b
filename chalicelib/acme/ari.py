"""Renewal information: the identifier of a certificate, and when its holder should renew it.

Source: RFC 9773 sections 4.1 and 4.2.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import jose
from chalicelib.acme.problems import AcmeProblem
from chalicelib.pki.asn1 import der

if TYPE_CHECKING:
    from datetime import datetime

_MOST_KEY_IDENTIFIER, _MOST_SERIAL = 64, 21  # octets; RFC 5280 section 4.1.2.2 and a sign


def certificate_id(authority_key_identifier: bytes, serial: int) -> str:
    """Return the identifier of a certificate; the first argument is the keyIdentifier of its extension."""
    return f"{jose.encode(authority_key_identifier)}.{jose.encode(der.read(der.integer(serial)).content)}"


def parse_certificate_id(text: str) -> tuple[bytes, int]:
    """Read the identifier of a certificate.

    Raises:
        AcmeProblem: `malformed`: another spelling than that of `certificate_id`, or one without DER's zero octet.
    """
    parts = text.split(".") if len(text) <= 2 * (_MOST_KEY_IDENTIFIER + _MOST_SERIAL) else []
    try:
        key_identifier, serial = map(jose.decode, parts)
    except ValueError:
        raise AcmeProblem(
            "malformed",
            "A certificate identifier must be the key identifier of the issuer and the serial number, "
            "each in base64url, with a dot between them.",
        ) from None
    if not 0 < len(key_identifier) <= _MOST_KEY_IDENTIFIER or not 0 < len(serial) <= _MOST_SERIAL:
        raise AcmeProblem("malformed", "A part of the certificate identifier is empty or too long.")
    # Some clients leave out the zero octet of DER that keeps a number positive: what is read is the number.
    number = int.from_bytes(serial, "big")
    if number == 0 or (serial[0] == 0 and (len(serial) == 1 or serial[1] < 0x80)):
        raise AcmeProblem("malformed", "The serial number of the certificate identifier must be positive DER.")
    return key_identifier, number


def suggested_window(
    not_before: datetime, not_after: datetime, *, now: datetime, replaced_by_incident: bool
) -> tuple[datetime, datetime]:
    """Return the start and the end of the window in which to renew a certificate.

    It is the first half of the last third of the validity, so that even the last moment leaves a sixth for retries.
    After an incident, such as a revocation or the compromise of the CA, it is in the past: renew now.
    """
    if replaced_by_incident:
        return now - timedelta(hours=2), now - timedelta(hours=1)
    sixth = (not_after - not_before) / 6
    start, end = not_before + 4 * sixth, not_before + 5 * sixth
    return start.replace(microsecond=0), end.replace(microsecond=0)
