"""Issuing presets: a template, a names policy and a longest validity under one name, which requests give as template.

IssueCertificate takes the ARN of a preset where it takes that of a template, so that every AWS client can name one. The
request is then one for the preset's template, in every respect: policies, idempotency, the record. The preset can only
refuse what the template alone would allow.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.identities import IssuingPreset
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.issuing import names_policy
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib import shapes
    from chalicelib.pki.issuing.specification import Plan
    from chalicelib.runtime import Caller, Runtime

MOST = 100  # presets of an account
LONGEST_DAYS = 99_999
MOST_DESCRIPTION = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


class IssuingPresetError(ValueError):
    """A preset cannot be saved; the text says why, and `part` names what is wrong."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def arn_of(rt: Runtime, preset: IssuingPreset) -> str:
    """The ARN by which requests name a preset."""
    region = rt.settings.region
    return str(arns.PresetArn(arns.partition_of(region), region, preset.account_id, preset.name))


def of_account(rt: Runtime, account_id: str) -> list[IssuingPreset]:
    """The presets of an account, by name."""
    return rt.store.list_entities(IssuingPreset, account_id)


def named(rt: Runtime, account_id: str, name: str) -> IssuingPreset | None:
    """The preset with a name, or None."""
    return rt.store.get_entity(IssuingPreset, account_id, name) if _NAME.fullmatch(name) else None


def save(
    rt: Runtime,
    preset: IssuingPreset,
    agree: Callable[[IssuingPreset | None, IssuingPreset], object] = lambda *_: None,
) -> IssuingPreset:
    """Add a preset, or replace the one of its name.

    Args:
        rt: the runtime.
        preset: to be saved.
        agree: gets the preset of its name, or None, and what takes its place, and raises to leave it as it is.

    Raises:
        IssuingPresetError: it is not valid, the account has too many, or another one was saved at the same moment.
    """
    checked = replace(preset, names=_checked_names(preset))
    for is_wrong, part, text in (
        (_NAME.fullmatch(preset.name) is None, "name", "It must be 1 to 64 letters, digits or any of _ . -"),
        (preset.template not in TEMPLATES, "template", "There is no such template."),
        (not 1 <= preset.days <= LONGEST_DAYS, "days", f"It must be a number from 1 to {LONGEST_DAYS}."),
        (
            len(preset.description) > MOST_DESCRIPTION,
            "description",
            f"It must be at most {MOST_DESCRIPTION} characters.",
        ),
    ):
        if is_wrong:
            raise IssuingPresetError(part, text)
    before = rt.store.get_entity(IssuingPreset, preset.account_id, preset.name)
    agree(before, checked)
    if before is None and len(of_account(rt, preset.account_id)) >= MOST:
        raise IssuingPresetError("name", f"An account has at most {MOST} issuing presets.")
    try:
        if before is None:
            rt.store.put_entity(checked)
            return checked
        return rt.store.update_entity(before, replace(checked, created_at=before.created_at))
    except ConflictError as error:
        raise IssuingPresetError(
            "name", "Somebody has just saved a preset with this name: look at it again."
        ) from error


def delete(rt: Runtime, account_id: str, name: str) -> bool:
    """Remove a preset; False if there is none."""
    preset = named(rt, account_id, name)
    if preset is not None:
        rt.store.delete_entity(preset)
    return preset is not None


def resolved(
    rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest
) -> tuple[shapes.IssueCertificateRequest, IssuingPreset | None]:
    """A request that names a template, and the preset of the caller's account that it named instead, if it did.

    Raises:
        InvalidArgsException: the caller's account has no such preset.
    """
    text = request.get("TemplateArn", "")
    if not arns.is_preset_arn(text):
        return request, None
    try:
        arn = arns.parse_preset_arn(text)
    except arns.ArnError as error:
        raise errors.InvalidArnException(f"{error}.", member=("TemplateArn",)) from error
    preset = named(rt, caller.account_id, arn.name)
    if preset is None or text != arn_of(rt, preset):
        raise errors.InvalidArgsException(
            f"Your account has no issuing preset {arn.name[:64]} in this region.", member=("TemplateArn",)
        )
    template = str(arns.TemplateArn(arns.partition_of(rt.settings.region), preset.template))
    return {**request, "TemplateArn": template}, preset


def check(rt: Runtime, preset: IssuingPreset | None, plan: Plan) -> None:
    """Check that a preset allows a certificate.

    Raises:
        InvalidArgsException: it has a name that the names policy does not allow, or is valid for longer.
    """
    if preset is None:
        return
    if refused := names_policy.first_refused(preset.names, plan):
        allowed = ", ".join(preset.names)[:500]
        raise errors.InvalidArgsException(
            f"The issuing preset {preset.name} does not allow the name '{refused[:200]}'. It allows: {allowed}.",
            member=("TemplateArn",),
        )
    if plan.not_after - rt.now() > timedelta(days=preset.days):
        raise errors.InvalidArgsException(
            f"The issuing preset {preset.name} allows a validity of at most {preset.days} days.",
            member=("Validity", "Value"),
        )


def _checked_names(preset: IssuingPreset) -> tuple[str, ...]:
    try:
        return names_policy.parse(preset.names)
    except ArgumentError as error:
        raise IssuingPresetError("names", str(error)) from error
