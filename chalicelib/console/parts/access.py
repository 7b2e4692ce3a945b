"""What the pages of principals share: the principal and the key of an address, CAs to choose from, policies to read."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from chalicelib import arn as arns
from chalicelib.access import access_keys, policy, policy_documents, principals
from chalicelib.access.policy_documents import PolicyError
from chalicelib.access.principals import PrincipalError
from chalicelib.ca import iterate, state
from chalicelib.console import render, web
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.parts.confirmation import Question
    from chalicelib.console.web import Visit
    from chalicelib.identities import AccessKey, Principal

SECTION = "principals"
MOST_AUTHORITIES, MOST_DESCRIPTION, MOST_DAYS = 100, 256, 3650
# The label of each preset, and what it is for.
PRESETS = {
    "issuer": ("Issuer", "Issues by some templates of some CAs, and gets what it has issued."),
    "revoker": ("Revoker", "Finds and revokes certificates."),
    "auditor": ("Auditor", "Reads everything, and requests audit reports."),
    "read-only": ("Reader", "Reads everything."),
    "administrator": ("Administrator of CAs", "Does everything but manage principals and access keys."),
    "": ("None", "Does nothing until you give it a policy."),
}
_NO_ARN = "It must be the ARN of a certificate authority."


class Choice(NamedTuple):
    """A CA that the pages offer."""

    name: str
    ca_id: str
    arn: str


class ChosenCa(NamedTuple):
    """The CA that was entered: its ARN, or the problem with it; neither for all CAs."""

    typed: str
    arn: str = ""
    problem: str = ""


class ShownPolicy(NamedTuple):
    """A policy as it is shown, with what of it can never be judged."""

    name: str
    text: str
    warnings: list[str]


def address(name: str, path: str = "", **more: str) -> str:
    """The path of a page about a principal, behind `/console`."""
    return f"principal{'/' if path else ''}{path}?{urlencode({'name': name, **more})}"


def principal(visit: Visit) -> Principal:
    """The principal that the address names; raises `NotFoundError`."""
    try:
        return principals.find(visit.rt, visit.caller.account_id, visit.query.get("name", ""))
    except PrincipalError as error:
        raise web.NotFoundError from error


def key(visit: Visit) -> AccessKey:
    """The access key that the address names, if it is one of the principal's there; raises `NotFoundError`."""
    owner, wanted = principal(visit), visit.query.get("key", "")
    keys = access_keys.of_principal(visit.rt, owner.account_id, owner.name)
    found = next((each for each in keys if each.access_key_id == wanted), None)
    if found is None:
        raise web.NotFoundError
    return found


def expires_at(visit: Visit) -> datetime | None:
    """When something that is made now expires, by the field `expires_in`; None: never.

    Raises:
        ValueError: it is no such number of days; the text says so.
    """
    days = visit.form.get("expires_in")
    if days and not (re.fullmatch("[0-9]{1,4}", days, re.ASCII) and 1 <= int(days) <= MOST_DAYS):
        raise ValueError(f"It must be from 1 to {MOST_DAYS} days, or empty.")
    return visit.rt.now() + timedelta(days=int(days)) if days else None


def ask(visit: Visit, name: str, question: Question) -> WireResponse:
    """A page that asks before something of a principal stops."""
    return render.page(
        visit, "principal_question.html", title=question.heading, section=SECTION, question=question, name=name
    )


def caller_of(visit: Visit, name: str) -> Caller:
    """A principal as if it had sent this very request."""
    account_id = visit.signed_in.account_id
    return Caller(account_id=account_id, access_key_id="", principal=name, facts=visit.request.facts)


def authorities(visit: Visit) -> list[Choice]:
    """The first CAs of the account, by name."""
    found = islice(iterate.of_account(visit.rt, visit.signed_in.account_id), MOST_AUTHORITIES)
    return sorted(Choice(state.name_of(ca), ca.arn.rsplit("/", 1)[1], ca.arn) for ca in found)


def chosen_ca(visit: Visit, typed: str | None = None) -> ChosenCa:
    """The CA that was entered into the field `ca`, or is in the query."""
    text = (visit.query.get("ca", "") if typed is None else typed).strip()
    try:
        return ChosenCa(text, str(arns.parse_ca_arn(text)) if text else "")
    except arns.ArnError:
        return ChosenCa(text, problem=_NO_ARN)


def shown_policy(name: str, text: str) -> ShownPolicy:
    """A policy for people; one that is damaged is shown as it is."""
    try:
        warnings = policy.statement_obstacles(policy_documents.parse_identity_policy(text))
    except PolicyError as error:
        warnings = [f"It cannot be read, so it denies everything: {error}"]
    return ShownPolicy(name, pretty(text), warnings)


def pretty(text: str) -> str:
    """A JSON document with line breaks; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
