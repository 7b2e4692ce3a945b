"""What each step of the wizard checks before the next one opens: the operation's own rules, asked field by field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from chalicelib import errors
from chalicelib.api import constraints
from chalicelib.buckets import BucketError
from chalicelib.buckets.names import check_bucket_name
from chalicelib.console.wizard_plan import SUBJECT, bucket_of, create_request, tags_of
from chalicelib.operations import authorities, revocation_configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.console.web import Visit
    from chalicelib.console.wizard_plan import Draft, Typed
    from chalicelib.records import CertificateAuthority

    Problems = dict[str, str]  # by the field's name; "" has what belongs to no field

MOST_CHARACTERS = 4096  # of one field, in a draft
_SAMPLE: dict[str, Any] = {"subject": {"CommonName": "sample"}}
_VIOLATION = re.compile(r"Value .* at '[^']*' failed to satisfy constraint: Member (.*)", re.DOTALL)


def problems_of(visit: Visit, step: str, draft: Draft) -> Problems:
    """What is wrong with what was typed in a step; nothing where the next may follow."""
    typed: Typed = draft.get(step, {})
    for name, value in typed.items():
        if len(value) > MOST_CHARACTERS:
            return {name: f"This is longer than {MOST_CHARACTERS} characters."}
    check = _CHECKS.get(step)
    return {} if check is None else check(visit, typed)


def list_buckets(visit: Visit) -> list[str]:
    """The buckets to choose from; none where they may not be listed."""
    try:
        return visit.rt.buckets.list_buckets()
    except BucketError:
        return []


def in_words(message: str) -> str:
    """The refusal of a single member without its wire form."""
    text = re.sub(r"^[0-9]+ validation errors? detected: ", "", message)
    match = _VIOLATION.fullmatch(text.split("; Value ")[0])
    if match is None:
        return message
    rule = re.sub(r"have length (less|greater) than or equal to ([0-9]+)", _length, match[1])
    return f"It {rule.replace('satisfy regular expression pattern:', 'be of the form')}."


def _length(match: re.Match[str]) -> str:
    return f"have at {'most' if match[1] == 'less' else 'least'} {match[2]} characters"


def _planned(visit: Visit, **steps: Typed) -> CertificateAuthority:
    """The CA that these steps alone ask for.

    Raises:
        ApiError: what CreateCertificateAuthority would refuse it with.
    """
    request = create_request(_SAMPLE | steps)
    constraints.check("CreateCertificateAuthorityRequest", request)
    return authorities.planned(visit.rt, visit.caller, cast("Any", request))


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
    crl = {"crl": "yes", "choice": "existing", "bucket": "sample", "days": "7"}
    alone = {
        "cname": {**crl, "cname": typed.get("cname", "")},
        "days": {**crl, "days": typed.get("days", "")},
        "acl": {**crl, "acl": typed.get("acl", "")},
    }
    found: Problems = {}
    if typed.get("crl"):
        found = _found(**{name: _refusal(visit, revocation=each) for name, each in alone.items()})
        found |= _check_bucket(visit, typed)
    if typed.get("ocsp"):
        found |= _found(ocsp_cname=_check_ocsp(visit, typed))
    return found or _found(**{"": _refusal(visit, revocation=typed)})


def _check_ocsp(visit: Visit, typed: Typed) -> str:
    try:
        ca = _planned(visit, revocation={"ocsp": "yes", "ocsp_cname": typed.get("ocsp_cname", "")})
        revocation_configuration.check_ocsp(visit.rt, ca.revocation_configuration)
    except errors.ApiError as error:
        return in_words(error.message)
    return ""


def _check_bucket(visit: Visit, typed: Typed) -> Problems:
    bucket = bucket_of(typed)
    new = typed.get("choice") == "new"
    field = "new_bucket" if new else "bucket"
    if not bucket:
        return {field: "Type a name for the new bucket." if new else "Choose a bucket."}
    try:
        check_bucket_name(bucket)
        listed = list_buckets(visit)
        if new and bucket in listed:
            return {field: f"The bucket {bucket} exists already: choose it from the list, or type another name."}
        if not new and listed and bucket not in listed:
            return {field: f"There is no bucket {bucket} here: choose one from the list."}
        if not new:
            sample = {"crl": "yes", "choice": "existing", "bucket": bucket, "days": "7", "acl": typed.get("acl", "")}
            ca = _planned(visit, revocation=sample)
            revocation_configuration.check_bucket(visit.rt, ca.arn, ca.revocation_configuration)
    except errors.ApiError as error:
        return {field: in_words(error.message)}
    except BucketError as error:
        return {field: str(error)}
    return {}


_CHECKS: dict[str, Callable[[Visit, Typed], Problems]] = {
    "type": _check_type,
    "subject": _check_subject,
    "key": _check_key,
    "revocation": _check_revocation,
    "tags": _check_tags,
}
