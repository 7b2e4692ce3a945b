"""Issuing presets: their list, and a form to save one and to remove one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.console import render, web
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
    preset = issuing_presets.named(visit.rt, visit.caller.account_id, visit.query.get("name", ""))
    return _page(visit, _typed(preset) if preset else {"preset_days": "90"}, {})


def save(visit: Visit) -> WireResponse:
    """Add a preset, or replace the one of its name."""
    typed = {name: visit.form.get(name) for name in _FIELDS.values()}
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
    try:
        issuing_presets.save(visit.rt, preset)
    except IssuingPresetError as error:
        return _page(visit, typed, {_FIELDS[error.part]: str(error)})
    return notes.done(visit, SECTION, "preset_saved")


def delete(visit: Visit) -> WireResponse:
    """Remove a preset."""
    if not issuing_presets.delete(visit.rt, visit.caller.account_id, visit.form.get("preset_name")):
        raise web.NotFoundError
    return notes.done(visit, SECTION, "preset_deleted")


def _typed(preset: IssuingPreset) -> dict[str, str]:
    return {
        "preset_name": preset.name,
        "preset_template": preset.template,
        "preset_names": "\n".join(preset.names),
        "preset_days": str(preset.days),
        "preset_description": preset.description,
    }


def _page(visit: Visit, typed: Typed, problems: Problems) -> WireResponse:
    rt = visit.rt
    found = issuing_presets.of_account(rt, visit.caller.account_id)
    return render.page(
        visit,
        "issuing_presets.html",
        title="Issuing presets",
        section=SECTION,
        status=422 if problems else 200,
        presets=[(preset, issuing_presets.arn_of(rt, preset)) for preset in found],
        templates=sorted(TEMPLATES),
        typed=typed,
        problems=problems,
        note=notes.take(visit),
    )
