"""The one path that publishes CRLs, whoever calls: the schedule, the command line, the first certificate of a CA.

A run reserves a number and a lease, reads the published CRL and the revocations, builds the next CRL, records what it
will sign, signs, compares with the published CRL, uploads conditionally on the version that was compared, and sets the
next due time unless a revocation has moved it meanwhile. An older distribution point that cannot be reached is tried
again later; the one that new certificates name never waits for it.

Source: RFC 5280 section 5; AWS Private CA User Guide, "Planning a certificate revocation list (CRL)".
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import clock, logs, recording
from chalicelib.buckets import PreconditionFailedError
from chalicelib.ca import events, find, signing
from chalicelib.ca import state as ca_state
from chalicelib.crl import adoption, distribution_points, objects, rescheduling, revocation_configuration
from chalicelib.crl.folding import LEASE, Folding
from chalicelib.frozen import dataclass
from chalicelib.pki.crl import gate as crl_gate
from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.pki.issuing.validity import BACKDATED
from chalicelib.pki.x509 import extensions
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from datetime import datetime

    from chalicelib.buckets import BucketError
    from chalicelib.crl.objects import CrlObject
    from chalicelib.records import CertificateAuthority, CrlState, DistributionPoint
    from chalicelib.runtime import Caller, Runtime

_NOT_PUBLISHED_RETRY = timedelta(days=1)
_AHEAD = timedelta(minutes=1)  # due this long before the midpoint, so that a run each minute is never past it
_FIRST_RETRY_SECONDS = 15
_LAST_RETRY_SECONDS, _LAST_RETRY_OF_OTHERS_SECONDS = 240, 3600
_BATCH = 50
_RECENT = timedelta(minutes=2)  # before a run: those come first, too
_LATE = timedelta(minutes=1)  # what becomes due may be listed so much later: other clocks, an index that lags
_ATTEMPTS = 3


_EXPIRED = "The CA is EXPIRED: its CRL is not published."
_NOT_PUBLISHING = "The certificate authority {arn} is not in a state in which its CRLs are published."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run for one CRL: "published", "skipped" or "failed"."""

    crl_arn: str
    result: str
    crl_number: int = 0
    entries: int = 0
    error: str = ""


class _Run(NamedTuple):
    """A run for one CRL: the lease it holds, the objects it has read, and the time at which it began.

    Attributes:
        settled: the time by which entries and distribution points may be dropped; see `clock`.
    """

    rt: Runtime
    ca: CertificateAuthority
    state: CrlState
    objects: list[CrlObject]
    now: datetime
    settled: datetime


def publish_soon(rt: Runtime, caller: Caller, ca_arn: str) -> int:
    """Make every CRL of a CA due now, so that the schedule's next run publishes it; returns how many there are.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
        InvalidStateException: the CA has a status in which its CRLs are not published.
    """
    return make_due(rt, find.require(rt, caller, ca_arn, ca_state.WITH_STATUS_SERVICE, _NOT_PUBLISHING))


def make_due(rt: Runtime, ca: CertificateAuthority) -> int:
    """Make every CRL of a CA due now, so that it follows a change of the CA within a minute; returns how many."""
    crl_arns = distribution_points.crl_arns(ca, rt.now())
    for crl_arn in crl_arns:
        rt.store.schedule_crl(crl_arn, due_at=rt.now())
    return len(crl_arns)


def publish_due_crls(rt: Runtime, *, seconds: float) -> list[Outcome]:
    """Publish the CRLs that are due until none is left or the time is used up.

    One CA's failure never stops the others: it is recorded and retried with a growing delay.

    Raises:
        NotServingError: the database and its journal do not go together.
    """
    rt.journal.require(rt.now())
    deadline = rt.now() + timedelta(seconds=seconds)
    rescheduling.after_the_clock_went_back(rt)
    outcomes: dict[str, Outcome] = {}
    for arn in _in_turns(rt, outcomes):
        if rt.now() >= deadline:
            break
        outcomes[arn] = publish_crl(rt, arn)
    _record(rt, outcomes.values())
    return list(outcomes.values())


def _in_turns(rt: Runtime, done: Container[str]) -> Iterator[str]:
    """Yield the CRLs that are due, longest overdue first, and each of them once.

    What has just become due, as by a revocation, waits for a batch of the others at most, however many they are.
    """

    def due(since: datetime | None) -> Iterator[str]:
        return (arn for arn in rt.store.iter_due("CRL", since=since, now=rt.now()) if arn not in done)

    overdue, since = due(None), rt.now() - _RECENT
    while True:
        looked_at = rt.now()
        recent = [*islice(due(since), _BATCH)]
        turn = dict.fromkeys([*recent, *islice(overdue, _BATCH)])
        if not turn:
            return
        yield from turn
        if len(recent) < _BATCH:  # else there may be more of them
            since = looked_at - _LATE


