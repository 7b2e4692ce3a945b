"""CAs that another account shares with the visitor's: which pages they have, and what is said of the others.

A page of a CA is its owner's alone unless `PAGES` names it. What a policy does not allow is refused in words before the
operation refuses it as if there were no such CA.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib.access import sharing
from chalicelib.console import render
from chalicelib.console.parts import notes
from chalicelib.console.views import authority, certificate_files, issue
from chalicelib.console.views import other_accounts as other_account_views
from chalicelib.console.views.wizard import own_arn

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_DESCRIBE, _GET, _ISSUE = "DescribeCertificateAuthority", "GetCertificate", "IssueCertificate"
_CA_CERTIFICATE, _REVOKE = "GetCertificateAuthorityCertificate", "RevokeCertificate"


class SharedPage(NamedTuple):
    """A page of a CA of another account.

    Attributes:
        needs: operations that the CA's policy has to allow, all of them.
    """

    view: Callable[[Visit], WireResponse]
    needs: tuple[str, ...]


_CERTIFICATE = "cas/{ca_id}/certificates/{serial}"
# By method and path, as `pages.PAGES` has them.
PAGES = {
    ("GET", "cas/{ca_id}"): SharedPage(other_account_views.show_overview, (_DESCRIBE,)),
    ("GET", "cas/{ca_id}/certificate"): SharedPage(authority.show_certificate, (_DESCRIBE, _CA_CERTIFICATE)),
    ("GET", "cas/{ca_id}/certificate/{file}"): SharedPage(authority.download_certificate, (_CA_CERTIFICATE,)),
    ("GET", "cas/{ca_id}/tags"): SharedPage(other_account_views.show_tags, (_DESCRIBE, "ListTags")),
    ("GET", "cas/{ca_id}/sharing"): SharedPage(other_account_views.show_permissions, (_DESCRIBE, "ListPermissions")),
    ("GET", "cas/{ca_id}/certificates"): SharedPage(other_account_views.find_certificate, (_DESCRIBE,)),
    ("GET", _CERTIFICATE): SharedPage(other_account_views.show_certificate, (_GET,)),
    ("GET", f"{_CERTIFICATE}/pem"): SharedPage(certificate_files.download_certificate, (_GET,)),
    ("GET", f"{_CERTIFICATE}/chain"): SharedPage(certificate_files.download_chain, (_GET,)),
    ("GET", f"{_CERTIFICATE}/full"): SharedPage(certificate_files.show_full, (_GET,)),
    ("GET", f"{_CERTIFICATE}/binary"): SharedPage(certificate_files.show_binary, (_GET,)),
    ("GET", f"{_CERTIFICATE}/revoke"): SharedPage(other_account_views.revoke_form, (_REVOKE,)),
    ("POST", f"{_CERTIFICATE}/revoke"): SharedPage(other_account_views.revoke, (_REVOKE,)),
    ("GET", "cas/{ca_id}/issue"): SharedPage(issue.issue_form, (_DESCRIBE, _ISSUE)),
    ("POST", "cas/{ca_id}/issue"): SharedPage(issue.preview, (_DESCRIBE, _ISSUE)),
    ("POST", "cas/{ca_id}/issue/csr"): SharedPage(issue.show_csr, (_ISSUE,)),
    ("GET", "cas/{ca_id}/issue/{draft}"): SharedPage(issue.show_preview, (_DESCRIBE, _ISSUE)),
    ("POST", "cas/{ca_id}/issue/{draft}"): SharedPage(issue.issue, (_DESCRIBE, _ISSUE)),
}


def found(visit: Visit) -> Visit:
    """The visit with the CA that its path names; one that is nobody's counts as an own one that is gone."""
    if "ca_id" not in visit.named or visit.session is None:
        return visit
    own, account = own_arn(visit), visit.caller.account_id
    shared = None
    if visit.rt.store.get_certificate_authority(own, cached=True) is None:
        shared = sharing.arn_of_shared(visit.rt, account, visit.named["ca_id"])
    if shared is None:
        return replace(visit, ca_arn=own)
    return replace(visit, ca_arn=shared, granted=sharing.granted(visit.rt, account, shared))


def view_of(visit: Visit, method: str, path: str) -> Callable[[Visit], WireResponse]:
    """What answers a visit to a page of a CA of another account."""
    page, allowed = PAGES.get((method, path)), operations(visit)
    return page.view if page is not None and allowed.issuperset(page.needs) else _refused


def operations(visit: Visit) -> frozenset[str]:
    """What the policy of the CA of another account allows."""
    return visit.granted.operations if visit.granted else frozenset()


def _refused(visit: Visit) -> WireResponse:
    values: dict[str, Any] = {
        "owner": arns.parse_ca_arn(visit.ca_arn).account_id,
        "allowed": sorted(operations(visit)),
        "note": notes.take(visit),
    }
    return render.page(visit, "other_account_refused.html", title="Not allowed", status=403, **values)
