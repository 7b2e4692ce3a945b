"""Distribution points and OCSP URLs of certificates: in service until the last of these expires, whatever others do."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from chalicelib.buckets import BucketError
from chalicelib.crl import distribution_points
from chalicelib.crl.publication import publish_due_crls
from chalicelib.crl.verification import verify_crls
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.clock_steps import later
from tests.support.revocations import number, published, revoke, serials

NEW = "crl-bucket-new"
OFF = {"CrlConfiguration": {"Enabled": False}}
WEEK = {"Type": "DAYS", "Value": 7}


def configured(client: Any, arn: str, **crl: Any) -> None:
    """Change something of the CA's CRL settings."""
    configuration = copy.deepcopy(CRL_CONFIGURATION)
    configuration["CrlConfiguration"] |= crl
    client.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=configuration)


def run(rt: Any) -> list[str]:
    return [each.result for each in publish_due_crls(rt, seconds=60)]


class Broken:
    """Buckets of which one cannot be used; or cannot be written."""

    def __init__(self, buckets: Any, bucket: str, *calls: str) -> None:
        self._buckets, self._bucket, self._calls = buckets, bucket, calls

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._buckets, name)
        if name not in self._calls:
            return real

        def call(bucket: str, *args: Any, **kwargs: Any) -> Any:
            if bucket == self._bucket:
                raise BucketError(f"The bucket {bucket} is gone.")
            return real(bucket, *args, **kwargs)

        return call


