"""The format of AWS's audit reports: one row for each certificate, in JSON or CSV, made piece by piece.

Source: AWS Private CA User Guide, "Using audit reports with your private CA"; RFC 2253; RFC 4180;
OWASP, "CSV Injection".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

_PIECE_ROWS = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Row(NamedTuple):
    """The row of a certificate, in the order of AWS's columns; None where AWS leaves it out."""

    awsAccountId: str  # noqa: N815  AWS's own names, here and below
    requestedByServicePrincipal: str | None  # noqa: N815
    certificateArn: str  # noqa: N815
    serial: str
    subject: str
    notBefore: str  # noqa: N815
    notAfter: str  # noqa: N815
    issuedAt: str  # noqa: N815
    revokedAt: str | None  # noqa: N815
    revocationReason: str | None  # noqa: N815
    templateArn: str  # noqa: N815


def timestamp(moment: datetime) -> str:
    """A time as reports write it: `2018-02-26T19:39:58+0000`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")


def json_pieces(rows: Iterable[Row]) -> Iterator[bytes]:
    """The report as a JSON array, one object a line, without members that are None."""
    opening = "["
    for piece in _pieces(rows, _json_row, ",\n"):
        yield f"{opening}\n{piece}".encode()
        opening = ","
    yield b"[]\n" if opening == "[" else b"\n]\n"


def csv_pieces(rows: Iterable[Row]) -> Iterator[bytes]:
    """The report as CSV: the subject in double quotes, None as an empty cell, and no cell that starts a formula."""
    yield (",".join(Row._fields) + "\n").encode()
    for piece in _pieces(rows, _csv_row, ""):
        yield piece.encode()


WRITERS: dict[str, tuple[Callable[[Iterable[Row]], Iterator[bytes]], str]] = {
    "JSON": (json_pieces, "application/json"),
    "CSV": (csv_pieces, "text/csv"),
}


def _pieces(rows: Iterable[Row], write: Callable[[Row], str], separator: str) -> Iterator[str]:
    batch: list[str] = []
    for row in rows:
        batch.append(write(row))
        if len(batch) == _PIECE_ROWS:
            yield separator.join(batch)
            batch = []
    if batch:
        yield separator.join(batch)


def _json_row(row: Row) -> str:
    members = {name: value for name, value in row._asdict().items() if value is not None}
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False)


def _csv_row(row: Row) -> str:
    cells = (_quoted(value) if name == "subject" else value or "" for name, value in row._asdict().items())
    return ",".join(cells) + "\n"


def _quoted(text: str) -> str:
    """A cell that a spreadsheet shows as text, even a spreadsheet for which ';' is a separator.

    RFC 2253 allows to write a character as a backslash and its number; it escapes ';' anyway.
    """
    text = text.replace("\\;", "\\3B").replace('"', '""')
    return f'"{chr(39) if text.startswith(_FORMULA) else ""}{text}"'
