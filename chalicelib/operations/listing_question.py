"""The question behind a list of certificates: its CAs, and its filters for records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import access_keys, authorization
from chalicelib.ca import find
from chalicelib.frozen import dataclass
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import lookup as lookups
from chalicelib.operations import search

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from chalicelib.operations.lookup import Lookup
    from chalicelib.operations.search import Match
    from chalicelib.records import Certificate
    from chalicelib.runtime import Caller, Runtime
    from chalicelib.store.listing_queries import Entry

ORDERS = ("-issued", "issued", "expires", "-expires", "name", "-name")
NEWEST_FIRST = ORDERS[0]


class Between(NamedTuple):
    """A period from its begin to before its end; None: without a bound."""

    begins: datetime | None = None
    ends: datetime | None = None

    def has(self, moment: datetime | None) -> bool:
        """Tell whether a time is in the period; without a time, only a period without bounds is true."""
        if moment is None:
            return self == ALWAYS
        return (self.begins is None or moment >= self.begins) and (self.ends is None or moment < self.ends)


ALWAYS = Between()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The contents and the order of a list.

    Attributes:
        ca_id: of the CA; empty: all CAs of the caller's account on which the caller may search.
        text: the text of the search box, which `lookup.read` reads; empty: everything.
        state: one of `search.STATES`, or empty.
        template: the name of a template, or empty.
        requested_by: an access key id, or the name of a principal, or empty.
        issued: when the certificate was reserved.
        order: one of `ORDERS`; "-": the last one first.
    """

    ca_id: str = ""
    text: str = ""
    state: str = ""
    template: str = ""
    requested_by: str = ""
    issued: Between = ALWAYS
    expires: Between = ALWAYS
    revoked: Between = ALWAYS
    order: str = NEWEST_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as a caller asks it.

    Attributes:
        lookup: what the text of the question means; None without a text.
        requesters: the access key ids that `requested_by` means; empty: all.
        known: by the id of a CA, whether the caller may search in it.
    """

    rt: Runtime
    caller: Caller
    question: Question
    now: datetime
    lookup: Lookup | None = None
    requesters: frozenset[str] = frozenset()
    known: dict[str, bool]

    @property
    def ca_arn(self) -> str:
        """The ARN of the one CA that the question is about; empty: it is about the account."""
        return self.arn_of(self.question.ca_id) if self.question.ca_id else ""

    def arn_of(self, ca_id: str) -> str:
        """The ARN of a CA of the caller's account, if there is such a CA."""
        return find.arn_of(self.rt, self.caller.account_id, ca_id)

    def may_see(self, ca_id: str) -> bool:
        """Tell whether the caller may search in a CA; of the one CA of a question, `asked` has seen it."""
        if ca_id not in self.known:
            self.known[ca_id] = authorization.decide(self.rt, self.caller, self.arn_of(ca_id)).allowed
        return self.known[ca_id]

    def authorities(self) -> list[str]:
        """The ids of the CAs that the question is about, in order."""
        if self.question.ca_id:
            return [self.question.ca_id]
        return [ca_id for ca_id in self.rt.store.list_authority_ids(self.caller.account_id) if self.may_see(ca_id)]

    def sees_all(self) -> bool:
        """Tell whether the caller may search in every CA that the question is about."""
        if self.question.ca_id or self.caller.principal == ADMINISTRATOR:
            return True
        return all(map(self.may_see, self.rt.store.list_authority_ids(self.caller.account_id)))

    def records(self, entries: list[Entry]) -> list[Certificate | None]:
        """The certificates of entries."""
        return self.rt.store.get_certificates(entries, [self.arn_of(entry.ca_id) for entry in entries])

    def passes(self, record: Certificate | None) -> bool:
        """Tell whether a certificate passes all filters; it is parsed only where its subject matters."""
        if record is None or not all(passes(self, record) for passes in _OF_RECORDS):
            return False
        values = self.lookup.values if self.lookup else ()
        found = self.shown(record).summary.subject_values if values else ()
        return all(search.has_value(found, value) for value in values)

    def shown(self, record: Certificate) -> Match:
        """The certificate with its contents."""
        return search.shown(record, self.now)

    @property
    def is_filtered(self) -> bool:
        """Tell whether the list needs records beside an index of time."""
        return bool(self.question.state) or not self.is_filtered_by_state_alone

    @property
    def is_filtered_by_state_alone(self) -> bool:
        """Tell whether no filter but the state, or none at all, needs records."""
        of_text = self.lookup is not None and bool(self.lookup.values or self.lookup.is_whole_serial)
        return not (self.question.template or self.requesters or of_text)


_OF_RECORDS: tuple[Callable[[Asked, Certificate], bool], ...] = (
    lambda asked, record: asked.question.state in {"", search.state_of(record, asked.now)},
    lambda asked, record: asked.question.template in {"", arns.parse_template_arn(record.template_arn).name},
    lambda asked, record: not asked.requesters or record.requested_by in asked.requesters,
    lambda asked, record: asked.question.issued.has(record.reserved_at),
    lambda asked, record: asked.question.expires.has(record.not_after),
    lambda asked, record: asked.question.revoked.has(record.revoked_at),
)


def asked(rt: Runtime, caller: Caller, question: Question, known: dict[str, bool] | None = None) -> Asked:
    """Read a question; the caller's operation is SearchCertificates.

    Args:
        rt: the runtime.
        caller: who asks.
        question: the question.
        known: decisions that several questions of one visit share, by the id of a CA; this question adds its own.

    Raises:
        AccessDeniedException: the caller may not search in its CA.
        ResourceNotFoundException: there is no such CA.
        ValidationException: the text looks like an ARN, but is neither a CA's nor a certificate's.
    """
    lookup = _lookup(question.text)
    if lookup is not None and lookup.ca_id:
        other = question.ca_id not in {"", lookup.ca_id}
        question = replace(question, ca_id=question.ca_id or lookup.ca_id)
        lookup = lookup if other or lookup.serial else None
        lookup = lookups.Lookup() if other else lookup  # nothing is in both CAs
    requesters = _requesters(rt, caller, question.requested_by)
    made = Asked(
        rt=rt,
        caller=caller,
        question=question,
        now=rt.now(),
        lookup=lookup,
        requesters=requesters,
        known={} if known is None else known,
    )
    if question.ca_id:
        find.find(rt, caller, made.ca_arn)
        made.known[question.ca_id] = True
    return made


def _lookup(text: str) -> Lookup | None:
    if not text.strip():
        return None
    try:
        return lookups.read(text)
    except ValueError as error:
        raise errors.ValidationException(str(error), reason=str(error), member=("Text",)) from error


def _requesters(rt: Runtime, caller: Caller, name: str) -> frozenset[str]:
    """The access key id that was entered, and the keys of the principal with such a name."""
    if not name:
        return frozenset()
    keys = access_keys.of_principal(rt, caller.account_id, name)
    return frozenset((name, *(key.access_key_id for key in keys)))
