"""The frame of the pages of one CA: its name and status, the tabs, and the note of what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.console import render
from chalicelib.console.parts import authority_rows, notes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
_ALL = ("CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED", "FAILED", "DELETED")
_EXISTING = tuple(state for state in _ALL if state != "DELETED")
_CERTIFIED = ("ACTIVE", "DISABLED", "EXPIRED")


class Tab(NamedTuple):
    """A page of a CA.

    Attributes:
        name: the path behind the CA's; empty for its first page.
        states: statuses of CAs that have the page; the operations behind it refuse others.
        needs: one of these has to be allowed if the CA is another account's; without any, the page is its owner's.
    """

    name: str
    label: str
    states: tuple[str, ...] = _ALL
    needs: tuple[str, ...] = ()


TABS = (
    Tab("", "Overview", needs=("DescribeCertificateAuthority",)),
    Tab("certificate", "CA certificate", _CERTIFIED, ("GetCertificateAuthorityCertificate",)),
    Tab("certificates", "Certificates", (*_CERTIFIED, "DELETED"), ("GetCertificate", "RevokeCertificate")),
    Tab("revocation", "Revocation"),
    Tab("tags", "Tags", _EXISTING, ("ListTags",)),
    Tab("sharing", "Sharing", _EXISTING, ("ListPermissions",)),
    Tab("reports", "Audit reports", _CERTIFIED),
    Tab("activity", "Activity"),
)


def show(
    visit: Visit,
    template: str,
    tab: str,
    *,
    commands: tuple[str, ...] = (),
    problems: Mapping[str, str] | None = None,
    **values: Any,
) -> WireResponse:
    """A page of a CA.

    Args:
        visit: that it answers.
        template: extends `authority_page.html`.
        tab: the one it belongs to.
        commands: of the AWS CLI, that show or do the same.
        problems: of what was typed, by the field; with any, the page is a refusal.
        values: what the template names.
    """
    ca = visit.ca.described
    row = authority_rows.row(visit.rt, visit.ca)
    return render.page(
        visit,
        template,
        title=row.name or row.common_name,
        section=SECTION,
        commands=commands,
        status=422 if problems else 200,
        row=row,
        ca=ca,
        tabs=[offered for offered in TABS if _is_offered(visit, offered) or offered.name == tab],
        tab=tab,
        note=notes.take(visit),
        problems=problems or {},
        **values,
    )


def _is_offered(visit: Visit, tab: Tab) -> bool:
    granted = visit.ca.granted
    useful = granted is None or not granted.operations.isdisjoint(tab.needs)
    return useful and visit.ca.described["Status"] in tab.states and visit.may(address(visit.ca.ca_id, tab.name))


def address(ca_id: str, path: str = "") -> str:
    """The path of a page of a CA, behind `/console`."""
    return "/".join(filter(None, ("cas", ca_id, path)))


def done(visit: Visit, path: str, note: str) -> WireResponse:
    """Go on to a page of the CA, which says what was done."""
    return notes.done(visit, address(visit.ca.ca_id, path), note)
