"""What the pages of one CA have in common: its name and state, the tabs, and notes of what was done."""

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
        states: of CAs that have it; the operations behind it refuse others.
        needs: any of these has to be allowed where the CA is another account's; without any, it is its owner's alone.
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


def describe(visit: Visit) -> Any:
    """What DescribeCertificateAuthority says of the CA that the path names."""
    return visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=visit.ca_arn)["CertificateAuthority"]


def show(
    visit: Visit,
    template: str,
    tab: str,
    *,
    ca: Mapping[str, Any] | None = None,
    commands: tuple[str, ...] = (),
    problems: Mapping[str, str] | None = None,
    **values: Any,
) -> WireResponse:
    """A page of a CA.

    Args:
        visit: that it answers.
        template: extends `authority_page.html`.
        tab: the one it belongs to.
        ca: what `describe` says, if the view has asked already.
        commands: of the AWS CLI, that show or do the same.
        problems: of what was typed, by the field; with any, the page is a refusal.
        values: what the template names.
    """
    ca = ca or describe(visit)
    row = authority_rows.row(visit, ca)
    return render.page(
        visit,
        template,
        title=row.name or row.common_name,
        section=SECTION,
        commands=commands,
        status=422 if problems else 200,
        row=row,
        ca=ca,
        tabs=[each for each in TABS if _is_offered(visit, each, ca["Status"]) or each.name == tab],
        tab=tab,
        note=notes.take(visit),
        problems=problems or {},
        **values,
    )


def _is_offered(visit: Visit, tab: Tab, status: str) -> bool:
    allowed = visit.granted is None or not visit.granted.operations.isdisjoint(tab.needs)
    return allowed and status in tab.states


def address(visit: Visit, path: str = "") -> str:
    """The path of a page of the CA, behind `/console`."""
    return "/".join(filter(None, ("cas", visit.named["ca_id"], path)))


def done(visit: Visit, path: str, note: str) -> WireResponse:
    """Go on to a page of the CA, which says what was done."""
    return notes.done(visit, address(visit, path), note)
