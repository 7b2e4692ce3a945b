"""Faults of a test: named, counted, and gone when they are cleared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.authority_steps import create
from tests.support.fixture_homes import crl_of

if TYPE_CHECKING:
    from chalicelib.testing.authorities import Authority
    from chalicelib.testing.signet import Signet


@pytest.fixture
def once(signet: Signet) -> Any:
    """A client that tries nothing again."""
    return boto3.client("acm-pca", "us-east-1", config=Config(retries={"total_max_attempts": 1}))


def code_of(call: Any) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_calls_of_an_operation_fail_from_the_nth_on(signet: Signet, once: Any) -> None:
    signet.faults.add("throttle", operation="ListCertificateAuthorities", call=2, times=2)
    codes = [code_of(once.list_certificate_authorities) for _ in range(4)]
    assert codes == ["", "ThrottlingException", "ThrottlingException", ""]


def test_other_operations_go_on(signet: Signet, once: Any) -> None:
    signet.faults.add("error", operation="ListTags")
    arn = create(once)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            once.list_tags(CertificateAuthorityArn=arn)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    signet.faults.clear()
    assert once.list_tags(CertificateAuthorityArn=arn)["Tags"] == []


def test_retries_of_the_sdk_get_over_a_throttled_call(signet: Signet, acm_pca: Any) -> None:
    signet.faults.add("throttle", times=1)
    assert acm_pca.list_certificate_authorities()["CertificateAuthorities"] == []
    assert signet.faults.listed()[0]["calls"] == 2


def test_stalled_call_is_answered_late(signet: Signet, once: Any) -> None:
    signet.faults.add("stall", seconds=0.2)
    began = time.monotonic()
    assert code_of(once.list_certificate_authorities) == ""
    assert time.monotonic() - began >= 0.2


def test_keys_that_do_not_answer_sign_nothing(signet: Signet, signet_ca_root: Authority, once: Any) -> None:
    signet.faults.add("keys")
    assert code_of(lambda: create(once)) == "ServiceUnavailable"
    signet.faults.clear()
    assert signet_ca_root.issue("www.example.com").certificate


def test_keys_may_fail_from_the_first_call_on(signet: Signet, once: Any) -> None:
    signet.faults.add("keys")
    assert code_of(once.list_certificate_authorities) == ""
    assert code_of(lambda: create(once)) == "ServiceUnavailable"


@pytest.mark.parametrize("name", ["crls", "bucket"])
@pytest.mark.signet_ca(crl_bucket="my-crls")
def test_crls_stop_and_go_on(signet: Signet, signet_ca_root: Authority, name: Any) -> None:
    issued = signet_ca_root.issue("www.example.com", days=100)
    signet.run_due()
    before = crl_of(signet, issued)
    signet.faults.add(name)
    signet.clock.advance("3d14h")  # past the midpoint of seven days
    signet.faults.clear()
    assert crl_of(signet, issued) == before
    signet.clock.advance("5m")
    assert crl_of(signet, issued).last_update_utc > before.last_update_utc


@pytest.mark.parametrize("wrong", [{"name": "rain"}, {"call": 0}, {"times": 0}, {"seconds": -1}, {"seconds": 61}])
def test_fault_that_is_none_is_refused(signet: Signet, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no fault|begin with 1"):
        signet.faults.add(**{"name": "stall"} | wrong)
