"""Access keys and sessions that Signet itself has made: signed by the machine's time, whatever a test's clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, role_sessions, roles
from tests.support.roles import make_role

if TYPE_CHECKING:
    from chalicelib.access.access_keys import Credential
    from chalicelib.testing.signet import Signet

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def own(signet: Signet) -> Credential:
    return access_keys.create_access_key(signet.regions.home("us-east-1"), signet.account_id, "own")


def code_of(key: Credential, token: str | None = None, secret: str = "") -> str:
    client: Any = boto3.client(
        "acm-pca",
        "us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=secret or key.secret,
        aws_session_token=token,
        config=ONCE,
    )
    try:
        client.list_certificate_authorities()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize("ahead", ["0s", "6m", "4d"])
def test_access_key_is_verified_wherever_the_clock_is(signet: Signet, own: Credential, ahead: str) -> None:
    signet.clock.advance(ahead)
    assert code_of(own) == ""
    assert code_of(own, secret="wrong") == "UnrecognizedClientException"


@pytest.mark.parametrize("ahead", ["0s", "4d"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_signature_of_another_time_is_refused(signet: Signet, own: Credential, ahead: str, minutes: int) -> None:
    signet.clock.advance(ahead)

    client: Any = boto3.client(
        "acm-pca", "us-east-1", aws_access_key_id=own.access_key_id, aws_secret_access_key=own.secret, config=ONCE
    )
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes)) as travelled:
        client.meta.events.register_last("request-created.acm-pca", lambda **_: travelled.shift(-60.0 * minutes))
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            client.list_certificate_authorities()


def test_session_lives_by_the_clock_of_the_test(signet: Signet) -> None:
    rt = signet.regions.home("us-east-1")
    role = make_role(rt)
    made = access_keys.create_access_key(rt, role.account_id, "source")
    key = rt.store.get_access_key(made.access_key_id)
    assert key is not None
    started = role_sessions.start(rt, role, "s1", role_sessions.source_of(key), roles.USUAL)
    signet.clock.advance("50m")
    assert code_of(started.credential, started.token) == ""
    assert code_of(started.credential, started.token, secret="wrong") == "UnrecognizedClientException"
    signet.clock.advance("20m")
    assert code_of(started.credential, started.token) == "ExpiredTokenException"


def test_key_that_is_not_active_stays_refused(signet: Signet, own: Credential) -> None:
    rt = signet.regions.home("us-east-1")
    key = rt.store.get_access_key(own.access_key_id)
    assert key is not None
    access_keys.set_active(rt, key, active=False)
    signet.clock.advance("4d")
    assert code_of(own) == "UnrecognizedClientException"
