"""From what Chalice hands over to the request as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.api.sigv4 import WireRequest

if TYPE_CHECKING:
    from chalice.app import Request


def wire_request(request: Request) -> WireRequest:
    """The HTTP request behind a Chalice request; repeated headers are seen where the gateway passes them on."""
    event: dict[str, Any] = request.to_original_event()
    multi = event.get("multiValueHeaders") or {name: [value] for name, value in event.get("headers", {}).items()}
    headers = tuple((name.lower(), value) for name, values in multi.items() for value in values)
    path = event["requestContext"].get("path") or "/"
    query = event.get("multiValueQueryStringParameters") or {}
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, values in query.items() for value in values]
    body = request.raw_body
    return WireRequest(
        method=request.method,
        path=path,
        query="&".join(pairs),
        headers=headers,
        body=body.encode() if isinstance(body, str) else body,
    )


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")
