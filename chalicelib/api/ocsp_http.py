"""OCSP over HTTP, by GET and POST, for the laptop home's server and for a Lambda function behind a function URL.

It is not a route of API Gateway's REST API, whose binary responses depend on the request's Accept header, which OCSP
clients do not send. OCSP requests are not signed, and every answer is an OCSPResponse with status 200.

Source: RFC 6960 appendix A.1; RFC 5019 sections 5 and 6.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from chalicelib.api.dispatch import WireResponse
from chalicelib.ocsp import answers
from chalicelib.pki.ocsp import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.ocsp.answers import Answer
    from chalicelib.runtime import Runtime

PREFIX = "/ocsp"
REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"
MAX_AGE = 5  # seconds for which caches may hide a revocation
_METHODS = ("GET", "HEAD", "POST")


def request_of(method: str, path: str, content_type: str, body: bytes) -> bytes | None:
    """Extract the OCSPRequest from an HTTP request: empty if it cannot be decoded, None if the request is not OCSP.

    OCSP is served under /ocsp, and at the root for a custom host name: there by POST of OCSP's media type, and by GET
    if the path begins like the base64 of a SEQUENCE. A name that ends like a CRL's is not base64.
    """
    if method != "POST" and path.endswith(".crl"):
        return None
    prefixed = path == PREFIX or path.startswith(PREFIX + "/")
    rest = path[len(PREFIX) :] if prefixed else path
    if method == "POST":
        at_root = rest in {"", "/"} and content_type.split(";", maxsplit=1)[0].strip().lower() == REQUEST_TYPE
        return body if prefixed or at_root else None
    encoded = rest.lstrip("/")  # some clients append "/" to a URL that ends with "/"
    if not prefixed and not (method in _METHODS and encoded.startswith("M")):
        return None
    return _decoded(encoded)


def _decoded(text: str) -> bytes:
    if len(text) > 2 * MAX_REQUEST_BYTES:
        return b""
    encoded = unquote_to_bytes(text).replace(b" ", b"+").rstrip(b"=")
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return b""


def respond(rt: Runtime, method: str, request_der: bytes, if_none_match: str = "") -> WireResponse:
    """Answer an OCSPRequest over HTTP."""
    if method not in _METHODS:
        return WireResponse(405, b"", {"Allow": ", ".join(_METHODS)})
    return of_answer(rt, method, answers.respond(rt, request_der), if_none_match)


def of_answer(rt: Runtime, method: str, answer: Answer, if_none_match: str = "") -> WireResponse:
    """Add the headers for HTTP caches, which may store responses to GET for `MAX_AGE` seconds."""
    headers = {"Content-Type": RESPONSE_TYPE}
    if method == "POST" or not answer.cacheable or answer.this_update is None:
        return WireResponse(200, answer.der, headers | {"Cache-Control": "no-store"})
    etag = f'"{hashlib.sha256(answer.der).hexdigest()}"'
    headers |= {
        "Cache-Control": f"max-age={MAX_AGE}, public, no-transform, must-revalidate",
        "Last-Modified": format_datetime(answer.this_update, usegmt=True),
        "Expires": format_datetime((rt.now() + timedelta(seconds=MAX_AGE)).replace(microsecond=0), usegmt=True),
        "ETag": etag,
    }
    if etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}:
        return WireResponse(304, b"", headers)
    return WireResponse(200, answer.der, headers)


def function_url(rt: Runtime, event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the event of a function URL or an HTTP API (payload format 2.0).

    Source: AWS Lambda Developer Guide, "Invoking Lambda function URLs".
    """
    http = event["requestContext"]["http"]
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    request_der = request_of(http["method"], event["rawPath"], headers.get("content-type", ""), body)
    if request_der is None:
        request_der = body  # the URL serves nothing else
    answer = respond(rt, http["method"], request_der, headers.get("if-none-match", ""))
    return {
        "statusCode": answer.status,
        "headers": dict(answer.headers),
        "body": base64.b64encode(answer.body).decode(),
        "isBase64Encoded": True,
    }
