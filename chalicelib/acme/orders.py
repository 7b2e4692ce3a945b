"""Orders: from names to a certificate.

The store has an order as pending, processing, valid or invalid. A pending one is ready once all its authorizations are
valid. Every step is one conditional write: of two requests that finalize an order, one issues. `acme.reconcile` closes
what a crash left, and never issues.

Source: RFC 8555 sections 7.1.3, 7.1.6 and 7.4; RFC 9773 section 5; draft-ietf-acme-profiles.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from chalicelib.acme import authorizations, identifiers, issuing, jws, renewal_info
from chalicelib.acme.problems import AcmeProblem, Subproblem, not_found
from chalicelib.acme.visit import Answer, time_text
from chalicelib.acme_records import AcmeOrder, Profile
from chalicelib.pki.x509 import algorithms
from chalicelib.store import ConflictError
from chalicelib.store.codecs import micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import AcmeAuthorization, AcmeBinding
    from chalicelib.runtime import Runtime

PAGE = 50
_MOST_CURSOR = 100  # characters; an order's id is shorter
_DAY = timedelta(days=1)
_TIMES = ("notBefore", "notAfter")
_ATTEMPTS = 4


def create(visit: Visit) -> Answer:
    """Create an order."""
    payload, account, rt = visit.content(), visit.owner, visit.rt
    binding = visit.binding()
    wanted = identifiers.parse_all(payload.get("identifiers"))
    authorizations.check_granted(visit, binding, wanted)
    profile = _profile(visit, binding, payload)
    requested = _requested(rt, profile, payload)
    replaces = renewal_info.replaced(visit, payload, wanted)
    replaced_order = _order_replacing(visit, replaces)
    _check_limits(visit, binding)
    found, fresh = authorizations.for_identifiers(visit, binding, wanted)
    order = AcmeOrder(
        directory=visit.directory.name,
        directory_id=visit.directory.directory_id,
        acme_id=account.acme_id,
        order_id=f"{micros(rt.now()):014x}{secrets.token_hex(8)}",
        status="pending",
        identifiers=wanted,
        authorizations=tuple(each.authorization_id for each in found),
        profile=profile.name,
        requested=requested,
        replaces=replaces,
        created_at=rt.now(),
        expires_at=rt.now() + authorizations.PENDING_FOR,
    )
    try:
        with visit.recorded("CreateAcmeOrder", account, issuing.principal_of(visit.directory, binding)) as entry:
            entry.begin(issuing.told(order), [visit.directory.ca_arn])
            rt.store.put_acme_order(order, fresh, replaced_order=replaced_order)
    except ConflictError as error:
        raise AcmeProblem("alreadyReplaced", "Another order already replaces the certificate.") from error
    return _shown(visit, order, "ready" if _are_valid(found, rt.now()) else "pending", 201)


def show(visit: Visit) -> Answer:
    """Show an order."""
    visit.reads_only()
    order, state = _settled(visit.rt, _found(visit))
    return _shown(visit, order, state, 200)


def list_orders(visit: Visit) -> Answer:
    """List the URLs of an account's orders in pages (RFC 8555 section 7.1.2.1)."""
    visit.reads_only()
    if visit.ids[0] != visit.owner.acme_id:
        raise AcmeProblem("unauthorized", "This is another account's URL.")
    query = parse_qs(visit.request.query)  # as long as the url of a JWS at most
    after = query.get("cursor", [""])[0][:_MOST_CURSOR]
    page = visit.rt.store.list_acme_orders(visit.owner.acme_id, limit=PAGE + 1, after=after)
    links: tuple[str, ...] = ()
    if len(page) > PAGE:
        links = (f'<{visit.url(visit.path)}?cursor={page[PAGE - 1].order_id}>;rel="next"',)
    urls = [visit.url(f"order/{order.order_id}") for order in page[:PAGE] if order.status != "invalid"]
    return Answer(200, {"orders": urls}, links=links)


