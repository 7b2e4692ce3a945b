"""Adoption: what a published CRL lists and the state does not know as revoked becomes revoked in the state, too.

A restored backup is older than its CRLs. Their entries stay in every later CRL; without adoption, OCSP would answer
*good* for the same certificates. Certificates that the backup does not know are *unknown* to OCSP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.ca import compromise
from chalicelib.pki.crl import entries
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.records import Revocation
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


def adopt(rt: Runtime, ca: CertificateAuthority, forgotten: Mapping[bytes, bytes]) -> int:
    """Revoke the certificates of entries that clients have seen and that are not on record; returns how many.

    Args:
        rt: the runtime.
        ca: the CA.
        forgotten: the entries by the contents of their serial numbers, of CRLs that the CA's signature vouches for.
    """
    adopted = 0
    for serial, entry_der in forgotten.items():
        record = rt.store.get_certificate(ca.arn, entries.number(serial))
        if record is None or record.revoked_at is not None:
            continue
        revoked_at, reason = crl_tbs.decode_entry(entry_der)
        revocation = Revocation(
            ca_arn=ca.arn,
            serial_number=record.serial_number,
            revoked_at=revoked_at,
            reason=reason,
            not_after=record.not_after,
            entry_der=entry_der,
            crl_partition=record.crl_partition,
        )
        try:
            rt.store.revoke_certificate(record, revocation, compromised=compromise.key_sha256(record, reason))
        except ConflictError:
            continue  # somebody has just revoked it
        logs.log("revocation_adopted", certificate=record.arn, revoked_at=revoked_at, reason=reason)
        adopted += 1
    return adopted
