"""GET of the API's own address: browsers go to the console, and clients learn that the API takes only POST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.api.dispatch import WireResponse
from chalicelib.random_ids import random_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.api.sigv4 import WireRequest

_REFUSAL = "UnknownOperationException", "This method is not supported here."
_COMMON = {"Cache-Control": "no-store", "Vary": "Accept"}


def answer(request: WireRequest) -> WireResponse:
    """Redirect clients that accept HTML; refuse all others, as any other method is refused."""
    if "text/html" in _accepted(request):
        # Relative, because a gateway may put a stage before the path.
        start = "" if request.path.endswith("/") else request.path.rpartition("/")[2] + "/"
        return WireResponse(303, b"", _COMMON | {"Location": f"{start}console", "Content-Type": "text/plain"})
    code, message = _REFUSAL
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": random_uuid(),
        "x-amzn-ErrorType": code,
        "Allow": "POST",
    }
    return WireResponse(405, json.dumps({"__type": code, "message": message}).encode(), _COMMON | headers)


def _accepted(request: WireRequest) -> Iterator[str]:
    """Yield the media types that a request accepts by name, except those of quality 0 (RFC 9110 section 12.5.1)."""
    for name, value in request.headers:
        for media_range in value.split(",") if name == "accept" else ():
            kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
            if not any(_is_zero(parameter) for parameter in parameters):
                yield kind


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and set(value.strip()) <= {"0", "."}
