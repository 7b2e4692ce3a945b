"""Sessions that ended: the reason, the way back, and the entries of a form that was sent too late.

The token of such a form proves that this browser was signed in, and the record of the session tells as whom. So the
entries are kept as a draft of that principal, and nobody else sees them. Nothing happens with them until the principal
has signed in again and sends them once more.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.console import drafts, fields, render, sessions, web
from chalicelib.console.forms import body
from chalicelib.console.views import sign_in
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Form, Visit

# Forms whose entries are hard to repeat, by path: none takes a secret, and none destroys anything.
KEPT = frozenset(
    {
        "cas/create/{draft}/{step}",
        "cas/{ca_id}/install",
        "cas/{ca_id}/issue",
        "cas/{ca_id}/reports",
        "cas/{ca_id}/revocation/edit",
        "cas/{ca_id}/sharing/permit",
        "cas/{ca_id}/sharing/policy",
        "cas/{ca_id}/tags",
        "acme/create",
        "acme/directory/update",
        "acme/directory/binding",
        "principals/create",
        "principal/policy",
    }
)
PARTS = frozenset({"cas/midpoint", "cas/{ca_id}/issue/csr"})  # which a page loads while a form is filled in
MOST_BYTES = 64 * 1024  # of a form that is kept


def to_sign_in(visit: Visit, path: str, back: str) -> WireResponse:
    """Sign in first, then go on.

    Args:
        visit: without a session.
        path: of the page, as the table of pages has it.
        back: the path of the page to return to.
    """
    ended = sessions.ended(visit.rt, sessions.id_in(visit.request, sessions.COOKIE))
    if ended.session is not None and (path in PARTS or web.asks_for_commands(visit)):
        part = render.environment().get_template("session_ended_part.html")
        return web.answer(part.render(of_commands=web.asks_for_commands(visit)))
    kept = _keep(visit, ended) if visit.request.method == "POST" and path in KEPT else ""
    return sign_in.to_sign_in(visit, f"go-on/{kept}" if kept else back, ended.why, kept=bool(kept))


def _keep(visit: Visit, ended: sessions.Ended) -> str:
    """Keep the entries of a form of an ended session; the id of the draft, or empty if they cannot be kept."""
    form = _own_form(visit) if ended.session is not None and len(visit.request.body) <= MOST_BYTES else None
    if ended.session is None or form is None:
        return ""
    entries = {name: text for name, text in {**_texts(form), **form.fields}.items() if name != "token" and text}
    if any("PRIVATE KEY" in text for text in entries.values()):  # in the wrong field; nothing here stores one
        return ""
    content = {"path": "/".join(visit.segments), "query": visit.request.query, "entries": entries}
    draft_id = secrets.token_hex(8)
    try:
        drafts.change(visit.rt, ended.session, draft_id, lambda _: content)
    except ConflictError:
        return ""
    return draft_id


def _own_form(visit: Visit) -> Form | None:
    """The form, if a page of this browser's session sent it."""
    try:
        body.check_kind(visit.request, public=False)
        form = body.parse(visit.request)
    except errors.ApiError:
        return None
    token = visit.request.header("x-signet-token") or form.get("token")
    return form if sessions.is_own_form(visit.request, visit.token, token) else None


def _texts(form: Form) -> dict[str, str]:
    """The text of uploaded PEM files, as if pasted into the fields beside them."""
    pem = {name: content for name, content in form.files.items() if content.isascii() and b"-----BEGIN" in content}
    return {name.removesuffix("_file"): content.decode("ascii") for name, content in pem.items()}


def show(visit: Visit) -> WireResponse:
    """Show the entries from before the session ended, to be sent or left."""
    content = drafts.find(visit.rt, visit.signed_in, visit.named["draft"])
    if "entries" not in content:
        return render.error_page(visit, 404, "Nothing is kept here", _NOT_KEPT)
    path = str(content["path"])
    return render.page(
        visit,
        "go_on.html",
        title="Go on where you were",
        path=path,
        query=f"?{content['query']}" if content["query"] else "",
        allowed=visit.may(path, "POST"),
        entries=content["entries"],
        rows=_rows(content["entries"]),
    )


_NOT_KEPT = (
    "Entries are kept for 24 hours, for the principal whose session ended. Sign in with a key of that principal."
)


def _rows(entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The label and the text of each entry that has a label."""
    return [(label, str(text)) for name, text in entries.items() if (label := fields.label_of(name))]
