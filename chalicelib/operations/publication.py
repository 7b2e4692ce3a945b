"""The one path that publishes CRLs, whoever calls: the schedule, the command line, the first certificate of a CA.

Reserve number and lease, read the revocations, build, record what will be signed, sign, compare with what is published,
put conditionally on what was compared, and set the next due time unless a revocation has moved it meanwhile.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.buckets import PreconditionFailedError
from chalicelib.operations import lookup, revocation_configuration, signing
from chalicelib.pki import crl, crl_gate, extensions
from chalicelib.pki.crl_gate import Due
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.buckets import StoredObject
    from chalicelib.pki.crl_gate import Crl
    from chalicelib.records import CertificateAuthority, CrlLocation, CrlState, Revocation
    from chalicelib.runtime import Runtime

CONTENT_TYPE = "application/pkix-crl"
CACHE_CONTROL = "public, max-age=60"
_BACKDATED = timedelta(hours=1)
_LEASE = timedelta(seconds=45)
_NOT_KEPT_UP_RETRY = timedelta(days=1)
_AHEAD = timedelta(minutes=1)  # due this long before the midpoint, so that a run each minute is never past it
_FIRST_RETRY_SECONDS = 15
_LAST_RETRY_SECONDS = 240
_BATCH = 100
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did for one CRL: `result` is "published", "skipped" or "failed"."""

    crl_arn: str
    result: str
    crl_number: int = 0
    entries: int = 0
    error: str = ""


def publish_due_crls(rt: Runtime, *, seconds: float) -> list[Outcome]:
    """Publish the CRLs that are due, longest overdue first, until none is left or the time is used up.

    One CA's failure never stops the others: it is recorded and retried with a growing delay.
    """
    deadline = rt.now() + timedelta(seconds=seconds)
    outcomes: dict[str, Outcome] = {}
    while rt.now() < deadline:
        due = [
            arn for arn in rt.store.list_due("CRL", now=rt.now(), limit=_BATCH + len(outcomes)) if arn not in outcomes
        ]
        if not due:
            break
        for arn in due:
            if rt.now() >= deadline:
                break
            outcomes[arn] = publish_crl(rt, arn)
    return list(outcomes.values())


def publish_crl(rt: Runtime, crl_arn: str) -> Outcome:
    """Publish one CRL if it is due and nobody else is at it; never raises."""
    outcome = Outcome(crl_arn, "skipped")
    for _ in range(_LOOKS):
        try:
            outcome, again = _publish_once(rt, crl_arn)
        except Exception as error:  # noqa: BLE001  a poisoned CA must not stop the sweep
            logs.log_exception("crl_failed", crl=crl_arn)
            return Outcome(crl_arn, "failed", error=_text(error))
        if not again:
            break
    return outcome


def _publish_once(rt: Runtime, crl_arn: str) -> tuple[Outcome, bool]:
    """One attempt; True with the outcome where the published CRL changed meanwhile, so that another look may help."""
    now = rt.now()
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    state = rt.store.reserve_crl(crl_arn, number=_number_at(now), now=now, lease_until=now + _LEASE)
    if state is None:
        return Outcome(crl_arn, "skipped"), False
    try:
        ca = rt.store.get_certificate_authority(ca_arn)  # after the revision: a later change makes the CRL due again
        if ca is None or lookup.status_of(ca, now) not in lookup.WITH_STATUS_SERVICE:
            rt.store.fail_crl(state, "The CA is EXPIRED: its CRL is not kept up.", retry_at=now + _NOT_KEPT_UP_RETRY)
            return Outcome(crl_arn, "skipped"), False
        published = _published(rt, ca, partition)
        state = _numbered_above(rt, state, published, now)
        entries = _publish(rt, ca, state, published, now)
    except Exception as error:  # noqa: BLE001  recorded and retried
        lost = isinstance(error, PreconditionFailedError | ConflictError)
        delay = 0 if lost else min(_FIRST_RETRY_SECONDS * 2 ** min(state.failures, 10), _LAST_RETRY_SECONDS)
        logs.log_exception("crl_failed", crl=crl_arn, crl_number=state.crl_number)
        rt.store.fail_crl(state, _text(error), retry_at=now + timedelta(seconds=delay))
        return Outcome(crl_arn, "failed", state.crl_number, error=_text(error)), lost
    return Outcome(crl_arn, "published", state.crl_number, entries), False


def _number_at(now: datetime) -> int:
    """The number of a CRL made now: milliseconds since 1970, as AWS numbers them."""
    return int(now.timestamp() * 1000)


def _numbered_above(rt: Runtime, state: CrlState, published: list[_Published], now: datetime) -> CrlState:
    """The lease with a number above what clients have; the store may be older than that, after a restoration."""
    highest = max((each.crl.number for each in published if each.crl), default=0)
    if state.crl_number > highest:
        return state
    rt.store.fail_crl(state, "A CRL with a higher number is published.", retry_at=now)
    renewed = rt.store.reserve_crl(state.crl_arn, number=highest + 1, now=now, lease_until=now + _LEASE)
    if renewed is None:
        raise ConflictError("Another run took the lease.")
    return renewed


