"""The frame that all pages of a CA share: its name, its status, and the tabs that lead to its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.ca import state

if TYPE_CHECKING:
    from chalicelib.console.web import Visit

_ALL = ("CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED", "FAILED", "DELETED")
_EXISTING = tuple(status for status in _ALL if status != "DELETED")
_CERTIFIED = ("ACTIVE", "DISABLED", "EXPIRED")
SHOWN = {200, 422}  # the statuses of answers that are pages of the CA, not refusals of one


class Tab(NamedTuple):
    """A page of a CA, and those below it.

    Attributes:
        name: the path behind the CA's; empty for its first page.
        statuses: of CAs that have the page; the operations behind it refuse others.
        needs: one of these has to be allowed if the CA is another account's; without any, the page is its owner's.
        below: the first segments of other pages that belong to it.
    """

    name: str
    label: str
    statuses: tuple[str, ...] = _ALL
    needs: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


TABS = (
    Tab("", "Overview", needs=("DescribeCertificateAuthority",)),
    Tab(
        "certificate",
        "CA certificate",
        _CERTIFIED,
        ("GetCertificateAuthorityCertificate",),
        ("install", "renew", "csr", "trust"),
    ),
    Tab("certificates", "Certificates", (*_CERTIFIED, "DELETED"), ("GetCertificate", "RevokeCertificate"), ("issue",)),
    Tab("revocation", "Revocation"),
    Tab("tags", "Tags", _EXISTING, ("ListTags",)),
    Tab("sharing", "Sharing", _EXISTING, ("ListPermissions",)),
    Tab("reports", "Audit reports", _CERTIFIED),
    Tab("activity", "Activity"),
)


class Frame(NamedTuple):
    """The heading of a CA's page.

    Attributes:
        label: of the tab that the page belongs to.
        tabs: the path of each tab behind `/console`, its label, and whether the page belongs to it.
    """

    name: str
    status: str
    label: str
    tabs: tuple[tuple[str, str, bool], ...]


def of(visit: Visit, status: int) -> Frame | None:
    """The frame of a page; None where the page is about no CA, or the visitor may not read the CA's description.

    Args:
        visit: that the page answers.
        status: of the answer.
    """
    if visit.authority is None or status not in SHOWN or not visit.ca.allows("DescribeCertificateAuthority"):
        return None
    ca_status = state.status_of(visit.ca.record, visit.rt.now())
    offered = [tab for tab in TABS if _is_offered(visit, tab, ca_status)]
    current = _current(visit.segments, offered)
    tabs = tuple((_path(visit, tab), tab.label, tab is current) for tab in offered)
    return Frame(visit.ca.name, ca_status, current.label, tabs)


def _current(segments: tuple[str, ...], offered: list[Tab]) -> Tab:
    """The tab of a page, by the segment after the CA's id; the first tab has the pages of no other tab."""
    first = next(iter(segments[2:]), "")
    return next((tab for tab in offered if first in {tab.name, *tab.below}), TABS[0])


def _is_offered(visit: Visit, tab: Tab, status: str) -> bool:
    granted = visit.ca.granted
    useful = granted is None or not granted.operations.isdisjoint(tab.needs)
    return useful and status in tab.statuses and visit.may(_path(visit, tab))


def _path(visit: Visit, tab: Tab) -> str:
    return "/".join(filter(None, ("cas", visit.ca.ca_id, tab.name)))
