"""Request rates as a setting (AWS Private CA, "Service quotas")."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys
from chalicelib.api import dispatch, throttling
from chalicelib.identities import ADMINISTRATOR
from chalicelib.runtime import Caller
from tests.support.authority_steps import create
from tests.support.client import client_for


@pytest.fixture
def limited(rt: Any) -> Any:
    return replace(rt, settings=replace(rt.settings, rates="aws"), rate_tokens={})


def refused(call: Any, **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        headers = {name.lower(): value for name, value in error.response["ResponseMetadata"]["HTTPHeaders"].items()}
        if (error.response["Error"]["Code"], headers["retry-after"]) != ("ThrottlingException", "1"):
            raise
        return True
    return False


def test_every_operation_has_a_rate() -> None:
    assert throttling.RATES.keys() == {*dispatch.OPERATIONS, "SearchCertificates"}


def test_there_is_no_rate_by_default(acm_pca: Any) -> None:
    for _ in range(3):
        create(acm_pca)


def test_account_gets_aws_s_rate_of_each_operation(acm_pca: Any, limited: Any, clock: Any) -> None:
    client = client_for(limited)
    arn = create(client)
    describe = {"CertificateAuthorityArn": arn}
    assert [refused(client.describe_certificate_authority, **describe) for _ in range(22)] == [False] * 20 + [True] * 2
    assert not refused(client.list_tags, **describe)
    clock.forward(milliseconds=100)
    assert [refused(client.describe_certificate_authority, **describe) for _ in range(3)] == [False, False, True]
    clock.forward(days=1)
    assert [refused(client.describe_certificate_authority, **describe) for _ in range(21)] == [False] * 20 + [True]


def test_other_accounts_are_counted_apart(acm_pca: Any, limited: Any) -> None:
    root, key = client_for(limited), access_keys.create_access_key(limited, "111111111111")
    other = client_for(limited, access_key_id=key.access_key_id, secret=key.secret)
    for _ in range(20):
        root.list_certificate_authorities()
    assert refused(root.list_certificate_authorities)
    assert not refused(other.list_certificate_authorities)


def test_clock_that_goes_back_gives_nothing(limited: Any, clock: Any) -> None:
    caller = Caller(account_id="0" * 12, access_key_id="x", principal=ADMINISTRATOR)
    throttling.take_token(limited, caller, "CreatePermission")
    clock.forward(hours=-1)
    from chalicelib.errors import ThrottlingException

    with pytest.raises(ThrottlingException):
        throttling.take_token(limited, caller, "CreatePermission")


def test_threads_share_a_bucket(limited: Any) -> None:
    caller = Caller(account_id="0" * 12, access_key_id="x", principal=ADMINISTRATOR)

    def ask(_: int) -> bool:
        from chalicelib.errors import ThrottlingException

        try:
            throttling.take_token(limited, caller, "GetCertificate")
        except ThrottlingException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(1000))) == 75