def finalize(visit: Visit) -> Answer:
    """Issue the certificate of a ready order."""
    payload, rt = visit.content(), visit.rt
    order, state = _settled(rt, _found(visit))
    if state != "ready":
        raise AcmeProblem("orderNotReady", f"The order is {state}, and can be finalized when it is ready.")
    binding = visit.binding()
    authorizations.check_granted(visit, binding, order.identifiers)
    csr_der = _csr(visit, order, payload)
    try:
        order = rt.store.update_acme_order(
            order, replace(order, status="processing", csr_der=csr_der, finalized_at=rt.now())
        )
    except ConflictError as error:
        raise AcmeProblem("orderNotReady", "Another request finalizes the order.") from error
    order = issuing.issue(rt, visit.directory, visit.owner, order, binding=binding, facts=visit.request.facts)
    return _shown(visit, order, order.status, 200)


# an order's state


def _settled(rt: Runtime, order: AcmeOrder) -> tuple[AcmeOrder, str]:
    """Return an order and its status; record an order that can no longer become ready as invalid."""
    if order.status != "pending":
        return order, order.status
    found = rt.store.get_acme_authorizations(order.acme_id, order.authorizations)
    present = [each for each in found if each is not None]
    if len(present) == len(order.authorizations) and _are_valid(present, rt.now()) and rt.now() < order.expires_at:
        return order, "ready"
    problem = _obstacle(order, present, rt.now())
    if problem is None:
        return order, "pending"
    ended = replace(order, status="invalid", error=problem.document())
    if order.expires_at > rt.now() and not _may_make_room(rt, order):
        return ended, ended.status
    try:
        order = rt.store.update_acme_order(order, ended)
    except ConflictError:
        order = rt.store.get_acme_order(order.acme_id, order.order_id) or order
    return order, order.status


def _may_make_room(rt: Runtime, order: AcmeOrder) -> bool:
    """Count an order that failed before its time; beyond the limit they count as pending until they expire."""
    most = int(rt.settings.acme_pending_orders)
    return rt.store.count_at_most(f"failed-orders#{order.acme_id}", most, now=rt.now(), until=rt.now() + _DAY)


def _are_valid(found: Sequence[AcmeAuthorization], now: datetime) -> bool:
    return all(authorizations.status_of(each, now) == "valid" for each in found)


def _obstacle(order: AcmeOrder, found: Sequence[AcmeAuthorization], now: datetime) -> AcmeProblem | None:
    """Return why a pending order can no longer become ready; None if it can."""
    if order.expires_at <= now:
        return AcmeProblem("malformed", "The order has expired.")
    states = [(each, authorizations.status_of(each, now)) for each in found]
    closed = [(each, state) for each, state in states if state not in {"pending", "valid"}]
    if not closed and len(found) == len(order.authorizations):
        return None
    subproblems = []
    for each, state in closed:
        error = next((challenge.error for challenge in each.challenges if challenge.error), {})
        kind = str(error.get("type", "")).rpartition(":")[2] or "unauthorized"
        detail = str(error.get("detail", f"The authorization is {state}."))
        subproblems.append(Subproblem(kind, detail, each.identifier))
    return AcmeProblem("unauthorized", "An authorization of the order is not valid.", subproblems=subproblems)


def expired(rt: Runtime, order: AcmeOrder) -> AcmeOrder:
    """Record a pending order that has expired as invalid; others are returned as they are."""
    return _settled(rt, order)[0]


# the parts of a request


def _order_replacing(visit: Visit, replaces: str) -> AcmeOrder | None:
    """Return the order that should have replaced the same certificate, and has become invalid; None: there was none.

    Raises:
        AcmeProblem: `alreadyReplaced`: it has not become invalid (RFC 9773 section 5).
    """
    before = visit.rt.store.order_replacing(visit.directory.directory_id, replaces) if replaces else None
    if before is not None and _settled(visit.rt, before)[1] != "invalid":
        raise AcmeProblem("alreadyReplaced", "Another order already replaces the certificate.")
    return before


def _profile(visit: Visit, binding: AcmeBinding | None, payload: dict[str, Any]) -> Profile:
    """Return the profile of a new order: the one it names, or the first that its account may use."""
    allowed = binding.allowed_profiles if binding else ()
    usable = [each for each in visit.directory.profiles if not allowed or each.name in allowed]
    wanted = payload.get("profile")
    found = usable[0] if wanted is None and usable else next((each for each in usable if each.name == wanted), None)
    if found is None:
        names = ", ".join(each.name for each in usable) or "none"
        raise AcmeProblem("invalidProfile", f"The account may use these profiles: {names}.")
    return found


