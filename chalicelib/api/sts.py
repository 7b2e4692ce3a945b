"""AWS STS at the API's address: sessions of roles, in the protocol of the SDKs.

Unsupported parameters would limit a session, so they are refused and never ignored.

Source: AWS STS API reference, "AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity".
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import field, replace
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors, hosts, logs, rates, recording
from chalicelib.access import assuming, limits, oidc_providers, principals, role_sessions, web_identity
from chalicelib.api import dispatch, protocols, query_codec, sigv4
from chalicelib.audit import events
from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.access.role_sessions import Started
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.query_codec import Members
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Caller, Runtime

SERVICE = protocols.STS
_VERSION = "2011-06-15"
_FAILURES = {"rate": 2.0, "most": 50.0}  # of a source


class Rule(NamedTuple):
    """The length and the characters of a parameter's value."""

    least: int
    most: int
    pattern: str = r"[\t\n\r -~\u00a0-\U0010ffff]*"


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose signature, if it has one, and parameters have been checked."""

    request: WireRequest = field(repr=False)
    caller: Caller | None
    values: Mapping[str, str] = field(repr=False)  # a token may be among them


class Action(NamedTuple):
    """An action: its function, and the parameters that it needs and takes."""

    answer: Callable[[Runtime, Call], Members]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


def handle(rt: Runtime, request: WireRequest) -> WireResponse:
    """Answer a request of AWS STS; never raises."""
    response = dispatch.respond(request, protocols.QUERY, lambda: _answer(rt, request))
    request_id = response.headers["x-amzn-RequestId"]
    return replace(response, body=query_codec.with_request_id(response.body, request_id))


def is_plausible(rt: Runtime, request: WireRequest) -> bool:
    """Tell by its head whether a request may be answered: it is signed for STS, or not signed at all."""
    if request.header("authorization") is None:
        return True
    return sigv4.is_plausible(request, regions=rt.settings.regions_served, now=rt.now(), service=SERVICE)


def _answer(rt: Runtime, request: WireRequest) -> bytes:
    if rt.settings.callers == "iam":
        raise errors.InvalidAction("The callers are IAM's own (SIGNET_CALLERS=iam): use AWS STS.")
    is_signed = request.header("authorization") is not None
    caller = dispatch.authenticate(rt, request, service=SERVICE) if is_signed else None
    if caller is not None:
        limits.take_request(rt, caller)
        rt = rt.in_region(caller.region)
    values = query_codec.decode(request.body)
    name = values.pop("Action", "")
    action = _ACTIONS.get(name)
    if action is None or values.pop("Version", "") != _VERSION:
        raise errors.InvalidAction(f"Available are, of version {_VERSION}: {', '.join(_ACTIONS)}.")
    result = action.answer(rt, Call(request, caller, _checked(action, values)))
    return query_codec.encode(name, result)


def _checked(action: Action, values: Mapping[str, str]) -> Mapping[str, str]:
    """Check the parameters; an empty list limits nothing, and is ignored."""
    for name in values.keys() - {*action.needs, *action.takes}:
        if values[name]:
            shown = re.sub(r"[^A-Za-z0-9.]", "?", name[:50])
            raise errors.ValidationException(f"The parameter {shown} is not supported.")
    if missing := [name for name in action.needs if name not in values]:
        raise errors.ValidationException(f"The parameter {missing[0]} is missing.")
    taken = {name: values[name] for name in (*action.needs, *action.takes) if name in values}
    for name, value in taken.items():
        rule = _RULES[name]
        if not rule.least <= len(value) <= rule.most or re.fullmatch(rule.pattern, value) is None:
            raise errors.ValidationException(
                f"1 validation error detected: Value at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
                f"Member must have {rule.least} to {rule.most} characters, and satisfy regular expression pattern: "
                f"{rule.pattern}"
            )
    return taken


def _signer(rt: Runtime, call: Call) -> Caller:
    """Return the caller of an action that must be signed; without a signature this raises, and counts the refusal."""
    return call.caller or dispatch.authenticate(rt, call.request, service=SERVICE)


def _assume_role(rt: Runtime, call: Call) -> Members:
    caller = _signer(rt, call)
    with recording.operation(rt, caller, "AssumeRole") as entry:
        entry.begin_operation(call.values)
        started = assuming.assume_role(rt, caller, _wish(call.values))
        entry.answered({"credentials": {"accessKeyId": started.credential.access_key_id}})
    used = len(call.values.get("Policy", "")) * 100 // assuming.MAX_POLICY_CHARACTERS
    return _session(rt, started) | ({"PackedPolicySize": used} if used else {})


def _wish(values: Mapping[str, str]) -> assuming.Wish:
    try:
        role = arns.parse_role_arn(values["RoleArn"])
    except arns.ArnError as error:
        raise errors.ValidationException("RoleArn is not the ARN of a role.") from error
    return assuming.Wish(
        role,
        values["RoleSessionName"],
        _seconds(values.get("DurationSeconds")),
        values.get("Policy", ""),
        values.get("ExternalId", ""),
    )


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    seconds = int(text)
    if not 900 <= seconds <= 43_200:
        raise errors.ValidationException(
            "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value between 900 and 43200"
        )
    return seconds


def _session(rt: Runtime, started: Started) -> dict[str, str | int | Members]:
    session, credential = started.session, started.credential
    return {
        "AssumedRoleUser": {
            "AssumedRoleId": f"{session.role_id}:{session.name}",
            "Arn": principals.arn_of(rt, session.account_id, role_sessions.principal_of(session)),
        },
        "Credentials": {
            "AccessKeyId": credential.access_key_id,
            "SecretAccessKey": credential.secret,
            "SessionToken": started.token,
            "Expiration": session.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def _assume_role_with_web_identity(rt: Runtime, call: Call) -> Members:
    """Assume a role with a token; an address that sends many bad ones has to wait."""
    source = hosts.network_of(call.request.source_ip)
    failures = rates.of_source(rt.rate_tokens, "web-identity", source, **_FAILURES, now=rt.now())
    if not rates.has_token(rt.rate_tokens, failures, **_FAILURES, now=rt.now()):
        raise errors.ThrottlingException("Too many tokens were refused; try again.", retry_after_seconds=1)
    wish = _wish(call.values)
    try:
        identity = _identity(rt, call, wish)
        started = _started(rt, call, wish, identity)
    except (errors.AccessDeniedException, errors.ExpiredIdentityToken, errors.InvalidIdentityToken):
        rates.take(rt.rate_tokens, failures, **_FAILURES, now=rt.now())
        raise
    provider, claims = identity
    return _session(rt, started) | {
        "SubjectFromWebIdentityToken": claims.subject,
        "Provider": oidc_providers.arn_of(rt, provider.account_id, provider.name),
        "Audience": claims.audiences[0],
    }


def _identity(rt: Runtime, call: Call, wish: assuming.Wish) -> web_identity.Identity:
    """Verify the token; the audit record counts refusals, and a few lines of the log give reasons."""
    try:
        return web_identity.identify(rt, wish.role.account_id, call.values["WebIdentityToken"])
    except errors.ApiError as error:
        recording.refused(rt, error.code, call.request.source_ip)
        if rates.take(rt.rate_tokens, ("web-identity", "log"), rate=5, most=5, now=rt.now()):
            logs.log("web_identity_refused", error=error.code, reason=error.message, source_ip=call.request.source_ip)
        raise


def _started(rt: Runtime, call: Call, wish: assuming.Wish, identity: web_identity.Identity) -> Started:
    arn = oidc_providers.arn_of(rt, identity.provider.account_id, identity.provider.name)
    actor = events.Actor("WebIdentityUser", identity.provider.account_id, arn, name=identity.claims.subject)
    with recording.recorded(rt, "AssumeRoleWithWebIdentity", actor) as entry:
        entry.begin_operation(call.values)
        started = web_identity.assume_role(rt, identity, wish, call.request.facts)
        entry.answered({"credentials": {"accessKeyId": started.credential.access_key_id}})
    return started


def _get_caller_identity(rt: Runtime, call: Call) -> Members:
    caller = _signer(rt, call)
    arn = principals.arn_of(rt, caller.account_id, caller.principal)
    session = caller.session
    user_id = f"{session.role_id}:{session.name}" if session else _user_id(arn)
    return {"Arn": arn, "UserId": user_id, "Account": caller.account_id}


def _user_id(arn: str) -> str:
    """Return an id in the form of IAM's, computed from the ARN: a principal has no id but its name."""
    return "AIDA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17]


_RULES = {
    "DurationSeconds": Rule(1, 5, "[0-9]*"),
    "ExternalId": Rule(2, 1224, r"[A-Za-z0-9_+=,.@:/-]*"),
    "Policy": Rule(1, assuming.MAX_POLICY_CHARACTERS),
    "RoleArn": Rule(20, 2048),
    "WebIdentityToken": Rule(4, web_identity.MAX_TOKEN_CHARACTERS, "[!-~]*"),
    "RoleSessionName": Rule(2, 64, r"[A-Za-z0-9_+=,.@-]*"),
}
_ACTIONS = {
    "AssumeRole": Action(_assume_role, ("RoleArn", "RoleSessionName"), ("DurationSeconds", "Policy", "ExternalId")),
    "AssumeRoleWithWebIdentity": Action(
        _assume_role_with_web_identity,
        ("RoleArn", "RoleSessionName", "WebIdentityToken"),
        ("DurationSeconds", "Policy"),
    ),
    "GetCallerIdentity": Action(_get_caller_identity),
}
