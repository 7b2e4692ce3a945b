"""Forms to requests of AWS STS, and answers to XML.

Source: Smithy, "AWS query protocol"; XML 1.0 section 2.2 for the characters of a document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from chalicelib.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    Members = Mapping[str, "str | int | Members"]

MOST_BYTES = 32 * 1024
_MOST_FIELDS = 100
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_NO_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode(body: bytes) -> dict[str, str]:
    """Read the parameters of a form.

    Raises:
        SerializationException: it is longer than 32 KB, no form, or gives a parameter twice.
    """
    if len(body) > MOST_BYTES:
        raise SerializationException(f"The form is longer than {MOST_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise SerializationException("The body is not a form.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise SerializationException("The form gives a parameter twice.")
    return values


def encode(action: str, result: Members) -> bytes:
    """Encode the result of an action; `with_request_id` completes it."""
    return f'<{action}Response xmlns="{_NAMESPACE}">{_element(f"{action}Result", result)}</{action}Response>'.encode()


def encode_error(code: str, message: str) -> bytes:
    """Encode a refusal; `with_request_id` completes it."""
    error = _element("Error", {"Type": "Sender", "Code": code, "Message": message})
    return f'<ErrorResponse xmlns="{_NAMESPACE}">{error}</ErrorResponse>'.encode()


def with_request_id(document: bytes, request_id: str) -> bytes:
    """Put the id of the request where AWS has it: at the end of the document."""
    content, _, end = document.decode().rpartition("</")
    element = _element("RequestId", request_id)
    if not content.startswith("<ErrorResponse"):
        element = f"<ResponseMetadata>{element}</ResponseMetadata>"
    return f"{content}{element}</{end}".encode()


def _element(name: str, value: str | int | Members) -> str:
    if isinstance(value, str | int):
        content = escape(_NO_CHARACTERS.sub("?", str(value)))
    else:
        content = "".join(_element(*member) for member in value.items())
    return f"<{name}>{content}</{name}>"
