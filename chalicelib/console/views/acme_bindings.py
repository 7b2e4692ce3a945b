"""External account bindings of an ACME directory: made, shown once, and revoked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.acme import bindings
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import AcmeBinding
from chalicelib.console import render, web
from chalicelib.console.parts import access, acme, notes
from chalicelib.console.parts.confirmation import Question

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems
    from chalicelib.console.web import Visit

# The field of the form for each part of a binding that can be wrong.
_FIELDS = {
    "names": "acme_names",
    "principal": "acme_principal",
    "profiles": "acme_allowed",
    "orders_a_day": "acme_orders",
    "accounts": "acme_accounts",
}
_TOO_LONG = f"It must have at most {access.MOST_DESCRIPTION} characters."


def create_form(visit: Visit) -> WireResponse:
    """The form."""
    return _page(visit, {})


def _page(visit: Visit, problems: Problems) -> WireResponse:
    found = acme.directory(visit)
    return render.page(
        visit,
        "acme_binding.html",
        title="Create an external account binding",
        section=acme.SECTION,
        status=422 if problems else 200,
        directory=found,
        address=acme.address(found.name),
        action=acme.address(found.name, "binding"),
        typed=visit.form.fields or {"acme_orders": "0", "acme_accounts": "1"},
        problems=problems,
    )


def create(visit: Visit) -> WireResponse:
    """Create a binding, and show its MAC key this once."""
    found = acme.directory(visit)
    if len(visit.form.get("acme_description")) > access.MOST_DESCRIPTION:
        return _page(visit, {"acme_description": _TOO_LONG})
    try:
        expires_at = access.expires_at(visit)
    except ValueError as error:
        return _page(visit, {"expires_in": str(error)})
    try:
        made = bindings.create(visit.rt, found, _wanted(visit, found, expires_at))
    except AcmeError as error:
        return _page(visit, {_FIELDS[error.part]: str(error)})
    return render.page(
        visit,
        "acme_binding_made.html",
        title="The external account binding was created",
        section=acme.SECTION,
        directory=found,
        address=acme.address(found.name),
        made=made,
        url=acme.url(visit, found.name),
        ways=acme.ways(visit, found, made.binding.name, made.hmac_key),
        is_laptop=visit.rt.settings.is_local,
    )


def _wanted(visit: Visit, found: AcmeDirectory, expires_at: datetime | None) -> AcmeBinding:
    """The binding that the form describes."""
    form, now = visit.form, visit.rt.now()
    return AcmeBinding(
        account_id=found.owner,
        name="",
        directory=found.name,
        directory_id=found.directory_id,
        principal=form.get("acme_principal"),
        names=acme.patterns(form.get("acme_names")),
        allowed_profiles=tuple(each.name for each in found.profiles if form.get(f"profile.{each.name}")),
        preauthorized=bool(form.get("acme_preauthorized")),
        orders_a_day=_number(form.get("acme_orders")),
        most_accounts=_number(form.get("acme_accounts")),
        expires_at=expires_at,
        description=form.get("acme_description"),
        created_at=now,
        changed_at=now,
    )


def _number(text: str) -> int:
    """A number of a form; -1, which no field takes, for anything else."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text, re.ASCII) else -1


def confirm_revocation(visit: Visit) -> WireResponse:
    """Show what the revocation stops, and ask for confirmation."""
    found, binding = _binding(visit)
    bound = len(binding.accounts)
    return acme.ask(
        visit,
        found.name,
        Question(
            heading=f"Revoke the binding {binding.name}?",
            consequences=(
                f"It binds no account any more. It allowed: {', '.join(binding.names) or 'domains of the directory'}",
                f"{'The account' if bound == 1 else f'The {bound} accounts'} that it has bound can order nothing more."
                if bound
                else "It has bound no account.",
                "Certificates that were issued stay valid.",
                "You cannot restore it.",
            ),
            action=acme.address(found.name, "binding/revoke", kid=binding.name),
            button="Revoke",
            back=acme.address(found.name),
        ),
    )


def revoke(visit: Visit) -> WireResponse:
    """Revoke a binding."""
    found, binding = _binding(visit)
    with acme.refused_in_words():
        bindings.revoke(visit.rt, found, binding.name)
    return notes.done(visit, acme.address(found.name), "binding_revoked")


def _binding(visit: Visit) -> tuple[AcmeDirectory, AcmeBinding]:
    """The directory and the binding that the address names; raises `NotFoundError`."""
    found = acme.directory(visit)
    binding = bindings.named(visit.rt, found, visit.query.get("kid", ""))
    if binding is None:
        raise web.NotFoundError
    return found, binding