@dataclass(frozen=True, slots=True)
class _Published:
    """What lies at a location now; `crl` is None where there is nothing, or nothing that is a CRL of this CA."""

    location: CrlLocation
    etag: str | None
    crl: Crl | None


def _published(rt: Runtime, ca: CertificateAuthority, partition: str) -> list[_Published]:
    found = []
    for location in [each for each in ca.crl_locations if each.partition == partition]:
        stored = rt.buckets.get(location.bucket, location.key)
        read = _read(ca, stored) if stored else None
        found.append(_Published(location, stored.etag if stored else None, read))
    return found


def _read(ca: CertificateAuthority, stored: StoredObject) -> Crl | None:
    try:
        found = crl_gate.read(stored.body)
    except crl_gate.CrlRefusedError:
        logs.log("crl_unreadable", ca=ca.arn, etag=stored.etag)
        return None
    return found if lookup.is_signed_by(ca, found.parsed) else None


def _publish(rt: Runtime, ca: CertificateAuthority, state: CrlState, published: list[_Published], now: datetime) -> int:
    """Build, sign, judge and put the CRL with the reserved number; returns how many entries it has."""
    generated_at = now.replace(microsecond=0)
    next_update = generated_at + _validity(ca, state)
    revocations = list(rt.store.list_revocations(state.crl_arn))
    due = _due(ca, state, published, revocations, now)
    entries = list(_entries(revocations, due))
    signing_algorithm = ca.configuration["SigningAlgorithm"]
    tbs_der = crl.build_crl_tbs(
        issuer=lookup.issuer_of(ca),
        signing_algorithm=signing_algorithm,
        crl_number=state.crl_number,
        this_update=max([generated_at - _BACKDATED, *(each.this_update for each in due.published)]),
        next_update=next_update,
        entries=entries,
        scope=published[0].location.url if published else "",
    )
    rt.store.intend_crl(state, signing.tbs_sha256(tbs_der))
    crl_der = signing.sign(rt, ca, "CRL", tbs_der, signing_algorithm, crl_number=state.crl_number)
    crl_gate.check(crl_der, due)
    for each in published:
        rt.buckets.put(
            each.location.bucket,
            each.location.key,
            crl_der,
            expected_etag=each.etag,
            content_type=CONTENT_TYPE,
            cache_control=CACHE_CONTROL,
            acl=each.location.acl,
        )
    rt.store.complete_crl(
        state,
        published_at=now,
        next_update=next_update,
        entries=len(entries),
        next_crl_at=now + (next_update - generated_at) / 2 - _AHEAD,
    )
    logs.log(
        "crl_published", crl=state.crl_arn, crl_number=state.crl_number, entries=len(entries), next_update=next_update
    )
    return len(entries)


def _due(
    ca: CertificateAuthority,
    state: CrlState,
    published: list[_Published],
    revocations: list[Revocation],
    now: datetime,
) -> Due:
    """What the CRL has to be, for the gate."""
    issuer = lookup.issuer_of(ca)
    urls = {each.location.url for each in published} - {""}
    return Due(
        now=now,
        scope=extensions.issuing_distribution_point(urls.pop()).value_der if urls else None,
        issuer_der=issuer.name_der,
        public_key=issuer.public_key,
        latest_next_update=now + _validity(ca, state),
        needed_until={each.serial_number: max(each.not_after, each.revoked_at) for each in revocations},
        shown_at=state.published_at - _BACKDATED if state.published_at else None,
        published=[each.crl for each in published if each.crl],
    )


def _validity(ca: CertificateAuthority, state: CrlState) -> timedelta:
    """How long a CRL is valid; after CRLs were switched off, as long as the last one was."""
    crl_configuration = ca.revocation_configuration["CrlConfiguration"]
    if crl_configuration["Enabled"]:
        return timedelta(days=crl_configuration["ExpirationInDays"])
    if state.next_update is not None and state.published_at is not None:
        return state.next_update - state.published_at.replace(microsecond=0)
    return timedelta(days=revocation_configuration.DEFAULT_EXPIRATION_DAYS)


def _entries(revocations: list[Revocation], due: Due) -> Iterator[bytes]:
    """The entries: each stays until it has been in one CRL made after its certificate ended (RFC 5280 section 3.3).

    So do those that clients have seen and the store does not know, as after the restoration of an older copy of it.
    """
    known = due.needed_until
    for revocation in revocations:
        if due.shown_at is None or known[revocation.serial_number] >= due.shown_at:
            yield revocation.entry_der
    forgotten = {
        each.serial_number: each
        for old in due.published
        if not old.serials <= known.keys()
        for each in old.parsed
        if each.serial_number not in known
    }
    yield from (crl.entry_of(each) for each in forgotten.values())


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
