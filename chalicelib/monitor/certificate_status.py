"""The status of one certificate as relying parties get it at this moment: asked of OCSP, and read from the CRL.

Nothing is concluded from the record: a real request goes to the responder, and the CRL is the object at its address.

Source: RFC 6960 section 4.2.1; RFC 5280 section 5.1.2.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.x509 import ocsp as x509_ocsp

from chalicelib.buckets import BucketError
from chalicelib.ca import state
from chalicelib.crl import distribution_points
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

# Within these a revocation shows; both are promised in docs/compatibility.md.
CRL_WITHIN, OCSP_WITHIN = timedelta(minutes=1), answers.LOOK_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OnOcsp:
    """What the responder answers.

    Attributes:
        word: "good", "revoked" or "unknown"; where there is no such answer, why.
    """

    word: str
    this_update: datetime | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCrl:
    """What the CRL at an address says.

    Attributes:
        listed: whether the certificate is in it, that is, revoked.
        problem: why it says nothing; empty where it does.
    """

    address: str
    listed: bool = False
    number: int = 0
    this_update: datetime | None = None
    next_update: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Both; None where a CA has none of the kind.

    Attributes:
        waiting: the certificate is revoked, and one of both does not show it yet.
    """

    ocsp: OnOcsp | None
    crl: OnCrl | None
    waiting: bool


def status_of(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> Status:
    """The status of a certificate now."""
    told = ca.certificate_der is not None and state.status_of(ca, rt.now()) in state.WITH_STATUS_SERVICE
    responder = _on_ocsp(rt, ca, record) if told and ca.ocsp_key_hashes else None
    published = _on_crl(rt, ca, record)
    shown = (responder is None or responder.word == "revoked") and (published is None or published.listed)
    expected = told and record.revoked_at is not None and record.not_after > rt.now()
    return Status(ocsp=responder, crl=published, waiting=expected and not shown)


def _on_ocsp(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> OnOcsp:
    answer = answers.respond(rt, ocsp_watch.request_about(ca, record.serial_number)).der
    found = x509_ocsp.load_der_ocsp_response(answer)
    if found.response_status is not x509_ocsp.OCSPResponseStatus.SUCCESSFUL:
        return OnOcsp(word=found.response_status.name.lower().replace("_", " "))
    return OnOcsp(
        word=found.certificate_status.name.lower(),
        this_update=found.this_update_utc,
        next_update=found.next_update_utc,
    )


def _crl_location(ca: CertificateAuthority, record: Certificate, now: datetime) -> DistributionPoint | None:
    """Which CRL tells of a certificate: the one that it names, or else the newest."""
    partition = record.crl_partition or ""
    found = [each for each in distribution_points.in_use(ca, now) if each.partition == partition]
    named = [each for each in found if each.url.encode() in (record.certificate_der or b"")]
    return next(reversed(named or found), None)


def _on_crl(rt: Runtime, ca: CertificateAuthority, record: Certificate) -> OnCrl | None:
    location = _crl_location(ca, record, rt.now())
    if location is None:
        return None
    said = OnCrl(address=location.url)
    try:
        stored = rt.buckets.get(location.bucket, location.key)
        if stored is None:
            return replace(said, problem="It is not published yet.")
        published = crl_gate.read(stored.body)
        found = crl_entries.contained([crl_tbs.serial_content(record.serial_number)], published.entries)
    except (BucketError, crl_gate.CrlRefusedError, DerError) as error:
        return replace(said, problem=str(error))
    return replace(
        said,
        listed=bool(found),
        number=published.number,
        this_update=published.this_update,
        next_update=published.next_update,
    )
