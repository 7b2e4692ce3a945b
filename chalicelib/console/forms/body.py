"""Forms as browsers send them: urlencoded, or multipart where a file may be with it.

Source: WHATWG URL, "application/x-www-form-urlencoded"; RFC 7578.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from chalicelib.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.sigv4 import WireRequest

MOST_FIELDS = 400
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, and the contents of its files; an empty file is none."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The value of a field without surrounding space; empty where it is not there."""
        return self.fields.get(name, "").strip()


def parse(request: WireRequest) -> Form:
    """Read the form of a request.

    Raises:
        ValidationException: it is none.
    """
    content_type = request.header("content-type") or ""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == _URLENCODED:
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            return Form(_first(pairs))
        if kind == _MULTIPART:
            return _multipart(content_type, request.body)
    except ValueError as error:
        raise ValidationException("The form cannot be read.") from error
    if request.body:
        raise ValidationException("The form cannot be read: its content type is not one of a form.")
    return Form()


def parse_query(text: str) -> dict[str, str]:
    """The parameters of an address; what is no parameter is nothing."""
    try:
        return _first(parse_qsl(text, max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def _first(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return dict(reversed(pairs))


def _multipart(content_type: str, body: bytes) -> Form:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}
    parts = message.get_payload() if message.is_multipart() else []
    for part in parts[:MOST_FIELDS]:  # type: ignore[index]  # a multipart message has a list
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]  # of messages
        content = part.get_payload(decode=True)  # type: ignore[union-attr]  # of messages
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise ValueError(name)  # noqa: TRY004  it is the form that is wrong
        if part.get_filename() is None:  # type: ignore[union-attr]  # of messages
            fields.append((name, content.decode()))
        elif content:
            files[name] = _unmarked(content)
    return Form(_first(fields), files)


def _unmarked(content: bytes) -> bytes:
    """A file in UTF-8 without the mark that Windows puts before texts; DER begins like none of these (Unicode 23.8)."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace").encode("utf-8", "replace")
    return content
