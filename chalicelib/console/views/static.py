"""Static files: stylesheets, scripts and the icon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.api.dispatch import WireResponse
from chalicelib.console import static_files, web

if TYPE_CHECKING:
    from chalicelib.console.web import Visit


def static_file(visit: Visit) -> WireResponse:
    """A file of the table of static files; there are no others."""
    name = "/".join(visit.segments[1:])
    if name not in static_files.NAMES:
        raise web.NotFoundError
    tag = f'"{static_files.version(name)}"'
    headers = {
        "Content-Type": static_files.TYPES[Path(name).suffix],
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": tag,
    }
    if visit.request.header("if-none-match") == tag:
        return WireResponse(304, b"", web.HEADERS | headers)
    return WireResponse(200, static_files.content(name), web.HEADERS | headers)
