"""A retry with the same token gets what was made, also where the same request would be refused by now.

Source: AWS Private CA API, IssueCertificate and CreateCertificateAuthority, IdempotencyToken.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import errors
from chalicelib.access import access_keys
from chalicelib.buckets import BucketError
from chalicelib.operations import certificates, creation, explain
from tests.support.authority_steps import DAYS_30, active_root, active_subordinate, create, issue
from tests.support.builders import CALLER, CRL_CONFIGURATION, EC_CONFIGURATION, csr
from tests.support.client import client_for
from tests.support.policies import OTHER, documented
from tests.support.ports import Port, fail
from tests.support.refusals import refusal

ISSUING = {"SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}


def end_of(client: Any, arn: str) -> Any:
    return client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["NotAfter"]


def until(moment: Any) -> dict[str, Any]:
    return {"Type": "ABSOLUTE", "Value": int(moment.timestamp())}


def ends_with_its_authority(client: Any, clock: Any) -> tuple[str, Any, Any]:
    """The first request asks for the CA's last second; a retry a second later computes one more."""
    arn = active_subordinate(client, now=clock(), days=10)
    return arn, end_of(client, arn), end_of(client, arn) + timedelta(seconds=1)


def lives_seven_days(client: Any, clock: Any) -> tuple[str, Any, Any]:
    arn = active_subordinate(client, now=clock(), UsageMode="SHORT_LIVED_CERTIFICATE", RevocationConfiguration={})
    week = clock() + timedelta(days=7)
    return arn, week, week + timedelta(minutes=10)


def is_disabled(client: Any, clock: Any) -> tuple[str, Any, Any]:
    return active_root(client), clock() + timedelta(days=9), disable


def is_deleted(client: Any, clock: Any) -> tuple[str, Any, Any]:
    return active_root(client), clock() + timedelta(days=9), delete


def has_expired(client: Any, clock: Any) -> tuple[str, Any, Any]:
    arn = active_subordinate(client, now=clock(), days=10)
    clock.forward(days=10, seconds=-60)
    return arn, end_of(client, arn), lambda *_: clock.forward(seconds=120)


def disable(client: Any, arn: str) -> None:
    client.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")


def delete(client: Any, arn: str) -> None:
    disable(client, arn)
    client.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)


# By what has happened meanwhile: the CA, the end that is asked for first, and what changes or the end of the retry.
SINCE = {
    "end of the CA": (ends_with_its_authority, "ValidationException"),
    "seven days": (lives_seven_days, "ValidationException"),
    "disabled": (is_disabled, "InvalidStateException"),
    "deleted": (is_deleted, "InvalidStateException"),
    "expired": (has_expired, "InvalidStateException"),
}


@pytest.mark.parametrize("case", SINCE)
def test_retry_gets_its_certificate_where_it_would_be_refused_by_now(
    acm_pca: Any, rt: Any, clock: Any, case: str
) -> None:
    prepare, code = SINCE[case]
    arn, first, change = prepare(acm_pca, clock)
    request = {"CertificateAuthorityArn": arn, "Csr": csr(), "IdempotencyToken": "token"} | ISSUING
    issued = issue(acm_pca, arn, **request | {"Validity": until(first)})
    before = len(list(rt.store.list_certificates(arn)))
    if callable(change):
        change(acm_pca, arn)
    retry = request | {"Validity": until(first if callable(change) else change)}
    assert issue(acm_pca, arn, **retry) == issued
    for other in (
        {"IdempotencyToken": "another"},
        {"Csr": csr("other")},
        {"TemplateArn": "arn:aws:acm-pca:::template/CodeSigningCertificate/V1"},
    ):
        assert refusal(acm_pca.issue_certificate, **retry | other)[0] == code
    without = {name: value for name, value in retry.items() if name != "IdempotencyToken"}
    assert refusal(acm_pca.issue_certificate, **without)[0] == code
    caller = replace(CALLER, operation="IssueCertificate")
    assert explain.explain(rt, caller, retry)["Refusal"]["Code"] == code  # type: ignore[arg-type]  # a request's members
    assert len(list(rt.store.list_certificates(arn))) == before
    clock.forward(seconds=300)
    assert refusal(acm_pca.issue_certificate, **retry)[0] == code


def test_retry_of_an_issuance_that_is_pending_or_has_failed(acm_pca: Any, rt: Any, clock: Any) -> None:
    """What is being made is the token's; what came to nothing is as if it had never been asked for."""
    arn = active_root(acm_pca)
    request: Any = {"CertificateAuthorityArn": arn, "Csr": csr(), "IdempotencyToken": "token"} | ISSUING
    dying = replace(rt, keys=Port(rt.keys, private_key=fail(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        certificates.issue_certificate(dying, CALLER, request)
    (pending,) = [each for each in rt.store.list_certificates(arn) if each.status == "PENDING"]
    disable(acm_pca, arn)
    assert acm_pca.issue_certificate(**request)["CertificateArn"] == pending.arn
    rt.store.fail_certificate(pending, "given up")
    assert refusal(acm_pca.issue_certificate, **request)[0] == "InvalidStateException"


def test_token_of_another_account_is_not_the_caller_s(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    key = access_keys.create_access_key(rt, OTHER)
    other = client_for(rt, access_key_id=key.access_key_id, secret=key.secret)
    request: Any = {"CertificateAuthorityArn": arn, "Csr": csr(), "IdempotencyToken": "token"} | ISSUING
    theirs = other.issue_certificate(**request)["CertificateArn"]
    disable(acm_pca, arn)
    assert other.issue_certificate(**request)["CertificateArn"] == theirs
    assert refusal(acm_pca.issue_certificate, **request)[0] == "InvalidStateException"
    acm_pca.delete_policy(ResourceArn=arn)
    assert refusal(other.issue_certificate, **request)[0] == "ResourceNotFoundException"


def test_retry_gets_its_authority_though_the_bucket_refuses_by_now(acm_pca: Any, rt: Any, clock: Any) -> None:
    request: Any = {
        "CertificateAuthorityConfiguration": EC_CONFIGURATION,
        "CertificateAuthorityType": "SUBORDINATE",
        "RevocationConfiguration": CRL_CONFIGURATION,
        "IdempotencyToken": "token",
    }
    arn = create(acm_pca, **request)
    closed = replace(rt, buckets=Port(rt.buckets, check=fail(BucketError("closed", misconfigured=True))))
    assert _created(closed, request) == arn
    for other in ({"IdempotencyToken": "another"}, {"CertificateAuthorityType": "ROOT"}):
        with pytest.raises(errors.ValidationException):
            _created(closed, request | other)
    assert len(acm_pca.list_certificate_authorities()["CertificateAuthorities"]) == 1
    clock.forward(seconds=300)
    with pytest.raises(errors.ValidationException):
        _created(closed, request)


def _created(rt: Any, request: Any) -> str:
    return creation.create_certificate_authority(rt, CALLER, request)["CertificateAuthorityArn"]
