"""CRLs over HTTP in the laptop home, as S3 serves them elsewhere. No other object of a bucket can be read.

Source: RFC 9110 sections 8.8 and 13.1.2; RFC 2585 section 4.2 for the media type.
"""

from __future__ import annotations

import json
from email.utils import format_datetime
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api.dispatch import WireResponse, outage
from chalicelib.random_ids import random_uuid

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def crl_response(
    rt: Runtime, bucket: str | None, key: str, if_none_match: str | None, *, from_file: bool = False
) -> WireResponse:
    """Answer a request for a CRL; never raises, because a bucket that cannot be read is answered with status 503.

    Args:
        rt: the runtime; with S3 buckets there is nothing to serve here.
        bucket: from the path; None for a custom host name that points here, which finds the CRL in any bucket.
        key: `crl/{CA id}.crl`, or its variant with a CustomPath or a partition.
        if_none_match: the request's header If-None-Match.
        from_file: the server can send a large CRL from its file.
    """
    public_object = getattr(rt.buckets, "public_object", None)
    try:
        crl = public_object(bucket, key) if public_object else None
    except Exception as error:  # noqa: BLE001  status 404 would claim that there is no CRL
        return _unavailable(error)
    if crl is None:
        return _refusal(errors.ResourceNotFoundException("There is nothing here."), 404)
    etag = f'"{crl.etag}"'
    headers = {
        "Content-Type": crl.content_type,
        "ETag": etag,
        "Last-Modified": format_datetime(crl.last_modified, usegmt=True),
        "Cache-Control": crl.cache_control,
    }
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    if etag in known or "*" in known:
        return WireResponse(304, b"", headers)
    if crl.file is not None and from_file:
        return WireResponse(200, b"", headers, crl.file)
    try:
        return WireResponse(200, crl.body if crl.file is None else crl.file.read_bytes(), headers)
    except OSError as error:
        return _unavailable(error)


def _unavailable(error: Exception) -> WireResponse:
    """Answer for a bucket that cannot be read; only the log has the reason."""
    request_id = random_uuid()
    refusal = outage(error, request_id)
    answer = _refusal(refusal, refusal.status)
    answer.headers.update({"x-amzn-RequestId": request_id, "Retry-After": str(refusal.retry_after_seconds or 1)})
    return answer


def _refusal(error: errors.ApiError, status: int) -> WireResponse:
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return WireResponse(status, body, {"Content-Type": "application/json"})
