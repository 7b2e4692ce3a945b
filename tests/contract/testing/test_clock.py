"""The clock of a test: what is due on the way happens, in order, before it stands still again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import freezegun
import pytest
import time_machine
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chalicelib.testing import authorities, mock_acm_pca
from chalicelib.testing.clock import duration
from tests.support.authority_steps import create
from tests.support.fixture_homes import crl_of

if TYPE_CHECKING:
    from chalicelib.testing.authorities import Authority
    from chalicelib.testing.signet import Signet

pytestmark = pytest.mark.signet_ca(crl_bucket="my-crls")


def status_of(client: Any, arn: str) -> str:
    return str(client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"])


def test_revocation_is_in_the_crl_a_minute_later(signet: Signet, signet_ca_root: Authority) -> None:
    issued = signet_ca_root.issue("www.example.com")
    signet.run_due()
    assert len(crl_of(signet, issued)) == 0
    signet_ca_root.revoke(issued)
    signet.clock.advance("1m")
    assert [entry.serial_number for entry in crl_of(signet, issued)] == [
        x509.load_pem_x509_certificate(issued.certificate.encode()).serial_number
    ]


def test_crls_are_renewed_at_their_midpoints_on_the_way(
    signet: Signet, signet_ca_root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = signet_ca_root.issue("www.example.com", days=100)
    signet.run_due()
    published = []
    bucket = signet.regions.home("us-east-1").buckets
    put = bucket.put

    def noting(*args: Any, **kwargs: Any) -> Any:
        published.append(signet.clock())
        return put(*args, **kwargs)

    monkeypatch.setattr(bucket, "put", noting)
    began = signet.clock()
    signet.clock.advance("28d")
    days = [(moment - began) / timedelta(days=1) for moment in published]
    assert days == sorted(days)
    assert [round(day * 2) / 2 for day in days] == [3.5, 7, 10.5, 14, 17.5, 21, 24.5, 28][: len(days)]
    assert len(days) in {7, 8}  # the last one is due about at the end
    assert (crl_of(signet, issued).next_update_utc or began) > signet.clock()


def test_deletion_window_ends(signet: Signet, acm_pca: Any) -> None:
    arn = create(acm_pca)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    signet.clock.advance("6d")
    assert status_of(acm_pca, arn) == "DELETED"
    signet.clock.advance("1d2m")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        status_of(acm_pca, arn)


def test_audit_report_is_written(signet: Signet, signet_ca_root: Authority, acm_pca: Any) -> None:
    report = acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=signet_ca_root.arn, S3BucketName="my-reports", AuditReportResponseFormat="JSON"
    )
    signet.clock.advance("1m")
    described = acm_pca.describe_certificate_authority_audit_report(
        CertificateAuthorityArn=signet_ca_root.arn, AuditReportId=report["AuditReportId"]
    )
    assert described["AuditReportStatus"] == "SUCCESS"


@pytest.mark.signet_ca(days=30)
def test_authority_expires(signet: Signet, signet_ca_root: Authority, acm_pca: Any) -> None:
    signet.clock.advance("29d")
    assert status_of(acm_pca, signet_ca_root.arn) == "ACTIVE"
    signet.clock.advance("2d")
    assert status_of(acm_pca, signet_ca_root.arn) == "EXPIRED"


def test_ocsp_knows_the_certificates_of_every_region(signet: Signet) -> None:
    authorities.root(boto3.client("acm-pca", region_name="us-east-1"), ocsp=True)
    root = authorities.root(boto3.client("acm-pca", region_name="eu-west-1"), ocsp=True)
    issued = root.issue("www.example.com")
    leaf, issuer = (x509.load_pem_x509_certificate(pem.encode()) for pem in (issued.certificate, issued.chain))
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()
    answer = ocsp.load_der_ocsp_response(signet.fetch("http://127.0.0.1/ocsp", request.public_bytes(Encoding.DER)))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4d", timedelta(days=4)),
        ("1h30m", timedelta(minutes=90)),
        ("2w1s", timedelta(days=14, seconds=1)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_duration_is_read(text: Any, found: timedelta) -> None:
    assert duration(text) == found


@pytest.mark.parametrize("text", ["", "4", "d", "4 d", "4d ", "-4d", "1.5h", "\uff14d", timedelta(seconds=-1)])
def test_other_text_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match=r"duration|back"):
        duration(text)


@pytest.mark.parametrize("frozen", [freezegun.freeze_time, lambda at: time_machine.travel(at, tick=False)])
def test_libraries_that_freeze_the_time_freeze_this_one(frozen: Any) -> None:
    moment = datetime(2031, 5, 17, 12, tzinfo=UTC)
    with frozen(moment), mock_acm_pca() as signet:
        client = boto3.client("acm-pca", "us-east-1")
        arn = create(client)
        created = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"][
            "CreatedAt"
        ]
        assert created == moment
        assert signet.clock.advance("36h") == moment + timedelta(hours=36)
