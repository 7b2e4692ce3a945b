"""The one path that publishes CRLs, whoever calls: the schedule, the command line, the first certificate of a CA.

Reserve number and lease, read the revocations, build, record what will be signed, sign, compare with what is published,
put conditionally on what was compared, and set the next due time unless a revocation has moved it meanwhile. An older
address that cannot be reached is tried again later; that never waits for it where new certificates point to.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import logs
from chalicelib.buckets import PreconditionFailedError
from chalicelib.ca import events, find, signing
from chalicelib.ca import state as ca_state
from chalicelib.crl import distribution_points, objects, revocation_configuration
from chalicelib.crl.folding import LEASE, Folding
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.issuing.validity import BACKDATED
from chalicelib.pki.x509 import extensions
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.buckets import BucketError
    from chalicelib.crl.objects import Place
    from chalicelib.records import CertificateAuthority, CrlLocation, CrlState
    from chalicelib.runtime import Caller, Runtime

_NOT_KEPT_UP_RETRY = timedelta(days=1)
_AHEAD = timedelta(minutes=1)  # due this long before the midpoint, so that a run each minute is never past it
_FIRST_RETRY_SECONDS = 15
_LAST_RETRY_SECONDS, _LAST_RETRY_OF_OTHERS_SECONDS = 240, 3600
_LATE = timedelta(minutes=1)  # by so much what becomes due may be listed later: other clocks, an index that lags
_LOOKS = 3


_NOT_PUBLISHING = "The certificate authority {arn} is not in a state in which its CRLs are published."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did for one CRL: `result` is "published", "skipped" or "failed"."""

    crl_arn: str
    result: str
    crl_number: int = 0
    entries: int = 0
    error: str = ""


def make_due(rt: Runtime, caller: Caller, ca_arn: str) -> int:
    """Make every CRL of a CA due now: the schedule's next run publishes them. Returns how many there are.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
        InvalidStateException: the CA is in a state in which its CRLs are not kept up.
    """
    ca = find.require(rt, caller, ca_arn, ca_state.WITH_STATUS_SERVICE, _NOT_PUBLISHING)
    crl_arns = distribution_points.crl_arns(ca, rt.now())
    for each in crl_arns:
        rt.store.schedule_crl(each, due_at=rt.now())
    return len(crl_arns)


def publish_due_crls(rt: Runtime, *, seconds: float) -> list[Outcome]:
    """Publish the CRLs that are due, longest overdue first, until none is left or the time is used up.

    One CA's failure never stops the others: it is recorded and retried with a growing delay. Each pass lists only what
    has become due since the one before, however much is due and fails.
    """
    deadline = rt.now() + timedelta(seconds=seconds)
    outcomes: dict[str, Outcome] = {}
    since: datetime | None = None
    while (now := rt.now()) < deadline:
        known = len(outcomes)
        for arn in rt.store.each_due("CRL", since=since, now=now):
            if rt.now() >= deadline:
                break
            if arn not in outcomes:
                outcomes[arn] = publish_crl(rt, arn)
        if len(outcomes) == known:
            break
        since = now - _LATE
    return list(outcomes.values())


def publish_crl(rt: Runtime, crl_arn: str) -> Outcome:
    """Publish one CRL if it is due and nobody else is at it; never raises."""
    outcome = Outcome(crl_arn, "skipped")
    for look in range(_LOOKS):
        try:
            outcome, again = _publish_once(rt, crl_arn, is_last=look == _LOOKS - 1)
        except Exception as error:  # noqa: BLE001  a poisoned CA must not stop the sweep
            logs.log_exception("crl_failed", crl=crl_arn)
            events.crl_failed(rt, arns.split_crl_arn(crl_arn)[0], error)
            return Outcome(crl_arn, "failed", error=_text(error))
        if not again:
            break
    return outcome


