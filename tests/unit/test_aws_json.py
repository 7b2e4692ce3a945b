"""Lean calls say what botocore's own say, are signed as botocore signs, and fail as its own do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore
import botocore.auth
import botocore.endpoint
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError

from chalicelib.aws import CircuitBreaker, HangsError, Limits
from chalicelib.aws_json import LAST_TESTED, make_lean
from tests.support.client import Raw

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
REGION = "eu-central-1"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY, "ConsistentRead": True}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [KEY]}}}),
    (
        "dynamodb",
        "transact_write_items",
        {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY | {"b": {"B": b"\x00\xff"}, "n": {"N": "7"}}}}]},
    ),
    ("dynamodb", "query", {"TableName": "t", "Limit": 3, "ExpressionAttributeValues": {":pk": {"S": "ä"}}}),
    ("kms", "sign", {"KeyId": "alias/a", "Message": b"\x01\x02", "SigningAlgorithm": "ECDSA_SHA_256"}),
    (
        "kms",
        "generate_data_key",
        {"KeyId": "alias/a", "KeySpec": "AES_256", "EncryptionContext": {"a": "b"}},
    ),
]
THROTTLED = 400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"}


class Service:
    """Answers a client's requests in turn, the last answer again and again."""

    def __init__(self, client: Any, *answers: tuple[int, dict[str, Any]] | Exception) -> None:
        self.requests: list[Any] = []
        self._answers = answers or ((200, {}),)
        client.meta.events.register("before-send", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.requests.append(request)
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        raw: Any = Raw(json.dumps(answer[1]).encode())
        return AWSResponse(request.url, answer[0], headers, raw)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore's endpoint has waited."""
    waited: list[float] = []
    monkeypatch.setattr(botocore.endpoint.time, "sleep", waited.append)  # type: ignore[attr-defined]  # it imports the module
    return waited


def lean(service: str, *, tries: int = 3) -> Any:
    return CircuitBreaker().client(service, REGION, Limits(answer_seconds=2, tries=tries))


@pytest.mark.parametrize(("service", "method", "parameters"), CALLS, ids=[method for _, method, _ in CALLS])
def test_request_says_what_botocore_s_says(service: str, method: str, parameters: dict[str, Any]) -> None:
    client = lean(service)
    of_client = Service(client)
    getattr(client, method)(**parameters)
    del client._make_api_call
    getattr(client, method)(**parameters)
    sent = ours, theirs = of_client.requests
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    for name in ("Content-Type", "User-Agent", "X-Amz-Target", "X-Amz-Security-Token"):
        assert ours.headers[name] == theirs.headers[name].decode()
    said = [json.loads(request.body) for request in sent]
    tokens = [each.pop("ClientRequestToken", None) for each in said]  # random, as the caller gives none
    assert said[0] == said[1]
    assert [token is None for token in tokens] == [method != "transact_write_items"] * 2


@pytest.mark.parametrize("token", ["token", None])
def test_signature_is_botocore_s(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    if token is None:
        monkeypatch.delenv("AWS_SESSION_TOKEN")
    client = lean("dynamodb")
    service = Service(client)
    client.get_item(TableName="t", Key=KEY)
    (sent,) = service.requests
    moment = datetime.strptime(sent.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")  # noqa: DTZ007  botocore's has no zone
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment)
    again = AWSRequest("POST", sent.url, {n: v for n, v in sent.headers.items() if n != "Authorization"}, sent.body)
    SigV4Auth(Credentials("AKIDEXAMPLE", "secret", token), "dynamodb", REGION).add_auth(again)
    assert sent.headers["Authorization"] == again.headers["Authorization"]


def test_throttled_call_is_tried_again_after_pauses(pauses: list[float]) -> None:
    client = lean("dynamodb")
    service = Service(client, THROTTLED, THROTTLED, (200, {"Item": {"b": {"B": "AP8="}}}))
    assert client.get_item(TableName="t", Key=KEY)["Item"] == {"b": {"B": b"\x00\xff"}}
    assert len(service.requests) == 3
    assert len(pauses) == 2


def test_call_that_stays_throttled_has_the_service_s_error(pauses: list[float]) -> None:
    client = lean("dynamodb")
    service = Service(client, THROTTLED)
    with pytest.raises(ClientError, match="slow down") as caught:
        client.get_item(TableName="t", Key=KEY)
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    assert (len(service.requests), len(pauses)) == (3, 2)


def test_empty_answer_is_a_success_only_by_its_status(pauses: list[float]) -> None:
    client = lean("dynamodb")
    service = Service(client, (200, {}), (500, {}))
    assert client.transact_write_items(TransactItems=[]).keys() == {"ResponseMetadata"}
    with pytest.raises(ClientError, match="reached max retries: 2"):
        client.transact_write_items(TransactItems=[])
    assert (len(service.requests), len(pauses)) == (4, 2)


def test_refused_transaction_has_its_reasons(pauses: list[float]) -> None:
    client = lean("dynamodb")
    reasons = [{"Code": "ConditionalCheckFailed", "Item": {"b": {"B": "AP8="}}}]
    refusal = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    }
    service = Service(client, (400, refusal))
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=[])
    assert caught.value.response["CancellationReasons"][0]["Item"] == {"b": {"B": b"\x00\xff"}}
    assert (len(service.requests), pauses) == (1, [])


