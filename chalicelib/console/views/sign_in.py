"""Signing in and out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from chalicelib import recording
from chalicelib.console import acts, attempts, render, sessions, web
from chalicelib.console.forms import body

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

# Only a path of this console, with a query in which every unsafe character is encoded.
_RETURN = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*(?:\?[A-Za-z0-9_.~%&=+-]*)?", re.ASCII)
# By how a session ended: `sessions.Ended`, and signing out.
WHY = {
    "idle": "Your session has ended: no page was opened for 30 minutes.",
    "life": "Your session has ended: sessions last 8 hours.",
    "key": "Your session has ended: its access key was deleted or deactivated, or has expired.",
    "gone": "Your session has ended.",
    "out": "You have signed out.",
}
_KEPT = " What you entered is kept for 24 hours. Sign in with an access key of the same principal to go on."
_USED = "This link has been used already, or is older than a minute. Run signet console again, or use an access key."
_AGAIN = "Sign in again: to delete something you must have signed in within the last 10 minutes."
_TOO_MANY = "Signing in has failed too often. Wait {seconds} seconds before you try again."
_WRONG = "The access key ID or the secret access key is wrong."


def to_sign_in(visit: Visit, back: str, why: str, *, kept: bool) -> WireResponse:
    """Sign in first, then go on.

    Args:
        visit: without a session.
        back: the path of the page to go on with.
        why: how the visitor's session ended: a name in `WHY`; empty if there was none.
        kept: the visitor has sent a form, and its entries are kept.
    """
    if page := visit.request.header("hx-current-url"):
        return _page_to_sign_in(page, why)
    query = "" if kept else visit.request.query
    return web.redirect(visit, _sign_in_address(back, query, why=why, **({"kept": "1"} if kept else {})))


def to_sign_in_again(visit: Visit) -> WireResponse:
    """Sign in once more, then return to the page with the form."""
    return web.redirect(visit, _sign_in_address("/".join(visit.segments), visit.request.query, again="1"))


def _page_to_sign_in(page: str, why: str) -> WireResponse:
    """A page that reloads a part of itself goes to the sign-in page as a whole, and returns to its own address.

    Source: htmx, HX-Current-URL and HX-Redirect.
    """
    path, _, query = page.partition(f"/{web.ROOT}")[2].partition("#")[0].partition("?")
    address = web.link_from(path.count("/"), _sign_in_address(path.strip("/"), query, why=why))
    return web.answer("", content_type=web.TEXT, headers={"HX-Redirect": address})


def _sign_in_address(path: str, query: str, **more: str) -> str:
    """The sign-in page that leads back to an address, if that is one of the console."""
    asked = urlencode(body.parse_query(query))
    back = _back(f"{path}?{asked}" if asked else path)
    parameters = {name: value for name, value in {"back": back, **more}.items() if value}
    return f"sign-in?{urlencode(parameters, quote_via=quote, safe='')}" if parameters else "sign-in"


def sign_in_form(visit: Visit) -> WireResponse:
    """The form; a browser without an id gets one, because the token of the form is a hash of it."""
    back, reason = _back(visit.query.get("back", "")), WHY.get(visit.query.get("why", ""), "")
    if reason and "kept" in visit.query:
        reason += _KEPT
    return _form(visit, back=back, reason=reason, problem=_AGAIN if "again" in visit.query else "")


def _form(
    visit: Visit, *, back: str, access_key_id: str = "", reason: str = "", problem: str = "", status: int = 200
) -> WireResponse:
    visitor_id, headers = sessions.id_in(visit.request, sessions.VISITOR_COOKIE), {}
    if not visitor_id:
        visitor_id = sessions.new_id()
        headers = sessions.set_cookie(sessions.VISITOR_COOKIE, visitor_id, secure=web.secure(visit.request))
    return render.page(
        visit,
        "sign_in.html",
        title="Sign in",
        status=status,
        headers=headers,
        form_token=sessions.form_token(visitor_id),
        back=back,
        access_key_id=access_key_id,
        reason=reason,
        problem=problem,
    )


def sign_in(visit: Visit) -> WireResponse:
    """Begin a session with a new id."""
    access_key_id, back = visit.form.get("access_key_id"), _back(visit.form.get("back"))
    tried, source = access_key_id if sessions.is_key_id(access_key_id) else "", visit.request.source_ip
    if seconds := attempts.begin(visit.rt, tried, source):
        problem = _TOO_MANY.format(seconds=seconds)
        page = _form(visit, back=back, access_key_id=access_key_id, problem=problem, status=429)
        return replace(page, headers=page.headers | {"Retry-After": str(seconds)})
    session_id = sessions.sign_in(visit.rt, access_key_id, visit.form.get("secret_access_key"))
    key = visit.rt.store.get_access_key(tried) if session_id else None
    if session_id is None or key is None:
        attempts.failed(visit.rt, tried, source)
        recording.refused(visit.rt, acts.SIGNED_IN, source)
        return _form(visit, back=back, access_key_id=access_key_id, problem=_WRONG, status=403)
    attempts.succeeded(visit.rt, tried, source)
    acts.signed_in(visit.rt, key)
    return _signed_in(visit, session_id, back)


def follow_link(visit: Visit) -> WireResponse:
    """Begin a session by a link that works once."""
    session_id = sessions.follow_link(visit.rt, visit.query.get("once", ""))
    session = sessions.find(visit.rt, session_id) if session_id else None
    key = visit.rt.store.get_access_key(session.access_key_id) if session else None
    if session_id is None or key is None:
        recording.refused(visit.rt, acts.SIGNED_IN, visit.request.source_ip)
        return _form(visit, back="", problem=_USED, status=403)
    acts.signed_in(visit.rt, key)
    return _signed_in(visit, session_id, "")


def _signed_in(visit: Visit, session_id: str, back: str) -> WireResponse:
    cookie = sessions.set_cookie(sessions.COOKIE, session_id, secure=web.secure(visit.request))
    return web.redirect(visit, back, cookie)


def sign_out(visit: Visit) -> WireResponse:
    """End the session."""
    if visit.session is not None:
        sessions.sign_out(visit.rt, visit.session)
    return web.redirect(
        visit, "sign-in?why=out", sessions.set_cookie(sessions.COOKIE, "", secure=web.secure(visit.request))
    )


def _back(path: str) -> str:
    return path if _RETURN.fullmatch(path) else ""
