"""The overview of an account's CAs: certificates issued, expiring and revoked over time, and what needs attention.

Counts are of index entries, not of records (`Store.count_certificates`).
"""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import clock
from chalicelib.ca import chains, iterate
from chalicelib.ca import state as ca_state
from chalicelib.crl import freshness, reachability
from chalicelib.frozen import dataclass
from chalicelib.reports import totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from chalicelib.crl.freshness import Freshness
    from chalicelib.crl.reachability import Verdict
    from chalicelib.records import AuditReport, CertificateAuthority
    from chalicelib.reports.totals import Totals
    from chalicelib.runtime import Caller, Runtime

DAYS, WEEKS, WEEK = 30, 12, timedelta(weeks=1)
CA_EXPIRES_WITHIN = timedelta(days=30)
REPORTS = 100
# The kinds of what needs attention, each with its severity; the most urgent come first.
SEVERITIES = {
    "CHAIN_REFUSED": "urgent",
    "CRL_EXPIRED": "urgent",
    "CRL_FAILING": "urgent",
    "CRL_UNUSABLE": "urgent",
    "OCSP_UNUSABLE": "urgent",
    "CA_EXPIRES": "warning",
    "CRL_OLD": "warning",
    "CRL_OVERDUE": "warning",
    "CLOCK_JUMPED": "warning",
    "CERTIFICATES_EXPIRE": "warning",
    "AUDIT_REPORT_FAILED": "warning",
    "CA_PENDING_CERTIFICATE": "note",
}
_ORDER = list(SEVERITIES)
_UNSEEN = ("NOT_YET", "NOT_LATELY")
_WHAT = {"CRL": "CRL", "OCSP": "OCSP response"}
_CRL_TEXTS = {
    "EXPIRED": "The CRL expired at {state.next_update:%Y-%m-%d %H:%M} UTC: clients refuse it.",
    "FAILING": "The CRL failed {state.failures} times: {state.last_error}",
    "OLD": "The CRL of {state.published_at:%Y-%m-%d %H:%M} UTC is past half its life without a newer one.",
    "OVERDUE": "The CRL has been due since {state.next_crl_at:%Y-%m-%d %H:%M} UTC.",
}


class Bar(NamedTuple):
    """The number of certificates in the day or week that begins at a time."""

    begins: datetime
    number: int


class Attention(NamedTuple):
    """Something that needs attention.

    Attributes:
        kind: one of `SEVERITIES`.
        text: may contain names and errors that others wrote.
        ca_arn: of the CA; empty: it is about all CAs.
        name: of the CA.
        at: the time it is about.
    """

    kind: str
    text: str
    ca_arn: str = ""
    name: str = ""
    at: datetime | None = None

    @property
    def severity(self) -> str:
        """How urgent it is: "urgent", "warning" or "note"."""
        return SEVERITIES[self.kind]


class CrlAge(NamedTuple):
    """The worst CRL of a CA, and the monitor's verdicts on that CA."""

    ca: CertificateAuthority
    crl: Freshness
    verdicts: Sequence[Verdict] = ()

    @property
    def ca_arn(self) -> str:
        """The ARN of the CA."""
        return self.ca.arn

    @property
    def name(self) -> str:
        """The name of the CA, decoded only for those that are shown."""
        return ca_state.name_of(self.ca)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The overview.

    Attributes:
        authorities: how many CAs the account has.
        issued, revoked: for each of the last `DAYS` days in UTC, today last.
        expiring: for each of the next `WEEKS` weeks, counted from now; revoked certificates are among them.
        attention: the most urgent first.
        crls: the worst CRL of each CA whose CRLs are published, the worst first.
        urls: how many distribution points and OCSP URLs there are.
        unseen: how many of them the monitor has not looked at lately.
        wrong: how many of them do not give clients what they need.
    """

    authorities: int
    issued: tuple[Bar, ...]
    revoked: tuple[Bar, ...]
    expiring: tuple[Bar, ...]
    attention: tuple[Attention, ...]
    crls: tuple[CrlAge, ...] = ()
    urls: int = 0
    unseen: int = 0
    wrong: int = 0
    totals: Totals


def overview(rt: Runtime, caller: Caller, now: datetime) -> Overview:
    """The overview of the CAs of a caller's account."""
    cas = list(iterate.of_account(rt, caller.account_id))
    now = now.replace(microsecond=0)  # so that an address holds it exactly
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS + 1)]
    weeks = [now + number * WEEK for number in range(WEEKS + 1)]
    verdicts = reachability.of_authorities(rt, cas)
    crls = _crl_ages(rt, cas, verdicts)
    reports = _last_reports(rt, caller.account_id)
    expiring = _bars(weeks, rt.store.count_certificates(caller.account_id, "expires", weeks))
    looked_at = chain.from_iterable(_of_authority(ca, crls.get(ca.arn), reports.get(ca.arn), now) for ca in cas)
    unusable = chain.from_iterable(_of_verdicts(ca, crls.get(ca.arn), verdicts[ca.arn]) for ca in cas)
    of_all = (*_of_chains(cas, now), *_of_certificates(expiring[0]), *_of_clock(clock.notice(rt)))
    attention = [*looked_at, *unusable, *of_all]
    return Overview(
        authorities=len(cas),
        issued=_bars(days, rt.store.count_certificates(caller.account_id, "issued", days)),
        revoked=_bars(days, rt.store.count_certificates(caller.account_id, "revoked", days)),
        expiring=expiring,
        attention=tuple(sorted(attention, key=lambda item: (_ORDER.index(item.kind), item.at or now, item.ca_arn))),
        crls=tuple(sorted(crls.values(), key=lambda age: freshness.CONDITIONS.index(age.crl.condition))),
        urls=sum(map(len, verdicts.values())),
        wrong=sum(verdict.condition == "WRONG" for of_one in verdicts.values() for verdict in of_one),
        totals=totals.totals(rt, caller, cas, now),
        unseen=sum(verdict.condition in _UNSEEN for of_one in verdicts.values() for verdict in of_one),
    )


