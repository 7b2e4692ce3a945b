"""Principals, their access keys, and roles: pages of the account's administrator alone (`needs.MANAGE_ACCESS`).

The name of a principal is in the query of every address, because names may hold characters that paths may not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from chalicelib.access import access_keys, oidc_providers, presets, principals, roles
from chalicelib.access.policy_documents import PolicyError
from chalicelib.access.presets import PresetError
from chalicelib.access.principals import PrincipalError
from chalicelib.console import render, text, web
from chalicelib.console.parts import access, notes, rights
from chalicelib.console.parts.confirmation import Question
from chalicelib.identities import ADMINISTRATOR
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems
    from chalicelib.console.web import Visit
    from chalicelib.identities import AccessKey, Principal

PAGE, MOST_ROLES, MOST_KEYS = 50, 25, 20
_TOO_LONG = f"It must have at most {access.MOST_DESCRIPTION} characters."
_OWN_KEY = "You are signed in with this access key. Sign in with another one first."


class PrincipalRow(NamedTuple):
    """A principal in the list."""

    principal: Principal
    path: str
    keys: int
    last_used_at: datetime | None


def list_all(visit: Visit) -> WireResponse:
    """The principals with their policies and keys, the roles, and the OIDC providers."""
    rt, account_id, after = visit.rt, visit.caller.account_id, visit.query.get("after", "")
    found = [principals.find(rt, account_id, ADMINISTRATOR)] if not after else []
    found += [each for each in rt.store.list_principals(account_id) if each.name > after]
    keys = access_keys.of_account(rt, account_id)
    all_roles, providers = roles.list_all(rt, account_id), oidc_providers.list_all(rt, account_id)
    return render.page(
        visit,
        "principals.html",
        title="Principals",
        section=access.SECTION,
        rows=[_row(each, keys) for each in found[:PAGE]],
        first=not after,
        following=f"principals?{urlencode({'after': found[PAGE - 1].name})}" if len(found) > PAGE else "",
        roles=[(role, f"role?{urlencode({'name': role.name})}") for role in all_roles[:MOST_ROLES]],
        more_roles=len(all_roles) - MOST_ROLES,
        providers=providers[:MOST_ROLES],
        more_providers=len(providers) - MOST_ROLES,
        note=notes.take(visit),
    )


def _row(principal: Principal, keys: list[AccessKey]) -> PrincipalRow:
    own = [key for key in keys if key.principal == principal.name]
    uses = [key.last_used_at for key in own if key.last_used_at is not None]
    return PrincipalRow(principal, access.address(principal.name), len(own), max(uses, default=None))


# a new principal


def create_form(visit: Visit) -> WireResponse:
    """The form, with the presets."""
    return _create_page(visit, {})


def _create_page(visit: Visit, problems: Problems) -> WireResponse:
    return render.page(
        visit,
        "principal_create.html",
        title="Create a principal",
        section=access.SECTION,
        status=422 if problems else 200,
        presets=access.PRESETS,
        authorities=access.authorities(visit),
        templates=sorted(TEMPLATES),
        typed=visit.form.fields or {"preset": "issuer"},
        problems=problems,
    )


def create(visit: Visit) -> WireResponse:
    """Make a principal with the policy of a preset, or with none."""
    rt, caller, name, preset = visit.rt, visit.caller, visit.form.get("principal_name"), visit.form.get("preset")
    description = visit.form.get("description")
    if len(description) > access.MOST_DESCRIPTION:
        return _create_page(visit, {"description": _TOO_LONG})
    try:
        policies = ((preset, _preset_policy(visit, preset)),) if preset else ()
        principals.create(rt, caller.account_id, name, policies=policies, description=description)
    except (PresetError, PolicyError) as error:
        return _create_page(visit, {"preset": str(error)})
    except PrincipalError as error:
        return _create_page(visit, {"principal_name": str(error)})
    return notes.done(visit, access.address(name), "principal_created")


def _preset_policy(visit: Visit, preset: str) -> str:
    """The policy of a preset for the CAs and templates that are ticked."""
    if preset not in presets.PRESETS:
        raise PresetError("Choose one of these.")
    ticked = [name.partition(".")[::2] for name in visit.form.fields]
    known = {row.ca_id: row.arn for row in access.authorities(visit)}
    cas = [known[value] for kind, value in ticked if kind == "ca" and value in known]
    templates = [value for kind, value in ticked if kind == "template" and value in TEMPLATES]
    return presets.policy_of(preset, cas, presets.templates_at(cas, templates) if preset == "issuer" else ())


# a principal


def show(visit: Visit) -> WireResponse:
    """The policies, the access keys, and every operation with the reason why it is allowed or denied."""
    return _page(visit, {})


def _page(visit: Visit, problems: Problems) -> WireResponse:
    rt, principal, ca = visit.rt, access.principal(visit), access.chosen_ca(visit)
    caller = access.caller_of(visit, principal.name)
    keys = access_keys.of_principal(rt, principal.account_id, principal.name)
    return render.page(
        visit,
        "principal.html",
        title=principal.name,
        section=access.SECTION,
        status=422 if problems or ca.problem else 200,
        principal=principal,
        arn=principals.arn_of(rt, principal.account_id, principal.name),
        is_administrator=principal.name == ADMINISTRATOR,
        policies=[access.shown_policy(name, text) for name, text in principal.policies],
        keys=keys[-MOST_KEYS:],
        more_keys=len(keys) - MOST_KEYS,
        address=lambda path="", **more: access.address(principal.name, path, **more),
        own_key_id=visit.signed_in.access_key_id,
        rights=rights.rights_of(rt, caller, ca.arn or rights.ALL_CAS),
        ca=ca,
        authorities=access.authorities(visit),
        typed={"ca": ca.typed} | dict(visit.form.fields),
        problems=problems | ({"ca": ca.problem} if ca.problem else {}),
        note=notes.take(visit),
    )


def confirm_deletion(visit: Visit) -> WireResponse:
    """What the deletion ends, and the field for the name."""
    return _delete_page(visit, {})


def _delete_page(visit: Visit, problems: Problems) -> WireResponse:
    principal = access.principal(visit)
    if principal.name == ADMINISTRATOR:
        raise web.NotFoundError
    return render.page(
        visit,
        "principal_delete.html",
        title=f"Delete {principal.name}?",
        section=access.SECTION,
        status=422 if problems else 200,
        principal=principal,
        address=access.address(principal.name),
        action=access.address(principal.name, "delete"),
        keys=len(access_keys.of_principal(visit.rt, principal.account_id, principal.name)),
        problems=problems,
        typed=visit.form.fields,
    )


def delete(visit: Visit) -> WireResponse:
    """Delete a principal with its access keys, once its name has been typed."""
    principal = access.principal(visit)
    if visit.form.get("confirm") != principal.name:
        return _delete_page(visit, {"confirm": f"Enter {principal.name} to delete it."})
    try:
        principals.delete(visit.rt, principal.account_id, principal.name)
    except PrincipalError as error:
        return _delete_page(visit, {"confirm": str(error)})
    return notes.done(visit, access.SECTION, "principal_deleted")


# access keys


def create_key(visit: Visit) -> WireResponse:
    """Make an access key, and show its secret this once."""
    rt, principal = visit.rt, access.principal(visit)
    description = visit.form.get("key_description")
    if len(description) > access.MOST_DESCRIPTION:
        return _page(visit, {"key_description": _TOO_LONG})
    try:
        expires_at = access.expires_at(visit)
    except ValueError as error:
        return _page(visit, {"expires_in": str(error)})
    made = access_keys.create_access_key(
        rt, principal.account_id, description, principal=principal.name, expires_at=expires_at
    )
    return render.page(
        visit,
        "principal_key.html",
        title="The access key was created",
        section=access.SECTION,
        principal=principal,
        address=access.address(principal.name),
        made=made,
        expires_at=expires_at,
    )


def confirm_deactivation(visit: Visit) -> WireResponse:
    """Show what the deactivation of an access key stops, and ask for confirmation."""
    key = access.key(visit)
    used = "has never been used" if key.last_used_at is None else f"was last used on {text.utc(key.last_used_at)}"
    return access.ask(
        visit,
        key.principal,
        Question(
            heading=f"Deactivate the access key {key.access_key_id}?",
            consequences=(
                "Requests signed with it are refused until you activate it again.",
                "Console sessions opened with it end.",
                f"It {used}.",
            ),
            action=access.address(key.principal, "key/switch", key=key.access_key_id),
            fields={"active": "no"},
            button="Deactivate",
            back=access.address(key.principal),
        ),
    )


def switch_key(visit: Visit) -> WireResponse:
    """Deactivate an access key, or activate it again."""
    key, active = access.key(visit), visit.form.get("active") == "yes"
    if key.access_key_id == visit.signed_in.access_key_id:
        return _page(visit, {"": _OWN_KEY})
    try:
        access_keys.set_active(visit.rt, key, active=active)
    except ConflictError:
        return _page(visit, {"": "The access key has just been changed. Try again."})
    return notes.done(visit, access.address(key.principal), "key_activated" if active else "key_deactivated")


def confirm_key_deletion(visit: Visit) -> WireResponse:
    """Ask for confirmation."""
    return _key_page(visit, "")


def _key_page(visit: Visit, problem: str) -> WireResponse:
    key = access.key(visit)
    return render.page(
        visit,
        "principal_key_delete.html",
        title="Delete this access key?",
        section=access.SECTION,
        status=422 if problem else 200,
        key=key,
        address=access.address(key.principal),
        action=access.address(key.principal, "key/delete", key=key.access_key_id),
        problem=problem,
    )


def delete_key(visit: Visit) -> WireResponse:
    """Delete an access key."""
    key = access.key(visit)
    if key.access_key_id == visit.signed_in.access_key_id:
        return _key_page(visit, _OWN_KEY)
    visit.rt.store.delete_access_key(key.access_key_id)
    return notes.done(visit, access.address(key.principal), "key_deleted")


# roles


def show_role(visit: Visit) -> WireResponse:
    """A role as it is; the `signet` command changes it."""
    rt, account_id = visit.rt, visit.caller.account_id
    try:
        role = roles.find(rt, account_id, visit.query.get("name", ""))
    except PrincipalError as error:
        raise web.NotFoundError from error
    return render.page(
        visit,
        "role.html",
        title=role.name,
        section=access.SECTION,
        role=role,
        arn=roles.arn_of(rt, account_id, role.name),
        trust=access.pretty(role.trust_policy),
        policies=[access.shown_policy(name, text) for name, text in role.policies],
    )