def _publish_once(rt: Runtime, crl_arn: str, *, is_last: bool) -> tuple[Outcome, bool]:
    """One attempt; True with the outcome where the published CRL changed meanwhile, so that another look may help.

    After the last look of a run that is a failure like others.
    """
    now = rt.now()
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    state = rt.store.reserve_crl(crl_arn, number=_number_at(now), now=now, lease_until=now + LEASE)
    if state is None:
        return Outcome(crl_arn, "skipped"), False
    try:
        ca = rt.store.get_certificate_authority(ca_arn)  # after the revision: a later change makes the CRL due again
        if ca is None or ca_state.status_of(ca, now) not in ca_state.WITH_STATUS_SERVICE:
            rt.store.fail_crl(state, "The CA is EXPIRED: its CRL is not kept up.", retry_at=now + _NOT_KEPT_UP_RETRY)
            return Outcome(crl_arn, "skipped"), False
        there = objects.places(rt, ca, partition, now)
        if not there:
            logs.log("crl_ended", crl=crl_arn)
            rt.store.end_crl(ca, crl_arn)  # no living certificate names it
            return Outcome(crl_arn, "skipped"), False
        state = _numbered_above(rt, state, there, now)
        entries = _publish(rt, ca, state, there, now)
        distribution_points.record_end_of_partition(rt, ca, partition)
    except Exception as error:  # noqa: BLE001  recorded and retried
        lost = isinstance(error, PreconditionFailedError | ConflictError) and not is_last
        logs.log_exception("crl_failed", crl=crl_arn, crl_number=state.crl_number)
        retry_at = now if lost else now + _delay(state, _LAST_RETRY_SECONDS)
        rt.store.fail_crl(state, _text(error), retry_at=retry_at)
        events.crl_failed(rt, ca_arn, error)
        return Outcome(crl_arn, "failed", state.crl_number, error=_text(error)), lost
    events.crl_generated(rt, ca_arn)
    return Outcome(crl_arn, "published", state.crl_number, entries), False


def _delay(state: CrlState, most: int) -> timedelta:
    return timedelta(seconds=min(_FIRST_RETRY_SECONDS * 2 ** min(state.failures, 10), most))


def _number_at(now: datetime) -> int:
    """The number of a CRL made now: milliseconds since 1970, as AWS numbers them."""
    return int(now.timestamp() * 1000)


def _numbered_above(rt: Runtime, state: CrlState, there: list[Place], now: datetime) -> CrlState:
    """The lease with a number above what clients have; the store may be older than that, after a restoration."""
    highest = max((each.crl.number for each in there if each.crl), default=0)
    if state.crl_number > highest:
        return state
    rt.store.fail_crl(state, "A CRL with a higher number is published.", retry_at=now)
    renewed = rt.store.reserve_crl(state.crl_arn, number=highest + 1, now=now, lease_until=now + LEASE)
    if renewed is None:
        raise ConflictError("Another run took the lease.")
    return renewed


def _publish(rt: Runtime, ca: CertificateAuthority, state: CrlState, there: list[Place], now: datetime) -> int:
    """Put the CRL with the reserved number where the published ones lie; returns how many entries it has."""
    errors = [each.error for each in there if each.error]
    if len(errors) == len(there):
        raise errors[0]
    due = _due(rt, ca, state, there, now)
    made_at, next_update = _made_at(due.published, now), due.latest_next_update
    crl_der, entries = _built(rt, ca, state, there[0].location.scope, due)
    failed = objects.put(rt, there, crl_der)
    midpoint = now + (next_update - made_at) / 2 - _AHEAD
    rt.store.complete_crl(
        state,
        published_at=now,
        next_update=next_update,
        entries=entries,
        next_crl_at=min(midpoint, now + _delay(state, _LAST_RETRY_OF_OTHERS_SECONDS)) if failed else midpoint,
        failure="; ".join(_missed(rt, state, *each) for each in failed),
    )
    logs.log("crl_published", crl=state.crl_arn, crl_number=state.crl_number, entries=entries, next_update=next_update)
    return entries


