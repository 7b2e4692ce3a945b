"""The objects that a CRL is published as: what lies at each of its addresses now, and the puts that replace it.

An address that cannot be reached never keeps the CRL from the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib import logs
from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.ca import state
from chalicelib.crl import distribution_points, revocation_configuration
from chalicelib.pki.crl import gate as crl_gate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.buckets import StoredObject
    from chalicelib.pki.crl.gate import Crl
    from chalicelib.records import CertificateAuthority, CrlLocation
    from chalicelib.runtime import Runtime

CONTENT_TYPE = "application/pkix-crl"
CACHE_CONTROL = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class Place:
    """An object of a CRL.

    Attributes:
        crl: what lies there; None where there is nothing, or nothing that is a CRL of this CA.
        error: why it could not be read or written; None where it was.
    """

    location: CrlLocation
    etag: str | None = None
    crl: Crl | None = None
    error: BucketError | None = None


def places(rt: Runtime, ca: CertificateAuthority, partition: str, now: datetime) -> list[Place]:
    """Every object of a CRL once, as it is now: first the one that new certificates name, then newer before older."""
    named = [each for each in distribution_points.crl_locations(ca, now) if each.partition == partition]
    objects = {(each.bucket, each.key): each for each in named}  # one may have several names
    newest_first = list(reversed(objects.values()))
    newest_first.sort(key=lambda each: not distribution_points.is_given(rt, ca, each))
    return [_place(rt, ca, replace(each, acl=revocation_configuration.acl_of(ca, each))) for each in newest_first]


def _place(rt: Runtime, ca: CertificateAuthority, location: CrlLocation) -> Place:
    try:
        stored = rt.buckets.get(location.bucket, location.key)
    except BucketError as error:
        return Place(location, error=error)
    return Place(location, stored.etag, _read(ca, stored)) if stored else Place(location)


def _read(ca: CertificateAuthority, stored: StoredObject) -> Crl | None:
    try:
        found = crl_gate.read(stored.body)
    except crl_gate.CrlRefusedError:
        logs.log("crl_unreadable", ca=ca.arn, etag=stored.etag)
        return None
    issuer = state.issuer_of(ca)
    mine = found.is_issued_by(issuer) and found.is_signed_by(issuer, ca.configuration["SigningAlgorithm"])
    return found if mine else None


def put(rt: Runtime, there: Sequence[Place], crl_der: bytes) -> list[tuple[CrlLocation, BucketError]]:
    """Put a CRL where it can be put, on condition that what was read is still there.

    Returns:
        the other places, each with what is wrong there.

    Raises:
        PreconditionFailedError: something else lies there now: look again.
        BucketError: it is not where new certificates look for it.
    """
    after = [_put(rt, each, crl_der) for each in there]
    failed = [(each.location, each.error) for each in after if each.error]
    for location, error in failed:
        if isinstance(error, PreconditionFailedError) or location == there[0].location:
            raise error
    return failed


def _put(rt: Runtime, place: Place, crl_der: bytes) -> Place:
    if place.error:
        return place
    location = place.location
    try:
        rt.buckets.put(
            location.bucket,
            location.key,
            crl_der,
            expected_etag=place.etag,
            content_type=CONTENT_TYPE,
            cache_control=CACHE_CONTROL,
            acl=location.acl,
        )
    except BucketError as error:
        return replace(place, error=error)
    return place