def test_new_acl_of_a_live_ca_is_one_distribution_point_and_the_crl_goes_on(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    configured(acm_pca, arn, S3ObjectAcl="BUCKET_OWNER_FULL_CONTROL")
    last = issue(acm_pca, arn)
    for _ in range(3):
        clock.forward(minutes=1)
        revoke(acm_pca, arn, last)
        assert run(rt) == ["published"]
        last = issue(acm_pca, arn)
    (location,) = rt.store.get_certificate_authority(arn).distribution_points
    assert location.acl == "BUCKET_OWNER_FULL_CONTROL"
    assert [each.problem for each in verify_crls(rt)] == [""]
    assert rt.store.get_crl_state(arn).failures == 0


class Recorded:
    """Buckets that remember with which ACL each object was put."""

    def __init__(self, buckets: Any) -> None:
        self._buckets, self.acls = buckets, dict[str, str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buckets, name)

    def put(self, bucket: str, key: str, body: bytes, **more: Any) -> str:
        self.acls[key] = more["acl"]
        return str(self._buckets.put(bucket, key, body, **more))


@pytest.mark.parametrize("kind", ["COMPLETE", "PARTITIONED"])
def test_new_acl_is_that_of_the_next_run_of_every_crl(acm_pca: Any, rt: Any, clock: Any, kind: str) -> None:
    """As when Block Public Access comes over a bucket: nothing is issued or revoked in between."""
    arn = active_root(acm_pca)
    configured(acm_pca, arn, CrlType=kind)
    issue(acm_pca, arn)
    clock.forward(minutes=1)
    configured(acm_pca, arn, CrlType=kind, S3ObjectAcl="BUCKET_OWNER_FULL_CONTROL")
    buckets = Recorded(rt.buckets)
    assert run(replace(rt, buckets=buckets)) == ["published"]
    assert list(buckets.acls.values()) == ["BUCKET_OWNER_FULL_CONTROL"]


@pytest.mark.parametrize("calls", [("get", "put"), ("put",)])
def test_old_bucket_that_is_gone_keeps_no_revocation_from_the_new_one(
    acm_pca: Any, rt: Any, clock: Any, calls: tuple[str, ...]
) -> None:
    arn = active_root(acm_pca)
    old = issue(acm_pca, arn)
    configured(acm_pca, arn, S3BucketName=NEW)
    issue(acm_pca, arn)
    revoke(acm_pca, arn, old)
    clock.forward(seconds=30)
    assert run(replace(rt, buckets=Broken(rt.buckets, "crl-bucket", *calls))) == ["published"]
    assert serials(published(rt, arn, NEW)) == {int(serial_of(old), 16)}
    state = rt.store.get_crl_state(arn)
    assert state.published_number == number(published(rt, arn, NEW))
    assert state.failures == 1
    assert "The bucket crl-bucket is gone." in state.last_error
    assert [bool(each.problem) for each in verify_crls(rt)] == [True, False]
    clock.forward(hours=1)
    assert run(rt) == ["published"]
    assert number(published(rt, arn)) == number(published(rt, arn, NEW))
    assert rt.store.get_crl_state(arn).failures == 0
    assert [each.problem for each in verify_crls(rt)] == ["", ""]


def test_new_bucket_that_is_gone_keeps_no_revocation_from_the_old_one(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    old = issue(acm_pca, arn)
    configured(acm_pca, arn, S3BucketName=NEW)
    issue(acm_pca, arn)
    clock.forward(seconds=30)
    revoke(acm_pca, arn, old)
    assert run(replace(rt, buckets=Broken(rt.buckets, NEW, "put"))) == ["failed"]
    assert serials(published(rt, arn)) == {int(serial_of(old), 16)}
    clock.forward(minutes=5)
    assert run(rt) == ["published"]
    assert serials(published(rt, arn, NEW)) == {int(serial_of(old), 16)}


def test_old_bucket_that_comes_back_after_an_entry_has_gone_gets_the_crl(acm_pca: Any, rt: Any, clock: Any) -> None:
    """What has been in a CRL after its expiry elsewhere neither stops the CRL there nor comes back with it."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    short = issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 2})
    revoke(acm_pca, arn, short)
    run(rt)
    configured(acm_pca, arn, S3BucketName=NEW)
    issue(acm_pca, arn)
    broken = replace(rt, buckets=Broken(rt.buckets, "crl-bucket", "put"))
    for _ in range(5):
        later(rt, clock, days=3)
        rt.store.schedule_crl(arn, due_at=clock())
        assert run(broken) == ["published"]
    assert serials(published(rt, arn, NEW)) == set()
    assert serials(published(rt, arn)) == {int(serial_of(short), 16)}
    clock.forward(hours=1)
    assert run(rt) == ["published"]
    assert serials(published(rt, arn)) == set()


def test_distribution_point_is_in_use_until_the_last_certificate_that_names_it_expires(
    acm_pca: Any, rt: Any, clock: Any
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn, Validity=WEEK)
    configured(acm_pca, arn, S3BucketName=NEW)
    issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 100})
    former, present = rt.store.get_certificate_authority(arn).distribution_points
    assert former.until == clock() + timedelta(days=7)
    assert present.until is None
    later(rt, clock, days=6)
    run(rt)
    assert number(published(rt, arn)) == number(published(rt, arn, NEW))
    later(rt, clock, days=4)
    run(rt)
    assert number(published(rt, arn)) < number(published(rt, arn, NEW))
    configured(acm_pca, arn)  # new certificates name the former one again
    issue(acm_pca, arn)
    assert number(published(rt, arn)) == number(published(rt, arn, NEW))


def test_crl_that_was_switched_off_is_published_until_the_last_certificate_expires(
    acm_pca: Any, rt: Any, clock: Any
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn, Validity=WEEK)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=OFF)
    ca = rt.store.get_certificate_authority(arn)
    later(rt, clock, days=6)
    assert run(rt) == ["published"]
    assert distribution_points.crl_arns(ca, clock()) == [arn]
    later(rt, clock, days=4)
    assert run(rt) == ["skipped"]
    assert distribution_points.crl_arns(ca, clock()) == []


def test_changed_settings_are_in_the_crl_within_a_run(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(minutes=1)
    configured(acm_pca, arn, ExpirationInDays=1)
    assert run(rt) == ["published"]
    assert published(rt, arn).next_update_utc == clock() + timedelta(days=1)


def test_every_url_is_on_record_while_certificates_name_it(acm_pca: Any, rt: Any, clock: Any) -> None:
    """CRLs and OCSP alike; what a certificate names is what is on record for it."""
    arn = active_root(acm_pca)
    named = {}
    for host in ("first.example", "second.example"):
        configuration = {
            "CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | {"CustomCname": host},
            "OcspConfiguration": {"Enabled": True, "OcspCustomCname": f"ocsp.{host}"},
        }
        acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=configuration)
        named[host] = fetch(acm_pca, arn, issue(acm_pca, arn, Validity=WEEK))
    ca = rt.store.get_certificate_authority(arn)
    crl_names = [each.url for each in distribution_points.in_use(ca, clock())]
    assert [url.split("/")[2] for url in crl_names] == list(named)
    assert distribution_points.ocsp_urls(rt, ca) == [f"http://ocsp.{host}" for host in named]
    for url, ocsp, certificate in zip(crl_names, distribution_points.ocsp_urls(rt, ca), named.values(), strict=True):
        der = certificate.tbs_certificate_bytes
        assert url.encode() in der
        assert ocsp.encode() in der
    assert [each.problem for each in verify_crls(rt)] == [""]  # it is one object
    clock.forward(days=8)
    assert [each.url for each in distribution_points.in_use(ca, clock())] == crl_names[1:]
    assert distribution_points.ocsp_urls(rt, ca) == ["http://ocsp.second.example"]


# the address of the CRL


def cdp(client: Any, **crl: Any) -> list[str]:
    configuration = {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | crl}
    arn = active_root(client, RevocationConfiguration=configuration)
    leaf = fetch(client, arn, issue(client, arn))
    try:
        points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [full_name.value.replace(arn.rsplit("/", 1)[1], "ID") for point in points for full_name in point.full_name]


def test_crl_address_with_custom_cname(acm_pca: Any) -> None:
    assert cdp(acm_pca, CustomCname="some_name.crl") == ["http://some_name.crl/crl/ID.crl"]


def test_crl_address_can_be_left_out(acm_pca: Any) -> None:
    assert cdp(acm_pca, CrlDistributionPointExtensionConfiguration={"OmitExtension": True}) == []


def test_certificate_of_a_ca_without_crls_has_no_crl_address(acm_pca: Any) -> None:
    arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}})
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)
