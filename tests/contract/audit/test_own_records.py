"""A call leaves its record in every home, whatever lies beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.audit.conftest import records
from tests.support.client import client_for

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def test_calls_leave_their_records(rt: Runtime, acm_pca: Any) -> None:
    client = client_for(rt)
    made = client.create_certificate_authority(
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "Recorded"},
        },
        CertificateAuthorityType="ROOT",
    )
    read = client.describe_certificate_authority(CertificateAuthorityArn=made["CertificateAuthorityArn"])
    of_change, of_read = (answer["ResponseMetadata"]["RequestId"] for answer in (made, read))
    found = records(rt)
    changes = [record for record in found if record["requestID"] == of_change]
    assert [record["additionalEventData"].get("phase", "ended") for record in changes] == ["begun", "ended"]
    assert changes[1]["resources"][0]["ARN"] == made["CertificateAuthorityArn"]
    (reading,) = [record for record in found if record["requestID"] == of_read]
    assert reading["additionalEventData"]["outcome"] == "allowed"
