"""Forms that replace a value: none undoes what others have changed since it was opened.

Such a form carries a digest of what it showed when it was opened, as the entries that describe the value. The handler
compares it with the value that it is about to replace. A form that comes back for another problem keeps its digest; one
that comes back because the value differs has that of the present value, so that it can be sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from chalicelib.console.fields import FIELDS
from chalicelib.errors import ValidationException

if TYPE_CHECKING:
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Form

FIELD = "opened"
NOTHING: Typed = {}  # the entries of a value that does not exist
_DIGEST = re.compile("[0-9a-f]{64}", re.ASCII)
_CHANGED = "Somebody has changed this since you opened the form. To replace what is there now, send the form again."
_TAKEN = "This exists already. To replace what is there now, send the form again."
_REMOVED = "Somebody has removed this since you opened the form. To create it again, send the form again."


class ChangedError(Exception):
    """The value differs from the one that the form showed: nothing was changed.

    Attributes:
        now: the entries that describe the present value.
        problems: one sentence, about the form as a whole.
        rows: by field, what of the present value differs from what was entered.
    """

    def __init__(self, now: Typed, entered: Typed, *, was_nothing: bool) -> None:
        super().__init__()
        self.now = now
        self.problems: Problems = {"": (_TAKEN if was_nothing else _CHANGED) if now else _REMOVED}
        self.rows = {
            name: now.get(name, "")
            for name in FIELDS
            if now and (name in now or name in entered) and now.get(name, "") != entered.get(name, "")
        }


def digest_field(entries: Typed) -> dict[str, str]:
    """The hidden field of a form that is opened with a value."""
    return {FIELD: _digest(entries)}


def check(form: Form, now: Typed, entered: Typed, *, is_other: bool = False) -> None:
    """Check that the value is still the one that the form showed, or is already what was entered.

    Args:
        form: that was sent.
        now: the entries that describe the present value.
        entered: those that describe what the form would make of it.
        is_other: the form was opened with a value of another name, so of this one it showed nothing.

    Raises:
        ChangedError: the value is another one now.
        ValidationException: the form has no digest.
    """
    opened = form.get(FIELD)
    if _DIGEST.fullmatch(opened) is None:
        raise ValidationException("The form cannot be read: open it again.")
    shown = _digest(NOTHING) if is_other else opened
    if shown != _digest(now) and _filled(now) != _filled(entered):
        raise ChangedError(now, entered, was_nothing=shown == _digest(NOTHING))


def _filled(entries: Typed) -> dict[str, str]:
    return {name: text for name, text in entries.items() if text}


def _digest(entries: Typed) -> str:
    return hashlib.sha256(json.dumps(_filled(entries), sort_keys=True).encode()).hexdigest()
