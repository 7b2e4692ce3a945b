"""The objects in buckets that hold a CRL: reads of those at its distribution points, and conditional puts of a new one.

A bucket that cannot be reached never keeps the CRL out of the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.ca import state
from chalicelib.crl import distribution_points
from chalicelib.frozen import dataclass
from chalicelib.pki.crl import gate as crl_gate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.buckets import StoredObject
    from chalicelib.pki.crl.gate import Crl
    from chalicelib.records import CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime

CONTENT_TYPE = "application/pkix-crl"
CACHE_CONTROL = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class CrlObject:
    """The object at a distribution point, as a run has read it.

    Attributes:
        etag: the version that was read; None: there was no object.
        crl: the published CRL; None where there is no object, or it is not a CRL of this CA.
        error: why the object could not be read or written; None where it could.
    """

    point: DistributionPoint
    etag: str | None = None
    crl: Crl | None = None
    error: BucketError | None = None


def read(rt: Runtime, ca: CertificateAuthority, partition: str, now: datetime) -> list[CrlObject]:
    """Read every object of a CRL once: first the one that new certificates name, then newer before older."""
    points = [point for point in distribution_points.in_use(ca, now) if point.partition == partition]
    by_object = {(point.bucket, point.key): point for point in points}  # several URLs may lead to one object
    newest_first = list(reversed(by_object.values()))
    newest_first.sort(key=lambda point: not distribution_points.is_current(rt, ca, point))
    return [_read(rt, ca, replace(point, acl=distribution_points.acl_of(ca, point))) for point in newest_first]


def _read(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint) -> CrlObject:
    try:
        stored = rt.buckets.get(point.bucket, point.key)
    except BucketError as error:
        return CrlObject(point, error=error)
    return CrlObject(point, stored.etag, _crl_of(ca, stored)) if stored else CrlObject(point)


def _crl_of(ca: CertificateAuthority, stored: StoredObject) -> Crl | None:
    try:
        crl = crl_gate.read(stored.body)
    except crl_gate.CrlRefusedError:
        logs.log("crl_unreadable", ca=ca.arn, etag=stored.etag)
        return None
    issuer = state.issuer_of(ca)
    is_of_ca = crl.is_issued_by(issuer) and crl.is_signed_by(issuer, ca.configuration["SigningAlgorithm"])
    return crl if is_of_ca else None


def put(rt: Runtime, objects: Sequence[CrlObject], crl_der: bytes) -> list[tuple[DistributionPoint, BucketError]]:
    """Put a CRL at its distribution points; each upload is conditional on the version that was read.

    Returns:
        the other distribution points whose objects were not replaced, each with its error.

    Raises:
        PreconditionFailedError: an object has changed since it was read: read again.
        BucketError: the first object, which new certificates name, was not replaced.
    """
    after = [_put(rt, before, crl_der) for before in objects]
    failed = [(crl_object.point, crl_object.error) for crl_object in after if crl_object.error]
    for point, error in failed:
        if isinstance(error, PreconditionFailedError) or point == objects[0].point:
            raise error
    return failed


def _put(rt: Runtime, before: CrlObject, crl_der: bytes) -> CrlObject:
    if before.error:
        return before
    point = before.point
    try:
        rt.buckets.put(
            point.bucket,
            point.key,
            crl_der,
            expected_etag=before.etag,
            content_type=CONTENT_TYPE,
            cache_control=CACHE_CONTROL,
            acl=point.acl,
        )
    except BucketError as error:
        return replace(before, error=error)
    return before
