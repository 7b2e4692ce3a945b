"""Events and metrics in AWS Private CA's shapes, one call at the end of an operation.

An event follows the record in the store, as best effort: an event that the port refuses is logged whole, and the
operation succeeds. A process that dies between record and event sends none.

Source: AWS Private CA User Guide, "Monitor AWS Private CA with CloudWatch Events", "AWS Private CA CloudWatch metrics".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.buckets import BucketError, PreconditionFailedError
from chalicelib.random_ids import random_id
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.records import AuditReport, Certificate
    from chalicelib.runtime import Runtime

SOURCE = "aws.acm-pca"
_NAMESPACE = "ACMPrivateCA"  # below the installation's own: CloudWatch keeps namespaces that begin with "AWS/" to AWS
BUCKET_REFUSES = "Failed to write CRL to S3. Check your S3 bucket permissions."
BUCKET_FAILS = "Failed to write CRL to S3. Internal failure."
NOT_GENERATED = "Failed to generate CRL. Internal failure."
_CREATION = "ACM Private CA Creation"
_ISSUANCE = "ACM Private CA Certificate Issuance"
_REVOCATION = "ACM Private CA Certificate Revocation"
_CRL = "ACM Private CA CRL Generation"
_AUDIT_REPORT = "ACM Private CA Audit Report Generation"


def authority_created(rt: Runtime, ca_arn: str) -> None:
    """A CA has been created."""
    _emit(rt, _CREATION, ca_arn)


def creation_failed(rt: Runtime, ca_arn: str) -> None:
    """The creation of a CA has failed."""
    _emit(rt, _CREATION, ca_arn, result="failure")


def certificate_issued(rt: Runtime, certificate: Certificate) -> None:
    """A certificate has been signed and recorded."""
    _emit(rt, _ISSUANCE, certificate.ca_arn, certificate.arn)
    _measure(rt, certificate.ca_arn, Success=(1, "Count"), Time=_time(rt, certificate))


def issuance_failed(rt: Runtime, certificate: Certificate) -> None:
    """The issuance of a certificate has failed."""
    _emit(rt, _ISSUANCE, certificate.ca_arn, certificate.arn, result="failure")
    _measure(rt, certificate.ca_arn, Failure=(1, "Count"), Time=_time(rt, certificate))


def certificate_revoked(rt: Runtime, certificate: Certificate) -> None:
    """A certificate has been revoked."""
    _emit(rt, _REVOCATION, certificate.ca_arn, certificate.arn)


def crl_generated(rt: Runtime, ca_arn: str) -> None:
    """A CRL of a CA, or one of its partitions, has been published."""
    _emit(rt, _CRL, ca_arn)
    _measure(rt, ca_arn, CRLGenerated=(1, "Count"))


def crl_failed(rt: Runtime, ca_arn: str, error: Exception) -> None:
    """A CRL was not published; a lost race is no failure, for another run publishes."""
    if isinstance(error, PreconditionFailedError | ConflictError):
        return
    reason = _crl_reason(error)
    _emit(rt, _CRL, ca_arn, result="failure", reason=reason)
    if reason == BUCKET_REFUSES:
        _measure(rt, ca_arn, MisconfiguredCRLBucket=(1, "Count"))


def audit_report_ended(rt: Runtime, report: AuditReport) -> None:
    """An audit report has been written, or has failed for good."""
    result = "success" if report.status == "SUCCESS" else "failure"
    _emit(rt, _AUDIT_REPORT, report.ca_arn, report.report_id, result=result)


def _crl_reason(error: Exception) -> str:
    if not isinstance(error, BucketError):
        return NOT_GENERATED
    return BUCKET_REFUSES if error.misconfigured else BUCKET_FAILS


def _emit(rt: Runtime, detail_type: str, *resources: str, result: str = "success", reason: str = "") -> None:
    """Send an event about a CA, the first of the resources."""
    ca = arns.parse_ca_arn(resources[0])
    event = {
        "version": "0",
        "id": random_id(),
        "detail-type": detail_type,
        "source": SOURCE,
        "account": ca.account_id,
        "time": f"{rt.now().isoformat()[:19]}Z",
        "region": ca.region,
        "resources": list(resources),
        "detail": {"result": result} | ({"reason": reason} if reason else {}),
    }
    try:
        rt.events.send(event)
    except Exception as error:  # noqa: BLE001  whatever it is, the operation has succeeded
        text = f"{type(error).__name__}: {error}"[:200]
        logs.log("private_ca_event_not_sent", logging.ERROR, envelope=event, error=text)


def _measure(rt: Runtime, ca_arn: str, **values: tuple[float, str]) -> None:
    logs.metrics(
        "private_ca_metrics",
        values,
        timestamp=rt.now(),
        namespace=f"{rt.settings.metrics_namespace}/{_NAMESPACE}",
        dimensions={"PrivateCAArn": ca_arn},
    )


def _time(rt: Runtime, certificate: Certificate) -> tuple[float, str]:
    """The time since the request was reserved."""
    return (rt.now() - certificate.reserved_at).total_seconds() * 1000, "Milliseconds"
