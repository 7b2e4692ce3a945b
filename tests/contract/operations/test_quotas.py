"""Quotas of CAs and certificates, by SIGNET_QUOTAS (AWS Private CA, "Service quotas")."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.access import access_keys
from tests.support.authority_steps import DAYS_30, active_root, create, issue
from tests.support.builders import CREATE, CRL_CONFIGURATION, csr
from tests.support.client import client_for
from tests.support.policies import OTHER
from tests.support.refusals import refusal

pytestmark = pytest.mark.usefixtures("acm_pca")  # for its clock
PARTITIONED = {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | {"CrlType": "PARTITIONED"}}


def limited(rt: Any, quotas: str) -> Any:
    """The home with quotas."""
    return replace(rt, settings=replace(rt.settings, quotas=quotas))


def test_account_has_no_more_cas_than_its_quota(rt: Any) -> None:
    client = client_for(limited(rt, "2,9"))
    first = create(client, IdempotencyToken="token")
    second = create(client)
    assert refusal(client.create_certificate_authority, **CREATE)[0] == "LimitExceededException"
    assert create(client, IdempotencyToken="token") == first  # a retry makes none
    client.delete_certificate_authority(CertificateAuthorityArn=second)
    assert refusal(client.create_certificate_authority, **CREATE)[0] == "LimitExceededException"
    key = access_keys.create_access_key(rt, OTHER)
    create(client_for(limited(rt, "2,9"), access_key_id=key.access_key_id, secret=key.secret))


def test_ca_issues_no_more_certificates_than_its_quota(rt: Any) -> None:
    client = client_for(limited(rt, "9,2"))
    arn = active_root(client)  # its own certificate is the first
    asked: dict[str, Any] = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA", "Csr": csr()}
    asked |= {"Validity": DAYS_30, "IdempotencyToken": "token"}
    issued = issue(client, arn, **asked)
    assert issue(client, arn, **asked) == issued
    assert refusal(client.issue_certificate, **asked | {"IdempotencyToken": "other"})[0] == "LimitExceededException"
    active_root(client)


def test_ca_with_partitioned_crls_issues_a_hundred_times_as_many(rt: Any) -> None:
    client = client_for(limited(rt, "9,1"))
    arn = active_root(client, RevocationConfiguration=PARTITIONED)
    for _ in range(2):
        issue(client, arn)


@pytest.mark.parametrize("quotas", ["none", "aws"])
def test_quotas_of_aws_are_large(rt: Any, quotas: str) -> None:
    client = client_for(limited(rt, quotas))
    for _ in range(3):
        issue(client, active_root(client))
