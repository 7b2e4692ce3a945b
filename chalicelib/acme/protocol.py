"""A client's request, from bytes to its resource and back: JWS, nonce, account, one table of resources, one exit.

The order of the checks bounds what a stranger can make the server do: the form, the URL and the nonce's MAC cost
microseconds; an unknown account ends the request before its signature is verified; the use of the nonce is recorded
only for a signature of a known account.

Source: RFC 8555 sections 6 and 7.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chalicelib import errors, logs, rates, recording
from chalicelib.access import token_key
from chalicelib.acme import (
    accounts,
    authorizations,
    certificates,
    directories,
    jws,
    nonces,
    orders,
    places,
    renewal_info,
)
from chalicelib.acme.problems import AcmeProblem, not_found
from chalicelib.acme.visit import Answer, Visit
from chalicelib.api import base_url
from chalicelib.api.dispatch import WireResponse, check_size, outage
from chalicelib.audit import notes
from chalicelib.ca import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from chalicelib.acme.jws import Signed
    from chalicelib.acme_records import AcmeAccount
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Runtime

# How a request proves who sends it: not at all, by the key in it, by the account that it names, or by either.
Proof = Literal["none", "key", "account", "either"]
RATE, BURST = 20.0, 200.0  # requests of an account in a second, and at once, in a process
_STATUS = {"ThrottlingException": "rateLimited", "AccessDeniedException": "unauthorized"}
_DENIALS = frozenset({"externalAccountRequired", "rejectedIdentifier", "unauthorized"})
_MOST_ID = 200  # characters; longer than any id, and short enough for a key of the table


class Resource(NamedTuple):
    """A resource: how its requests prove who sends them, what answers, and what the record of a refusal names."""

    proof: Proof
    answer: Callable[[Visit], Answer]
    act: str = ""


def _directory(visit: Visit) -> Answer:
    """The directory object (RFC 8555 section 7.1.1)."""
    directory, url = visit.directory, visit.url
    meta: dict[str, Any] = {
        "externalAccountRequired": directory.binding_required,
        "profiles": {profile.name: profile.description or profile.template for profile in directory.profiles},
    }
    if directory.terms:
        meta["termsOfService"] = directory.terms
    named = {"newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo"}
    return Answer(200, {name: url(path) for path, name in _DIRECTORY.items() if name in named} | {"meta": meta})


def _new_nonce(visit: Visit) -> Answer:
    return Answer(200 if visit.request.method == "HEAD" else 204)


_DIRECTORY = {
    "new-nonce": "newNonce",
    "new-account": "newAccount",
    "new-order": "newOrder",
    "new-authz": "newAuthz",
    "revoke-cert": "revokeCert",
    "key-change": "keyChange",
    "renewal-info": "renewalInfo",
}
# By the path below the directory; "*" is the id in it.
RESOURCES = {
    "directory": Resource("none", _directory),
    "new-nonce": Resource("none", _new_nonce),
    "renewal-info/*": Resource("none", renewal_info.show),
    "new-account": Resource("key", accounts.create),
    "account/*": Resource("account", accounts.update, "UpdateAcmeAccount"),
    "account/*/orders": Resource("account", orders.list_orders, "ListAcmeOrders"),
    "key-change": Resource("account", accounts.change_key, "ChangeAcmeAccountKey"),
    "new-order": Resource("account", orders.create, "CreateAcmeOrder"),
    "new-authz": Resource("account", authorizations.create, "CreateAcmeAuthorization"),
    "order/*": Resource("account", orders.show),
    "order/*/finalize": Resource("account", orders.finalize, "IssueCertificate"),
    "authorization/*": Resource("account", authorizations.update),
    "challenge/*/*": Resource("account", authorizations.respond, "ValidateAcmeChallenge"),
    "certificate/*": Resource("account", certificates.download),
    "certificate/*/*": Resource("account", certificates.download),
    "revoke-cert": Resource("either", certificates.revoke, "RevokeCertificate"),
}
_BY_LENGTH = {key: tuple(key.split("/")) for key in RESOURCES}


def answer(rt: Runtime, request: WireRequest, segments: tuple[str, ...]) -> WireResponse:
    """Answer a request below /acme; never raises.

    Args:
        rt: the runtime.
        request: as the client sent it.
        segments: of the path below /acme: the directory's name, then the resource.
    """
    origin = request.origin("acme")
    visit: Visit | None = None
    try:
        check_size(request)
        with notes.arriving(origin):
            visit = _visit(rt, request, segments)
            rt = visit.rt
            found = _answered(visit)
    except AcmeProblem as problem:
        found = Answer(problem.status, problem.document(), problem.headers, "application/problem+json")
    except errors.ApiError as error:
        found = _refusal(error)
    except Exception as error:  # noqa: BLE001  the one exit
        found = _refusal(outage(error, origin.request_id))
    return _response(rt, visit, request, found)


def _visit(rt: Runtime, request: WireRequest, segments: tuple[str, ...]) -> Visit:
    """Find the directory and the resource of a request."""
    directory = directories.named(rt, segments[0]) if segments else None
    if directory is None or not directory.active:
        raise not_found("There is no ACME directory here.")
    name, ids = _resource_of(segments[1:])
    base = f"{base_url.base_url(request)}/acme/{directory.name}"
    return Visit(find.at(rt, directory.ca_arn), directory, request, base, "/".join(segments[1:]), name, ids)


def _resource_of(path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    for name, parts in _BY_LENGTH.items() if max(map(len, path), default=0) <= _MOST_ID and all(path) else ():
        if len(parts) == len(path) and all(part in {"*", given} for part, given in zip(parts, path, strict=True)):
            return name, tuple(given for part, given in zip(parts, path, strict=True) if part == "*")
    raise not_found("There is no such resource.")


def _answered(visit: Visit) -> Answer:
    resource, method = RESOURCES[visit.resource], visit.request.method
    if resource.proof == "none" and method != "POST":
        return resource.answer(visit)
    if method != "POST":
        raise AcmeProblem("malformed", "This resource takes POST alone.", status=405, headers={"Allow": "POST"})
    signed = jws.parse(visit.request.header("content-type") or "", visit.request.body)
    jws.check_url(signed, visit.own_url)
    until = nonces.check(_secret(visit.rt), signed.nonce, visit.rt.now())
    visit = visit._replace(signed=signed)
    if signed.jwk is not None:
        return _by_key(visit, resource, signed, until)
    account = _account(visit, resource, signed.kid or "")
    jws.verify(signed, account.jwk)  # first: what others sign takes nothing from the account
    with places.REQUESTS.one(account.acme_id):
        _take(visit.rt, account.acme_id)
        if account.status != "valid":  # RFC 8555 section 7.3.6
            raise AcmeProblem("unauthorized", f"The account is {account.status}.", status=401)
        _use(visit.rt, signed.nonce, until)
        if resource.proof == "none":
            visit.reads_only()
        with _refusals_on_record(visit, resource, account):
            return resource.answer(visit._replace(account=account))


def _by_key(visit: Visit, resource: Resource, signed: Signed, until: datetime) -> Answer:
    if resource.proof not in {"key", "either"}:
        raise AcmeProblem("malformed", "This resource wants the account's URL as 'kid', and no 'jwk'.")
    key = jws.public_key(signed.jwk)
    jws.verify(signed, key)

    def use_nonce() -> None:
        """Called once the request turns out to be entitled to something: a stranger's writes nothing."""
        _take(visit.rt, jws.thumbprint(key))
        _use(visit.rt, signed.nonce, until)

    with _refusals_on_record(visit, resource, None):
        return resource.answer(visit._replace(key=key, use_nonce=use_nonce))


