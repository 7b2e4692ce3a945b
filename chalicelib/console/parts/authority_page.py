"""The frame of the pages of one CA: its name and status, the tabs, and the note of what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.console import authority_frame, render
from chalicelib.console.parts import authority_rows, notes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"


def show(
    visit: Visit,
    template: str,
    tab: str,
    *,
    subtitle: str = "",
    commands: tuple[str, ...] = (),
    problems: Mapping[str, str] | None = None,
    **values: Any,
) -> WireResponse:
    """A page of a CA.

    Args:
        visit: that it answers.
        template: extends `authority_page.html`.
        tab: the one it belongs to.
        subtitle: of the window, if the page is not the tab's own; by default the tab's label.
        commands: of the AWS CLI, that show or do the same.
        problems: of the entries, by field; with any, the page is a refusal.
        values: what the template names.
    """
    ca = visit.ca.described
    row = authority_rows.row(visit.rt, visit.ca)
    return render.page(
        visit,
        template,
        title=row.name,
        subtitle=subtitle or next(offered.label for offered in authority_frame.TABS if offered.name == tab),
        section=SECTION,
        commands=commands,
        status=422 if problems else 200,
        row=row,
        ca=ca,
        note=notes.take(visit),
        problems=problems or {},
        **values,
    )


def address(ca_id: str, path: str = "") -> str:
    """The path of a page of a CA, behind `/console`."""
    return "/".join(filter(None, ("cas", ca_id, path)))


def done(visit: Visit, path: str, note: str) -> WireResponse:
    """Go on to a page of the CA, which says what was done."""
    return notes.done(visit, address(visit.ca.ca_id, path), note)
