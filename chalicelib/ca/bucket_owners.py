"""Owners of buckets: a bucket belongs to the account that uses it first, and other accounts can neither see nor use it.

S3 knows one AWS account, and directories know none, so Signet keeps its accounts apart itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.buckets import BucketTakenError
from chalicelib.ca import iterate

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


def check(rt: Runtime, account_id: str, bucket: str) -> None:
    """Check that no other account owns a bucket.

    Raises:
        BucketTakenError: another account does.
    """
    _refuse_others(account_id, rt.store.bucket_owners([bucket]).get(bucket) or _user_of(rt, bucket))


def take(rt: Runtime, account_id: str, bucket: str) -> None:
    """Record an account as the owner of a bucket that has none; of simultaneous accounts one gets it.

    Raises:
        BucketTakenError: another account owns it.
    """
    _refuse_others(account_id, rt.store.take_bucket(bucket, account_id))


def buckets_of(rt: Runtime, account_id: str) -> list[str]:
    """The buckets of an account; this home's own account also gets those that have no owner.

    Raises:
        BucketError: they could not be listed.
    """
    names = rt.buckets.list_buckets()
    owners = rt.store.bucket_owners(names)
    without_owner = {name for name in names if name not in owners}
    if without_owner and account_id != rt.settings.account_id:
        without_owner &= {name for ca in iterate.of_account(rt, account_id) for name in _named_by(ca)}
    return [name for name in names if owners.get(name) == account_id or name in without_owner]


def _refuse_others(account_id: str, owner: str | None) -> None:
    if owner not in {None, account_id}:
        raise BucketTakenError("The bucket belongs to another account.", misconfigured=True)


def _user_of(rt: Runtime, bucket: str) -> str | None:
    """The account whose CAs use a bucket without an owner, as earlier releases let them."""
    users = (ca for ca in iterate.every_authority(rt) if bucket in _named_by(ca))
    return next((arns.parse_ca_arn(ca.arn).account_id for ca in users), None)


def _named_by(ca: CertificateAuthority) -> set[str]:
    configured = ca.revocation_configuration["CrlConfiguration"].get("S3BucketName")
    return {configured, *(point.bucket for point in ca.distribution_points)}