@contextmanager
def _refusals_on_record(visit: Visit, resource: Resource, account: AcmeAccount | None) -> Iterator[None]:
    """Record that an account asked for what it may not have, and count what strangers were refused."""
    try:
        yield
    except AcmeProblem as problem:
        if problem.type in _DENIALS and account is None:
            recording.refused(visit.rt, problem.type, visit.request.source_ip)
        elif problem.type in _DENIALS and account is not None and resource.act:
            caller = visit.caller(account, visit.principal_of(account))
            refusal = errors.AccessDeniedException(problem.detail)
            recording.denied(visit.rt, caller, resource.act, [visit.directory.ca_arn], refusal)
        raise


def _account(visit: Visit, resource: Resource, kid: str) -> AcmeAccount:
    if resource.proof == "key":
        raise AcmeProblem("malformed", "This resource wants the key as 'jwk', and no 'kid'.")
    prefix = visit.url("account/")
    acme_id = kid.removeprefix(prefix) if kid.startswith(prefix) and len(kid) - len(prefix) <= _MOST_ID else ""
    account = visit.rt.store.get_acme_account(visit.directory.directory_id, acme_id) if acme_id else None
    if account is None:
        raise AcmeProblem("accountDoesNotExist", "The 'kid' is the URL of no account of this directory.")
    return account


def _secret(rt: Runtime) -> bytes:
    """The secret that authenticates nonces."""
    return token_key.derived(rt, "acme-nonce")


def _use(rt: Runtime, nonce: str, until: datetime) -> None:
    # A schedule whose clock is ahead removes the record no earlier than this process would take the nonce again.
    if not rt.store.use_once(f"nonce#{nonce}", until=until + nonces.SKEW):
        raise AcmeProblem("badNonce", "The nonce was used before; use the one of this answer.")


def _take(rt: Runtime, who: str) -> None:
    """Count a request of an account or a key; raises `AcmeProblem` if there are too many."""
    key = rates.of_source(rt.rate_tokens, "acme", who, rate=RATE, most=BURST, now=rt.now())
    if not rates.take(rt.rate_tokens, key, rate=RATE, most=BURST, now=rt.now()):
        raise AcmeProblem("rateLimited", "The account sends too many requests.", headers={"Retry-After": "1"})


def _refusal(error: errors.ApiError) -> Answer:
    """Convert an error of AWS's API, or an outage, to a problem document."""
    server = error.status >= 500
    kind = _STATUS.get(error.code, "serverInternal" if server else "malformed")
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    problem = AcmeProblem(kind, error.message, status=error.status if server else None, headers=headers)
    return Answer(problem.status, problem.document(), problem.headers, "application/problem+json")


def _response(rt: Runtime, visit: Visit | None, request: WireRequest, found: Answer) -> WireResponse:
    """Add what every answer has: a fresh nonce, the directory's link, and that nobody caches it."""
    headers = {"Cache-Control": "no-store", **found.headers}
    if visit is not None:
        links = (f'<{visit.url("directory")}>;rel="index"', headers.get("Link"), *found.links)
        headers["Link"] = ", ".join(filter(None, links))
        if request.method == "POST" or visit.resource == "new-nonce":
            try:
                headers["Replay-Nonce"] = nonces.make(_secret(rt), rt.now())
            except Exception:  # noqa: BLE001  the answer stands without one
                logs.log_exception("nonce_not_made")
    if isinstance(found.body, bytes):
        body = found.body
    elif found.body is None:
        body = b""
    else:
        body = json.dumps(found.body, separators=(",", ":")).encode()
    if body:
        headers["Content-Type"] = found.content_type
    return WireResponse(found.status, body, headers)
