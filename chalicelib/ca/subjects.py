"""Subjects of CAs: no other certificate of the account that may verify CRLs has one, and no CA has that of such a one.

Clients look for the signer of a CRL by the name of its issuer, among all certificates below the same root. So the name
of a CA is its own wherever it is in a hierarchy, as far as the account knows it.

Source: RFC 5280 sections 4.2.1.3, 5.1.2.3 and 6.3.3.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.pki.errors import ConstraintError
from chalicelib.pki.issuing.ca_only_rules import EMPTY_NAME
from chalicelib.pki.x509 import names

if TYPE_CHECKING:
    from chalicelib.errors import Member
    from chalicelib.pki.issuing.specification import Plan
    from chalicelib.runtime import Runtime
    from chalicelib.store import Holder

_REFUSALS: dict[Holder, str] = {
    "ca": "A certificate authority of the account has this subject: a certificate with it needs a KeyUsage without "
    "cRLSign.",
    "subscriber": "A certificate of the account that may sign CRLs has this subject: a certificate authority cannot "
    "have it.",
}


def check(rt: Runtime, ca_arn: str, plan: Plan, *, is_ca: bool, take: bool) -> None:
    """Check the subject of a planned certificate, and take it if nobody has it yet and `take` is set.

    Raises:
        ConstraintError: another kind of holder has it.
    """
    if is_ca or (plan.may_verify_crls and plan.subject_der != EMPTY_NAME):
        holder: Holder = "ca" if is_ca else "subscriber"
        _check(rt, ca_arn, plan.subject_der, holder, plan.subject_member, take=take)


def take(rt: Runtime, ca_arn: str, subject_der: bytes, member: Member) -> None:
    """Take the subject of a new CA.

    Raises:
        ConstraintError: somebody else has it.
    """
    _check(rt, ca_arn, subject_der, "ca", member, take=True)


def sha256_of(subject_der: bytes) -> str:
    """Return the hash, in hex, that names of one meaning have in common."""
    text = repr([sorted(rdn) for rdn in names.normalized_loosely(subject_der)])
    return hashlib.sha256(text.encode()).hexdigest()


def _check(rt: Runtime, ca_arn: str, subject_der: bytes, holder: Holder, member: Member, *, take: bool) -> None:
    account_id, name_sha256 = arns.parse_ca_arn(ca_arn).account_id, sha256_of(subject_der)
    if take:
        found = rt.store.take_subject(account_id, name_sha256, holder)
    else:
        found = rt.store.subject_holder(account_id, name_sha256) or holder
    if found != holder:
        raise ConstraintError(_REFUSALS[found], member=member)