def test_service_that_hangs_is_left_alone_for_a_while(pauses: list[float]) -> None:
    client = lean("kms", tries=2)
    service = Service(client, ConnectTimeoutError(endpoint_url="https://kms"))
    with pytest.raises(ConnectTimeoutError):
        client.sign(KeyId="alias/a", Message=b"")
    assert (len(service.requests), len(pauses)) == (2, 1)
    with pytest.raises(HangsError):
        client.sign(KeyId="alias/a", Message=b"")
    assert len(service.requests) == 2


def test_credentials_that_end_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[str] = []

    def renew() -> dict[str, str]:
        renewed.append(f"token {len(renewed)}")
        soon = datetime.now(UTC) + timedelta(seconds=1)  # botocore renews what ends within minutes
        return {"access_key": "a", "secret_key": "s", "token": renewed[-1], "expiry_time": soon.isoformat()}

    session: Any = boto3.session.Session()
    session._session._credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "test")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    client = lean("dynamodb")
    service = Service(client)
    for _ in range(2):
        client.get_item(TableName="t", Key=KEY)
    first, second = [request.headers["X-Amz-Security-Token"] for request in service.requests]
    assert first != second


def test_call_without_credentials_is_botocore_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.session.Session()
    monkeypatch.setattr(session._session, "get_credentials", lambda: None)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    with pytest.raises(NoCredentialsError):
        lean("dynamodb").get_item(TableName="t", Key=KEY)


def test_what_json_cannot_say_is_refused() -> None:
    client = lean("kms")
    service = Service(client)
    with pytest.raises(TypeError):
        client.sign(KeyId="alias/a", Message=datetime.now(UTC))
    assert service.requests == []


@pytest.mark.parametrize(("service", "url"), [("sns", None), ("kms", "https://gateway.example.com/kms")])
def test_client_of_another_protocol_or_path_stays_as_it_is(service: Any, url: str | None) -> None:
    client = boto3.client(service, region_name=REGION, endpoint_url=url)
    make_lean(client)
    assert "_make_api_call" not in vars(client)


def is_lean() -> bool:
    client = lean("dynamodb")
    service = Service(client)
    client.get_item(TableName="t", Key=KEY)
    return "Amz-Sdk-Request" not in {name.title() for name in service.requests[0].headers}


def test_client_of_a_botocore_that_lacks_a_name_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_lean()
    monkeypatch.delattr(BaseClient, "_get_credentials")
    assert not is_lean()


def test_client_of_a_later_botocore_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    major, minor = LAST_TESTED
    assert botocore.__version__.startswith(f"{major}.{minor}.")  # these tests are about the last one
    monkeypatch.setattr(botocore, "__version__", f"{major}.{minor + 1}.0")
    assert not is_lean()
