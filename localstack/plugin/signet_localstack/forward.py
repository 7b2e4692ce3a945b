"""Sending a request of LocalStack's port on to a Signet."""

from __future__ import annotations

import http.client
from typing import Any

from localstack.http import Response

_SECONDS = 90  # a server of LocalStack's own may still start
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "expect"})


def forward(request: Any, port: int, path: str, changed: dict[str, str] | None = None) -> Response:
    """Send a request to a port of this machine and return the answer.

    Args:
        request: as LocalStack has it.
        port: of Signet, or of LocalStack itself.
        path: and the query.
        changed: headers, in lower case, that get another value.
    """
    body, headers = request.get_data(), {name.lower(): value for name, value in request.headers.items()}
    headers |= changed or {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if name not in _HOP:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        returned = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        return Response(answer.read(), status=answer.status, headers=returned)
    finally:
        connection.close()
