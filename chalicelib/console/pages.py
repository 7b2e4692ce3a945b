"""The one way to a page of the console: session, token, view, errors.

It explains what a CA's policy does not allow; the operation alone would answer as if there were no such CA.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization
from chalicelib.access import sharing as access_sharing
from chalicelib.api import dispatch
from chalicelib.audit import notes
from chalicelib.ca.find import arn_of
from chalicelib.console import acts, needs, render, sessions, table, web
from chalicelib.console.forms import body
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.table import find
from chalicelib.console.views import interrupted, other_accounts, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.console.table import Page
    from chalicelib.console.web import Visit
    from chalicelib.runtime import Runtime

_FOREIGN = (
    "This form did not come from a page of this console, or the page is too old. Go back, reload it, and try again."
)
_OTHER_METHOD = "This address does not accept this kind of request. Go to the page that links to it."


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
    """The answer to a visit without a page: the candidates have other methods.

    A form's own address, which a browser still shows after a refusal, redirects to the page with that form.
    """
    if not candidates:
        return render.error_page(visit, 404, "Not found", "There is no such page.")
    if visit.request.method == "GET":
        query = f"?{visit.request.query}" if visit.request.query else ""
        return web.redirect(visit, table.page_of("/".join(visit.segments)) + query)
    methods = {"Allow": ", ".join(page.method for page in candidates)}
    return render.error_page(visit, 405, "Not this way", _OTHER_METHOD, headers=methods)


def _admitted(page: Page, visit: Visit) -> WireResponse:
    """The page, for those who may have it: signed in, and with a form that one of our pages sent."""
    if visit.session is None and not page.public:
        return interrupted.to_sign_in(visit, page.path, table.page_of("/".join(visit.segments)))
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
    arn, granted = arn_of(rt, caller.account_id, ca_id), None
    if rt.store.get_certificate_authority(arn, cached=True) is None:
        other = access_sharing.arn_of_shared(rt, caller.account_id, ca_id)
        if other is not None:
            arn, granted = other, access_sharing.granted(rt, caller, other)
    authority = web.authority(rt, caller, arn, granted)
    return replace(visit, rt=authority.rt, authority=authority, home_region=rt.settings.region)


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
    resource = arn or (arn_of(visit.rt, visit.signed_in.account_id, ca_id) if ca_id else authorization.NO_RESOURCE)
    key = method, page.path, resource
    if key not in visit.known:
        is_own = not arn or arns.parse_ca_arn(arn).account_id == visit.signed_in.account_id
        others = page.others.needs if page.others else None
        needed = needs.of_page(method, page.path) if is_own else others
        visit.known[key] = needed is not None and all(
            needs.is_allowed(visit.rt, visit.caller, need, resource) for need in needed
        )
    return visit.known[key]
