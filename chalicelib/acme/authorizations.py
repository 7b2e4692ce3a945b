"""Authorizations and challenges: the right to certificates for a name, and its proof.

A challenge is validated while its request waits, so nothing is left half done: an authorization is pending until a
validation ends, and its end is one conditional write.

Source: RFC 8555 sections 7.1.4, 7.4.1, 7.5 and 8; RFC 8737; RFC 8738.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import hosts
from chalicelib.acme import bindings, directories, identifiers, places, validation
from chalicelib.acme.problems import AcmeProblem, Subproblem, not_found
from chalicelib.acme.visit import Answer, time_text
from chalicelib.acme_records import AcmeAuthorization, AcmeChallenge, Identifier
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import AcmeAccount, AcmeBinding
    from chalicelib.runtime import Runtime

PENDING_FOR = timedelta(days=1)
VALID_FOR = timedelta(days=7)
FAILURES_IN = timedelta(hours=1)
_TOKEN_BYTES = 32  # of entropy: at least 128 bits (RFC 8555 section 8.1)
_ATTEMPTS = 4


def create(visit: Visit) -> Answer:
    """Pre-authorize an identifier (RFC 8555 section 7.4.1)."""
    payload, account = visit.content(), visit.owner
    identifier = identifiers.parse(payload.get("identifier"))
    if identifier.is_wildcard:
        raise AcmeProblem("malformed", "An authorization cannot be requested for a wildcard.")
    binding = visit.binding()
    check_granted(visit, binding, (identifier,))
    (present,) = _usable(visit.rt, account, [(identifier, False)])
    if present is None:
        most, until = int(visit.rt.settings.acme_pending_orders), visit.rt.now() + PENDING_FOR
        if not visit.rt.store.count_at_most(f"asked#{account.acme_id}", most, now=visit.rt.now(), until=until):
            text = f"The account has asked for {most} authorizations in a day, apart from orders."
            raise AcmeProblem("rateLimited", text, headers={"Retry-After": "3600"})
        present = _new(visit.rt, account, identifier, False, binding)  # noqa: FBT003  no wildcard
        with visit.recorded("CreateAcmeAuthorization", account, visit.principal_of(account, binding)) as entry:
            entry.begin(_told(present), [visit.directory.ca_arn])
            visit.rt.store.put_acme_authorization(present)
    return _shown(visit, present, 201)


def update(visit: Visit) -> Answer:
    """Show an authorization, or deactivate it."""
    payload, account = visit.payload(), visit.owner
    authorization = _found(visit)
    if payload is None:
        return _shown(visit, authorization, 200)
    if payload.get("status") != "deactivated":
        raise AcmeProblem("malformed", "The status of an authorization can only become 'deactivated'.")
    for _ in range(_ATTEMPTS):
        if status_of(authorization, visit.rt.now()) not in {"pending", "valid", "deactivated"}:
            raise AcmeProblem("malformed", "Only a pending or valid authorization can be deactivated.")
        if authorization.status == "deactivated":
            break
        try:
            with visit.recorded("DeactivateAcmeAuthorization", account, visit.principal_of(account)) as entry:
                entry.begin(_told(authorization), [visit.directory.ca_arn])
                changed = replace(authorization, status="deactivated")
                authorization = visit.rt.store.update_acme_authorization(authorization, changed)
            break
        except ConflictError:
            authorization = _found(visit)
    return _shown(visit, authorization, 200)


def respond(visit: Visit) -> Answer:
    """Show a challenge, or validate it."""
    payload, authorization, kind = visit.payload(), _found(visit), visit.ids[1]
    challenge = next((each for each in authorization.challenges if each.kind == kind), None)
    if challenge is None:
        raise not_found("The authorization has no such challenge.")
    is_open = status_of(authorization, visit.rt.now()) == "pending" and challenge.status == "pending"
    if payload is not None and is_open:
        binding = visit.binding()
        with places.VALIDATING.one(_holder(visit)):
            authorization = _validated(visit, binding, authorization, challenge)
        challenge = next(each for each in authorization.challenges if each.kind == kind)
    url = visit.url(f"authorization/{authorization.authorization_id}")
    return Answer(200, _challenge(visit, authorization, challenge), links=(f'<{url}>;rel="up"',))


def _holder(visit: Visit) -> str:
    """Return whose places a validation takes: those of the account's binding, or of the client's network without it."""
    name = visit.owner.binding
    return f"binding {name}" if name else f"from {hosts.network_of(visit.request.source_ip)}"


def _validated(
    visit: Visit, binding: AcmeBinding | None, authorization: AcmeAuthorization, challenge: AcmeChallenge
) -> AcmeAuthorization:
    """Validate a challenge, and return the authorization as it is then."""
    rt, account = visit.rt, visit.owner
    failures = f"failures#{account.acme_id}#{authorization.identifier.type}:{authorization.identifier.value}"
    most = int(rt.settings.acme_failed_validations)
    if rt.store.is_counted(failures, most, now=rt.now()):
        text = f"{most} validations of {authorization.identifier.value} have failed within an hour."
        raise AcmeProblem("rateLimited", text, headers={"Retry-After": "600"})
    with visit.recorded("ValidateAcmeChallenge", account, visit.principal_of(account, binding)) as entry:
        entry.begin(_told(authorization) | {"challenge": challenge.kind}, [visit.directory.ca_arn])
        outcome = validation.validate(
            validation.Challenge(
                kind=challenge.kind,
                identifier_type=authorization.identifier.type,
                value=authorization.identifier.value,
                token=challenge.token,
                key_authorization=f"{challenge.token}.{account.thumbprint}",
            ),
            validation.vantage(rt.settings),
        )
        entry.answered({"valid": outcome.valid, "problem": outcome.problem, "detail": outcome.detail})
        if not outcome.valid:
            rt.store.count_at_most(failures, most, now=rt.now(), until=rt.now() + FAILURES_IN)
        try:
            return rt.store.update_acme_authorization(authorization, _after(rt, authorization, challenge, outcome))
        except ConflictError:  # another request was faster, or the authorization was deactivated
            return _found(visit)


def _after(
    rt: Runtime, authorization: AcmeAuthorization, challenge: AcmeChallenge, outcome: validation.Outcome
) -> AcmeAuthorization:
    """Return an authorization after a validation (RFC 8555 section 7.1.6)."""
    if outcome.valid:
        done = challenge._replace(status="valid", validated=time_text(rt.now()), steps=outcome.steps)
    else:
        error = AcmeProblem(outcome.problem, outcome.detail).document()
        done = challenge._replace(status="invalid", error=error, steps=outcome.steps)
    challenges = tuple(done if each.kind == challenge.kind else each for each in authorization.challenges)
    expires_at = max(authorization.expires_at, rt.now() + VALID_FOR) if outcome.valid else authorization.expires_at
    return replace(authorization, status=done.status, challenges=challenges, expires_at=expires_at)


# for orders


def status_of(authorization: AcmeAuthorization, now: datetime) -> str:
    """Return the status of an authorization at a time (RFC 8555 section 7.1.6)."""
    if authorization.status in {"pending", "valid"} and authorization.expires_at <= now:
        return "expired"
    return authorization.status


def check_granted(visit: Visit, binding: AcmeBinding | None, wanted: Sequence[Identifier]) -> None:
    """Check that an account may order names.

    Raises:
        AcmeProblem: `rejectedIdentifier`, with a subproblem for each name.
    """
    refused = [each for each in wanted if not bindings.grants(visit.directory, binding, each)]
    if refused:
        text = "The account may not have certificates for this name."
        subproblems = [Subproblem("rejectedIdentifier", text, each) for each in refused]
        names = ", ".join(each.value for each in refused)[:300]
        raise AcmeProblem("rejectedIdentifier", f"The account may not have {names}.", subproblems=subproblems)


def for_identifiers(
    visit: Visit, binding: AcmeBinding | None, wanted: Sequence[Identifier]
) -> tuple[list[AcmeAuthorization], list[AcmeAuthorization]]:
    """Return an authorization for each identifier, and those among them that are new and not in the store."""
    account = visit.owner
    names = [split(each) for each in wanted]
    present = _usable(visit.rt, account, names)
    fresh: list[AcmeAuthorization] = []
    for position, name in enumerate(names):
        if present[position] is None:
            fresh.append(_new(visit.rt, account, *name, binding))
            present[position] = fresh[-1]
    return [each for each in present if each is not None], fresh


def _new(
    rt: Runtime,
    account: AcmeAccount,
    identifier: Identifier,
    wildcard: bool,  # noqa: FBT001  as the record has it
    binding: AcmeBinding | None,
) -> AcmeAuthorization:
    """Return a new authorization: valid at once if a binding grants its names without a challenge."""
    is_granted = binding is not None and binding.preauthorized
    kinds = () if is_granted else validation.challenge_kinds(identifier.type, wildcard)
    return AcmeAuthorization(
        directory_id=account.directory_id,
        acme_id=account.acme_id,
        authorization_id=directories.new_id(),
        identifier=identifier,
        wildcard=wildcard,
        status="valid" if is_granted else "pending",
        challenges=tuple(AcmeChallenge(kind, _token()) for kind in kinds),
        created_at=rt.now(),
        expires_at=rt.now() + PENDING_FOR,
    )


def _usable(
    rt: Runtime, account: AcmeAccount, names: Sequence[tuple[Identifier, bool]]
) -> list[AcmeAuthorization | None]:
    """Return the last authorization of an account for each name, if it stays valid for a while or was just created."""
    soon = rt.now() + PENDING_FOR / 2
    found = rt.store.acme_authorizations_for(account.acme_id, names)
    return [each if each and status_of(each, soon) == "valid" else None for each in found]


def split(identifier: Identifier) -> tuple[Identifier, bool]:
    """Return an identifier without "*.", and whether it had that."""
    is_wildcard = identifier.is_wildcard
    return identifier._replace(value=identifier.value.removeprefix("*.")), is_wildcard


def _found(visit: Visit) -> AcmeAuthorization:
    (authorization,) = visit.rt.store.get_acme_authorizations(visit.owner.acme_id, [visit.ids[0]])
    if authorization is None:
        raise not_found("The account has no such authorization.")
    return authorization


# what clients see


def _shown(visit: Visit, authorization: AcmeAuthorization, status: int) -> Answer:
    """The authorization object (RFC 8555 section 7.1.4)."""
    state = status_of(authorization, visit.rt.now())
    # A valid authorization shows the challenge that was validated, an invalid one that which failed.
    decided = [each for each in authorization.challenges if each.status != "pending"]
    shown: dict[str, Any] = {
        "identifier": authorization.identifier._asdict(),
        "status": state,
        "expires": time_text(authorization.expires_at),
        "challenges": [_challenge(visit, authorization, each) for each in decided or authorization.challenges],
    }
    if authorization.wildcard:
        shown["wildcard"] = True
    url = visit.url(f"authorization/{authorization.authorization_id}")
    return Answer(status, shown, {"Location": url})


def _challenge(visit: Visit, authorization: AcmeAuthorization, challenge: AcmeChallenge) -> dict[str, Any]:
    is_late = challenge.status == "pending" and status_of(authorization, visit.rt.now()) != "pending"
    shown: dict[str, Any] = {
        "type": challenge.kind,
        "url": visit.url(f"challenge/{authorization.authorization_id}/{challenge.kind}"),
        "status": "invalid" if is_late else challenge.status,
        "token": challenge.token,
    }
    if challenge.validated:
        shown["validated"] = challenge.validated
    if challenge.error:
        shown["error"] = challenge.error
    return shown


def _told(authorization: AcmeAuthorization) -> dict[str, Any]:
    """Return the members of an authorization for the audit record."""
    name = f"{'*.' if authorization.wildcard else ''}{authorization.identifier.value}"
    return {"account": authorization.acme_id, "authorization": authorization.authorization_id, "identifier": name}


def _token() -> str:
    return urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()
