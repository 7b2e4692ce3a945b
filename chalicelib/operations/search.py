"""Search: the certificates of a CA by what is in them, from indexes. An extension beside AWS's API.

A search walks the index entries of its most selective filter, and checks each certificate against all filters. For one
page it examines a limited number of entries, so that a page may be short, or empty, and still have a next one.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import find
from chalicelib.operations import paging
from chalicelib.pki.x509 import summary as summaries
from chalicelib.store import SEPARATOR, Span, search_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.pki.x509.summary import Summary
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

MAX_PAGE = 100
STATES = ("ISSUED", "REVOKED", "EXPIRED", "PENDING", "FAILED")
MOST_EXAMINED = 1000
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_FIRST_DIGITS, _LAST_DIGITS = "0" * 20, "9" * 20


class Filters(NamedTuple):
    """The conditions of a search; None: no condition.

    Attributes:
        subject: an attribute of the subject, ignoring case; with a final "*", its beginning.
        san: a subject alternative name, likewise; an IP address in any form.
        state: one of `STATES`.
        template_name: of the template.
        issued_after, issued_before, expires_after, expires_before: inclusive.
    """

    subject: str | None = None
    san: str | None = None
    serial_number: int | None = None
    state: str | None = None
    template_name: str | None = None
    issued_after: datetime | None = None
    issued_before: datetime | None = None
    expires_after: datetime | None = None
    expires_before: datetime | None = None


class Match(NamedTuple):
    """A certificate that matches a search."""

    record: Certificate
    state: str
    summary: Summary


def terms_of(summary: Summary) -> list[tuple[str, str]]:
    """The values by which a certificate is found: those of its subject and its subject alternative names."""
    values = [("subject", value) for value in summary.subject_values]
    return values + [("san", value) for value in summary.alternative_names]


def search_certificates(
    rt: Runtime,
    caller: Caller,
    ca_arn: str,
    filters: Filters,
    *,
    limit: int = MAX_PAGE,
    token: str | None = None,
    most_examined: int = MOST_EXAMINED,
) -> tuple[list[Match], str | None]:
    """Find a page of certificates, examining at most so many index entries; returns the next page's token, too.

    They come in the order of the index: by subject, subject alternative name or template, and then by time; by expiry;
    revoked ones by serial number; otherwise by time of issuance.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
        ValidationException: the token is not from this search.
    """
    ca = find.find(rt, caller, ca_arn)
    filters = filters._replace(san=_in_usual_form(filters.san))
    name = f"Search/{ca.arn}/{filters!r}"
    try:
        begin = paging.decode(rt, caller, name, token) or ""
    except paging.TokenError as error:
        raise errors.ValidationException(str(error), member=("NextToken",)) from error
    matches: list[Match] = []
    for examined, (position, record) in enumerate(_candidates(rt, ca, filters, begin), 1):
        match = _match(record, filters, rt.now()) if record else None
        if match is not None and _is_first_entry(match, filters, position):
            matches.append(match)
        if len(matches) >= limit or examined >= most_examined:
            return matches, paging.encode(rt, caller, name, position)
    return matches, None


def state_of(record: Certificate, now: datetime) -> str:
    """The state of a certificate as search shows it."""
    if record.revoked_at is not None:
        return "REVOKED"
    if record.status == "ISSUED" and record.not_after < now:
        return "EXPIRED"
    return record.status


def _candidates(
    rt: Runtime, ca: CertificateAuthority, filters: Filters, begin: str
) -> Iterator[tuple[str, Certificate | None]]:
    """Read certificates that may match in pages of the index, each with its position."""
    if filters.serial_number is not None:
        if not begin:
            yield "serial", rt.store.get_certificate(ca.arn, filters.serial_number)
        return
    span = next(make(filters) for applies, make in _SPANS if applies(filters))
    while entries := rt.store.find_certificates(ca.arn, span, after=begin, limit=MAX_PAGE):
        for position, serial_number in entries:
            yield position, rt.store.get_certificate(ca.arn, serial_number)
        begin = entries[-1][0]


def _in_usual_form(name: str | None) -> str | None:
    """An IP address as the index has it (RFC 5952); other names, and beginnings of names, unchanged."""
    try:
        return name and str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _text_span(kind: Literal["san", "subject"], wanted: str | None) -> Span:
    value = (wanted or "").removesuffix("*")
    return Span(kind, value, value, whole=value == wanted)


def _digits(after: datetime | None, before: datetime | None) -> tuple[str, str]:
    first = _FIRST_DIGITS if after is None else f"{max(0, (after - _EPOCH) // timedelta(microseconds=1)):020d}"
    last = _LAST_DIGITS if before is None else f"{max(0, (before - _EPOCH) // timedelta(microseconds=1)):020d}"
    return first, last


# The index that is walked: that of the first filter here that the search has; the most selective come first.
_SPANS: tuple[tuple[Callable[[Filters], object], Callable[[Filters], Span]], ...] = (
    (lambda asked: asked.san is not None, lambda asked: _text_span("san", asked.san)),
    (lambda asked: asked.subject is not None, lambda asked: _text_span("subject", asked.subject)),
    (lambda asked: asked.state == "REVOKED", lambda _: Span("revoked")),
    (
        lambda asked: asked.expires_after or asked.expires_before,
        lambda asked: Span("expires", *_digits(asked.expires_after, asked.expires_before)),
    ),
    (
        lambda asked: asked.template_name and not (asked.issued_after or asked.issued_before),
        lambda asked: Span("template", asked.template_name or "", asked.template_name or "", whole=True),
    ),
    (lambda _: True, lambda asked: Span("issued", *_digits(asked.issued_after, asked.issued_before))),
)


def shown(record: Certificate, now: datetime) -> Match:
    """A certificate with its state and contents; without names where the bytes were lost with a database."""
    summary = summaries.NO_NAMES
    if record.certificate_der:
        summary = summaries.of_certificate(record.certificate_der)
    elif record.tbs_der:
        summary = summaries.of_tbs(record.tbs_der)
    return Match(record, state_of(record, now), summary)


def _match(record: Certificate, filters: Filters, now: datetime) -> Match | None:
    """The certificate, if it matches all filters; it is parsed only if its record matches."""
    if filters.state not in {None, state_of(record, now)} or not all(holds(record, filters) for holds in _OF_RECORDS):
        return None
    match = shown(record, now)
    return match if all(holds(match.summary, filters) for holds in _OF_SUMMARIES) else None


def _is(value: str, wanted: str) -> bool:
    text, begins = value.casefold(), wanted.casefold().removesuffix("*")
    return text.startswith(begins) if wanted.endswith("*") else text == begins


def has_value(values: tuple[str, ...], wanted: str) -> bool:
    """Tell whether one of some values is the wanted one, ignoring case; with a final "*", whether it begins so."""
    return any(_is(value, wanted) for value in values)


def _any_is(values: tuple[str, ...], wanted: str | None) -> bool:
    return wanted is None or has_value(values, wanted)


def _is_first_entry(match: Match, filters: Filters, position: str) -> bool:
    """Return whether this entry is the first of those that lead to a certificate."""
    wanted = filters.san or filters.subject
    if wanted is None or filters.serial_number is not None:
        return True
    values = match.summary.alternative_names if filters.san else match.summary.subject_values
    return position.split(SEPARATOR)[1] == min(search_value(value) for value in values if _is(value, wanted))


def _between(moment: datetime, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or moment >= after) and (before is None or moment <= before)


_OF_RECORDS: tuple[Callable[[Certificate, Filters], bool], ...] = (
    lambda record, asked: asked.template_name in {None, arns.parse_template_arn(record.template_arn).name},
    lambda record, asked: _between(record.reserved_at, asked.issued_after, asked.issued_before),
    lambda record, asked: _between(record.not_after, asked.expires_after, asked.expires_before),
)
_OF_SUMMARIES: tuple[Callable[[Summary, Filters], bool], ...] = (
    lambda summary, asked: _any_is(summary.subject_values, asked.subject),
    lambda summary, asked: _any_is(summary.alternative_names, asked.san),
)


def describe(match: Match) -> dict[str, Any]:
    """A certificate as the answer shows it, without members that have no value."""
    record = match.record
    members = {
        "CertificateArn": record.arn,
        "Serial": arns.serial_hex(record.serial_number),
        "State": match.state,
        "Subject": match.summary.subject,
        "SubjectAlternativeNames": list(match.summary.alternative_names),
        "TemplateArn": record.template_arn,
        "NotBefore": record.not_before,
        "NotAfter": record.not_after,
        "IssuedAt": record.issued_at,
        "RevokedAt": record.revoked_at,
        "RevocationReason": record.revocation_reason,
        "FailureReason": record.failure,
    }
    return {name: value for name, value in members.items() if value is not None}
