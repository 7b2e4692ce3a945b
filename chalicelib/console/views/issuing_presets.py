"""Issuing presets: their list, and a form to save one and to remove one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalicelib.console import render, web
from chalicelib.console.forms import replacing
from chalicelib.console.parts import notes
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from chalicelib.operations.issuing_presets import IssuingPresetError
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Visit

SECTION = "presets"
# By the part of a preset that is wrong, the field of the form.
_FIELDS = {
    "name": "preset_name",
    "template": "preset_template",
    "names": "preset_names",
    "days": "preset_days",
    "description": "preset_description",
}


def show(visit: Visit) -> WireResponse:
    """The presets of the account, and the form: empty, or with the preset that the query names."""
    name = visit.query.get("name", "")
    entries = _typed(issuing_presets.named(visit.rt, visit.caller.account_id, name))
    return _page(visit, (entries or {"preset_days": "90"}) | replacing.digest_field(entries), {}, opened=name)


def save(visit: Visit) -> WireResponse:
    """Add a preset, or replace the one of its name: the address has the name of the preset that the form showed."""
    form, opened = visit.form, visit.query.get("name", "")
    typed = {name: form.get(name) for name in (*_FIELDS.values(), replacing.FIELD)}
    days = typed["preset_days"]
    preset = IssuingPreset(
        account_id=visit.caller.account_id,
        name=typed["preset_name"],
        template=typed["preset_template"],
        names=tuple(text for text in re.split(r"[\s,;]+", typed["preset_names"]) if text),
        days=int(days) if re.fullmatch("[0-9]{1,5}", days, re.ASCII) else 0,
        description=typed["preset_description"],
        created_at=visit.rt.now(),
    )

    def agree(present: IssuingPreset | None, saved: IssuingPreset) -> None:
        replacing.check(form, _typed(present), _typed(saved), is_other=saved.name != opened)

    try:
        issuing_presets.save(visit.rt, preset, agree)
    except replacing.ChangedError as error:
        typed |= replacing.digest_field(error.now)
        return _page(visit, typed, error.problems, opened=preset.name, present=error.rows)
    except IssuingPresetError as error:
        return _page(visit, typed, {_FIELDS[error.part]: str(error)}, opened=opened)
    return notes.done(visit, SECTION, "preset_saved")


def delete(visit: Visit) -> WireResponse:
    """Remove a preset."""
    if not issuing_presets.delete(visit.rt, visit.caller.account_id, visit.form.get("preset_name")):
        raise web.NotFoundError
    return notes.done(visit, SECTION, "preset_deleted")


def _typed(preset: IssuingPreset | None) -> dict[str, str]:
    """The entries of the form that describe a preset; none without one."""
    if preset is None:
        return {}
    return {
        "preset_name": preset.name,
        "preset_template": preset.template,
        "preset_names": "\n".join(preset.names),
        "preset_days": str(preset.days),
        "preset_description": preset.description,
    }


def _page(
    visit: Visit, typed: Typed, problems: Problems, *, opened: str, present: Typed = replacing.NOTHING
) -> WireResponse:
    rt = visit.rt
    found = issuing_presets.of_account(rt, visit.caller.account_id)
    return render.page(
        visit,
        "issuing_presets.html",
        title="Issuing presets",
        section=SECTION,
        status=422 if problems else 200,
        presets=[(preset, issuing_presets.arn_of(rt, preset)) for preset in found],
        action=f"{SECTION}?{urlencode({'name': opened})}" if opened else SECTION,
        templates=sorted(TEMPLATES),
        typed=typed,
        problems=problems,
        present=present,
        note=notes.take(visit),
    )
