"""Forms as browsers send them: urlencoded, or multipart if a file may come with it.

Source: WHATWG URL, "application/x-www-form-urlencoded"; RFC 7578.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from chalicelib.api.dispatch import MAX_BODY_BYTES
from chalicelib.console.forms import multipart
from chalicelib.console.web import Form
from chalicelib.errors import RequestEntityTooLargeException, UnsupportedMediaType, ValidationException

if TYPE_CHECKING:
    from chalicelib.api.sigv4 import WireRequest

MOST_FIELDS = 400
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
MOST_PUBLIC_BYTES = 8 * 1024
MOST_URLENCODED_BYTES = 1024 * 1024  # decoding "%" takes a second for 2 MB; chains come as files, by multipart
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def check_kind(request: WireRequest, *, public: bool) -> None:
    """Refuse a body that is not a form, by its headers and its length, before any of it is read.

    Args:
        request: with a body.
        public: whether anybody may send it: then it is short, and has no files.

    Raises:
        RequestEntityTooLargeException: it is longer than such a form may be.
        UnsupportedMediaType: it is not of a type that browsers send.
    """
    kind = _kind(request.header("content-type"))
    most = {_URLENCODED: MOST_PUBLIC_BYTES if public else MOST_URLENCODED_BYTES}
    if not public:
        most[_MULTIPART] = MAX_BODY_BYTES
    if request.body and kind not in most:
        raise UnsupportedMediaType("The content type is not one of a form.")
    if len(request.body) > most.get(kind, 0):
        raise RequestEntityTooLargeException(f"The form is longer than {most[kind]} bytes.")


def is_urlencoded(content_type: str | None) -> bool:
    """Whether a form is of the type that strangers may send; without a body there need not be one."""
    return _kind(content_type) in {_URLENCODED, ""}


def _kind(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def parse(request: WireRequest) -> Form:
    """Read the form of a request.

    Raises:
        ValidationException: the body is not a form.
    """
    kind = _kind(request.header("content-type"))
    try:
        if kind == _URLENCODED:
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            return Form(_first(pairs))
        if kind == _MULTIPART:
            return _multipart(request.header("content-type") or "", request.body)
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
    parts = multipart.parts(content_type, body)
    fields = [(part.name, part.content.decode()) for part in parts if not part.is_file]
    files = {part.name: _unmarked(part.content) for part in parts if part.is_file and part.content}
    return Form(_first(fields), files)


def _unmarked(content: bytes) -> bytes:
    """A file in UTF-8 without the mark that Windows puts before texts; DER begins like none of these (Unicode 23.8)."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace").encode("utf-8", "replace")
    return content
