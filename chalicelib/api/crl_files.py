"""CRLs over HTTP in the laptop home: what S3 does elsewhere. Nothing else of a bucket can be read.

Source: RFC 9110 sections 8.8 and 13.1.2; RFC 2585 section 4.2 for the media type.
"""

from __future__ import annotations

import json
import uuid
from email.utils import format_datetime
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api.dispatch import WireResponse, outage

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def crl_file(rt: Runtime, bucket: str | None, key: str, if_none_match: str | None) -> WireResponse:
    """The CRL with a key of a bucket, or of whichever bucket has it.

    Args:
        rt: the runtime; with S3 buckets there is nothing to serve here.
        bucket: from the path; None for a host name of the owner's that points here.
        key: `crl/{CA id}.crl`, or what a CustomPath or a partition makes of it.
        if_none_match: the request's header of that name.

    Never raises: a bucket that cannot be read is answered 503.
    """
    public_object = getattr(rt.buckets, "public_object", None)
    try:
        found = public_object(bucket, key) if public_object else None
    except Exception as error:  # noqa: BLE001  not "nothing here": nobody knows
        return _failed(error)
    if found is None:
        return not_found()
    etag = f'"{found.etag}"'
    headers = {
        "Content-Type": found.content_type,
        "ETag": etag,
        "Last-Modified": format_datetime(found.last_modified, usegmt=True),
        "Cache-Control": found.cache_control,
    }
    known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if etag in known or "*" in known:
        return WireResponse(304, b"", headers)
    return WireResponse(200, found.body, headers)


def not_found() -> WireResponse:
    """What every other path answers."""
    return _refusal(errors.ResourceNotFoundException("There is nothing here."), 404)


def _failed(error: Exception) -> WireResponse:
    """What a bucket that cannot be read answers: only the log says why."""
    request_id = str(uuid.uuid4())
    told = outage(error, request_id)
    answer = _refusal(told, told.status)
    answer.headers.update({"x-amzn-RequestId": request_id, "Retry-After": str(told.retry_after_seconds or 1)})
    return answer


def _refusal(error: errors.ApiError, status: int) -> WireResponse:
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return WireResponse(status, body, {"Content-Type": "application/json"})
