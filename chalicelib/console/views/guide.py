"""The documents, offline: their list, and one page for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console import guide, render, web

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


def show_list(visit: Visit) -> WireResponse:
    """Every document, by title, and the decisions."""
    found = guide.documents()
    return render.page(
        visit,
        "help.html",
        title="Help",
        section="help",
        documents=[document for document in found if not document.is_decision],
        decisions=[document for document in found if document.is_decision],
    )


def show(visit: Visit) -> WireResponse:
    """A document with the list of its sections.

    Raises:
        NotFoundError: there is no such document.
    """
    document = guide.document(visit.named["page"])
    if document is None:
        raise web.NotFoundError
    return render.page(visit, "help_page.html", title=document.title, section="help", document=document)
