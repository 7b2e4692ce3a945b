"""Distribution points of CRLs, and OCSP URLs: those that certificates name, and those that new certificates get.

A distribution point is on record before the first certificate names it, and its CRL is published for as long as one of
these certificates is valid. Once the configuration gives new certificates another one, the record also says when the
last certificate that names the old one expires. OCSP URLs are recorded alike.

Source: RFC 5280 sections 4.2.1.13 and 4.2.2.1; AWS Private CA API, CrlConfiguration.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.ca import state
from chalicelib.crl import revocation_configuration
from chalicelib.records import DistributionPoint, OcspUrl
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

T = TypeVar("T", DistributionPoint, OcspUrl)


# those that certificates name


def in_use(ca: CertificateAuthority, now: datetime) -> list[DistributionPoint]:
    """The distribution points that unexpired certificates may name, the newest last."""
    return [point for point in ca.distribution_points if _is_in_use(point, now)]


def crl_arns(ca: CertificateAuthority, now: datetime) -> list[str]:
    """The CRLs that unexpired certificates need: the complete one, and the partitions."""
    partitions = dict.fromkeys(point.partition for point in in_use(ca, now))
    return [arns.crl_arn(ca.arn, partition) for partition in partitions]


def ocsp_urls(rt: Runtime, ca: CertificateAuthority) -> list[str]:
    """The OCSP URLs that unexpired certificates may name, and the one for new certificates."""
    urls = [ocsp.url for ocsp in ca.ocsp_urls if _is_in_use(ocsp, rt.now())]
    return list(dict.fromkeys([*urls, *filter(None, [revocation_configuration.ocsp_url(rt, ca)])]))


def _is_in_use(named: DistributionPoint | OcspUrl, now: datetime) -> bool:
    return named.until is None or now <= named.until


# those that new certificates get


def for_complete_crl(rt: Runtime, ca: CertificateAuthority) -> DistributionPoint:
    """The distribution point of the CA's complete CRL: `{CustomPath or crl}/{CA id}.crl` in the configured bucket.

    CRLs must be on.
    """
    return _configured(rt, ca, arns.parse_ca_arn(ca.arn).ca_id)


def for_partition(rt: Runtime, ca: CertificateAuthority, partition: str) -> DistributionPoint:
    """The distribution point of a partition of the CA's CRL: `{CustomPath or crl}/{partition}.crl`.

    CRLs must be on.

    Source: AWS Private CA API, CrlConfiguration, CustomPath.
    """
    return replace(_configured(rt, ca, partition), partition=partition)


def _configured(rt: Runtime, ca: CertificateAuthority, name: str) -> DistributionPoint:
    crl = ca.revocation_configuration["CrlConfiguration"]
    path = crl.get("CustomPath", "crl").strip("/")
    key = f"{path}/{name}.crl" if path else f"{name}.crl"
    cname, bucket = crl.get("CustomCname"), crl["S3BucketName"]
    url = f"http://{cname}/{key}" if cname else rt.buckets.object_url(bucket, key)
    return DistributionPoint(bucket=bucket, key=key, acl=crl["S3ObjectAcl"], url=url)


def for_next_certificate(rt: Runtime, ca: CertificateAuthority, *, take: bool) -> DistributionPoint | None:
    """The distribution point whose CRL will cover the next certificate; None where CRLs are off.

    Args:
        rt: the runtime.
        ca: the CA that issues.
        take: take a place in a partition for good; without it, a new partition stands for the one that would be taken.
    """
    if not revocation_configuration.crl_enabled(ca):
        return None
    if not revocation_configuration.is_partitioned(ca):
        return for_complete_crl(rt, ca)
    partition = rt.new_id()
    if take:
        sample = for_partition(rt, ca, "{}")  # a change of any part of it begins a new partition
        partition = rt.store.take_crl_partition(ca.arn, f"{sample.bucket} {sample.acl} {sample.url}", partition)
    return for_partition(rt, ca, partition)


def url_for_certificate(ca: CertificateAuthority, point: DistributionPoint | None) -> str | None:
    """The URL in the CRL distribution points extension of a new certificate; None where it has no such extension."""
    crl = ca.revocation_configuration["CrlConfiguration"]
    if point is None or crl.get("CrlDistributionPointExtensionConfiguration", {}).get("OmitExtension"):
        return None
    return point.url


def is_current(rt: Runtime, ca: CertificateAuthority, point: DistributionPoint) -> bool:
    """Return whether the configuration may give a distribution point to new certificates."""
    if not revocation_configuration.crl_enabled(ca):
        return False
    if revocation_configuration.is_partitioned(ca) != bool(point.partition):
        return False
    current = for_partition(rt, ca, point.partition) if point.partition else for_complete_crl(rt, ca)
    return (point.bucket, point.url) == (current.bucket, current.url)


def acl_of(ca: CertificateAuthority, point: DistributionPoint) -> str:
    """The ACL of the object at a distribution point: the configured one in the configured bucket."""
    crl = ca.revocation_configuration["CrlConfiguration"]
    return str(crl["S3ObjectAcl"]) if point.bucket == crl.get("S3BucketName") else point.acl


# records of them


def with_ocsp_url(rt: Runtime, ca: CertificateAuthority) -> CertificateAuthority:
    """The CA with a record of the OCSP URL that a new certificate gets."""
    url = revocation_configuration.ocsp_url(rt, ca)
    if url is None or OcspUrl(url=url) in ca.ocsp_urls:
        return ca
    others = (ocsp for ocsp in ca.ocsp_urls if ocsp.url != url)
    return replace(ca, ocsp_urls=(*others, OcspUrl(url=url)))


def retire_unused(rt: Runtime, ca: CertificateAuthority) -> None:
    """Record when the last certificate expires that names what the configuration on record gives to new ones no more.

    If this fails, nothing is lost: such a CRL is published, or such an OCSP URL watched, for longer than needed.
    """
    current_url = revocation_configuration.ocsp_url(rt, ca)
    points = [point for point in ca.distribution_points if not is_current(rt, ca, point)]
    with _failure_logged(ca):
        _retire(rt, ca, points, [ocsp for ocsp in ca.ocsp_urls if ocsp.url != current_url])


def retire_full_partition(rt: Runtime, ca: CertificateAuthority, partition: str) -> None:
    """Do the same for a partition that is full; an issuance that still has a place in it records it again."""
    points = [point for point in ca.distribution_points if point.partition == partition and point.until is None]
    with _failure_logged(ca):
        if partition and points and rt.store.open_crl_partition(ca.arn) != partition:
            _retire(rt, ca, points, [])


def _retire(rt: Runtime, ca: CertificateAuthority, points: list[DistributionPoint], urls: list[OcspUrl]) -> None:
    ca_serial = state.issuer_of(ca).serial_number if ca.certificate_der else 0  # a root's certificate names no CRL
    until = rt.store.last_expiry(ca.arn, beside=ca_serial) or rt.now()
    retired = replace(
        ca,
        distribution_points=tuple(_retired(point, points, until) for point in ca.distribution_points),
        ocsp_urls=tuple(_retired(ocsp, urls, until) for ocsp in ca.ocsp_urls),
    )
    if retired != ca:
        rt.store.update_certificate_authority(ca, retired)


def _retired(named: T, unused: list[T], until: datetime) -> T:
    return replace(named, until=until) if named in unused and named.until is None else named


@contextmanager
def _failure_logged(ca: CertificateAuthority) -> Iterator[None]:
    try:
        yield
    except StoreError:
        logs.log_exception("address_ends_not_recorded", ca=ca.arn)
