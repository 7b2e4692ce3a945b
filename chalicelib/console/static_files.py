"""Stylesheets, scripts and the icon: served with a hash in their address, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.api.dispatch import WireResponse
from chalicelib.console import web

if TYPE_CHECKING:
    from chalicelib.console.web import Visit

DIRECTORY = Path(__file__).with_name("static")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
NAMES = ("vendor/pico.fluid.classless.min.css", "console.css", "vendor/htmx.min.js", "console.js", "icon.svg")


@cache
def content(name: str) -> bytes:
    """The content of a file of `NAMES`."""
    return (DIRECTORY / name).read_bytes()


@cache
def version(name: str) -> str:
    """What changes with the content of a file."""
    return hashlib.sha256(content(name)).hexdigest()[:16]


def address(name: str) -> str:
    """The path of a file behind `/console`; it changes with the content."""
    return f"static/{name}?{version(name)}"


def static_file(visit: Visit) -> WireResponse:
    """A static file; others than those of the table are not there."""
    name = "/".join(visit.segments[1:])
    if name not in NAMES:
        raise web.NotFoundError
    tag = f'"{version(name)}"'
    headers = {
        "Content-Type": _TYPES[Path(name).suffix],
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": tag,
    }
    known = visit.request.header("if-none-match") == tag
    return WireResponse(304 if known else 200, b"" if known else content(name), web.HEADERS | headers)