def _missed(rt: Runtime, state: CrlState, location: CrlLocation, error: BucketError) -> str:
    """Tell of an older address that has no new CRL; returns it in words."""
    logs.log("crl_address_failed", crl=state.crl_arn, bucket=location.bucket, key=location.key, error=_text(error))
    events.crl_failed(rt, arns.split_crl_arn(state.crl_arn)[0], error)
    return f"{location.url}: {_text(error)}"


def _made_at(published: Sequence[crl_gate.Crl], now: datetime) -> datetime:
    """When a CRL is made, by the clock of the published one where that was ahead: thisUpdate never goes back."""
    return max([now.replace(microsecond=0), *(each.this_update + BACKDATED for each in published)])


def _built(rt: Runtime, ca: CertificateAuthority, state: CrlState, scope: str, due: crl_gate.Due) -> tuple[bytes, int]:
    """The CRL, built, signed and passed by the gate; and how many entries it has."""
    forgotten = crl_gate.forgotten(due.published, due.recorded)
    tbs_der = crl_tbs.build_crl_tbs(
        issuer=due.issuer,
        signing_algorithm=due.signing_algorithm,
        crl_number=state.crl_number,
        this_update=_made_at(due.published, due.now) - BACKDATED,
        next_update=due.latest_next_update,
        entries=[*(each.entries.octets for each in due.recorded), *forgotten.values()],
        scope=scope,
    )
    digest = signing.tbs_sha256(tbs_der)
    rt.store.intend_crl(state, digest)
    details = {"crl_number": state.crl_number, "tbs_sha256": digest}
    crl_der = signing.sign(rt, ca, "CRL", tbs_der, due.signing_algorithm, **details)
    del tbs_der  # that of a million entries is large
    crl_gate.check(crl_der, due)
    return crl_der, sum(each.count for each in due.recorded) + len(forgotten)


def _due(rt: Runtime, ca: CertificateAuthority, state: CrlState, there: list[Place], now: datetime) -> crl_gate.Due:
    """What the CRL has to be: for those that build it, and for the gate.

    It follows the last CRL, not one before that, which lies where the last one could not be put.
    """
    shown_at, gone_at = (_ended_by(each, now) for each in (state.published_at, state.preceded_at))
    segments, revoked = Folding(rt, state, shown_at, gone_at).folded()
    scope = there[0].location.scope
    published = [each.crl for each in there if each.crl and each.crl.number >= (state.published_number or 0)]
    return crl_gate.Due(
        now=now,
        issuer=ca_state.issuer_of(ca),
        signing_algorithm=ca.configuration["SigningAlgorithm"],
        scope=extensions.issuing_distribution_point(scope).value_der if scope else None,
        latest_next_update=_made_at(published, now) + _validity(ca, state, published),
        recorded=[crl_segments.shown(each, shown_at) for each in segments],
        revoked=revoked,
        published=published,
    )


def _ended_by(published_at: datetime | None, now: datetime) -> datetime | None:
    """What has ended by then was in the CRL of that time for the last time; no clock that was ahead ends it earlier."""
    return min(published_at, now).replace(microsecond=0) - BACKDATED if published_at else None


def _validity(ca: CertificateAuthority, state: CrlState, published: Sequence[crl_gate.Crl]) -> timedelta:
    """How long a CRL is valid; after CRLs were switched off, as long as the last one was."""
    crl_configuration = ca.revocation_configuration["CrlConfiguration"]
    if crl_configuration["Enabled"]:
        return timedelta(days=crl_configuration["ExpirationInDays"])
    if state.next_update is not None and state.published_at is not None:
        made_at = _made_at(published, state.published_at)
        if made_at < state.next_update:
            return state.next_update - made_at
    return timedelta(days=revocation_configuration.DEFAULT_EXPIRATION_DAYS)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
