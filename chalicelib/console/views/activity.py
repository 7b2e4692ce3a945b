"""Who did what: the audit record of the account or of a CA, page by page, and one record in full."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api import signet_endpoints
from chalicelib.audit import AuditError, search
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_page
from chalicelib.reports import activity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.audit import Found
    from chalicelib.console.web import Visit
    from chalicelib.reports.activity import Activity

SECTION = TAB = "activity"
PAGE = 25
EXAMINED = 2000  # records for a page, so that it comes soon
_OTHER_CLOCKS = timedelta(minutes=15)
_MOST_ENDED = 40
FIELDS = ("operation", "actor", "outcome", "happened_from", "happened_to")
OUTCOMES = {
    "allowed": ("good", "●", "Allowed"),
    "denied": ("bad", "✕", "Denied"),
    "failed": ("warn", "◐", "Failed"),
    "unfinished": ("warn", "◌", "Unfinished"),
}


class Row(NamedTuple):
    """A call in the list.

    Attributes:
        record: as it was written.
        at: the address of its page, behind that of the list.
        names: of the certificate, if one was issued.
        ca_id, serial: of what it was about; empty for nothing.
    """

    record: Mapping[str, Any]
    time: datetime
    outcome: tuple[str, str, str]
    at: str
    names: str = ""
    ca_id: str = ""
    serial: str = ""


class Event(NamedTuple):
    """Something of which only the store tells, because it was before the record began.

    Attributes:
        about: the subject of a certificate, which may be text of others, or a detail.
    """

    at: datetime
    what: str
    about: str = ""
    serial: str = ""


def show_of_account(visit: Visit) -> WireResponse:
    """The calls that concern the account, the newest first."""
    values = _listed(visit, "activity", "")
    status = 422 if values["problems"] else 200
    values |= {
        "journal": visit.rt.store.journal_head(),
        "difference": visit.rt.journal.difference(visit.rt.now()),
        "verified": visit.rt.store.get_journal_verification(),
    }
    return render.page(visit, "activity.html", title="Activity", section=SECTION, status=status, **values)


def show_of_authority(visit: Visit) -> WireResponse:
    """The calls about a CA, the newest first, and what happened before the record began."""
    values = _listed(visit, authority_page.address(visit.ca.ca_id, TAB), visit.ca.arn)
    is_whole = not values["following"] and not values["typed"] and not values["problems"]
    history = _events(activity.activity(visit.rt, visit.caller, visit.ca.arn)) if is_whole else ()
    begin = values.pop("oldest")
    return authority_page.show(
        visit,
        "authority_activity.html",
        TAB,
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": visit.ca.arn}),),
        events=sorted((each for each in history if each.at < begin), key=lambda event: event.at, reverse=True),
        **values,
    )


def show_record(visit: Visit) -> WireResponse:
    """One record in full."""
    found = visit.rt.audit.get(visit.caller.account_id, visit.query.get("at", ""))
    if found is None or not _is_about(visit, found.record):
        raise web.NotFoundError
    return render.page(
        visit,
        "activity_record.html",
        title=str(found.record["eventName"]),
        section=SECTION,
        back=authority_page.address(visit.ca.ca_id, TAB) if visit.authority else "activity",
        row=_row(found),
        text=json.dumps(found.record, indent=2),
    )


def _is_about(visit: Visit, record: Mapping[str, Any]) -> bool:
    return visit.authority is None or search.Filters(ca=visit.ca.arn).fit(record)


# the list


def _listed(visit: Visit, path: str, ca_arn: str) -> dict[str, Any]:
    """The values of `activity_list.html`, and `oldest`: when the oldest record was written that was looked at."""
    typed = {name: visit.query[name].strip() for name in FIELDS if visit.query.get(name, "").strip()}
    filters, problems = _filters(typed, ca_arn)
    ended = dict.fromkeys(filter(None, visit.query.get("ended", "").split(",")[:_MOST_ENDED]))
    rows, following, oldest = list[Row](), "", visit.rt.now()
    try:
        for number, found in enumerate([] if problems else _calls(visit, filters, ended), start=1):
            oldest = _time(found.record)
            if filters.fit(found.record):
                rows.append(_row(found))
            if len(rows) == PAGE or number == EXAMINED:
                following = urlencode(typed | {"next": found.position, "ended": ",".join(list(ended)[-_MOST_ENDED:])})
                break
    except AuditError as error:
        raise web.NotFoundError from error
    return {
        "path": path,
        "typed": typed,
        "problems": problems,
        "outcomes": OUTCOMES,
        "rows": rows,
        "following": following,
        "first": "next" not in visit.query,
        "again": urlencode(typed),
        "oldest": oldest,
    }


def _calls(visit: Visit, filters: search.Filters, ended: dict[str, None]) -> Iterator[Found]:
    newest = visit.rt.audit.newest(visit.caller.account_id, before=visit.query.get("next", ""), now=visit.rt.now())
    begin = search.time_text(filters.since - _OTHER_CLOCKS) if filters.since else ""
    for found in search.calls(newest, ended):
        if str(found.record["eventTime"]) < begin:
            return
        yield found


def _filters(typed: Mapping[str, str], ca_arn: str) -> tuple[search.Filters, dict[str, str]]:
    """The filters, and the problems of their fields."""
    problems: dict[str, str] = {}
    since, until = (_day(typed, name, problems) for name in ("happened_from", "happened_to"))
    if typed.get("outcome", "") not in {"", *OUTCOMES}:
        problems["outcome"] = "It must be one of these."
    return search.Filters(
        principal=typed.get("actor", ""),
        operation=typed.get("operation", ""),
        ca=ca_arn,
        outcome=typed.get("outcome", ""),
        since=since,
        until=until + timedelta(days=1) if until else None,
    ), problems


def _day(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> datetime | None:
    if name not in typed:
        return None
    try:
        day: datetime = signet_endpoints.read_parameter("issuedAfter", f"{typed[name]}T00:00:00Z")
    except errors.ValidationException:
        problems[name] = "It must be a date."
        return None
    return day


def _row(found: Found) -> Row:
    record = found.record
    details = record.get("additionalEventData") or {}
    named = [str(each.get("ARN", "")) for each in record.get("resources") or ()]
    serial = next((arn.rpartition("/")[2] for arn in named if "/certificate/" in arn), "")
    return Row(
        record,
        _time(record),
        OUTCOMES[search.outcome_of(record)],
        urlencode({"at": found.position}),
        ", ".join(map(str, details.get("certificateNames") or ())),
        next((search.ca_id_of(arn) for arn in named if ":certificate-authority/" in arn), ""),
        serial,
    )


def _time(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(record["eventTime"]))


# before the record


def _events(history: Activity) -> Iterator[Event]:
    yield Event(history.created_at, "CA created")
    if history.last_state_change_at != history.created_at:
        yield Event(history.last_state_change_at, "Status changed")
    for crl in history.crls:
        if crl.state.published_at is not None:
            yield Event(crl.state.published_at, "CRL published", f"Number {crl.state.published_number}")
    for issued in history.issued:
        what = "Certificate requested" if issued.record.issued_at is None else "Certificate issued"
        serial = arns.serial_hex(issued.record.serial_number)
        yield Event(issued.record.issued_at or issued.record.reserved_at, what, issued.summary.subject, serial)
    for revoked in history.revoked:
        if revoked.record.revoked_at is not None:
            serial = arns.serial_hex(revoked.record.serial_number)
            yield Event(revoked.record.revoked_at, "Certificate revoked", revoked.summary.subject, serial)
    for report in history.audit_reports:
        yield Event(report.created_at, "Audit report requested", report.status.capitalize())