def _bars(edges: list[datetime], counts: list[int]) -> tuple[Bar, ...]:
    return tuple(map(Bar, edges, counts))


def _crl_ages(
    rt: Runtime, cas: list[CertificateAuthority], verdicts: Mapping[str, Sequence[Verdict]]
) -> dict[str, CrlAge]:
    """By the ARN of each CA whose CRLs are published, the worst one."""
    crls = freshness.of_authorities(rt, cas)
    ages = {ca.arn: CrlAge(ca, crls[ca.arn][0], verdicts[ca.arn]) for ca in cas if crls[ca.arn]}
    return {arn: age for arn, age in ages.items() if age.crl.condition != "NOT_PUBLISHED"}


def _last_reports(rt: Runtime, account_id: str) -> dict[str, AuditReport]:
    """By the ARN of each CA, its last audit report among the last `REPORTS` of the account."""
    newest_first = rt.store.last_audit_reports(account_id, limit=REPORTS)
    return {report.ca_arn: report for report in reversed(newest_first)}


def _of_authority(
    ca: CertificateAuthority, age: CrlAge | None, report: AuditReport | None, now: datetime
) -> Iterator[Attention]:
    status = ca_state.status_of(ca, now)

    def attention(kind: str, text: str, at: datetime | None) -> Attention:
        return Attention(kind, text, ca.arn, ca_state.name_of(ca), at)

    if status == "PENDING_CERTIFICATE":
        text = "Pending certificate: install it to activate this CA."
        yield attention("CA_PENDING_CERTIFICATE", text, ca.created_at)
    if status in {"ACTIVE", "DISABLED"}:
        not_after = ca_state.not_after_of(ca)
        if not_after is not None and not_after - now <= CA_EXPIRES_WITHIN:
            yield attention("CA_EXPIRES", f"The CA expires on {not_after:%Y-%m-%d}.", not_after)
    if age is not None and age.crl.condition in _CRL_TEXTS:
        condition, state = age.crl.condition, age.crl.state
        yield attention(f"CRL_{condition}", _CRL_TEXTS[condition].format(state=state), state.next_update)
    if report is not None and report.status == "FAILED":
        yield attention("AUDIT_REPORT_FAILED", f"The last audit report failed: {report.failure}", report.created_at)


def _of_verdicts(ca: CertificateAuthority, age: CrlAge | None, verdicts: Sequence[Verdict]) -> Iterator[Attention]:
    """Published things that clients do not get: the worst of each kind, with the number of others."""
    kinds = ("CRL", "OCSP") if age is not None and age.crl.condition == "FRESH" else ("OCSP",)
    for kind in kinds:
        wrong = [verdict for verdict in verdicts if (verdict.kind, verdict.condition) == (kind, "WRONG")]
        for verdict in wrong[:1]:
            others = f" The same holds for {len(wrong) - 1} more." if len(wrong) > 1 else ""
            text = f"Clients get no usable {_WHAT[kind]} from {verdict.url}: {verdict.problem}{others}"
            yield Attention(f"{kind}_UNUSABLE", text, ca.arn, ca_state.name_of(ca), verdict.since)


def _of_chains(cas: list[CertificateAuthority], now: datetime) -> Iterator[Attention]:
    """Yield the CAs whose chains clients refuse; an expired CA is not among them."""
    index = chains.index(cas)
    for ca in cas:
        path = chains.installed(ca) if ca_state.status_of(ca, now) in {"ACTIVE", "DISABLED"} else ()
        if path and (found := chains.problems(path, index, now)):
            text = f"Its chain does not verify. {found[0]}"
            yield Attention("CHAIN_REFUSED", text, ca.arn, ca_state.name_of(ca), path[0].not_after)


def _of_clock(notice: str) -> Iterator[Attention]:
    if notice:
        yield Attention("CLOCK_JUMPED", notice, name="Clock")


def _of_certificates(next_week: Bar) -> Iterator[Attention]:
    if next_week.number:
        what = "One certificate expires" if next_week.number == 1 else f"{next_week.number} certificates expire"
        yield Attention("CERTIFICATES_EXPIRE", f"{what} within {WEEK.days} days.", at=next_week.begins)
