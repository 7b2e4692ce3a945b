"""What the console answers where it has no route, to other methods and at deeper paths: on AWS the gateway refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api.sigv4 import WireRequest
from chalicelib.local.gateway import of_wire

if TYPE_CHECKING:
    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Runtime

_METHODS, _MOST_SEGMENTS = ("GET", "HEAD", "POST"), 5


def answer(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """The page that says that there is none; None for what the app has a route for, or what is not the console's."""
    root, *segments = request.path.lstrip("/").removesuffix("/").split("/")
    if root != "console" or (request.method in _METHODS and len(segments) <= _MOST_SEGMENTS):
        return None
    from chalicelib.console import pages

    asked = WireRequest(
        method=request.method, path=request.path, query=request.query, headers=request.headers, body=request.body
    )
    return of_wire(request.method, pages.answer(rt, asked, tuple(segments)))
