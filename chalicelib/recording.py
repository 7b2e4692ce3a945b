"""Recording: every call that decides anything leaves a record, before its answer leaves.

A call that changes something is recorded twice: that it begins, before anything changes, and how it ended, before the
answer. If either cannot be written, the call fails with `AuditError`. The first record is flushed to the disk while the
call works, and the answer waits for that (ADR 7). Reads are recorded when they end. Whoever is not authenticated is
counted, and a record a minute says how often.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from chalicelib import errors, logs, rates
from chalicelib.access import principals
from chalicelib.audit import AuditError, events, notes, nothing, parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Caller, Runtime

_READS = ("Describe", "Explain", "Get", "List", "Search")
# Recorded whatever the journal says: they help to find out, and change nothing that it has.
_ANY_TIME = frozenset(
    {"AcceptJournal", "ConsoleLogin", "ConsoleLogout", "CreateBackup", "ReconcileJournal", "RestoreBackup"}
)
_REVEALING = frozenset({"GetAcmeExternalAccountBindingCredentials"})  # reads on record even if reads are not
_NAMING = ("CertificateAuthorityArn", "ResourceArn", "CertificateArn")
_MOST_COUNTED = 50
_OTHERS = "others"
_TURN = threading.Lock()


class Entry:
    """A call in progress; as a context manager, the call inside, whose end is recorded."""

    def __init__(self, rt: Runtime, name: str, actor: events.Actor) -> None:
        self._rt, self._name, self._actor = rt, name, actor
        self._parameters: Mapping[str, Any] = {}
        self._resources: tuple[str, ...] = ()
        self._answer: Mapping[str, Any] | None = None
        self._settle: Callable[[], None] = nothing
        self._event: dict[str, Any] | None = None  # as the last record has it, without details
        self.changes = not name.startswith(_READS)

    def about(self, shown: Mapping[str, Any], resources: Iterable[str]) -> None:
        """Say what the record may hold of the request."""
        self._parameters, self._resources, self._event = shown, tuple(resources), None

    def begin(self, shown: Mapping[str, Any], resources: Iterable[str]) -> None:
        """Record that the call begins, if it may change something; nothing has changed yet.

        Raises:
            AuditError: it cannot be recorded.
            NotServingError: the database and its journal do not go together.
        """
        self.about(shown, resources)
        if self.changes:
            if self._name not in _ANY_TIME:
                self._rt.journal.require(self._rt.now())
            self._settle = self.append({"phase": "begun"}, durable=True)

    def answered(self, shown: Mapping[str, Any] | None, resources: Iterable[str] = ()) -> None:
        """Say what the record of the end may hold of the answer."""
        self._answer, self._resources = shown, (*self._resources, *resources)

    def begin_operation(self, request: Mapping[str, Any]) -> None:
        """Record that an operation of the API begins; raises as `begin`."""
        self.begin(
            parameters.of_request(self._name, request), [str(request[name]) for name in _NAMING if request.get(name)]
        )

    def answer_operation(self, answer: object) -> None:
        """Say what an operation of the API answered."""
        shown = parameters.of_answer(self._name, answer)
        self.answered(shown, [arn for name, arn in (shown or {}).items() if name.endswith("Arn")])

    def end(self, noted: Mapping[str, Any], error: Exception | None) -> None:
        """Record how the call ended; with SIGNET_JOURNAL_SYNC=always, once the journal has what it changed.

        Raises:
            AuditError: it cannot be recorded.
            JournalError, BucketError: the journal cannot be written.
        """
        if self.changes and self._rt.settings.journal_sync == "always":
            self._rt.journal.sequence(self._rt.now())
        outcome = "allowed" if error is None else _outcome_of(error)
        is_read = not self.changes and self._name not in _REVEALING
        if is_read and self._rt.settings.audit == "changes" and outcome != "denied":
            return
        self.append({"outcome": outcome, **noted}, error_code=None if error is None else _code_of(error))
        self._settle()

    def append(
        self, details: Mapping[str, Any], *, durable: bool = False, error_code: str | None = None
    ) -> Callable[[], None]:
        """Record the call as it stands; raises `AuditError`."""
        rt = self._rt
        now = rt.now()
        if self._event is None:
            self._event = events.event(
                self._name,
                self._actor,
                notes.origin(),
                now=now,
                region=rt.settings.region,
                changes=self.changes,
                parameters=self._parameters,
                resources=self._resources,
            )
            event = dict(self._event)
        else:
            event = self._event | {
                "eventTime": events.time_text(now),
                "resources": events.resources_of(self._resources),
            }
        event["responseElements"] = self._answer
        event["additionalEventData"] = {**event["additionalEventData"], **details}
        if error_code is not None:
            event["errorCode"] = error_code
        return rt.audit.append(event, now=now, durable=durable)

    def __enter__(self) -> Self:
        """Begin to collect what is noted."""
        self._noted, self._noting = notes.collect()
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        """Record how the call ended; raises as `end`."""
        notes.collected(self._noting)
        if not isinstance(error, AuditError) and (error is None or isinstance(error, Exception)):
            self.end(self._noted, error)


def recorded(rt: Runtime, name: str, actor: events.Actor) -> AbstractContextManager[Entry]:
    """Record the call inside.

    Raises:
        AuditError: it cannot be recorded; what it has changed nobody is told.
    """
    return Entry(rt, name, actor)


def actor_of(rt: Runtime, caller: Caller) -> events.Actor:
    """Return who a caller is."""
    arn = principals.arn_of(rt, caller.account_id, caller.principal)
    kind = "AssumedRole" if caller.principal.startswith(principals.ASSUMED_ROLE) else "IAMUser"
    return events.Actor(kind, caller.account_id, arn, caller.access_key_id, caller.principal)


def actor_of_key(rt: Runtime, key: AccessKey) -> events.Actor:
    """Return who holds an access key."""
    arn = principals.arn_of(rt, key.account_id, key.principal)
    return events.Actor("IAMUser", key.account_id, arn, key.access_key_id, key.principal)


def operation(rt: Runtime, caller: Caller, name: str) -> AbstractContextManager[Entry]:
    """Record an operation of the API; raises as `recorded`."""
    return recorded(rt, name, actor_of(rt, caller))


def denied(
    rt: Runtime, caller: Caller, name: str, resources: Iterable[str], error: errors.AccessDeniedException
) -> None:
    """Record that a caller was refused before an operation began.

    Raises:
        AuditError: it cannot be recorded.
    """
    entry = Entry(rt, name, actor_of(rt, caller))
    entry.about({}, resources)
    entry.end({}, error)


# what Signet does by itself


def done(rt: Runtime, name: str, account_id: str, resources: Iterable[str], **details: Any) -> None:
    """Record what a schedule did; that is done whether it can be recorded or not.

    Args:
        rt: the runtime.
        name: of the event.
        account_id: whose CAs it was about.
        resources: ARNs.
        **details: for `additionalEventData`.
    """
    entry = Entry(rt, name, events.Actor("AWSService", account_id, name="signet"))
    try:
        entry.about({}, resources)
        entry.append({"outcome": "allowed", **details})
    except AuditError:
        logs.log_exception("schedule_not_recorded", schedule_event=name)


def _outcome_of(error: Exception) -> str:
    return "denied" if isinstance(error, errors.AccessDeniedException) else "failed"


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, errors.ApiError) else type(error).__name__


# what nobody signed


def refused(rt: Runtime, reason: str, source: str) -> None:
    """Count a call that was refused before anybody was authenticated; a record a minute says what was counted.

    Args:
        rt: the runtime.
        reason: the error's code.
        source: the client's address.
    """
    with _TURN:
        is_known = (reason, source) in rt.refused or len(rt.refused) < _MOST_COUNTED
        key = (reason, source if is_known else _OTHERS)
        rt.refused[key] = rt.refused.get(key, 0) + 1
    tell(rt)


def tell(rt: Runtime) -> None:
    """Record what has been counted, at most once a minute; never raises."""
    if not rt.refused or not rates.take(rt.rate_tokens, ("audit", "refused"), rate=1 / 60, most=1, now=rt.now()):
        return
    with _TURN:
        counted = sorted(rt.refused.items(), key=lambda item: -item[1])
        rt.refused.clear()
    shown = [{"reason": reason, "source": source, "count": number} for (reason, source), number in counted]
    try:
        entry = Entry(rt, "RefuseUnauthenticated", events.Actor("Unknown", rt.settings.account_id))
        entry.changes = False
        with notes.arriving(notes.Origin("api")):
            entry.append({"outcome": "denied", "counted": shown})
    except AuditError:  # the refusals stand
        logs.log_exception("refusals_not_recorded")
