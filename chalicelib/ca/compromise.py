"""Compromised keys: those of certificates that were revoked because the key was compromised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from chalicelib import logs
from chalicelib.pki.x509 import keys, reading

if TYPE_CHECKING:
    from chalicelib.records import Certificate

_REASONS = frozenset({"KEY_COMPROMISE", "CERTIFICATE_AUTHORITY_COMPROMISE", "A_A_COMPROMISE"})


def key_sha256(record: Certificate, reason: str) -> str:
    """The SHA-256 of a certificate's key if the reason says that it is compromised, from the certificate or its plan.

    It is empty for other reasons, and where the key is not on record, or the record is damaged: that must not keep
    anybody from revoking.
    """
    if reason not in _REASONS:
        return ""
    try:
        tbs_der = record.tbs_der or (reading.tbs_of(record.certificate_der) if record.certificate_der else None)
        return keys.key_sha256(reading.key_of_tbs(tbs_der)) if tbs_der else ""
    except (ValueError, UnsupportedAlgorithm):
        logs.log_exception("compromised_key_unknown", certificate=record.arn)
        return ""