def _record(rt: Runtime, outcomes: Iterable[Outcome]) -> None:
    """Record what a run did, for each account by itself."""
    accounts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.result != "skipped":
            accounts.setdefault(arns.parse_ca_arn(arns.split_crl_arn(outcome.crl_arn)[0]).account_id, []).append(
                outcome
            )
    for account_id, found in accounts.items():
        results = Counter(outcome.result for outcome in found)
        cas = [arns.split_crl_arn(outcome.crl_arn)[0] for outcome in found]
        recording.done(rt, "PublishCrls", account_id, cas, crls=dict(results))


def publish_crl(rt: Runtime, crl_arn: str) -> Outcome:
    """Publish one CRL if it is due and no other run holds its lease; never raises."""
    ca_arn, partition = arns.split_crl_arn(crl_arn)
    outcome = Outcome(crl_arn, "skipped")
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            now = rt.now()
            state = rt.store.reserve_crl(
                crl_arn, number=_number_at(now), now=now, lease_until=now + LEASE, server=rt.server
            )
            if state is None:
                return Outcome(crl_arn, "skipped")
            is_last = attempt == _ATTEMPTS
            outcome, again = _publish_once(rt, state, now, ca_arn=ca_arn, partition=partition, is_last=is_last)
            if not again:
                break
    except Exception as error:  # noqa: BLE001  a poisoned CA must not stop the sweep
        logs.log_exception("crl_failed", crl=crl_arn)
        events.crl_failed(rt, ca_arn, error)
        return Outcome(crl_arn, "failed", error=_text(error))
    return outcome


def _publish_once(
    rt: Runtime, state: CrlState, now: datetime, *, ca_arn: str, partition: str, is_last: bool
) -> tuple[Outcome, bool]:
    """Publish under a lease; True beside the outcome where the published CRL changed meanwhile: try again.

    On the last attempt of a run such a race counts as a failure like others.
    """
    crl_arn = state.crl_arn
    try:
        ca = rt.store.get_certificate_authority(ca_arn)  # after the revision: a later change makes the CRL due again
        if ca is None or not ca_state.has_status_service(ca, now):
            rt.store.fail_crl(state, _EXPIRED, retry_at=now + _NOT_PUBLISHED_RETRY)
            return Outcome(crl_arn, "skipped"), False
        settled = clock.settled(rt)
        crl_objects = objects.read(rt, ca, partition, settled)
        if not crl_objects:
            logs.log("crl_ended", crl=crl_arn)
            rt.store.end_crl(ca, crl_arn)  # no unexpired certificate names it
            return Outcome(crl_arn, "skipped"), False
        state = _numbered_above(rt, state, crl_objects, now)
        entries = _publish(_Run(rt, ca, state, crl_objects, now, settled))
        distribution_points.retire_full_partition(rt, ca, partition)
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


def _published(crl_objects: list[CrlObject]) -> list[crl_gate.Crl]:
    return [crl_object.crl for crl_object in crl_objects if crl_object.crl]


def _numbered_above(rt: Runtime, state: CrlState, crl_objects: list[CrlObject], now: datetime) -> CrlState:
    """The lease with a number above that of every published CRL; a restored store may be older than those.

    Raises:
        ConflictError: another run took the lease.
    """
    highest = max((crl.number for crl in _published(crl_objects)), default=0)
    if state.crl_number > highest:
        return state
    rt.store.fail_crl(state, "A CRL with a higher number is published.", retry_at=now)
    renewed = rt.store.reserve_crl(
        state.crl_arn, number=highest + 1, now=now, lease_until=now + LEASE, server=rt.server
    )
    if renewed is None:
        raise ConflictError("Another run took the lease.")
    return renewed


