"""A retry with the same token gets what was made, also where the same request would be refused by now.

Source: AWS Private CA API, IssueCertificate and CreateCertificateAuthority, IdempotencyToken.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

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
    assert refusal(other.issue_certificate, **request)[0] == "AccessDeniedException"


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


TOKEN: dict[str, Any] = {"IdempotencyToken": "98256344"}


def test_tags_do_not_count_and_the_first_ones_stay(acm_pca: Any) -> None:
    """AWS's guide, Create-CA-CLI: example 1 makes two calls with one token and other tags."""
    arn = create(acm_pca, **TOKEN, Tags=[{"Key": "Name", "Value": "MyPCA"}])
    assert create(acm_pca, **TOKEN, Tags=[{"Key": "Name", "Value": "MyPCA-2"}]) == arn
    assert create(acm_pca, **TOKEN) == arn
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == [{"Key": "Name", "Value": "MyPCA"}]
    assert len(acm_pca.list_certificate_authorities()["CertificateAuthorities"]) == 1


COUNTING: dict[str, Any] = {
    "configuration": {"CertificateAuthorityConfiguration": EC_CONFIGURATION | {"Subject": {"CommonName": "Another"}}},
    "type": {"CertificateAuthorityType": "ROOT"},
    "revocation": {"RevocationConfiguration": CRL_CONFIGURATION},
    "standard": {"KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_2_OR_HIGHER"},
    "mode": {"UsageMode": "SHORT_LIVED_CERTIFICATE"},
    "key": {"Tags": [{"Key": "signet:kms-key", "Value": "another"}]},
}


@pytest.mark.parametrize("other", COUNTING)
def test_another_ca_under_the_same_token_is_refused(acm_pca: Any, other: str) -> None:
    create(acm_pca, **TOKEN)
    request: dict[str, Any] = {
        "CertificateAuthorityConfiguration": EC_CONFIGURATION,
        "CertificateAuthorityType": "SUBORDINATE",
    }
    code, text = refusal(acm_pca.create_certificate_authority, **request | TOKEN | COUNTING[other])
    assert code == "InvalidArgsException"
    assert ("98256344" in text) == (other != "key")  # software keys take no key of the owner's


@pytest.mark.parametrize(
    "named",
    [
        {"KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER"},
        {"UsageMode": "GENERAL_PURPOSE"},
        {"RevocationConfiguration": {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}},
    ],
    ids=str,
)
def test_default_is_the_same_whether_it_is_named_or_not(acm_pca: Any, named: dict[str, Any]) -> None:
    first = create(acm_pca, IdempotencyToken="once")
    assert create(acm_pca, IdempotencyToken="once", **named) == first


def test_token_of_a_deleted_ca_is_free(acm_pca: Any) -> None:
    first = create(acm_pca, **TOKEN)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=first)
    second = create(acm_pca, **TOKEN)
    assert second != first
    assert create(acm_pca, **TOKEN) == second
    acm_pca.restore_certificate_authority(CertificateAuthorityArn=first)
    assert create(acm_pca, **TOKEN) == second


def _created(rt: Any, request: Any) -> str:
    return creation.create_certificate_authority(rt, CALLER, request)["CertificateAuthorityArn"]


# exactly once


def test_one_token_gives_one_certificate_for_its_window(acm_pca: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    request = csr()
    first = issue(acm_pca, arn, Csr=request, IdempotencyToken="token")
    clock.forward(seconds=299)
    # a retry computes its end date anew, so the validity may drift
    drifted = {"Type": "DAYS", "Value": 31}
    assert issue(acm_pca, arn, Csr=request, IdempotencyToken="token", Validity=drifted) == first
    clock.forward(seconds=1)
    assert issue(acm_pca, arn, Csr=request, IdempotencyToken="token") != first


def test_retry_may_order_its_members_in_another_way(acm_pca: Any) -> None:
    """A client may build a request from a map without an order."""
    arn = active_root(acm_pca)
    subject = {"CommonName": "a.example", "Organization": "A", "Country": "FR"}
    usage = {"DigitalSignature": True, "KeyEncipherment": True}
    passthrough: dict[str, Any] = {"Subject": subject, "Extensions": {"KeyUsage": usage}}
    template = {"TemplateArn": "arn:aws:acm-pca:::template/BlankEndEntityCertificate_APIPassthrough/V1"}
    request: dict[str, Any] = {"Csr": csr(), "IdempotencyToken": "token"} | template
    first = issue(acm_pca, arn, **request, ApiPassthrough=passthrough)
    assert issue(acm_pca, arn, **request, ApiPassthrough=_reversed(passthrough)) == first
    configuration: dict[str, Any] = {
        "CertificateAuthorityConfiguration": EC_CONFIGURATION,
        "IdempotencyToken": "token",
    }
    created = create(acm_pca, **configuration)
    assert create(acm_pca, **_reversed(configuration)) == created


def _reversed(value: Any) -> Any:
    return {name: _reversed(value[name]) for name in reversed(value)} if isinstance(value, dict) else value


def test_one_token_for_two_cas_gives_two_certificates(acm_pca: Any) -> None:
    arns = [active_root(acm_pca), active_root(acm_pca)]
    request = csr()
    issued = [issue(acm_pca, arn, Csr=request, IdempotencyToken="token") for arn in arns]
    assert issued[0].startswith(arns[0])
    assert issued[1].startswith(arns[1])


def test_one_token_for_another_csr_is_refused(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn, Csr=csr("one"), IdempotencyToken="token")
    with pytest.raises(acm_pca.exceptions.InvalidArgsException, match="token"):
        issue(acm_pca, arn, Csr=csr("two"), IdempotencyToken="token")


def test_one_token_for_the_same_csr_signed_or_wrapped_anew_is_a_retry(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    first, again = csr("one"), csr("one")
    assert first != again  # ECDSA signatures differ each time
    issued = issue(acm_pca, arn, Csr=first, IdempotencyToken="token")
    assert issue(acm_pca, arn, Csr=again, IdempotencyToken="token") == issued
    assert issue(acm_pca, arn, Csr=b"a retry\n" + first.replace(b"\n", b"\r\n"), IdempotencyToken="token") == issued
    other_key = csr("one", key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(acm_pca.exceptions.InvalidArgsException, match="token"):
        issue(acm_pca, arn, Csr=other_key, IdempotencyToken="token")


def test_simultaneous_calls_with_one_token_give_one_certificate(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    request, found = csr(), []
    gate = threading.Barrier(8)

    def call() -> None:
        client = client_for(rt)
        gate.wait()
        found.append(issue(client, arn, Csr=request, IdempotencyToken="token"))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    records = [each for each in rt.store.list_certificates(arn) if each.arn == found[0]]
    assert len(list(rt.store.list_certificates(arn))) == 2  # the root's own and this one
    assert records[0].status == "ISSUED"
