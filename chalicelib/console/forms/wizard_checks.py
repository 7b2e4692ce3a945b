"""The checks of each step of the wizard before the next one opens: the operation's own rules, asked field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.console.fields import MOST_CHARACTERS
from chalicelib.console.forms import revocation_checks
from chalicelib.console.forms.refusals import every_problem
from chalicelib.console.forms.wizard_draft import DEFAULTS, WizardDraft, create_request, tags_of

if TYPE_CHECKING:
    from chalicelib.api.client import Client
    from chalicelib.console.forms.refusals import Problems, Typed

MOST_IN_A_STEP = 32768  # more than fifty tags may have
_SAMPLE_SUBJECT = {"CommonName": "sample"}


def problems_of(client: Client, step: str, typed: Typed, region: str = "") -> Problems:
    """The problems of a step for a CA in a region; none if the next step may open."""
    if step == "revocation":
        return revocation_checks.problems_of(client.rt, client.caller.account_id, typed)
    if step == "subject" and not typed:
        return {"": "A subject needs at least one field."}

    def check(typed: Typed) -> None:
        client.plan_authority(**create_request(_draft(step, typed, region)))

    return every_problem(check, typed, _samples(step, typed))


def _draft(step: str, typed: Typed, region: str) -> WizardDraft:
    steps = {"type": {**DEFAULTS["type"], "region": region}, "subject": _SAMPLE_SUBJECT}
    return WizardDraft(steps={**steps, step: {"region": region, **typed} if step == "type" else typed})


def _samples(step: str, typed: Typed) -> Typed:
    rows = range(len(tags_of(typed)) if step == "tags" else 0)
    return {
        "subject": _SAMPLE_SUBJECT,
        "type": {"type": "ROOT"},
        "key": {"algorithm": "RSA_2048"},
        "tags": {f"key.{row}": f"sample {row}" for row in rows} | {f"value.{row}": "" for row in rows},
    }.get(step, {})


def too_long(typed: Typed) -> Problems:
    """The problems of a step whose text is too long for a draft."""
    over = [name for name, text in typed.items() if len(text) > MOST_CHARACTERS]
    whole = sum(map(len, typed.values())) > MOST_IN_A_STEP
    if not over and whole:
        return {"": f"All of this is longer than {MOST_IN_A_STEP} characters."}
    return dict.fromkeys(over, f"This is longer than {MOST_CHARACTERS} characters.")
