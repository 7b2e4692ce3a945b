"""The choice of the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalicelib.console import theme, web
from chalicelib.console.forms import body

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


def choose(visit: Visit) -> WireResponse:
    """Store the theme in a cookie, and go back to the page, or to the first one if the visitor may not see it.

    An unknown theme means the system's.
    """
    chosen, (path, _, query) = visit.form.get("theme"), visit.form.get("back").partition("?")
    cookie = theme.set_cookie(chosen if chosen in theme.THEMES else "", secure=web.secure(visit.request))
    parameters = urlencode(body.parse_query(query))
    back = path + (f"?{parameters}" if parameters else "") if visit.may(path) else ""
    return web.redirect(visit, back, cookie)
