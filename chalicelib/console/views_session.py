"""Signing in and out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.console import navigation, render, sessions, web

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_RETURN = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*", re.ASCII)  # a path of this console, and nothing else
_USED = "This link has been used, or is older than a minute. Run signet console again, or use an access key."
_WRONG = "The access key id or the secret access key is wrong."


def to_sign_in(visit: Visit) -> WireResponse:
    """Sign in first, then come back to a page that was asked for by GET."""
    path = "/".join(visit.segments) if visit.request.method == "GET" else ""
    back = f"?back={quote(path, safe='')}" if _RETURN.fullmatch(path) else ""
    return web.redirect(visit, f"sign-in{back}")


def sign_in_form(visit: Visit) -> WireResponse:
    """The form; a browser that has no id yet gets one, of which the form's token is made."""
    return _form(visit, back=_back(visit.query.get("back", "")))


def _form(visit: Visit, *, back: str, access_key_id: str = "", problem: str = "", status: int = 200) -> WireResponse:
    visitor_id, headers = sessions.id_in(visit.request, sessions.VISITOR_COOKIE), {}
    if not visitor_id:
        visitor_id = sessions.new_id()
        headers = sessions.set_cookie(sessions.VISITOR_COOKIE, visitor_id, secure=web.secure(visit))
    return render.page(
        visit,
        "sign_in.html",
        title="Sign in",
        status=status,
        headers=headers,
        form_token=sessions.form_token(visitor_id),
        back=back,
        access_key_id=access_key_id,
        problem=problem,
    )


def sign_in(visit: Visit) -> WireResponse:
    """Begin a session, under an id that nobody had before."""
    access_key_id, back = visit.form.get("access_key_id"), _back(visit.form.get("back"))
    session_id = sessions.sign_in(visit.rt, access_key_id, visit.form.get("secret_access_key"))
    if session_id is None:
        return _form(visit, back=back, access_key_id=access_key_id, problem=_WRONG, status=403)
    return _signed_in(visit, session_id, back)


def follow_link(visit: Visit) -> WireResponse:
    """Begin a session by a link that works once."""
    session_id = sessions.follow_link(visit.rt, visit.query.get("once", ""))
    if session_id is None:
        return _form(visit, back="", problem=_USED, status=403)
    return _signed_in(visit, session_id, "")


def _signed_in(visit: Visit, session_id: str, back: str) -> WireResponse:
    cookie = sessions.set_cookie(sessions.COOKIE, session_id, secure=web.secure(visit))
    return web.redirect(visit, back or navigation.HOME, cookie)


def sign_out(visit: Visit) -> WireResponse:
    """End the session."""
    if visit.session is not None:
        sessions.sign_out(visit.rt, visit.session)
    return web.redirect(visit, "sign-in", sessions.set_cookie(sessions.COOKIE, "", secure=web.secure(visit)))


def _back(path: str) -> str:
    return path if _RETURN.fullmatch(path) else ""
