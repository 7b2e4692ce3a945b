"""The URL under which a client reaches this service, for answers that hold absolute URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors, hosts

if TYPE_CHECKING:
    from chalicelib.api.sigv4 import WireRequest


def base_url(request: WireRequest) -> str:
    """Return scheme, host and port as the client used them, without a final slash; paths of the application follow.

    Behind API Gateway it ends with the stage, as in `https://abc123.execute-api.us-east-1.amazonaws.com/api`. The host
    is the client's own claim, in lower case: the laptop home has answered 421 unless it is one of its names.

    Raises:
        ValidationException: the request has no Host header, several, or a malformed one.
    """
    named = [value for name, value in request.headers if name == "host"]
    if len(named) != 1 or hosts.of_authority(named[0]) is None:
        raise errors.ValidationException("The request must have one Host header, with a host name or an address.")
    return f"{request.scheme}://{named[0].lower()}{request.base_path}"
