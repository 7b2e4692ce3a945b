"""The status of one certificate as relying parties get it now: asked of OCSP, and read from the CRL.

The record proves nothing: a real request goes to the responder, and the CRL is the object at its distribution point.

Source: RFC 6960 section 4.2.1; RFC 5280 section 5.1.2.6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.x509 import ocsp as x509_ocsp

from chalicelib.buckets import BucketError
from chalicelib.ca import state
from chalicelib.crl import distribution_points
from chalicelib.frozen import dataclass
from chalicelib.monitor import ocsp_watch
from chalicelib.ocsp import answers
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.errors import DerError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.records import Certificate, CertificateAuthority, DistributionPoint
    from chalicelib.runtime import Runtime

# A revocation shows within these times, which docs/compatibility.md promises.
CRL_WITHIN, OCSP_WITHIN = timedelta(minutes=1), answers.LOOK_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OnOcsp:
    """The responder's answer.

    Attributes:
        word: "good", "revoked" or "unknown"; or why there is no such answer.
    """

    word: str
    this_update: datetime | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCrl:
    """The published CRL.

    Attributes:
        address: the URL of its distribution point.
        listed: whether the certificate is in it, that is, revoked.
        problem: why it could not be read; empty if it could.
    """

    address: str
    listed: bool = False
    number: int = 0
    this_update: datetime | None = None
    next_update: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status by OCSP and by the CRL; None where the CA has no such service.

    Attributes:
        waiting: the certificate is revoked, and OCSP or the CRL does not show it yet.
    """

    ocsp: OnOcsp | None
    crl: OnCrl | None
    waiting: bool


def status_of(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> Status:
    """The status of a certificate now."""
    has_service = state.has_status_service(ca, rt.now())
    on_ocsp = _on_ocsp(rt, ca, record) if has_service and ca.ocsp_key_hashes else None
    on_crl = _on_crl(rt, ca, record)
    shown = (on_ocsp is None or on_ocsp.word == "revoked") and (on_crl is None or on_crl.listed)
    expected = has_service and record.revoked_at is not None and record.not_after > rt.now()
    return Status(ocsp=on_ocsp, crl=on_crl, waiting=expected and not shown)


def _on_ocsp(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> OnOcsp:
    answer = answers.respond(rt, ocsp_watch.request_about(ca, record.serial_number)).der
    response = x509_ocsp.load_der_ocsp_response(answer)
    if response.response_status is not x509_ocsp.OCSPResponseStatus.SUCCESSFUL:
        return OnOcsp(word=response.response_status.name.lower().replace("_", " "))
    return OnOcsp(
        word=response.certificate_status.name.lower(),
        this_update=response.this_update_utc,
        next_update=response.next_update_utc,
    )


def _distribution_point(ca: CertificateAuthority, record: Certificate, now: datetime) -> DistributionPoint | None:
    """The distribution point that a certificate names, or else the newest one of its partition."""
    partition = record.crl_partition or ""
    points = [point for point in distribution_points.in_use(ca, now) if point.partition == partition]
    named = [point for point in points if point.url.encode() in (record.certificate_der or b"")]
    return next(reversed(named or points), None)


def _on_crl(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> OnCrl | None:
    point = _distribution_point(ca, record, rt.now())
    if point is None:
        return None
    on_crl = OnCrl(address=point.url)
    try:
        stored = rt.buckets.get(point.bucket, point.key)
        if stored is None:
            return replace(on_crl, problem="It is not published yet.")
        crl = crl_gate.read(stored.body)
        listed = crl_entries.contained([crl_tbs.serial_content(record.serial_number)], crl.entries)
    except (BucketError, crl_gate.CrlRefusedError, DerError) as error:
        return replace(on_crl, problem=str(error))
    return replace(
        on_crl,
        listed=bool(listed),
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
    )
