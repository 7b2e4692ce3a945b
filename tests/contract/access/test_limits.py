"""Limits by setting: requests of a principal, and certificates for one CSR, in a minute."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, limits, principals
from chalicelib.config import Settings
from chalicelib.errors import ThrottlingException
from chalicelib.identities import SIGNET
from chalicelib.store import ConflictError, StoreError
from tests.support.authority_steps import active_root, issue
from tests.support.builders import CALLER, csr
from tests.support.client import client_for

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.runtime import Runtime

ROOT = Path(__file__).parents[3]
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
SERVER_AUTH = "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"


def process(rt: Runtime, **settings: str) -> Runtime:
    """Another process of the same home, which has counted nothing yet."""
    return replace(rt, settings=replace(rt.settings, **settings), windows={})


def refusal(call: Any, *arguments: Any, **more: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **more)
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == "ThrottlingException"
    return {"message": answer["Error"]["Message"], **answer["ResponseMetadata"]["HTTPHeaders"]}


# requests of a principal


def is_taken(rt: Runtime) -> bool:
    try:
        limits.take_request(rt, CALLER)
    except ThrottlingException:
        return False
    return True


def client_of(rt: Runtime, name: str) -> Any:
    if rt.store.get_principal("0" * 12, name) is None:
        principals.create(rt, "0" * 12, name, policies=(("all", ALLOW),))
    key = access_keys.create_access_key(rt, "0" * 12, principal=name)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def test_principal_sends_as_many_requests_in_a_minute_as_the_setting_says(
    rt: Runtime, acm_pca: Any, clock: Any
) -> None:
    limited = process(rt, principal_rate="20")
    one, same, other = (client_of(limited, name) for name in ("one", "one", "other"))
    for client in (one, same) * 10:
        client.list_certificate_authorities()
    clock.forward(seconds=15)
    refused = refusal(one.list_tags, CertificateAuthorityArn="x" * 10)
    assert refused["message"] == "Rate exceeded: a principal may send 20 requests in a minute."
    assert refused["retry-after"] == "45"
    refusal(same.list_certificate_authorities)
    other.list_certificate_authorities()
    clock.forward(seconds=45)
    one.list_certificate_authorities()


def test_there_is_no_limit_by_default(rt: Runtime, acm_pca: Any) -> None:
    arn, request = active_root(acm_pca), csr()
    assert len({issue(acm_pca, arn, Csr=request) for _ in range(101)}) == 101
    assert rt.windows == {}


def test_processes_count_together_up_to_a_batch_each(rt: Runtime) -> None:
    first, second = process(rt, principal_rate="200"), process(rt, principal_rate="200")
    for _ in range(200):
        limits.take_request(first, CALLER)
    assert [is_taken(second) for _ in range(100)].count(True) == limits.REQUEST_BATCH - 1


def test_client_that_sends_little_costs_no_write(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def count_in_window(_: str, times: int, *, now: datetime) -> tuple[datetime, int]:
        calls.append(times)
        return now, sum(calls)

    monkeypatch.setattr(rt.store, "count_in_window", count_in_window)
    for _ in range(limits.REQUEST_BATCH - 1):
        limits.take_request(process(rt, principal_rate="100"), CALLER)
    one = process(rt, principal_rate="100")
    for _ in range(2 * limits.REQUEST_BATCH):
        limits.take_request(one, CALLER)
    assert calls == [limits.REQUEST_BATCH] * 2


@pytest.mark.every_case
@pytest.mark.parametrize("error", [StoreError("out"), ConflictError("two at once")])
def test_process_goes_on_alone_while_the_store_does_not_count(
    rt: Runtime, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def count_in_window(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(rt.store, "count_in_window", count_in_window)
    limited = process(rt, principal_rate="120")
    for _ in range(120):
        limits.take_request(limited, CALLER)
    with pytest.raises(ThrottlingException):
        limits.take_request(limited, CALLER)


def test_threads_share_a_window(rt: Runtime) -> None:
    limited = process(rt, principal_rate="300")
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: is_taken(limited), range(600))) == 300


def test_memory_is_bounded_and_whoever_sends_is_not_forgotten(rt: Runtime) -> None:
    limited = process(rt, principal_rate="20000", storm_guard="5")
    for number in range(11_000):
        limits.csr_window(limited, CALLER, "ca", "template", str(number))
        if number % 1000 == 0:
            limits.take_request(limited, CALLER)
    assert len(limited.windows) == 10_000
    assert limited.windows["principal", CALLER.account_id, CALLER.principal].times == 11


# one CSR


def guarded(rt: Runtime, most: int = 100) -> Any:
    return client_for(process(rt, storm_guard=str(most)))


def test_csr_is_issued_a_hundred_times_a_minute_by_a_template_of_a_ca(rt: Runtime, acm_pca: Any, clock: Any) -> None:
    arn, other, client, request = active_root(acm_pca), active_root(acm_pca), guarded(rt), csr()
    for _ in range(100):
        issue(client, arn, Csr=request)
    clock.forward(seconds=30)
    refused = refusal(issue, client, arn, Csr=request)
    assert refused["message"].startswith(
        "Rate exceeded: This CSR was issued 100 times within a minute by this template"
    )
    assert refused["retry-after"] == "30"
    issue(client, other, Csr=request)
    issue(client, arn, Csr=request, TemplateArn=SERVER_AUTH)
    issue(client, arn, Csr=csr("another.example.com"))
    clock.forward(seconds=30)
    issue(client, arn, Csr=request)


def test_token_decides_before_the_guard(rt: Runtime, acm_pca: Any) -> None:
    arn, client, request = active_root(acm_pca), guarded(rt, 3), csr()
    first = issue(client, arn, Csr=request, IdempotencyToken="one")
    assert {issue(client, arn, Csr=request, IdempotencyToken="one") for _ in range(10)} == {first}
    for token in ("two", "three"):
        issue(client, arn, Csr=request, IdempotencyToken=token)
    refusal(issue, client, arn, Csr=request, IdempotencyToken="four")
    assert issue(client, arn, Csr=request, IdempotencyToken="one") == first


def test_what_signet_does_for_itself_is_not_counted(rt: Runtime) -> None:
    limited, itself = process(rt, storm_guard="1"), replace(CALLER, principal=SIGNET)
    for _ in range(3):
        limits.csr_window(limited, itself, "ca", "template", "csr")
    assert limited.windows == {}


# the homes


def test_limits_are_on_in_the_template_for_aws_alone() -> None:
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    deployed = Settings.from_env({**stages["prod"]["environment_variables"]})
    assert (deployed.principal_rate, deployed.storm_guard) == ("12000", "100")
    for settings in (Settings(), Settings.from_env({**stages["localstack"]["environment_variables"]})):
        assert (settings.principal_rate, settings.storm_guard) == ("0", "0")
