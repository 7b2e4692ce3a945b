"""Every page of the console, one row each, and the one way in: session, token, view, errors.

A page of a CA is its owner's alone unless its row says otherwise. What the policy of a CA does not allow is refused in
words, before the operation would refuse it as if there were no such CA.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization
from chalicelib.access import sharing as access_sharing
from chalicelib.api import dispatch
from chalicelib.audit import notes
from chalicelib.console import acts, needs, render, sessions, web
from chalicelib.console.forms import body
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.views import (
    activity,
    authorities,
    authority,
    certificate,
    certificate_files,
    certificate_search,
    identity_policies,
    install,
    issue,
    lifecycle,
    other_accounts,
    overview,
    principals,
    reports,
    revocation,
    sharing,
    sign_in,
    static,
    tags,
    wizard,
    you,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.console.web import Visit
    from chalicelib.runtime import Runtime


class Others(NamedTuple):
    """The page for a CA of another account.

    Attributes:
        needs: operations that the CA's policy has to allow, all of them.
        view: None where it is that of the account's own CAs.
    """

    needs: tuple[str, ...]
    view: Callable[[Visit], WireResponse] | None = None


class Page(NamedTuple):
    """A row of the table.

    Attributes:
        path: behind `/console`; `{name}` is a segment that `SEGMENTS` describes.
        view: answers a visit.
        others: None where a CA of another account has no such page.
        public: nobody has to be signed in.
        fresh: the visitor has to have signed in lately.
    """

    method: str
    path: str
    view: Callable[[Visit], WireResponse]
    others: Others | None = None
    public: bool = False
    fresh: bool = False


# The patterns of named segments; a path with any other segment is not found.
SEGMENTS = {
    "ca_id": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "report_id": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "file": r"[a-z-]{1,20}\.pem",
    "draft": r"[0-9a-f]{16}",
    "step": r"[a-z]{1,20}",
    "name": r"[a-z.-]{1,40}",
    "serial": r"[0-9a-f]{32}",
}
_DESCRIBE, _GET, _ISSUE = "DescribeCertificateAuthority", "GetCertificate", "IssueCertificate"
_CA_CERTIFICATE, _REVOKE = "GetCertificateAuthorityCertificate", "RevokeCertificate"
# The first row that fits answers.
PAGES: tuple[Page, ...] = (
    Page("GET", "static/{name}", static.static_file, public=True),
    Page("GET", "static/vendor/{name}", static.static_file, public=True),
    Page("GET", "sign-in", sign_in.sign_in_form, public=True),
    Page("POST", "sign-in", sign_in.sign_in, public=True),
    Page("GET", "link", sign_in.follow_link, public=True),
    Page("POST", "sign-out", sign_in.sign_out),
    Page("GET", "", authorities.home),
    Page("GET", "you", you.show),
    Page("GET", "activity", activity.show_of_account),
    Page("GET", "activity/record", activity.show_record),
    Page("GET", "principals", principals.list_all),
    Page("GET", "principals/create", principals.create_form),
    Page("POST", "principals/create", principals.create),
    Page("GET", "principal", principals.show),
    Page("GET", "principal/policy", identity_policies.edit),
    Page("POST", "principal/policy", identity_policies.save),
    Page("POST", "principal/policy/preview", identity_policies.preview),
    Page("POST", "principal/policy/remove", identity_policies.remove),
    Page("POST", "principal/key", principals.create_key),
    Page("POST", "principal/key/switch", principals.switch_key),
    Page("GET", "principal/key/delete", principals.confirm_key_deletion, fresh=True),
    Page("POST", "principal/key/delete", principals.delete_key, fresh=True),
    Page("GET", "principal/delete", principals.confirm_deletion, fresh=True),
    Page("POST", "principal/delete", principals.delete, fresh=True),
    Page("GET", "role", principals.show_role),
    Page("GET", "overview", overview.overview),
    Page("GET", "hierarchy", overview.show_hierarchy),
    Page("GET", "certificates", certificate_search.choose_authority),
    Page("GET", "cas", authorities.list_authorities),
    Page("GET", "cas/create", wizard.begin),
    Page("GET", "cas/create/{draft}/{step}", wizard.show_step),
    Page("POST", "cas/create/{draft}/{step}", wizard.take_step),
    Page("GET", "cas/midpoint", wizard.midpoint),
    Page("GET", "cas/{ca_id}", authority.show_overview, Others((_DESCRIBE,), other_accounts.show_overview)),
    Page("GET", "cas/{ca_id}/created", wizard.created),
    Page("GET", "cas/{ca_id}/csr", install.show_csr),
    Page("GET", "cas/{ca_id}/csr.pem", install.download_csr),
    Page("GET", "cas/{ca_id}/install", install.install_form),
    Page("POST", "cas/{ca_id}/install", install.install_pasted),
    Page("POST", "cas/{ca_id}/install-own", install.install_own),
    Page("POST", "cas/{ca_id}/install-signed", install.install_signed),
    Page("POST", "cas/{ca_id}/disable", lifecycle.disable),
    Page("POST", "cas/{ca_id}/enable", lifecycle.enable),
    Page("GET", "cas/{ca_id}/delete", lifecycle.confirm_deletion, fresh=True),
    Page("POST", "cas/{ca_id}/delete", lifecycle.delete, fresh=True),
    Page("POST", "cas/{ca_id}/restore", lifecycle.restore),
    Page("GET", "cas/{ca_id}/certificate", authority.show_certificate, Others((_DESCRIBE, _CA_CERTIFICATE))),
    Page("GET", "cas/{ca_id}/certificate/{file}", authority.download_certificate, Others((_CA_CERTIFICATE,))),
    Page("GET", "cas/{ca_id}/revocation", revocation.show),
    Page("POST", "cas/{ca_id}/revocation/publish", revocation.publish),
    Page("GET", "cas/{ca_id}/revocation/edit", revocation.edit),
    Page("POST", "cas/{ca_id}/revocation/edit", revocation.save),
    Page("GET", "cas/{ca_id}/tags", tags.show, Others((_DESCRIBE, "ListTags"), other_accounts.show_tags)),
    Page("POST", "cas/{ca_id}/tags", tags.save),
    Page("POST", "cas/{ca_id}/tags/remove", tags.remove),
    Page(
        "GET",
        "cas/{ca_id}/sharing",
        sharing.show,
        Others((_DESCRIBE, "ListPermissions"), other_accounts.show_permissions),
    ),
    Page("POST", "cas/{ca_id}/sharing/permit", sharing.permit),
    Page("POST", "cas/{ca_id}/sharing/forbid", sharing.forbid),
    Page("POST", "cas/{ca_id}/sharing/policy", sharing.share),
    Page("POST", "cas/{ca_id}/sharing/unshare", sharing.unshare),
    Page("GET", "cas/{ca_id}/reports", reports.show),
    Page("POST", "cas/{ca_id}/reports", reports.request_report),
    Page("GET", "cas/{ca_id}/report", reports.report_row),
    Page("GET", "cas/{ca_id}/reports/{report_id}", reports.download),
    Page("GET", "cas/{ca_id}/activity", activity.show_of_authority),
    Page("GET", "cas/{ca_id}/activity/record", activity.show_record),
    Page(
        "GET",
        "cas/{ca_id}/certificates",
        certificate_search.list_certificates,
        Others((_DESCRIBE,), other_accounts.find_certificate),
    ),
    Page(
        "GET",
        "cas/{ca_id}/certificates/{serial}",
        certificate.show_certificate,
        Others((_GET,), other_accounts.show_certificate),
    ),
    Page("GET", "cas/{ca_id}/certificates/{serial}/pem", certificate_files.download_certificate, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/chain", certificate_files.download_chain, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/proof", certificate_files.download_proof, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/full", certificate_files.show_full, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/binary", certificate_files.show_binary, Others((_GET,))),
    Page(
        "GET",
        "cas/{ca_id}/certificates/{serial}/revoke",
        certificate.revoke_form,
        Others((_REVOKE,), other_accounts.revoke_form),
    ),
    Page(
        "POST",
        "cas/{ca_id}/certificates/{serial}/revoke",
        certificate.revoke,
        Others((_REVOKE,), other_accounts.revoke),
    ),
    Page("GET", "cas/{ca_id}/issue", issue.issue_form, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue", issue.preview, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue/csr", issue.show_csr, Others((_ISSUE,))),
    Page("GET", "cas/{ca_id}/issue/{draft}", issue.show_preview, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue/{draft}", issue.issue, Others((_DESCRIBE, _ISSUE))),
)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    named = [f"(?P<{name}>{SEGMENTS[name]})" for name in parts[1::2]]
    literal = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(map("".join, zip(literal, [*named, ""], strict=True))), re.ASCII)


_FOREIGN = (
    "This form did not come from a page of this console, or the page is too old. Go back, reload it, and try again."
)
_OTHER_METHOD = "This address belongs to a form, or to a page without one. Go to the page that links to it."
_PATTERNS = tuple((page, _pattern(page.path)) for page in PAGES)


def answer(rt: Runtime, request: WireRequest, segments: tuple[str, ...]) -> WireResponse:
    """Answer a request of the console; never raises. HEAD is answered like GET: the gateway drops the body."""
    origin = request.origin("console")
    with notes.arriving(origin):
        response = _answer(rt, request, segments, origin.request_id)
    secure = web.STRICT_TRANSPORT_SECURITY if web.secure(request) else {}
    return replace(response, headers=response.headers | secure)


def _answer(rt: Runtime, request: WireRequest, segments: tuple[str, ...], request_id: str) -> WireResponse:
    asked = replace(request, method="GET") if request.method == "HEAD" else request
    visit = web.Visit(rt=rt, request=asked, segments=segments, form=web.Form(), judge=_may)
    try:
        dispatch.check_size(asked)
        candidates, visit = _arrived(visit)
        page = next((candidate for candidate in candidates if candidate.method == asked.method), None)
        return _missing(visit, candidates) if page is None else _admitted(page, visit)
    except web.NotFoundError:
        return _missing(visit, [])
    except errors.ResourceNotFoundException as error:
        return render.error_page(visit, 404, "Not found", error.message)
    except errors.AccessDeniedException as error:
        return render.error_page(visit, 403, "Not allowed", error.message)
    except errors.ApiError as error:
        return render.error_page(visit, error.status, "Refused", reason_of(error))
    except Exception as error:  # noqa: BLE001  the one exit
        refusal = dispatch.outage(error, request_id)
        return render.error_page(visit, refusal.status, "Something went wrong", refusal.message)


def _arrived(visit: Visit) -> tuple[list[Page], Visit]:
    """The pages with the path of a visit, and the visit with its visitor."""
    candidates, named = find("/".join(visit.segments))
    public = any(page.public for page in candidates)
    browser_id = sessions.id_in(visit.request, sessions.VISITOR_COOKIE if public else sessions.COOKIE)
    return candidates, replace(
        visit,
        named=named,
        query=body.parse_query(visit.request.query),
        session=None if public else sessions.find(visit.rt, browser_id, used=not visit.request.header("hx-request")),
        token=sessions.form_token(browser_id),
    )


def _missing(visit: Visit, candidates: list[Page]) -> WireResponse:
    """The answer to a visit without a page: the candidates have other methods."""
    if not candidates:
        return render.error_page(visit, 404, "Not found", "There is no such page.")
    methods = {"Allow": ", ".join(page.method for page in candidates)}
    return render.error_page(visit, 405, "Not this way", _OTHER_METHOD, headers=methods)


def _admitted(page: Page, visit: Visit) -> WireResponse:
    """The page, for those who may have it: signed in, and with a form that one of our pages sent."""
    if visit.session is None and not page.public:
        return sign_in.to_sign_in(visit)
    if page.fresh and not sessions.is_fresh(visit.rt, visit.signed_in):
        return sign_in.to_sign_in_again(visit)
    needed = needs.of_page(page.method, page.path)
    visit = _with_authority(replace(visit, operation=next(iter(needed), "")))
    if not page.public:
        with acts.refusals_recorded(visit, next(iter(needed), "")):
            needs.check(visit, needed)
    view = _view(page, visit)
    if page.method != "POST":
        return view(visit)
    body.check_kind(visit.request, public=page.public)
    token = visit.request.header("x-signet-token")
    if not sessions.is_own_form(visit.request, visit.token, token):  # None: it is in the form
        return render.error_page(visit, 403, "Refused", _FOREIGN)
    visit = replace(visit, form=body.parse(visit.request))
    if not sessions.is_own_form(visit.request, visit.token, token or visit.form.get("token")):
        return render.error_page(visit, 403, "Refused", _FOREIGN)
    return acts.recorded(page.path, visit, view)


def _with_authority(visit: Visit) -> Visit:
    """The visit with the CA that its path names: the account's own, or else one whose policy names the account.

    An id that is no CA's counts as that of an own one; the view then finds that it is missing.
    """
    if "ca_id" not in visit.named or visit.session is None:
        return visit
    rt, caller, ca_id = visit.rt, visit.caller, visit.named["ca_id"]
    arn, granted = _arn_of(visit, ca_id), None
    if rt.store.get_certificate_authority(arn, cached=True) is None:
        other = access_sharing.arn_of_shared(rt, caller.account_id, ca_id)
        if other is not None:
            arn, granted = other, access_sharing.granted(rt, caller, other)
    return replace(visit, authority=web.Authority(rt, caller, arn, granted))


def _arn_of(visit: Visit, ca_id: str) -> str:
    region, account_id = visit.rt.settings.region, visit.signed_in.account_id
    return str(arns.CertificateAuthorityArn(arns.partition_of(region), region, account_id, ca_id))


def _view(page: Page, visit: Visit) -> Callable[[Visit], WireResponse]:
    """The view of a page, as far as the policy of a CA of another account lets the visitor have it."""
    if visit.authority is None or visit.authority.granted is None:
        return page.view
    if page.others is None or not visit.authority.granted.operations.issuperset(page.others.needs):
        return other_accounts.refused
    return page.others.view or page.view


def _may(visit: Visit, path: str, method: str, arn: str) -> bool:
    """Tell whether the visitor may go to a page: what `_admitted` asks of whoever comes there."""
    pages, named = find(path)
    page = next((page for page in pages if page.method == method), None)
    if page is None or visit.session is None:
        return False
    authority, ca_id = visit.authority, named.get("ca_id", "")
    if authority is not None and ca_id == authority.ca_id and authority.granted is not None:
        return page.others is not None and authority.granted.operations.issuperset(page.others.needs)
    resource = arn or (_arn_of(visit, ca_id) if ca_id else authorization.NO_RESOURCE)
    key = method, page.path, resource
    if key not in visit.known:
        is_own = not arn or arns.parse_ca_arn(arn).account_id == visit.signed_in.account_id
        others = page.others.needs if page.others else None
        needed = needs.of_page(method, page.path) if is_own else others
        visit.known[key] = needed is not None and all(
            needs.is_allowed(visit.rt, visit.caller, need, resource) for need in needed
        )
    return visit.known[key]


def find(path: str) -> tuple[list[Page], dict[str, str]]:
    """The pages of a path behind `/console`, of each method the first, and the path's named segments."""
    matches = [(page, match) for page, pattern in _PATTERNS if (match := pattern.fullmatch(path))]
    pages = {page.method: page for page, _ in reversed(matches)}
    return list(pages.values()), matches[0][1].groupdict() if matches else {}
