"""A list of certificates as a file, in CSV or JSON: what the page lists, up to a number and a size.

Source: RFC 4180; OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.api import signet_endpoints
from chalicelib.console import text, web
from chalicelib.console.forms import certificate_filters
from chalicelib.operations import listing, search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.operations.search import Match

MOST = 5000  # certificates in a file
MOST_BYTES = 4_000_000  # Lambda answers with at most 6 MB
COLUMNS = (
    "Name",
    "Subject",
    "SubjectAlternativeNames",
    "Serial",
    "State",
    "TemplateArn",
    "IssuedAt",
    "NotBefore",
    "NotAfter",
    "RevokedAt",
    "RevocationReason",
    "RequestedBy",
    "CertificateAuthorityArn",
    "CertificateArn",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def export(visit: Visit) -> WireResponse:
    """The file; its name says if it lacks some of the list."""
    ca_id, kind = visit.authority.ca_id if visit.authority else "", visit.query.get("format", "")
    filters = certificate_filters.read(visit.query, ca_id)
    if kind not in _WRITERS or filters.problems:
        raise errors.ValidationException("The export needs the format csv or json, and filters that the list accepts.")
    write, content_type = _WRITERS[kind]
    caller = signet_endpoints.acting(visit.rt, visit.caller, "SearchCertificates")
    matches = listing.everything(visit.rt, caller, filters.question, most=MOST + 1)
    lines, is_whole = _bounded(write(_row(match) for match in matches))
    part = "" if is_whole else f"-first-{len(lines)}"
    body = _OPENINGS[kind] + _SEPARATORS[kind].join(lines) + _ENDINGS[kind]
    return web.download(body, f"certificates{part}.{kind}", content_type)


def _bounded(lines: Iterator[str]) -> tuple[list[str], bool]:
    """The lines of a file up to its limits, and whether these are all."""
    kept, size = list[str](), 0
    for line in lines:
        size += len(line.encode())
        if len(kept) == MOST or size > MOST_BYTES:
            return kept, False
        kept.append(line)
    return kept, True


def _row(match: Match) -> dict[str, Any]:
    """The members of a row that have a value, in the order of the columns."""
    described = search.describe(match) | {
        "Name": match.summary.name,
        "RequestedBy": match.record.requested_by,
        "CertificateAuthorityArn": match.record.ca_arn,
    }
    return {name: described[name] for name in COLUMNS if name in described}


def _csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield _csv_line(_cell(row.get(name, "")) for name in COLUMNS)


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return text.iso(value)
    said = " ".join(value) if isinstance(value, list) else str(value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def _json(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, default=text.iso, ensure_ascii=False)


# By format: how rows are written and the type of the file, and what stands before, between and behind rows.
_WRITERS: dict[str, tuple[Callable[[Iterable[Mapping[str, Any]]], Iterator[str]], str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "json": (_json, "application/json"),
}
_OPENINGS = {"csv": _csv_line(COLUMNS), "json": "["}
_SEPARATORS = {"csv": "", "json": ",\n"}
_ENDINGS = {"csv": "", "json": "]\n"}
