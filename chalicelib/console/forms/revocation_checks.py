"""The checks of revocation settings, field by field, by the operations' own rules; and the buckets to choose from."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.api import constraints
from chalicelib.buckets import BucketError
from chalicelib.buckets.names import check_bucket_name
from chalicelib.ca import bucket_owners
from chalicelib.console.forms.refusals import every_problem, reason_of
from chalicelib.console.forms.revocation_form import ACLS, DEFAULTS, bucket_of, configuration_of
from chalicelib.crl import revocation_configuration

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.runtime import Runtime

_ADVANCED = {"cname", "path", "days", "acl", "partitioned", "omit"}
_SAMPLE_BUCKET = {"choice": "existing", "bucket": "sample"}
_SAMPLES = {**_SAMPLE_BUCKET, "days": "7", "acl": DEFAULTS["acl"]}


def problems_of(rt: Runtime, account_id: str, typed: Typed, *, current: str = "") -> Problems:
    """The problems of the settings.

    Args:
        rt: of the CA.
        account_id: of the CA.
        typed: the text of the form.
        current: the bucket that the CA uses now, which the list of buckets may lack.
    """

    def check(typed: Typed) -> None:
        revocation_configuration.check_ocsp(rt, _normalized({**typed, **_SAMPLE_BUCKET}))

    problems = every_problem(check, typed, {**_SAMPLES, "ocsp_cname": "sample.example"})
    if typed.get("crl"):
        judged = {**typed, "acl": DEFAULTS["acl"]} if "acl" in problems else typed
        field, words = _bucket_problem(rt, account_id, judged, current)
        problems |= {field: words} if words else {}
    return problems


def _normalized(typed: Typed) -> dict[str, Any]:
    """The configuration of a CA with these settings.

    Raises:
        ApiError: Create- and UpdateCertificateAuthority would refuse them.
    """
    configuration = configuration_of(typed)
    constraints.check("RevocationConfiguration", configuration)
    return revocation_configuration.normalized(configuration)


# buckets


def list_buckets(rt: Runtime, account_id: str) -> list[str]:
    """The buckets that an account may choose from; none if Signet may not list them."""
    try:
        return bucket_owners.buckets_of(rt, account_id)
    except BucketError:
        return []


def policy_of(rt: Runtime, bucket: str) -> str:
    """The policy that a bucket for CRLs needs; empty without a bucket that can have one."""
    try:
        return rt.buckets.policy(bucket) if bucket else ""
    except BucketError:
        return ""


def _bucket_problem(rt: Runtime, account_id: str, typed: Typed, current: str) -> tuple[str, str]:
    """The field of the bucket, and its problem; empty if there is none."""
    bucket, is_new = bucket_of(typed), typed.get("choice") == "new"
    field = "new_bucket" if is_new else "bucket"
    if not bucket:
        return field, "Enter a name for the new bucket." if is_new else "Choose a bucket."
    try:
        check_bucket_name(bucket)
        listed = list_buckets(rt, account_id)
        if is_new and bucket in listed:
            return field, f"The bucket {bucket} exists already: choose it from the list, or enter another name."
        if not is_new and _is_missing(rt, bucket, {*listed, current}):
            return field, _missing_words(bucket, listed)
        if not is_new:
            alone = _normalized({"crl": "yes", "days": "7", "bucket": bucket, "acl": typed.get("acl", "")})
            revocation_configuration.check_bucket(rt, account_id, alone)
    except errors.ApiError as error:
        return field, reason_of(error)
    except BucketError as error:
        return field, str(error)
    return field, ""


def _is_missing(rt: Runtime, bucket: str, known: set[str]) -> bool:
    """Tell whether a bucket is missing: S3 refuses a missing bucket, and a directory is created at its first use."""
    is_listed = bool(known - {""}) or rt.settings.buckets == "directory"
    return is_listed and bucket not in known


def _missing_words(bucket: str, listed: list[str]) -> str:
    remedy = "choose one from the list" if listed else "choose “Yes” to create one"
    return f"There is no bucket {bucket} here: {remedy}."


def settle_bucket(rt: Runtime, account_id: str, typed: Typed, *, current: str = "") -> Problems:
    """Create the new bucket of an account if the form says so; an existing bucket must still be there.

    Returns the problem that prevents it; arguments as for `problems_of`.
    """
    bucket = bucket_of(typed)
    if not bucket:
        return {}
    if typed.get("choice") != "new":
        listed = list_buckets(rt, account_id)
        missing = _is_missing(rt, bucket, {*listed, current})
        return {"bucket": _missing_words(bucket, listed)} if missing else {}
    try:
        bucket_owners.check(rt, account_id, bucket)
        rt.buckets.create(bucket)
        bucket_owners.take(rt, account_id, bucket)
    except BucketError as error:
        return {"new_bucket": str(error)}
    return {}


# the values of the form's template


def shown(rt: Runtime, account_id: str, typed: Typed, problems: Problems, *, current: str = "") -> dict[str, Any]:
    """The values of `revocation_fields.html`; arguments as for `problems_of`."""
    refused = not {"bucket", "new_bucket"}.isdisjoint(problems)
    buckets = sorted({*list_buckets(rt, account_id), *filter(None, [current])})
    touched = any(typed.get(name, DEFAULTS.get(name, "")) != DEFAULTS.get(name, "") for name in _ADVANCED)
    return {
        "acls": ACLS,
        "advanced": bool(current) or touched or not _ADVANCED.isdisjoint(problems),
        "buckets": buckets,
        "selectable": bool(buckets) or rt.settings.buckets == "s3",  # where Signet may perhaps not list them
        "midpoint": midpoint_of(rt.now(), typed.get("days", "")),
        "policy": policy_of(rt, bucket_of(typed)) if refused else "",
        "ocsp_url": rt.settings.ocsp_base_url,
    }


def midpoint_of(now: datetime, days: str) -> datetime | None:
    """The time at which a CRL published now is renewed; None unless its validity is a number of days."""
    number = int(days) if re.fullmatch("[0-9]{1,4}", days.strip(), re.ASCII) else 0
    return now + timedelta(days=number) / 2 if number else None
