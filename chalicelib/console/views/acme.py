"""ACME directories: pages of the account's administrator alone (`needs.MANAGE_ACME`).

The name of a directory is in the query of every address, as that of a principal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.acme import bindings, directories, profile_text
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import AcmeDirectory
from chalicelib.console import render, severity
from chalicelib.console.parts import access, acme, notes

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.acme_records import AcmeBinding
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems
    from chalicelib.console.severity import Sign
    from chalicelib.console.web import Visit

PAGE, BINDINGS = 50, 25
_DAY_HOURS = 24
# The field of the form for each part of a directory that can be wrong.
_FIELDS = {
    "name": "acme_name",
    "ca": "acme_ca",
    "profiles": "acme_profiles",
    "names": "acme_names",
    "principal": "acme_principal",
    "terms": "acme_terms",
}


def list_all(visit: Visit) -> WireResponse:
    """The directories of the account."""
    after = visit.query.get("after", "")
    found = [each for each in directories.of_account(visit.rt, visit.caller.account_id) if each.name > after]
    return render.page(
        visit,
        "acme.html",
        title="ACME",
        section=acme.SECTION,
        rows=[(each, acme.url(visit, each.name), acme.authority(visit, each.ca_arn)) for each in found[:PAGE]],
        address=acme.address,
        first=not after,
        following=f"acme?after={found[PAGE - 1].name}" if len(found) > PAGE else "",
        note=notes.take(visit),
    )


# a new directory


def create_form(visit: Visit) -> WireResponse:
    """Show the form; the CA is chosen already if there is only one."""
    return _create_page(visit, {})


def _create_page(visit: Visit, problems: Problems) -> WireResponse:
    cas = access.authorities(visit)
    return render.page(
        visit,
        "acme_create.html",
        title="Create an ACME directory",
        section=acme.SECTION,
        status=422 if problems else 200,
        authorities=cas,
        typed=visit.form.fields or ({"acme_ca": cas[0].arn} if len(cas) == 1 else {}),
        problems=problems,
    )


def create(visit: Visit) -> WireResponse:
    """Create a directory."""
    rt, owner, form = visit.rt, visit.caller.account_id, visit.form
    is_open = bool(form.get("acme_open"))
    lines = [line.strip() for line in form.get("acme_profiles").splitlines() if line.strip()]
    try:
        made = directories.create(
            rt,
            AcmeDirectory(
                name=form.get("acme_name"),
                owner=owner,
                directory_id="",
                ca_arn=form.get("acme_ca"),
                profiles=tuple(profile_text.parse(rt, owner, line) for line in lines),
                binding_required=not is_open,
                principal=form.get("acme_principal"),
                names=acme.patterns(form.get("acme_names")),
                terms=form.get("acme_terms"),
                created_at=rt.now(),
                changed_at=rt.now(),
            ),
        )
    except AcmeError as error:
        return _create_page(visit, {_FIELDS[error.part]: str(error)})
    return notes.done(visit, acme.address(made.name), "directory_open" if is_open else "directory_created")


# a directory


def show(visit: Visit) -> WireResponse:
    """A directory: its CA, its profiles, and its bindings."""
    found, after = acme.directory(visit), acme.id_in(visit, "after")
    page = bindings.page(visit.rt, found, limit=BINDINGS + 1, after=after)
    return render.page(
        visit,
        "acme_directory.html",
        title=found.name,
        section=acme.SECTION,
        directory=found,
        url=acme.url(visit, found.name),
        ca=acme.authority(visit, found.ca_arn),
        compromised=[acme.authority(visit, arn) for arn in found.compromised],
        profiles=[(each, _validity(each.hours)) for each in found.profiles],
        bindings=[(each, _sign(each, visit.rt.now())) for each in page[:BINDINGS]],
        first=not after,
        following=acme.address(found.name, after=page[BINDINGS - 1].name) if len(page) > BINDINGS else "",
        address=lambda path="", **more: acme.address(found.name, path, **more),
        note=notes.take(visit),
    )


def _validity(hours: int) -> str:
    number, unit = (hours, "hour") if hours % _DAY_HOURS else (hours // _DAY_HOURS, "day")
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _sign(binding: AcmeBinding, now: datetime) -> Sign:
    if binding.revoked_at is not None:
        return severity.ACME["revoked"]
    has_expired = binding.expires_at is not None and binding.expires_at <= now
    return severity.ACME["expired" if has_expired else "usable"]


def show_clients(visit: Visit) -> WireResponse:
    """The commands of ACME clients for a directory."""
    found = acme.directory(visit)
    return render.page(
        visit,
        "acme_clients.html",
        title="Commands for clients",
        section=acme.SECTION,
        directory=found,
        ways=acme.ways(visit, found),
        url=acme.url(visit, found.name),
        is_laptop=visit.rt.settings.is_local,
    )


# another CA


def replace_form(visit: Visit) -> WireResponse:
    """The form, with what a replacement changes."""
    return _replace_page(visit, {})


def _replace_page(visit: Visit, problems: Problems) -> WireResponse:
    found = acme.directory(visit)
    return render.page(
        visit,
        "acme_replace.html",
        title="Replace the CA",
        section=acme.SECTION,
        status=422 if problems else 200,
        directory=found,
        address=acme.address(found.name),
        action=acme.address(found.name, "replace"),
        ca=acme.authority(visit, found.ca_arn),
        authorities=[each for each in access.authorities(visit) if each.arn != found.ca_arn],
        typed=visit.form.fields,
        problems=problems,
    )


def replace_authority(visit: Visit) -> WireResponse:
    """Let a directory issue from another CA from now on."""
    found, form = acme.directory(visit), visit.form
    is_compromised = bool(form.get("acme_compromised"))
    try:
        directories.replace_authority(
            visit.rt, found.owner, found.name, form.get("acme_ca"), is_compromised=is_compromised
        )
    except AcmeError as error:
        return _replace_page(visit, {_FIELDS[error.part] if error.part == "ca" else "": str(error)})
    return notes.done(visit, acme.address(found.name), "authority_replaced")


# deletion


def confirm_deletion(visit: Visit) -> WireResponse:
    """What the deletion ends, and the field for the name."""
    return _delete_page(visit, {})


def _delete_page(visit: Visit, problems: Problems) -> WireResponse:
    found = acme.directory(visit)
    return render.page(
        visit,
        "acme_delete.html",
        title=f"Delete {found.name}?",
        section=acme.SECTION,
        status=422 if problems else 200,
        directory=found,
        has_bindings=bool(bindings.page(visit.rt, found, limit=1)),
        address=acme.address(found.name),
        action=acme.address(found.name, "delete"),
        problems=problems,
        typed=visit.form.fields,
    )


def delete(visit: Visit) -> WireResponse:
    """Delete a directory with its bindings, once its name has been typed."""
    found = acme.directory(visit)
    if visit.form.get("confirm_directory") != found.name:
        return _delete_page(visit, {"confirm_directory": f"Enter {found.name} to delete it."})
    with acme.refused_in_words():
        directories.delete(visit.rt, found.owner, found.name)
    return notes.done(visit, acme.SECTION, "directory_deleted")
