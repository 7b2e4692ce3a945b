"""What each step of the wizard checks before the next one opens: the operation's own rules, asked field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chalicelib import errors
from chalicelib.api import constraints
from chalicelib.console.forms import revocation_checks
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.forms.wizard_draft import SUBJECT, create_request, tags_of
from chalicelib.operations import creation

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.console.forms.wizard_draft import Draft, Typed
    from chalicelib.console.web import Visit
    from chalicelib.records import CertificateAuthority

    Problems = dict[str, str]  # by the field's name; "" has what belongs to no field

MOST_CHARACTERS = 4096  # of one field, in a draft
MOST_IN_A_STEP = 32768  # more than fifty tags may have
_SAMPLE: dict[str, Any] = {"subject": {"CommonName": "sample"}}


def problems_of(visit: Visit, step: str, draft: Draft) -> Problems:
    """What is wrong with what was typed in a step; nothing where the next may follow."""
    check = _CHECKS.get(step)
    return {} if check is None else check(visit, draft.get(step, {}))


def too_long(typed: Typed) -> Problems:
    """Why what was typed in a step cannot even be kept."""
    over = [name for name, value in typed.items() if len(value) > MOST_CHARACTERS]
    found = dict.fromkeys(over, f"This is longer than {MOST_CHARACTERS} characters.")
    whole = sum(map(len, typed.values())) > MOST_IN_A_STEP
    return found or ({"": f"All of this is longer than {MOST_IN_A_STEP} characters."} if whole else {})


def _planned(visit: Visit, **steps: Typed) -> CertificateAuthority:
    """The CA that these steps alone ask for.

    Raises:
        ApiError: what CreateCertificateAuthority would refuse it with.
    """
    request = create_request(_SAMPLE | steps)
    constraints.check("CreateCertificateAuthorityRequest", request)
    return creation.planned(visit.rt, visit.caller, cast("Any", request))


def _refusal(visit: Visit, **steps: Typed) -> str:
    try:
        _planned(visit, **steps)
    except errors.ApiError as error:
        return in_words(error.message)
    return ""


def _found(**messages: str) -> Problems:
    return {name: message for name, message in messages.items() if message}


def _check_type(visit: Visit, typed: Typed) -> Problems:
    return _found(type=_refusal(visit, type=typed))


def _check_subject(visit: Visit, typed: Typed) -> Problems:
    if not typed:
        return {"": "A subject needs at least one field."}
    return _found(**{name: _refusal(visit, subject={name: typed[name]}) for name in SUBJECT if name in typed})


def _check_key(visit: Visit, typed: Typed) -> Problems:
    return _found(algorithm=_refusal(visit, key=typed))


def _check_tags(visit: Visit, typed: Typed) -> Problems:
    found: Problems = {}
    for number, tag in enumerate(tags_of(typed)):
        found |= _found(
            **{
                f"key.{number}": _refusal(visit, tags={"key.0": tag["Key"], "value.0": ""}),
                f"value.{number}": _refusal(visit, tags={"key.0": "sample", "value.0": tag["Value"]}),
            }
        )
    return found or _found(**{"": _refusal(visit, tags=typed)})


def _check_revocation(visit: Visit, typed: Typed) -> Problems:
    return revocation_checks.problems_of(visit, typed)


_CHECKS: dict[str, Callable[[Visit, Typed], Problems]] = {
    "type": _check_type,
    "subject": _check_subject,
    "key": _check_key,
    "revocation": _check_revocation,
    "tags": _check_tags,
}
