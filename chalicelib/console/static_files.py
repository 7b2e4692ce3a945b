"""Stylesheets, scripts and the icon: a hash in the address lets browsers keep them for a year."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

DIRECTORY = Path(__file__).with_name("static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
NAMES = ("pico.css", "console.css", "icon.svg", "vendor/htmx.min.js", "console.js", "browser-key.js", "drop.js")


@cache
def content(name: str) -> bytes:
    """The content of a file of `NAMES`."""
    return (DIRECTORY / name).read_bytes()


@cache
def version(name: str) -> str:
    """A hash of the content of a file."""
    return hashlib.sha256(content(name)).hexdigest()[:16]


def address(name: str) -> str:
    """The path of a file behind `/console`; it changes with the content."""
    return f"static/{name}?{version(name)}"