def _publish(run: _Run) -> int:
    """Put the CRL with the reserved number in the place of the published ones; returns how many entries it has.

    Raises:
        BucketError: no object can be reached, or the one that new certificates name cannot be written.
        JournalError: the journal does not take the revocations that the CRL lists.
    """
    state, now = run.state, run.now
    errors = [crl_object.error for crl_object in run.objects if crl_object.error]
    if len(errors) == len(run.objects):
        raise errors[0]
    due = _due(run)
    if due.revoked or sum(segment.count for segment in due.recorded) != state.published_entries:
        run.rt.journal.sequence(now)  # no client sees a revocation that the journal could still lose
    made_at, next_update = _made_at(due.published, now), due.latest_next_update
    crl_der, entries = _built(run, due)
    missed = [_missed(run, *failure) for failure in objects.put(run.rt, run.objects, crl_der)]
    midpoint = now + (next_update - made_at) / 2 - _AHEAD
    run.rt.store.complete_crl(
        state,
        published_at=now,
        next_update=next_update,
        entries=entries,
        next_crl_at=min(midpoint, now + _delay(state, _LAST_RETRY_OF_OTHERS_SECONDS)) if missed else midpoint,
        failure="; ".join(missed),
    )
    logs.log("crl_published", crl=state.crl_arn, crl_number=state.crl_number, entries=entries, next_update=next_update)
    return entries


def _missed(run: _Run, point: DistributionPoint, error: BucketError) -> str:
    """Log that an older distribution point did not get the new CRL; returns its URL and the error as text."""
    text = _text(error)
    logs.log("crl_address_failed", crl=run.state.crl_arn, bucket=point.bucket, key=point.key, error=text)
    events.crl_failed(run.rt, run.ca.arn, error)
    return f"{point.url}: {text}"


def _made_at(published: Sequence[crl_gate.Crl], now: datetime) -> datetime:
    """When a CRL is made: thisUpdate never goes back, unless the published one lies in the future.

    Only a clock that ran ahead made such a CRL, and clients whose clocks are right refuse it.
    """
    earlier = (crl.this_update + BACKDATED for crl in published if crl.this_update <= now)
    return max([now.replace(microsecond=0), *earlier])


def _built(run: _Run, due: crl_gate.Due) -> tuple[bytes, int]:
    """The CRL, built, signed and passed by the gate; and how many entries it has."""
    forgotten = crl_gate.forgotten(due.published, due.recorded)
    adoption.adopt(run.rt, run.ca, forgotten)
    tbs_der = crl_tbs.build_crl_tbs(
        issuer=due.issuer,
        signing_algorithm=due.signing_algorithm,
        crl_number=run.state.crl_number,
        this_update=_made_at(due.published, due.now) - BACKDATED,
        next_update=due.latest_next_update,
        entries=[*(segment.entries.octets for segment in due.recorded), *forgotten.values()],
        scope=run.objects[0].point.issuing_distribution_point,
    )
    digest = signing.tbs_sha256(tbs_der)
    run.rt.store.intend_crl(run.state, digest)
    details = {"crl_number": run.state.crl_number, "tbs_sha256": digest}
    crl_der = signing.sign(run.rt, run.ca, "CRL", tbs_der, due.signing_algorithm, **details)
    del tbs_der  # that of a million entries is large
    crl_gate.check(crl_der, due)
    return crl_der, sum(segment.count for segment in due.recorded) + len(forgotten)


def _due(run: _Run) -> crl_gate.Due:
    """Everything the CRL has to contain: for those that build it, and for the gate.

    It follows the last published CRL, not an older one at a distribution point where the last one could not be put.
    """
    state, now = run.state, run.now
    if state.preceded_at is not None and state.preceded_at > now:
        run.rt.store.forget_crl_segments(state.crl_arn)  # a clock that ran ahead may have dropped entries
    shown_at, gone_at = (_ended_by(at, run.settled) for at in (state.published_at, state.preceded_at))
    segments, revoked = Folding(run.rt, state, shown_at, gone_at).folded()
    url = run.objects[0].point.issuing_distribution_point
    published = [crl for crl in _published(run.objects) if crl.number >= (state.published_number or 0)]
    return crl_gate.Due(
        now=now,
        issuer=ca_state.issuer_of(run.ca),
        signing_algorithm=run.ca.configuration["SigningAlgorithm"],
        scope=extensions.issuing_distribution_point(url).value_der if url else None,
        latest_next_update=_made_at(published, now) + _validity(run.ca, state, published),
        recorded=[crl_segments.shown(segment, shown_at) for segment in segments],
        revoked=revoked,
        published=published,
    )


def _ended_by(published_at: datetime | None, settled: datetime) -> datetime | None:
    """The thisUpdate of a published CRL: a certificate that expired by then is in no later one.

    A clock that ran ahead then, or may be ahead now, makes it no later than the settled time.
    """
    return min(published_at, settled).replace(microsecond=0) - BACKDATED if published_at else None


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
