"""Who did what: the audit record of the account or of a CA, page by page, and one record in full."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api import signet_endpoints
from chalicelib.audit import AuditError, events, search
from chalicelib.ca import state
from chalicelib.console import render, severity, web
from chalicelib.console.commands import command
from chalicelib.console.parts import activity_words, authority_page
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
FIELDS = ("scope", "operation", "actor", "outcome", "happened_from", "happened_to")
SCOPES = {"": "Changes and refusals", "all": "Everything, including reads"}
LIVE_SECONDS = 15  # between two reloads of the first page
OUTCOMES = severity.OUTCOME


class Row(NamedTuple):
    """A call in the list.

    Attributes:
        record: as it was written.
        what: its purpose, in words.
        at: the address of its page, behind that of the list.
        names: of the certificate, if one was issued.
        ca_id, ca_name, serial: of the CA and the certificate that it was about; empty for none.
        principal: that acted, if it belongs to the visitor's account.
    """

    record: Mapping[str, Any]
    what: str
    time: datetime
    outcome: tuple[str, str, str]
    at: str
    names: str = ""
    ca_id: str = ""
    ca_name: str = ""
    serial: str = ""
    principal: str = ""


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
    if _is_part(visit):
        return render.page(visit, "activity_rows.html", title="", **values, ca_id="")
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
    if _is_part(visit):
        return render.page(visit, "activity_rows.html", title="", **values, ca_id=visit.ca.ca_id)
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


def _is_part(visit: Visit) -> bool:
    """Tell whether an open page reloads only its list."""
    return visit.query.get("part") == "list"


def show_record(visit: Visit) -> WireResponse:
    """One record in full."""
    found = visit.rt.audit.get(visit.caller.account_id, visit.query.get("at", ""))
    if found is None or not _is_about(visit, found.record):
        raise web.NotFoundError
    return render.page(
        visit,
        "activity_record.html",
        title=activity_words.of_record(found.record),
        section=SECTION,
        back=authority_page.address(visit.ca.ca_id, TAB) if visit.authority else "activity",
        row=_row(visit, found),
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
            if filters.fit(found.record) and _is_in_scope(typed, found.record):
                rows.append(_row(visit, found))
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
        "scopes": SCOPES,
        "operations": activity_words.WORDS,
        "live": 0 if "next" in visit.query or problems else LIVE_SECONDS,
        "rows": rows,
        "following": following,
        "first": "next" not in visit.query,
        "again": urlencode(typed),
        "oldest": oldest,
    }


def _is_in_scope(typed: Mapping[str, str], record: Mapping[str, Any]) -> bool:
    """Leave out reads that were allowed, unless the filters ask for them."""
    asked_for = typed.get("scope") or typed.get("operation") or typed.get("outcome")
    return bool(asked_for) or record.get("readOnly") is False or search.outcome_of(record) != "allowed"


def _calls(visit: Visit, filters: search.Filters, ended: dict[str, None]) -> Iterator[Found]:
    newest = visit.rt.audit.newest(visit.caller.account_id, before=visit.query.get("next", ""), now=visit.rt.now())
    begin = events.time_text(filters.since - _OTHER_CLOCKS) if filters.since else ""
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
    if typed.get("scope", "") not in SCOPES:
        problems["scope"] = "It must be one of these."
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


def _row(visit: Visit, found: Found) -> Row:
    record = found.record
    details = record.get("additionalEventData") or {}
    named = [str(each.get("ARN", "")) for each in record.get("resources") or ()]
    about = next((arn for arn in named if ":certificate-authority/" in arn), "")
    return Row(
        record,
        activity_words.of_record(record),
        _time(record),
        OUTCOMES[search.outcome_of(record)],
        urlencode({"at": found.position}),
        ", ".join(map(str, details.get("certificateNames") or ())),
        search.ca_id_of(about) if about else "",
        _name_of(visit, about),
        next((arn.rpartition("/")[2] for arn in named if "/certificate/" in arn), ""),
        _principal(visit, record),
    )


def _name_of(visit: Visit, arn: str) -> str:
    """The name of the CA that an ARN names or is part of; its id if it is gone or another account's."""
    ca_arn = arn.partition("/certificate/")[0]
    try:
        is_own = bool(arn) and arns.parse_ca_arn(ca_arn).account_id == visit.caller.account_id
    except arns.ArnError:
        return search.ca_id_of(arn)
    ca = visit.rt.store.get_certificate_authority(ca_arn, cached=True) if is_own else None
    return state.name_of(ca) if ca is not None else search.ca_id_of(arn)


def _principal(visit: Visit, record: Mapping[str, Any]) -> str:
    """The principal of the visitor's account that acted; empty for anybody else."""
    who = record.get("userIdentity") or {}
    is_own = who.get("type") == "IAMUser" and who.get("accountId") == visit.caller.account_id
    return str(who.get("userName", "")) if is_own else ""


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