def _requested(rt: Runtime, profile: Profile, payload: dict[str, Any]) -> dict[str, str]:
    """Return the times that an order asks for, which must lie within its profile's validity."""
    times: dict[str, datetime] = {}
    for name in _TIMES:
        if name in payload:
            times[name] = _moment(name, payload[name])
    now, longest = rt.now(), timedelta(hours=profile.hours)
    begins, ends = times.get("notBefore", now), times.get("notAfter", now + timedelta(hours=profile.hours))
    if not now - _DAY <= begins <= now + longest:
        raise AcmeProblem("malformed", "The notBefore must lie between yesterday and the end of the validity.")
    if not max(begins, now) < ends <= max(begins, now) + longest:
        rule = f"by at most the {profile.hours} hours of the profile"
        raise AcmeProblem("malformed", f"The notAfter must follow notBefore and now {rule}.")
    return {name: str(payload[name]) for name in times}


def _moment(name: str, text: Any) -> datetime:
    """Read a time of RFC 3339."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and len(text) <= 40 and "T" in text else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise AcmeProblem("malformed", f"The {name} must be a time of RFC 3339, such as 2030-01-01T00:00:00Z.")
    return moment.astimezone(UTC)


def _check_limits(visit: Visit, binding: AcmeBinding | None) -> None:
    rt, account = visit.rt, visit.owner
    most = int(rt.settings.acme_pending_orders)
    if rt.store.count_pending_acme_orders(account.acme_id, most=most) >= most:
        text = f"The account has {most} pending orders: finish them, or wait until they expire."
        raise AcmeProblem("rateLimited", text, headers={"Retry-After": "3600"})
    if binding is None or not binding.orders_a_day:
        return
    name = f"orders#{binding.account_id}#{binding.name}"
    if not rt.store.count_at_most(name, binding.orders_a_day, now=rt.now(), until=rt.now() + _DAY):
        text = f"The external account binding allows {binding.orders_a_day} orders in a day."
        raise AcmeProblem("rateLimited", text, headers={"Retry-After": "3600"})


def _csr(visit: Visit, order: AcmeOrder, payload: dict[str, Any]) -> bytes:
    """Return the CSR of a request, which must name exactly the order's identifiers."""
    csr_der = jws.decoded("csr", payload.get("csr"))
    named, request = identifiers.csr_identifiers(csr_der)
    if set(named) != set(order.identifiers):
        extra = [each.value for each in named if each not in order.identifiers]
        lacking = [each.value for each in order.identifiers if each not in named]
        raise AcmeProblem(
            "badCSR",
            "The CSR must name the identifiers of the order, and no other."
            + (f" It names {', '.join(extra)[:300]}." if extra else "")
            + (f" It lacks {', '.join(lacking)[:300]}." if lacking else ""),
        )
    allowed = visit.directory.key_algorithms
    if allowed and algorithms.key_algorithm_of(request.public_key) not in allowed:
        raise AcmeProblem("badCSR", f"The key of the CSR must be one of {', '.join(allowed)}.")
    # RFC 8555 section 11.1
    if visit.rt.store.acme_account_with_key(visit.directory.directory_id, jws.thumbprint_of(request.public_key)):
        raise AcmeProblem("badCSR", "The key of the CSR must not be the key of an account.")
    return csr_der


def _found(visit: Visit) -> AcmeOrder:
    order = visit.rt.store.get_acme_order(visit.owner.acme_id, visit.ids[0])
    if order is None:
        raise not_found("The account has no such order.")
    return order


def _shown(visit: Visit, order: AcmeOrder, state: str, status: int) -> Answer:
    """The order object (RFC 8555 section 7.1.3)."""
    url = visit.url(f"order/{order.order_id}")
    shown: dict[str, Any] = {
        "status": state,
        "expires": time_text(order.expires_at),
        "identifiers": [each._asdict() for each in order.identifiers],
        "authorizations": [visit.url(f"authorization/{each}") for each in order.authorizations],
        "finalize": f"{url}/finalize",
        "profile": order.profile,
        **order.requested,
    }
    if order.replaces:
        shown["replaces"] = order.replaces
    if order.error:
        shown["error"] = order.error
    if order.certificate_arn:
        shown["certificate"] = visit.url(f"certificate/{order.certificate_arn.rpartition('/')[2]}")
    headers = {"Location": url} | ({"Retry-After": "2"} if state == "processing" else {})
    return Answer(status, shown, headers)
