"""Permissions: ACM's renewal delegation (AWS Private CA API, CreatePermission, ListPermissions, DeletePermission)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.authority_steps import create
from tests.support.refusals import refusal

ACM = "acm.amazonaws.com"
ACTIONS = ["IssueCertificate", "GetCertificate", "ListPermissions"]


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return create(acm_pca)


def permit(client: Any, arn: str, **more: Any) -> None:
    client.create_permission(**{"CertificateAuthorityArn": arn, "Principal": ACM, "Actions": ACTIONS} | more)


def test_permission_is_listed_as_it_was_given(acm_pca: Any, arn: str, clock: Any) -> None:
    permit(acm_pca, arn, Actions=list(reversed(ACTIONS)))
    answer = acm_pca.list_permissions(CertificateAuthorityArn=arn)
    (found,) = answer["Permissions"]
    policy = json.loads(found.pop("Policy"))
    assert found == {
        "CertificateAuthorityArn": arn,
        "CreatedAt": clock(),
        "Principal": ACM,
        "SourceAccount": "000000000000",
        "Actions": ACTIONS,
    }
    assert "NextToken" not in answer
    (statement,) = policy["Statement"]
    assert policy["Version"] == "2012-10-17"
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": ACM},
        "Action": [f"acm-pca:{action}" for action in ACTIONS],
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
    }


@pytest.mark.parametrize("actions", [ACTIONS[:1], ACTIONS[:2], ["IssueCertificate"] * 3])
def test_all_three_actions_are_needed(acm_pca: Any, arn: str, actions: list[str]) -> None:
    parameters = {"CertificateAuthorityArn": arn, "Principal": ACM, "Actions": actions}
    assert refusal(acm_pca.create_permission, **parameters) == (
        "ValidationException",
        f"Permissions must contain all three actions [{', '.join(ACTIONS)}] for ACM to perform renewals.",
    )
    assert acm_pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"] == []


def test_only_acm_is_a_principal(acm_pca: Any, arn: str) -> None:
    parameters = {"CertificateAuthorityArn": arn, "Principal": "ec2.amazonaws.com", "Actions": ACTIONS}
    assert refusal(acm_pca.create_permission, **parameters)[0] == "ValidationException"


def test_permission_is_one_per_source_account(acm_pca: Any, arn: str) -> None:
    permit(acm_pca, arn)
    again = {"CertificateAuthorityArn": arn, "Principal": ACM, "Actions": ACTIONS}
    assert refusal(acm_pca.create_permission, **again)[0] == "PermissionAlreadyExistsException"
    assert refusal(acm_pca.create_permission, **again, SourceAccount="0" * 12)[0] == "PermissionAlreadyExistsException"
    permit(acm_pca, arn, SourceAccount="111111111111")
    assert len(acm_pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"]) == 2


def test_there_is_a_limit_and_pages_below_it(acm_pca: Any, arn: str) -> None:
    for number in range(20):
        permit(acm_pca, arn, SourceAccount=f"{number:012d}")
    more = {"CertificateAuthorityArn": arn, "Principal": ACM, "Actions": ACTIONS, "SourceAccount": "9" * 12}
    assert refusal(acm_pca.create_permission, **more)[0] == "LimitExceededException"
    pages = acm_pca.get_paginator("list_permissions").paginate(
        CertificateAuthorityArn=arn, PaginationConfig={"PageSize": 7}
    )
    sizes, accounts = [], []
    for page in pages:
        sizes.append(len(page["Permissions"]))
        accounts += [each["SourceAccount"] for each in page["Permissions"]]
    assert sizes == [7, 7, 6]
    assert accounts == [f"{number:012d}" for number in range(20)]


def test_foreign_token_is_refused(acm_pca: Any, arn: str) -> None:
    for number in range(2):
        permit(acm_pca, arn, SourceAccount=f"{number:012d}")
    token = acm_pca.list_permissions(CertificateAuthorityArn=arn, MaxResults=1)["NextToken"]
    other = create(acm_pca)
    for bad in ({"CertificateAuthorityArn": arn, "NextToken": "x" + token[1:]}, {"CertificateAuthorityArn": other}):
        parameters = {"NextToken": token} | bad
        assert refusal(acm_pca.list_permissions, **parameters)[0] == "InvalidNextTokenException"


def test_permission_is_deleted_once(acm_pca: Any, arn: str) -> None:
    permit(acm_pca, arn)
    permit(acm_pca, arn, SourceAccount="111111111111")
    acm_pca.delete_permission(CertificateAuthorityArn=arn, Principal=ACM)
    (left,) = acm_pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"]
    assert left["SourceAccount"] == "111111111111"
    again = {"CertificateAuthorityArn": arn, "Principal": ACM}
    assert refusal(acm_pca.delete_permission, **again)[0] == "ResourceNotFoundException"


def test_deleted_authority_has_no_permissions(acm_pca: Any, arn: str) -> None:
    permit(acm_pca, arn)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (acm_pca.list_permissions, {}),
        (acm_pca.create_permission, {"Principal": ACM, "Actions": ACTIONS}),
        (acm_pca.delete_permission, {"Principal": ACM}),
    ]
    for call, more in calls:
        assert refusal(call, CertificateAuthorityArn=arn, **more) == (
            "InvalidStateException",
            "The certificate authority is in the DELETED state",
        )
    acm_pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    assert len(acm_pca.list_permissions(CertificateAuthorityArn=arn)["Permissions"]) == 1
