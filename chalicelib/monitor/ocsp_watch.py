"""OCSP as clients see it: asked about certificates whose status is known, and verified.

The `cryptography` package makes the requests and reads the answers, not the responder's own code.

Source: RFC 6960 section 3.2.
"""

from __future__ import annotations

import hashlib
import http.client
from datetime import timedelta
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib import arn as arns
from chalicelib import fetching, logs
from chalicelib.ca import state
from chalicelib.crl import distribution_points
from chalicelib.monitor import rounds
from chalicelib.monitor.sightings import Sighting, problem_of
from chalicelib.pki.x509 import algorithms
from chalicelib.records import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.monitor.rounds import Budget
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

VISIBLE_WITHIN = timedelta(seconds=5)
FETCH_SECONDS = 5
_MOST_BYTES = 256 * 1024
_NO_SERIAL = 1
_REVOKED = 4  # certificates of each CA
_TYPE = "application/ocsp-request"


def watch_ocsp(rt: Runtime, *, seconds: float = inf) -> list[Sighting]:
    """Ask every OCSP URL of every CA about some certificates; report as a metric how many have a problem."""
    sightings = rounds.watch_all(rt, partial(_watch, rt), "ocsp", seconds=seconds)
    for sighting in sightings:
        if sighting.problem:
            logs.log("ocsp_problem", ca=sighting.ca_arn, address=sighting.url, problem=sighting.problem)
    counts = {"OcspProblems": sum(bool(sighting.problem) for sighting in sightings), "OcspWatched": len(sightings)}
    metrics = {name: (float(count), "Count") for name, count in counts.items()}
    logs.metrics("ocsp_watched", metrics, timestamp=rt.now(), namespace=rt.settings.metrics_namespace)
    return sightings


def _watch(rt: Runtime, ca: CertificateAuthority, budget: Budget) -> Iterator[Sighting]:
    """Ask each of a CA's OCSP URLs, if OCSP answers for the CA."""
    if state.has_status_service(ca, rt.now()):
        yield from (_look(rt, ca, url, budget) for url in distribution_points.ocsp_urls(rt, ca))


def _look(rt: Runtime, ca: CertificateAuthority, url: str, budget: Budget) -> Sighting:
    problem = ""
    may = fetching.allowed_by(rt.settings, by_operator=url == rt.settings.ocsp_base_url)
    fetch = partial(fetching.fetch, url, may, most=_MOST_BYTES, content_type=_TYPE)
    for record in _samples(rt, ca):
        try:
            body = budget.spend(FETCH_SECONDS, partial(fetch, body=request_about(ca, record.serial_number)))
            problem = judge(ca, record, ocsp.load_der_ocsp_response(body), rt.now())
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = problem_of(error)
        if problem:
            break
    return Sighting(ca.arn, url, problem=problem)


def _samples(rt: Runtime, ca: CertificateAuthority) -> Iterator[Certificate]:
    """The last issued certificate, or else an unknown serial number; and the last revoked certificates."""
    yield from rt.store.last_certificates(ca.arn, limit=1) or [_never_issued(ca, rt.now())]
    for revocation in rt.store.last_revocations(ca.arn, limit=_REVOKED):
        record = rt.store.get_certificate(ca.arn, revocation.serial_number)
        if record is not None:
            yield record


def _never_issued(ca: CertificateAuthority, now: datetime) -> Certificate:
    """A record for a serial number that no CA here issues: theirs have 128 bits."""
    return Certificate(
        arn=f"{ca.arn}/certificate/{arns.serial_hex(_NO_SERIAL)}",
        ca_arn=ca.arn,
        serial_number=_NO_SERIAL,
        status="FAILED",
        template_arn="",
        tbs_sha256="",
        not_before=now,
        not_after=now,
        reserved_at=now,
        requested_by="",
    )


def request_about(ca: CertificateAuthority, serial: int) -> bytes:
    """Build an OCSPRequest about a certificate of a CA, as clients do."""
    issuer = x509.load_der_x509_certificate(ca.certificate_der or b"")
    name = hashlib.sha1(issuer.subject.public_bytes(), usedforsecurity=False).digest()
    key = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, hashes.SHA1())  # noqa: S303  as clients do
    return builder.build().public_bytes(Encoding.DER)


def judge(ca: CertificateAuthority, record: Certificate, answer: ocsp.OCSPResponse, now: datetime) -> str:
    """Describe what is wrong with an answer about a certificate; empty if nothing is."""
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return f"It answers {answer.response_status.name} about {arns.serial_hex(record.serial_number)}."
    if answer.serial_number != record.serial_number:
        return f"It answers about another serial number than {arns.serial_hex(record.serial_number)}."
    if not _is_signed(ca, answer):
        return "It is signed neither by the CA nor by a responder of the CA."
    if answer.next_update_utc is None or not answer.this_update_utc <= now < answer.next_update_utc:
        return f"Its answer about {arns.serial_hex(record.serial_number)} is not valid now."
    return _status_problem(record, answer, now)


def _status_problem(record: Certificate, answer: ocsp.OCSPResponse, now: datetime) -> str:
    wanted = {ocsp.OCSPCertStatus.GOOD if record.status == "ISSUED" else ocsp.OCSPCertStatus.UNKNOWN}
    if record.revoked_at is not None:
        wanted = {ocsp.OCSPCertStatus.REVOKED, *(wanted if now - record.revoked_at < VISIBLE_WITHIN else ())}
    if answer.certificate_status not in wanted and record.status != "PENDING":
        return f"It says {answer.certificate_status.name} of {arns.serial_hex(record.serial_number)}."
    return ""


def _is_signed(ca: CertificateAuthority, answer: ocsp.OCSPResponse) -> bool:
    """Return whether the CA signed, or a responder that it has certified (RFC 6960 section 4.2.2.2)."""
    signer = issuer = x509.load_der_x509_certificate(ca.certificate_der or b"")
    try:
        for signer in answer.certificates[:1]:
            signer.verify_directly_issued_by(issuer)
            usages = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            if ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
                return False
        key: Any = signer.public_key()
        arguments = algorithms.SIGNING_ALGORITHMS[ca.configuration["SigningAlgorithm"]].arguments
        key.verify(answer.signature, answer.tbs_response_bytes, *arguments)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return True
