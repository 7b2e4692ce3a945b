"""Verification: the entries of every published CRL, byte for byte, beside the records of its certificates.

The entries are encoded again from the certificates alone; the publisher's own records of revocations are not used.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.buckets import BucketError
from chalicelib.ca import iterate
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points, freshness
from chalicelib.frozen import dataclass
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import tbs as crl_tbs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import Certificate, CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one object of a CRL.

    Attributes:
        crl_arn: of the CRL.
        object_name: bucket and key; both are the CA's ARN if the CA could not be read.
        entries: how many are as recorded.
        waiting: revocations later than the CRL, which will be in the next one.
        freshness: the CRL's, in a word of `crl.freshness`; empty if there is no CRL.
        problem: the first difference, in words; empty if there is none.
    """

    crl_arn: str
    object_name: str
    entries: int = 0
    waiting: int = 0
    freshness: str = ""
    problem: str = ""


def verify_crls(rt: Runtime) -> Iterator[Verdict]:
    """Compare every published CRL with the records; a CA that cannot be read is one problem."""
    verify = partial(_verify_authority, rt)
    for ca in iterate.every_authority(rt):
        yield from iterate.look_at(ca, verify, lambda ca_arn, problem: Verdict(ca_arn, ca_arn, problem=problem))


def _verify_authority(rt: Runtime, ca: CertificateAuthority) -> Iterator[Verdict]:
    if not ca_state.has_status_service(ca, rt.now()):
        return
    by_object = {(point.bucket, point.key): point for point in distribution_points.in_use(ca, rt.now())}
    revoked = [record for record in rt.store.list_certificates(ca.arn) if record.revoked_at] if by_object else []
    for point in by_object.values():
        covered = [record for record in revoked if point.partition in {"", record.crl_partition}]
        yield _verify(rt, ca, point, covered)


def _verify(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint, revoked: list[Certificate]) -> Verdict:
    crl_arn = arns.crl_arn(ca.arn, point.partition)
    verdict = Verdict(crl_arn, f"{point.bucket}/{point.key}")
    state = rt.store.get_crl_state(crl_arn)
    try:
        stored = rt.buckets.get(point.bucket, point.key)
    except BucketError as error:
        return replace(verdict, problem=f"It cannot be read: {error}")
    if stored is None or state is None or state.published_at is None:
        return replace(verdict, problem="It is not published.")
    verdict = replace(verdict, freshness=freshness.WORDS[freshness.condition_of(state, rt.now())])
    try:
        published = crl_gate.read(stored.body)
    except crl_gate.CrlRefusedError as error:
        return replace(verdict, problem=str(error))
    if published.number != state.published_number:
        return replace(verdict, problem=f"Its number is {published.number}, recorded is {state.published_number}.")
    issuer = ca_state.issuer_of(ca)
    if not (published.is_issued_by(issuer) and published.is_signed_by(issuer, ca.configuration["SigningAlgorithm"])):
        return replace(verdict, problem="Its signature or its issuer is not the CA's.")
    return _compared(verdict, dict(_entries_of(published)), revoked, state.published_at)


def _entries_of(published: crl_gate.Crl) -> Iterator[tuple[int, bytes]]:
    return ((crl_entries.number(serial), entry) for serial, entry in crl_entries.split(published.entries))


def _compared(
    verdict: Verdict, published: dict[int, bytes], revoked: list[Certificate], published_at: datetime
) -> Verdict:
    waiting = 0
    recorded = {record.serial_number: record for record in revoked}
    for serial, entry in published.items():
        record = recorded.get(serial)
        if record is None:
            return replace(verdict, problem=f"It lists {arns.serial_hex(serial)}, which is not recorded as revoked.")
        if entry != _entry(record):
            return replace(verdict, problem=f"Its entry of {arns.serial_hex(serial)} is not what is recorded.")
    for serial in recorded.keys() - published.keys():
        record = recorded[serial]
        if record.revoked_at and record.revoked_at > published_at:
            waiting += 1
        elif record.not_after >= published_at:
            return replace(verdict, problem=f"It lacks {arns.serial_hex(serial)}, which is revoked.")
    return replace(verdict, entries=len(published), waiting=waiting)


def _entry(record: Certificate) -> bytes | None:
    if record.revoked_at is None:
        return None
    return crl_tbs.encode_entry(record.serial_number, record.revoked_at, record.revocation_reason or "UNSPECIFIED")
