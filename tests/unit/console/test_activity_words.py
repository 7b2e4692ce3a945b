"""Every call that may be on record has words, and every word a call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib import reconcile
from chalicelib.acme.management import service
from chalicelib.api import dispatch
from chalicelib.console import acts
from chalicelib.console.parts import activity_words

ROOT = Path(activity_words.__file__).parents[2]
# Names that sources compose.
COMPOSED = {f"{verb}{owner}Policy" for verb in ("Put", "Delete") for owner in ("Principal", "Role")}


def names() -> set[str]:
    """What operations, forms, commands and schedules are recorded as."""
    callers = r"@recorded|visit\.recorded|recording_it\(\s*rt"
    callers += r"|recording\.(?:done|operation|recorded)\(\s*[a-z.]+(?:, [a-z.]*caller)?"
    recorded = re.compile(rf'(?:{callers})[(,]\s*"([A-Z]\w+)"')
    sources = (path.read_text() for path in ROOT.rglob("*.py"))
    found = {name for text in sources for name in recorded.findall(text)}
    steps = {event for *_, event in reconcile._STEPS if event}
    forms = {act.name for act in acts.ACTS.values()}
    operations = {*dispatch.OPERATIONS, *service.OPERATIONS}
    return found | steps | forms | COMPOSED | operations | {acts.SIGNED_IN, "RefuseUnauthenticated"}


def test_every_call_on_record_has_words_and_every_word_a_call() -> None:
    assert {"PublishCrls", "RestoreBackup", "CreateConsoleLink", "AssumeRole", "InstallTrust"} <= names()
    assert names() == set(activity_words.WORDS)


def test_words_differ_and_what_has_parameters_says_them() -> None:
    assert len(set(activity_words.WORDS.values())) == len(activity_words.WORDS)
    assert set(activity_words._SAYING) <= set(activity_words.WORDS)
    assert activity_words.of_record({"eventName": "Later"}) == "Later"
    for name in activity_words.WORDS:
        assert activity_words.of_record({"eventName": name})


@pytest.mark.parametrize(("active", "verb"), [("yes", "Activate"), ("no", "Deactivate")])
def test_switch_of_an_access_key_says_its_direction(active: str, verb: str) -> None:
    asked = {"name": "ops", "key": "AKIDEXAMPLE", "active": active}  # as `acts.ACTS` records the form
    said = activity_words.of_record({"eventName": "SwitchAccessKey", "requestParameters": asked})
    assert said == f"{verb} the access key AKIDEXAMPLE of ops"
