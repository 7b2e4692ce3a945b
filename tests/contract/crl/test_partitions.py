"""Partitioned CRLs and their paths: each certificate is bound to one CRL, whose scope is the certificate's CDP."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.arn import crl_arn
from chalicelib.crl import distribution_points
from chalicelib.crl.publication import publish_due_crls
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates
from chalicelib.pki.asn1 import oids
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.x509 import extensions
from chalicelib.reconcile import reconcile
from chalicelib.runtime import Caller
from chalicelib.store import table_crls
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.builders import CRL_CONFIGURATION
from tests.support.clock_steps import later
from tests.support.refusals import refusal
from tests.support.revocations import number, revoke, serials

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop

CRL: dict[str, Any] = CRL_CONFIGURATION["CrlConfiguration"]
BUCKET = CRL["S3BucketName"]
PARTITIONED = {"CrlConfiguration": CRL | {"CrlType": "PARTITIONED"}}
NAMED = re.compile(r".*/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.crl", re.ASCII)


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return active_root(acm_pca, RevocationConfiguration=PARTITIONED)


@pytest.fixture
def two_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_crls, "MAX_PARTITION", 2)
    monkeypatch.setattr(table_crls, "SLOTS_TAKEN", 1)


def cdp(certificate: x509.Certificate) -> str:
    (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (name,) = point.full_name or []
    return str(name.value)


def at_address(rt: Any, address: str) -> x509.CertificateRevocationList:
    """What lies at an address of the laptop home, or at a CNAME's path in the test's bucket."""
    path = address.split("/", 3)[3].removeprefix(f"{BUCKET}/")
    return x509.load_der_x509_crl(rt.buckets.get(BUCKET, path).body)


def crl_arns_of(arn: str, issued: list[str], rt: Any) -> list[str]:
    records = [rt.store.get_certificate(arn, int(each.rsplit("/", 1)[1], 16)) for each in issued]
    return list(dict.fromkeys(crl_arn(arn, each.crl_partition) for each in records))


def scope(found: x509.CertificateRevocationList) -> tuple[bool, list[str]]:
    extension = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    return extension.critical, [each.value for each in extension.value.full_name or ()]


def test_certificate_is_bound_to_a_crl_with_its_distribution_point(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    issued = issue(acm_pca, arn)
    address = cdp(fetch(acm_pca, arn, issued))
    assert NAMED.fullmatch(address)
    assert arn.rsplit("/", 1)[1] not in address
    first = at_address(rt, address)
    assert scope(first) == (True, [address])
    assert cdp(fetch(acm_pca, arn, issue(acm_pca, arn))) == address
    revoke(acm_pca, arn, issued)
    clock.now += timedelta(seconds=20)
    publish_due_crls(rt, seconds=60)
    second = at_address(rt, address)
    assert serials(second) == {int(issued.rsplit("/", 1)[1], 16)}
    assert number(second) > number(first)


@pytest.mark.usefixtures("two_a_partition")
def test_full_partition_is_followed_by_another_and_revocations_stay_in_theirs(
    rt: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    issued = [issue(acm_pca, arn) for _ in range(5)]
    addresses = [cdp(fetch(acm_pca, arn, each)) for each in issued]
    assert addresses[0] == addresses[1] != addresses[2] == addresses[3] != addresses[4]
    before = {each: number(at_address(rt, each)) for each in set(addresses)}
    revoke(acm_pca, arn, issued[2])
    clock.now += timedelta(seconds=20)
    (outcome,) = publish_due_crls(rt, seconds=60)
    assert outcome.result == "published"
    assert serials(at_address(rt, addresses[2])) == {int(issued[2].rsplit("/", 1)[1], 16)}
    for each in (addresses[0], addresses[4]):
        assert (number(at_address(rt, each)), serials(at_address(rt, each))) == (before[each], set())
    clock.now += timedelta(days=3, hours=12)
    assert {each.result for each in publish_due_crls(rt, seconds=60)} == {"published"}
    assert all(number(at_address(rt, each)) > before[each] for each in before)


def test_other_configuration_begins_other_crls_and_keeps_up_the_old_ones(
    rt: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    configurations = (
        PARTITIONED,
        {"CrlConfiguration": PARTITIONED["CrlConfiguration"] | {"CustomCname": "crl.example.com"}},
        {"CrlConfiguration": PARTITIONED["CrlConfiguration"] | {"CustomPath": "a/b-c"}},
        {"CrlConfiguration": CRL},
    )
    issued = []
    for configuration in configurations:
        acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=configuration)
        issued.append(issue(acm_pca, arn))
    addresses = [cdp(fetch(acm_pca, arn, each)) for each in issued]
    assert len(set(addresses)) == 4
    assert addresses[1].startswith("http://crl.example.com/crl/")
    assert f"/{BUCKET}/a/b-c/" in addresses[2]
    assert addresses[3].endswith(f"/crl/{arn.rsplit('/', 1)[1]}.crl")
    acm_pca.update_certificate_authority(
        CertificateAuthorityArn=arn, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}}
    )
    for certificate_arn in issued:
        revoke(acm_pca, arn, certificate_arn)
    clock.now += timedelta(seconds=20)
    publish_due_crls(rt, seconds=60)
    numbers = [int(each.rsplit("/", 1)[1], 16) for each in issued]
    found = [at_address(rt, each) for each in addresses]
    assert [serials(each) for each in found[:3]] == [{each} for each in numbers[:3]]
    assert serials(found[3]) == set(numbers)  # a CRL without a scope tells of every certificate of its CA
    with pytest.raises(x509.ExtensionNotFound):
        scope(found[3])


def test_openssl_takes_the_partition_for_its_certificates_only(
    rt: Any, acm_pca: Any, clock: Any, two_a_partition: None, tmp_path: Path
) -> None:
    clock.now = datetime.fromtimestamp(time.time(), UTC)  # OpenSSL's clock
    arn = active_root(acm_pca, RevocationConfiguration=PARTITIONED)
    issued = [issue(acm_pca, arn) for _ in range(3)]
    revoke(acm_pca, arn, issued[0])
    clock.now += timedelta(seconds=20)
    publish_due_crls(rt, seconds=60)
    pem = acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    (tmp_path / "ca.pem").write_text(pem)
    found = []
    for position, each in enumerate(issued):
        leaf = fetch(acm_pca, arn, each)
        (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        for of in (0, 2):
            other = at_address(rt, cdp(fetch(acm_pca, arn, issued[of])))
            (tmp_path / "crl.pem").write_bytes(other.public_bytes(Encoding.PEM))
            command = "openssl verify -crl_check -CAfile ca.pem -CRLfile crl.pem leaf.pem"
            seen = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
            text = seen.stdout + seen.stderr
            verdict = "revoked" if "certificate revoked" in text else "scope" if "different CRL scope" in text else text
            found.append((position, of, verdict.strip()))
    ok = "leaf.pem: OK"
    assert [verdict for _, _, verdict in found] == ["revoked", "scope", ok, "scope", "scope", ok]


def test_full_partition_is_smaller_than_a_megabyte() -> None:
    entry = crl_tbs.encode_entry((1 << 128) - 1, datetime(2060, 1, 1, tzinfo=UTC), "KEY_COMPROMISE")
    assert len(entry) * table_crls.MAX_PARTITION < 1_000_000 - 10_000


def test_explained_certificate_has_a_distribution_point_and_takes_no_place(rt: Any, acm_pca: Any, arn: str) -> None:
    from tests.support.builders import csr

    caller = Caller(account_id="000000000000", access_key_id="x", operation="IssueCertificate", principal=ADMINISTRATOR)
    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
    }
    _, _, plan = certificates.planned(rt, caller, request)
    assert plan.extension(oids.CRL_DISTRIBUTION_POINTS)
    assert rt.store.get_certificate_authority(arn).distribution_points == ()


@pytest.mark.usefixtures("two_a_partition")
def test_partition_goes_with_its_certificates_and_leaves_nothing(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    week = {"Type": "DAYS", "Value": 7}
    issued = [issue(acm_pca, arn, Validity=week) for _ in range(5)]
    revoke(acm_pca, arn, issued[0])
    for _ in range(10):
        later(rt, clock, days=1, hours=12)
        publish_due_crls(rt, seconds=60)
    ca = rt.store.get_certificate_authority(arn)
    (last,) = ca.distribution_points  # it may get more
    assert (last.partition, last.until) == (rt.store.open_crl_partition(arn), None)
    assert [each.crl_arn for each in rt.store.get_crl_states(crl_arns_of(arn, issued, rt))] == [
        crl_arn(arn, last.partition)
    ]
    late = cdp(fetch(acm_pca, arn, issue(acm_pca, arn)))
    assert late == last.url
    assert serials(at_address(rt, late)) == set()


@pytest.mark.usefixtures("two_a_partition")
def test_place_that_was_taken_earlier_brings_its_partition_back(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    """A process that lives for long uses its places when others have filled new partitions, which ended the old one."""
    week = {"Type": "DAYS", "Value": 7}
    first = cdp(fetch(acm_pca, arn, issue(acm_pca, arn, Validity=week)))
    partition = NAMED.fullmatch(first)
    assert partition is not None
    for _ in range(3):
        issue(acm_pca, arn, Validity=week)
    for _ in range(10):
        later(rt, clock, days=1, hours=12)
        publish_due_crls(rt, seconds=60)
    assert partition[1] not in {each.partition for each in rt.store.get_certificate_authority(arn).distribution_points}
    sample = distribution_points.for_partition(rt, rt.store.get_certificate_authority(arn), "{}")
    rt.store._slots[arn] = (f"{sample.bucket} {sample.acl} {sample.url}", partition[1], 1)
    late = issue(acm_pca, arn, Validity=week)
    assert cdp(fetch(acm_pca, arn, late)) == first
    revoke(acm_pca, arn, late)
    clock.now += timedelta(minutes=1)
    publish_due_crls(rt, seconds=60)
    assert serials(at_address(rt, first)) == {int(late.rsplit("/", 1)[1], 16)}


def test_purged_ca_leaves_nothing_due(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    issue(acm_pca, arn)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    later(rt, clock, days=8)
    reconcile(rt)
    assert rt.store.list_due("CRL", now=clock() + timedelta(days=99), limit=9) == []


def test_complete_crl_is_stored_under_its_path(rt: Any, acm_pca: Any) -> None:
    for path, folder in (("pki/root-1", "pki/root-1/"), ("/", ""), ("a;b@c:d", "a;b@c:d/")):
        configuration = CRL | {"CustomPath": path}
        arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": configuration})
        address = cdp(fetch(acm_pca, arn, issue(acm_pca, arn)))
        assert address.endswith(f"/{BUCKET}/{folder}{arn.rsplit('/', 1)[1]}.crl")
        assert serials(at_address(rt, address)) == set()
        found = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
        assert found["RevocationConfiguration"]["CrlConfiguration"]["CustomPath"] == path


@pytest.mark.parametrize("path", ["..", "a/../b", ".hidden", "a/.b", "a%2Fb", "a?b", "a+b"])
def test_path_that_cannot_be_in_a_url_is_refused(acm_pca: Any, path: str) -> None:
    configuration = {"CrlConfiguration": CRL | {"CustomPath": path}}
    code, message = refusal(lambda: active_root(acm_pca, RevocationConfiguration=configuration))
    assert code == "InvalidArgsException"
    assert "CrlConfiguration.CustomPath" in message


def test_issuing_distribution_point_is_what_others_encode() -> None:
    address = "http://crl.example.com/crl/x.crl"
    theirs = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(address)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    assert extensions.issuing_distribution_point(address).value_der == theirs.public_bytes()
