"""The addresses of CRLs and OCSP that certificates of a CA name: each is kept up for as long as one of these lives.

An address is on record before the first certificate names it. Once the configuration gives another one to new
certificates, the end of the last certificate that there is then is on record, too.

Source: RFC 5280 sections 4.2.1.13 and 4.2.2.1.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.ca import state
from chalicelib.crl import revocation_configuration
from chalicelib.records import CrlLocation, OcspAddress
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

T = TypeVar("T", CrlLocation, OcspAddress)


def crl_locations(ca: CertificateAuthority, now: datetime) -> list[CrlLocation]:
    """Every address at which clients of living certificates look for a CRL, the newest last."""
    return [each for each in ca.crl_locations if _is_named(each, now)]


def crl_arns(ca: CertificateAuthority, now: datetime) -> list[str]:
    """Every CRL that living certificates need: the complete one, and the partitions."""
    return [arns.crl_arn(ca.arn, each) for each in dict.fromkeys(each.partition for each in crl_locations(ca, now))]


def ocsp_addresses(rt: Runtime, ca: CertificateAuthority) -> list[str]:
    """Every address at which OCSP is asked: those that living certificates name, and the one for new ones."""
    named = [each.url for each in ca.ocsp_addresses if _is_named(each, rt.now())]
    return list(dict.fromkeys([*named, *filter(None, [revocation_configuration.ocsp_address(rt, ca)])]))


def _is_named(address: CrlLocation | OcspAddress, now: datetime) -> bool:
    return address.until is None or now <= address.until


def is_given(rt: Runtime, ca: CertificateAuthority, location: CrlLocation) -> bool:
    """Whether new certificates may get a location as their CDP."""
    if not revocation_configuration.crl_enabled(ca):
        return False
    if revocation_configuration.is_partitioned(ca) != bool(location.partition):
        return False
    wanted = (
        revocation_configuration.partition_location(rt, ca, location.partition)
        if location.partition
        else revocation_configuration.crl_location(rt, ca)
    )
    return (location.bucket, location.url) == (wanted.bucket, wanted.url)


def with_ocsp_address(rt: Runtime, ca: CertificateAuthority) -> CertificateAuthority:
    """The CA with the OCSP address that a certificate gets now."""
    url = revocation_configuration.ocsp_address(rt, ca)
    if url is None or OcspAddress(url=url) in ca.ocsp_addresses:
        return ca
    others = (each for each in ca.ocsp_addresses if each.url != url)
    return replace(ca, ocsp_addresses=(*others, OcspAddress(url=url)))


def record_ends(rt: Runtime, ca: CertificateAuthority) -> None:
    """Record until when the addresses may be named that the configuration, which is on record, gives to nobody.

    Nothing is lost where this does not come to its end: such an address is kept up for longer.
    """
    given = revocation_configuration.ocsp_address(rt, ca)
    locations = [each for each in ca.crl_locations if not is_given(rt, ca, each)]
    with _at_will(ca):
        _record(rt, ca, locations, [each for each in ca.ocsp_addresses if each.url != given])


def record_end_of_partition(rt: Runtime, ca: CertificateAuthority, partition: str) -> None:
    """The same for a partition that is full: who has a place in it left puts its address on record again."""
    open_ended = [each for each in ca.crl_locations if partition and each.partition == partition and each.until is None]
    with _at_will(ca):
        if open_ended and rt.store.open_crl_partition(ca.arn) != partition:
            _record(rt, ca, open_ended, [])


def _record(rt: Runtime, ca: CertificateAuthority, locations: list[CrlLocation], responders: list[OcspAddress]) -> None:
    own = state.issuer_of(ca).serial_number if ca.certificate_der else 0  # a root's own names no address
    last = rt.store.last_expiry(ca.arn, beside=own) or rt.now()
    ended = replace(
        ca,
        crl_locations=tuple(_ended(each, last) if each in locations else each for each in ca.crl_locations),
        ocsp_addresses=tuple(_ended(each, last) if each in responders else each for each in ca.ocsp_addresses),
    )
    if ended != ca:
        rt.store.update_certificate_authority(ca, ended)


@contextmanager
def _at_will(ca: CertificateAuthority) -> Iterator[None]:
    try:
        yield
    except StoreError:
        logs.log_exception("address_ends_not_recorded", ca=ca.arn)


def _ended(address: T, last: datetime) -> T:
    return address if address.until is not None else replace(address, until=last)
