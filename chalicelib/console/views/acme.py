"""ACME directories: pages of the account's administrator alone (`needs.MANAGE_ACME`).

The name of a directory is in the query of every address, as that of a principal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.acme import bindings, directories, profile_text
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import AcmeDirectory
from chalicelib.console import render, severity
from chalicelib.console.forms import replacing
from chalicelib.console.parts import access, acme, notes

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.acme_records import AcmeBinding
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.severity import Sign
    from chalicelib.console.web import Visit

PAGE, BINDINGS = 50, 25
# By the part of a directory that is wrong, the field of the form.
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


# the form


def create_form(visit: Visit) -> WireResponse:
    """The form; the CA is chosen already if there is one alone."""
    cas = access.authorities(visit)
    return _form_page(visit, None, {"acme_ca": cas[0].arn} if len(cas) == 1 else {})


def create(visit: Visit) -> WireResponse:
    """Create a directory."""
    rt, form = visit.rt, visit.form
    directory = AcmeDirectory(
        name=form.get("acme_name"),
        owner=visit.caller.account_id,
        directory_id="",
        ca_arn=form.get("acme_ca"),
        profiles=(),
        created_at=rt.now(),
        changed_at=rt.now(),
    )
    try:
        made = directories.create(rt, _as_entered(visit, directory))
    except AcmeError as error:
        return _form_page(visit, None, form.fields, {_FIELDS[error.part]: str(error)})
    is_open = not made.binding_required
    return notes.done(visit, acme.address(made.name), "directory_open" if is_open else "directory_created")


def update_form(visit: Visit) -> WireResponse:
    """The form, with what holds now."""
    found = acme.directory(visit)
    return _form_page(visit, found, _entries_of(found) | replacing.digest_field(_entries_of(found)))


def update(visit: Visit) -> WireResponse:
    """Change a directory to what the form says; its name and its CA stay."""
    found, form = acme.directory(visit), visit.form
    try:
        directories.change(
            visit.rt,
            found.owner,
            found.name,
            lambda old: _as_entered(visit, old),
            lambda old, new: replacing.check(form, _entries_of(old), _entries_of(new)),
        )
    except replacing.ChangedError as error:
        typed = {**form.fields, **replacing.digest_field(error.now)}
        return _form_page(visit, found, typed, error.problems, error.rows)
    except AcmeError as error:
        field = "" if error.part in {"name", "ca"} else _FIELDS[error.part]  # the form has no such fields
        return _form_page(visit, found, form.fields, {field: str(error)})
    return notes.done(visit, acme.address(found.name), "directory_changed")


def _form_page(
    visit: Visit,
    found: AcmeDirectory | None,
    typed: Typed,
    problems: Problems | None = None,
    present: Typed = replacing.NOTHING,
) -> WireResponse:
    """The form of a directory; None: of a new one."""
    return render.page(
        visit,
        "acme_form.html",
        title="Change the directory" if found else "Create an ACME directory",
        section=acme.SECTION,
        status=422 if problems else 200,
        directory=found,
        action=acme.address(found.name, "update") if found else "acme/create",
        back=acme.address(found.name) if found else acme.SECTION,
        authorities=[] if found else access.authorities(visit),
        typed=typed,
        problems=problems or {},
        present=present,
    )


def _as_entered(visit: Visit, directory: AcmeDirectory) -> AcmeDirectory:
    """A directory with what the form says; raises `AcmeError` if a profile is malformed."""
    form = visit.form
    lines = (line.strip() for line in form.get("acme_profiles").splitlines())
    return replace(
        directory,
        profiles=profile_text.parse_all(visit.rt, directory.owner, lines, directory.profiles),
        binding_required=not form.get("acme_open"),
        principal=form.get("acme_principal"),
        names=acme.patterns(form.get("acme_names")),
        terms=form.get("acme_terms"),
        active=not form.get("acme_disabled"),
    )


def _entries_of(directory: AcmeDirectory) -> dict[str, str]:
    """The entries of the form that describe a directory."""
    return {
        "acme_profiles": "\n".join(profile_text.written(each) for each in directory.profiles),
        "acme_open": "" if directory.binding_required else "yes",
        "acme_principal": directory.principal,
        "acme_names": "\n".join(directory.names),
        "acme_terms": directory.terms,
        "acme_disabled": "" if directory.active else "yes",
    }


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
        profiles=[(each, profile_text.validity(each)) for each in found.profiles],
        bindings=[(each, _sign(each, visit.rt.now())) for each in page[:BINDINGS]],
        first=not after,
        following=acme.address(found.name, after=page[BINDINGS - 1].name) if len(page) > BINDINGS else "",
        address=lambda path="", **more: acme.address(found.name, path, **more),
        note=notes.take(visit),
    )


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
    found = acme.directory(visit)
    return _replace_page(visit, found, replacing.digest_field(_ca_of(found)), {})


def _ca_of(directory: AcmeDirectory) -> Typed:
    return {"acme_ca": directory.ca_arn}


def _replace_page(
    visit: Visit, found: AcmeDirectory, typed: Typed, problems: Problems, present: Typed = replacing.NOTHING
) -> WireResponse:
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
        typed=typed,
        problems=problems,
        present=present,
    )


def replace_authority(visit: Visit) -> WireResponse:
    """Let a directory issue from another CA from now on."""
    found, form = acme.directory(visit), visit.form
    is_compromised = bool(form.get("acme_compromised"))
    try:
        directories.replace_authority(
            visit.rt,
            found.owner,
            found.name,
            form.get("acme_ca"),
            is_compromised=is_compromised,
            agree=lambda old, new: replacing.check(form, _ca_of(old), _ca_of(new)),
        )
    except replacing.ChangedError as error:
        typed = {**form.fields, **replacing.digest_field(error.now)}
        return _replace_page(visit, acme.directory(visit), typed, error.problems, error.rows)
    except AcmeError as error:
        problems = {_FIELDS[error.part] if error.part == "ca" else "": str(error)}
        return _replace_page(visit, found, form.fields, problems)
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
