"""OCSP answers: what the store knows now, signed, and cached until that changes or half of the validity has passed.

Source: RFC 6960 sections 2 and 4.2; RFC 5019 section 2.2.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import logs
from chalicelib.ca import signing, state
from chalicelib.journal.journal import NotServingError
from chalicelib.keystore import KeyStoreThrottledError
from chalicelib.ocsp import responders, signature_rates
from chalicelib.pki import ocsp
from chalicelib.pki.errors import DerError
from chalicelib.store import ThrottledError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.pki.ocsp import CertId, Error, Request, Status
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime

VALIDITY = responders.ANSWERS_FOR
LOOK_AGAIN = timedelta(seconds=2)  # an answer is given so long without asking the store: half of what is promised
_MOST_CACHED = 10_000
_SERIAL_BITS = 128
_TURN = threading.Lock()


class NoResponderError(Exception):
    """The CA has no responder now, and may not sign answers itself."""


class Answer(NamedTuple):
    """An OCSPResponse; without times it is an error.

    Attributes:
        cacheable: other clients may get the same answer, for it has no nonce.
    """

    der: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None
    cacheable: bool = False


class _Cached(NamedTuple):
    """An answer with the basis that it was made from, and when the store was asked last.

    Answers cached while the clock ran fast are discarded: their times lie in the future once the clock is right.
    """

    answer: Answer
    basis: tuple[bytes | None, int, tuple[Status, ...]]
    looked_at: datetime


def recent(rt: Runtime, request_der: bytes) -> Answer | None:
    """The cached answer to the same request, if this process has asked the store within the last two seconds."""
    cached = _cached(rt, request_der)
    return cached.answer if cached is not None and _is_within(LOOK_AGAIN, cached.looked_at, rt.now()) else None


def _cached(rt: Runtime, key: bytes) -> _Cached | None:
    cached: _Cached | None = rt.ocsp_answers.get(key) or rt.ocsp_others.get(key)
    return cached


def _is_fresh(answer: Answer, now: datetime) -> bool:
    """Tell whether an answer may be given again: for half of the usual validity, and not beyond its own."""
    within_its_own = answer.next_update is not None and now < answer.next_update
    return within_its_own and _is_within(VALIDITY / 2, answer.this_update, now)


def _is_within(span: timedelta, since: datetime | None, now: datetime) -> bool:
    return since is not None and since <= now < since + span


def respond(rt: Runtime, request_der: bytes) -> Answer:
    """Answer an OCSPRequest; never raises."""
    try:
        return recent(rt, request_der) or _respond(rt, request_der)
    except DerError:
        return _refusal("malformedRequest")
    except (ThrottledError, KeyStoreThrottledError, signature_rates.OverspentError, NoResponderError, NotServingError):
        return _refusal("tryLater")
    except Exception:  # noqa: BLE001  a client must not learn more than that it failed
        logs.log_exception("ocsp_failed")
        return _refusal("internalError")


def _refusal(name: Error) -> Answer:
    return Answer(ocsp.error(name))


def _respond(rt: Runtime, request_der: bytes) -> Answer:
    request = ocsp.parse_request(request_der)
    now = rt.now()
    key = ocsp.plain_request(request.cert_ids[0]) if len(request.cert_ids) == 1 else request_der
    if request.nonce is None and (answer := recent(rt, key)) is not None:
        return answer
    issuers = _issuers(rt, request, now)
    if not issuers:
        return _refusal("unauthorized")
    ca, statuses = issuers[0], tuple(_status(rt, issuers, cert_id) for cert_id in request.cert_ids)
    if any(status.kind == "good" for status in statuses) or _is_alarming(rt, now):
        rt.journal.require(now)
    basis = (ca.certificate_der, ca.responders_revoked, statuses)
    kind = signature_rates.kind_of(request, statuses)
    cached = _cached(rt, key) if request.nonce is None else None
    if cached is None or cached.basis != basis or not _is_fresh(cached.answer, now):
        signature_rates.spend(rt, kind)
        cached = _Cached(_signed(rt, ca, request, statuses, now), basis, now)
    if cached.answer.cacheable:
        _cache(rt.ocsp_answers if kind == "known" else rt.ocsp_others, key, cached._replace(looked_at=now))
        (rt.ocsp_others if kind == "known" else rt.ocsp_answers).pop(key, None)  # its status has become another
    return cached.answer


def _is_alarming(rt: Runtime, now: datetime) -> bool:
    """Tell whether the journal was changed: then nothing is signed. A database that is behind knows who is revoked."""
    found = rt.journal.difference(now)
    return found is not None and not found.is_behind


def _cache(answers: dict[bytes, Any], key: bytes, cached: _Cached) -> None:
    with _TURN:
        answers.pop(key, None)
        while len(answers) >= _MOST_CACHED:
            del answers[next(iter(answers))]  # the one that was asked for least lately
        answers[key] = cached


def _issuers(rt: Runtime, request: Request, now: datetime) -> list[CertificateAuthority]:
    """The CAs that answer: those with the name and key that the request names first, if OCSP answers for them here.

    A key belongs to one CA, but earlier releases let several CAs have one: a certificate is of any of them.
    """
    for cert_id in request.cert_ids:
        arns = rt.store.list_issuers(cert_id.issuer_key_hash.hex()) if cert_id.hash_name else ()
        cas = [ca for arn in arns if (ca := rt.store.get_certificate_authority(arn)) is not None]
        if issuers := [ca for ca in cas if state.has_status_service(ca, now) and _is_issuer(ca, cert_id)]:
            return issuers
    return []


def _is_issuer(ca: CertificateAuthority, cert_id: CertId) -> bool:
    issuer = state.issuer_of(ca)
    return bool(cert_id.hash_name) and (
        ocsp.digest(cert_id.hash_name, issuer.name_der) == cert_id.issuer_name_hash
        and ocsp.key_hash(cert_id.hash_name, issuer.spki_der) == cert_id.issuer_key_hash
    )


def _status(rt: Runtime, issuers: list[CertificateAuthority], cert_id: CertId) -> Status:
    """The status in the store; a serial number that is only reserved, or FAILED, is not good (RFC 6960 section 2.2).

    Where several CAs have used a serial number, revoked by one is revoked.
    """
    records: list[Certificate] = []
    if _is_issuer(issuers[0], cert_id) and 0 < cert_id.serial_number < 1 << _SERIAL_BITS:
        found = (rt.store.get_certificate(ca.arn, cert_id.serial_number) for ca in issuers)
        records = [record for record in found if record is not None]
    for record in records:
        if record.revoked_at is not None:
            revoked_at = record.revoked_at.replace(microsecond=0)
            return ocsp.Status(cert_id.der, "revoked", revoked_at, record.revocation_reason or "UNSPECIFIED")
    known = any(record.status == "ISSUED" for record in records)
    return ocsp.Status(cert_id.der, "good" if known else "unknown")


def _signed(
    rt: Runtime, ca: CertificateAuthority, request: Request, statuses: tuple[Status, ...], now: datetime
) -> Answer:
    this_update = now.replace(microsecond=0)
    next_update = this_update + VALIDITY
    responder = responders.usable(rt, ca, next_update)
    if responder is None and responders.sign_alone(rt):
        responder = responders.usable(rt, ca, now)
        if responder is None:
            raise NoResponderError(ca.arn)
        next_update = responders.not_after_of(responder)
    tbs_der = ocsp.build_tbs(
        statuses,
        responder_spki_der=responders.spki_of(responder) if responder else state.issuer_of(ca).spki_der,
        this_update=this_update,
        next_update=next_update,
        nonce=request.nonce,
    )
    algorithm = ca.configuration["SigningAlgorithm"]
    if responder is None:
        certificates: tuple[bytes, ...] = ()
        signed_der = signing.sign(rt, ca, "OCSP", tbs_der, algorithm)
    else:
        certificates = (responder.certificate_der,)
        signed_der = responders.sign(rt, responder, "OCSP", tbs_der, algorithm)
    response = ocsp.successful(signed_der, certificates)
    return Answer(response, this_update, next_update, cacheable=request.nonce is None)
