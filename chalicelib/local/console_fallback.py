"""The console's answer to methods and paths that have no route; on AWS the gateway refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.local.gateway import from_wire, to_wire

if TYPE_CHECKING:
    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Runtime

_METHODS, _MOST_SEGMENTS = ("GET", "HEAD", "POST"), 5


def answer(rt: Runtime, request: HttpRequest) -> HttpResponse | None:
    """Return the "not found" page of the console; None if the app has a route, or the path is not the console's."""
    root, *segments = request.path.lstrip("/").removesuffix("/").split("/")
    if root != "console" or (request.method in _METHODS and len(segments) <= _MOST_SEGMENTS):
        return None
    from chalicelib.console import pages

    return from_wire(request.method, pages.answer(rt, to_wire(request), tuple(segments)))
