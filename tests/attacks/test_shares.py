"""Nobody fills the lists of another account: one account shares a bounded number of CAs with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys
from chalicelib.operations import policies
from tests.support.authority_steps import create
from tests.support.client import client_for
from tests.support.policies import OTHER, THIRD, documented
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

MOST = 3


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MAX_SHARED", MOST)


def of_account(rt: Runtime, account_id: str) -> Any:
    key = access_keys.create_access_key(rt, account_id)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def listed(client: Any) -> list[str]:
    page = client.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")
    return [ca["Arn"] for ca in page["CertificateAuthorities"]]


@pytest.mark.usefixtures("few")
def test_one_account_shares_a_bounded_number_of_cas_with_another(rt: Runtime, acm_pca: Any) -> None:
    victim, friend = of_account(rt, OTHER), of_account(rt, THIRD)
    arns = [create(acm_pca) for _ in range(MOST + 1)]
    for arn in arns[:MOST]:
        acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    code, text = refusal(acm_pca.put_policy, ResourceArn=arns[-1], Policy=documented(arns[-1]))
    assert (code, OTHER in text) == ("InvalidPolicyException", True)
    assert refusal(acm_pca.get_policy, ResourceArn=arns[-1])[0] == "ResourceNotFoundException"
    acm_pca.put_policy(ResourceArn=arns[0], Policy=documented(arns[0]))  # a CA that is shared stays so
    acm_pca.put_policy(ResourceArn=arns[-1], Policy=documented(arns[-1], THIRD))
    own = create(friend)
    friend.put_policy(ResourceArn=own, Policy=documented(own))
    assert sorted(listed(victim)) == sorted([*arns[:MOST], own])
    acm_pca.delete_policy(ResourceArn=arns[0])
    acm_pca.put_policy(ResourceArn=arns[-1], Policy=documented(arns[-1]))
    assert sorted(listed(victim)) == sorted([*arns[1:], own])


@pytest.mark.usefixtures("few")
def test_policies_that_are_put_at_once_share_no_more(rt: Runtime, acm_pca: Any) -> None:
    victim = of_account(rt, OTHER)
    arns = [create(acm_pca) for _ in range(3 * MOST)]
    codes: list[str] = []

    def share(arn: str) -> None:
        try:
            acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=share, args=(arn,)) for arn in arns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(listed(victim)) <= MOST
    assert set(codes) <= {"InvalidPolicyException", "ThrottlingException"}


def test_lists_may_wait_until_the_account_accepts_an_owner(rt: Runtime, acm_pca: Any) -> None:
    """As the invitation of AWS RAM: until then nobody fills the lists of another account with anything."""
    friend = of_account(rt, THIRD)
    victim = of_account(replace(rt, settings=replace(rt.settings, shares="accepted")), OTHER)
    spam, welcome = create(acm_pca), create(friend)
    acm_pca.put_policy(ResourceArn=spam, Policy=documented(spam))
    friend.put_policy(ResourceArn=welcome, Policy=documented(welcome))
    assert listed(victim) == []
    rt.store.accept_shares(OTHER, THIRD)
    rt.store.accept_shares(THIRD, rt.settings.account_id)
    assert listed(victim) == [welcome]
    victim.describe_certificate_authority(CertificateAuthorityArn=spam)  # a policy suffices for use, as on AWS
    rt.store.reject_shares(OTHER, THIRD)
    assert listed(victim) == []
