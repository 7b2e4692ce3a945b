"""What is checked of revocation settings, field by field, by the operations' own rules; and the buckets they name."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.api import constraints
from chalicelib.buckets import BucketError
from chalicelib.buckets.names import check_bucket_name
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.forms.revocation_form import DEFAULTS, bucket_of, configuration_of
from chalicelib.crl import revocation_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.console.web import Visit

    Problems = dict[str, str]  # by the field's name; "" has what belongs to no field

_ADVANCED = {"cname", "path", "days", "acl", "partitioned", "omit"}
_SAMPLE = {"crl": "yes", "choice": "existing", "bucket": "sample", "days": "7"}


def problems_of(visit: Visit, typed: Mapping[str, str], *, current: str = "") -> Problems:
    """What is wrong with the settings.

    Args:
        visit: whose they are.
        typed: what the form says.
        current: the bucket that the CA uses now, which need not be one of those that can be listed.
    """
    found: Problems = {}
    if typed.get("crl"):
        found = _found({name: _refusal(_SAMPLE | alone) for name, alone in _alone(typed).items()})
        field, problem = _bucket_problem(visit, {**typed, "acl": ""} if "acl" in found else typed, current)
        found |= _found({field: problem})
    if typed.get("ocsp"):
        found |= _found({"ocsp_cname": _ocsp_refusal(visit, typed)})
    return found or _found({"": _refusal(typed)})


def _alone(typed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Each field of CRLs with what it needs beside it to be judged."""
    alone = {name: {name: typed.get(name, "")} for name in ("cname", "path", "days", "acl")}
    named = "sample" if typed.get("cname") else ""
    return alone | {"omit": {"omit": typed.get("omit", ""), "cname": named}}


def _found(messages: Problems) -> Problems:
    return {name: message for name, message in messages.items() if message}


def _normalized(typed: Mapping[str, str]) -> dict[str, Any]:
    """The configuration to keep.

    Raises:
        ApiError: what Create- or UpdateCertificateAuthority would refuse it with.
    """
    given = configuration_of(typed)
    constraints.check("RevocationConfiguration", given)
    return revocation_configuration.normalized(given)


def _refusal(typed: Mapping[str, str]) -> str:
    try:
        _normalized(typed)
    except errors.ApiError as error:
        return in_words(error.message)
    return ""


def _ocsp_refusal(visit: Visit, typed: Mapping[str, str]) -> str:
    try:
        alone = _normalized({"ocsp": "yes", "ocsp_cname": typed.get("ocsp_cname", "")})
        revocation_configuration.check_ocsp(visit.rt, alone)
    except errors.ApiError as error:
        return in_words(error.message)
    return ""


# buckets


def list_buckets(visit: Visit) -> list[str]:
    """The buckets to choose from; none where they may not be listed."""
    try:
        return visit.rt.buckets.list_buckets()
    except BucketError:
        return []


def policy_of(visit: Visit, bucket: str) -> str:
    """The policy that a bucket for CRLs has to have; empty where there is none, or the name is none of a bucket."""
    try:
        return visit.rt.buckets.policy(bucket) if bucket else ""
    except BucketError:
        return ""


def _bucket_problem(visit: Visit, typed: Mapping[str, str], current: str) -> tuple[str, str]:
    """The field of the bucket, and what is wrong with what it holds."""
    bucket, new = bucket_of(typed), typed.get("choice") == "new"
    field = "new_bucket" if new else "bucket"
    if not bucket:
        return field, "Type a name for the new bucket." if new else "Choose a bucket."
    try:
        check_bucket_name(bucket)
        listed = list_buckets(visit)
        if new and bucket in listed:
            return field, f"The bucket {bucket} exists already: choose it from the list, or type another name."
        if not new and listed and bucket not in {*listed, current}:
            return field, f"There is no bucket {bucket} here: choose one from the list."
        if not new:
            alone = _normalized(_SAMPLE | {"bucket": bucket, "acl": typed.get("acl", "")})
            revocation_configuration.check_bucket(visit.rt, "", alone)
    except errors.ApiError as error:
        return field, in_words(error.message)
    except BucketError as error:
        return field, str(error)
    return field, ""


def make_bucket(visit: Visit, typed: Mapping[str, str]) -> Problems:
    """Make the new bucket, if one is asked for; returns what stops it."""
    bucket = bucket_of(typed)
    if not bucket or typed.get("choice") != "new":
        return {}
    try:
        visit.rt.buckets.create(bucket)
    except BucketError as error:
        return {"new_bucket": str(error)}
    return {}


# what the form shows beside what is typed


def shown(visit: Visit, typed: Mapping[str, str], problems: Mapping[str, str], *, current: str = "") -> dict[str, Any]:
    """What the fields of the form need; `current` as for `problems_of`."""
    refused = not {"bucket", "new_bucket"}.isdisjoint(problems)
    touched = any(typed.get(name, DEFAULTS.get(name, "")) != DEFAULTS.get(name, "") for name in _ADVANCED)
    return {
        "advanced": bool(current) or touched or not _ADVANCED.isdisjoint(problems),
        "buckets": sorted({*list_buckets(visit), *filter(None, [current])}),
        "midpoint": midpoint_of(visit, typed.get("days", "")),
        "policy": policy_of(visit, bucket_of(typed)) if refused else "",
        "ocsp_url": visit.rt.settings.ocsp_base_url,
    }


def midpoint_of(visit: Visit, days: str) -> Any:
    """When a CRL that is valid so many days and made now is followed by the next; None where there is no number."""
    number = int(days) if re.fullmatch("[0-9]{1,4}", days.strip(), re.ASCII) else 0
    return visit.rt.now() + timedelta(days=number) / 2 if number else None
