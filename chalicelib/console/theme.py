"""The theme that a visitor has chosen: a cookie, so that the first byte of a page has it, with scripts and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import sessions

if TYPE_CHECKING:
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.console.web import Visit

COOKIE = "signet-theme"
# By its name in the cookie, the label; without a name, the theme is the system's.
THEMES = {"": "System", "light": "Light", "dark": "Dark"}
_SECONDS = 365 * 86_400


def of(request: WireRequest) -> str:
    """The theme in a browser's cookie; empty: the system's."""
    return next((value for value in sessions.cookies(request.headers, COOKIE) if value in THEMES), "")


def here(visit: Visit) -> str:
    """The page of a visit, to return to: its path behind `/console`, with its query."""
    return "/".join(visit.segments) + (f"?{visit.request.query}" if visit.request.query else "")


def set_cookie(theme: str, *, secure: bool) -> dict[str, str]:
    """The header that stores a theme in a browser for a year; the system's theme needs no cookie."""
    life, suffix = _SECONDS if theme else 0, "; Secure" if secure else ""
    return {"Set-Cookie": f"{COOKIE}={theme}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{suffix}"}
