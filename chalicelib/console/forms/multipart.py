"""Multipart forms as browsers and curl send them: flat, with limits, read in linear time.

The library's parser of mail reads far more: parts within parts, encodings, folded headers. A form needs none of that,
and each of it lets a short body cost seconds.

Source: RFC 7578 sections 4 and 5.1; RFC 2046 section 5.1.1 for the boundary; WHATWG HTML, "Multipart form data".
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_PARTS = 400
MOST_HEADER_BYTES = 4096  # of one part: a file's name is the longest that is in it
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]*)\"|([^\s;\"]*))", re.ASCII | re.IGNORECASE)
_BOUNDARY_VALUE = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]", re.ASCII)
_DISPOSITION = re.compile(r"form-data((?: *; *[a-z*]+=(?:\"(?:[^\"\\]|\\.)*\"|[^\s;\"]*))*)", re.IGNORECASE)
_PARAMETER = re.compile(r"([a-z*]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]*))", re.IGNORECASE)
_PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class Part(NamedTuple):
    """One field, or one file where there is a file name."""

    name: str
    is_file: bool
    content: bytes


def parts(content_type: str, body: bytes) -> list[Part]:
    """Split a body at its boundary.

    Args:
        content_type: `multipart/form-data` with its parameters.
        body: the whole of it.

    Raises:
        ValueError: it is not the form that a browser sends, or has too many parts.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    whole = b"\r\n" + body
    if whole.count(delimiter) > MOST_PARTS + 1:
        raise ValueError(f"more than {MOST_PARTS} parts")
    preamble, *middle, end = whole.split(delimiter)
    # An empty line before the first boundary is a preamble (RFC 2046): some gateways put one there.
    if preamble not in {b"", b"\r\n"} or end not in {b"--", b"--\r\n"}:
        raise ValueError("the boundary is not where it must be")
    return [_part(piece) for piece in middle]


def _boundary(content_type: str) -> bytes:
    _, _, parameters = content_type.partition(";")
    match = next(filter(None, map(_BOUNDARY.fullmatch, map(str.strip, parameters.split(";")))), None)
    value = (match[1] or match[2] or "") if match else ""
    if _BOUNDARY_VALUE.fullmatch(value) is None:
        raise ValueError("no boundary")
    return value.encode("ascii")


def _part(piece: bytes) -> Part:
    if piece.endswith(b"\r\n") and b"\r\n\r\n" not in piece:
        piece += b"\r\n"  # some gateways leave out the empty content of an empty field
    head, separator, content = piece[: MOST_HEADER_BYTES + 4].partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n"):
        raise ValueError("a part without headers")
    content = piece[len(head) + len(separator) :]
    headers = [line.partition(":") for line in head.decode().split("\r\n")[1:]]
    named = {name.lower(): value.strip(" \t") for name, _, value in headers}
    if len(named) != len(headers) or any(name != name.strip() for name, _, _ in headers):
        raise ValueError("a header that is there twice, or is folded")
    if named.get("content-type", "").lower().startswith(("multipart/", "message/")):
        raise ValueError("a part that has parts")
    if named.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise ValueError("a part that is encoded")
    parameters = _parameters(named.get("content-disposition", ""))
    return Part(parameters["name"], "filename" in parameters or "filename*" in parameters, content)


def _parameters(disposition: str) -> dict[str, str]:
    match = _DISPOSITION.fullmatch(disposition)
    pairs = _PARAMETER.findall(match[1]) if match else []
    parameters = {name.lower(): quoted or token for name, quoted, token in pairs}
    if "name" not in parameters or len(parameters) != len(pairs):
        raise ValueError("a part without a name, or with two")
    return parameters
