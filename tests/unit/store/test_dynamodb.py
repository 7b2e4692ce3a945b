"""What DynamoDB's answers mean for the store, and that a lost answer does nothing twice."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from chalicelib.store import StoreError, ThrottledError, TooLargeError, dynamodb_items
from chalicelib.store.dynamodb import DynamoTable
from chalicelib.store.table import ABSENT, ConditionFailedError, Key, Put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Item

WRITE = Put({"pk": "p", "sk": "s"}, ABSENT)
OLD = {"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "7"}, "b": {"B": b"\x00"}}


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> DynamoTable:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return DynamoTable("signet", "us-east-1", pause=pauses.append)


@pytest.fixture
def dynamodb(table: DynamoTable) -> Iterator[Stubber]:
    with Stubber(table._client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def cancelled(stubber: Stubber, *reasons: dict[str, Any]) -> None:
    stubber.add_client_error(
        "transact_write_items", "TransactionCanceledException", modeled_fields={"CancellationReasons": list(reasons)}
    )


def test_write_that_meets_another_transaction_is_tried_again(
    table: DynamoTable, dynamodb: Stubber, pauses: list[float]
) -> None:
    for _ in range(3):
        cancelled(dynamodb, {"Code": "TransactionConflict"}, {"Code": "None"})
    dynamodb.add_response("transact_write_items", {})
    table.write(WRITE, Put({"pk": "q", "sk": "s"}))
    assert len(pauses) == 3
    assert all(0 <= pause <= 0.02 * 2**attempt for attempt, pause in enumerate(pauses))


def test_write_that_keeps_meeting_others_is_throttled(table: DynamoTable, dynamodb: Stubber) -> None:
    for _ in range(8):
        cancelled(dynamodb, {"Code": "TransactionConflict"})
    with pytest.raises(ThrottledError):
        table.write(WRITE)


def test_write_whose_conditions_fail_brings_the_items_it_met(table: DynamoTable, dynamodb: Stubber) -> None:
    """A failed condition decides, whatever else the transaction met."""
    cancelled(
        dynamodb,
        {"Code": "TransactionConflict"},
        {"Code": "ConditionalCheckFailed", "Item": OLD},
        {"Code": "ConditionalCheckFailed"},
    )
    with pytest.raises(ConditionFailedError) as failure:
        table.write(WRITE, WRITE, WRITE)
    assert failure.value.items == {1: {"pk": "p", "sk": "s", "n": 7, "b": b"\x00"}, 2: None}


REASONS = {
    "ThrottlingError": ThrottledError,
    "ProvisionedThroughputExceeded": ThrottledError,
    "ItemCollectionSizeLimitExceeded": StoreError,
    "ValidationError": StoreError,
}


@pytest.mark.parametrize("code", REASONS)
def test_write_that_is_cancelled_for_another_reason_is_an_outage(
    table: DynamoTable, dynamodb: Stubber, code: str
) -> None:
    cancelled(dynamodb, {"Code": "None"}, {"Code": code, "Message": "secret"})
    with pytest.raises(StoreError) as failure:
        table.write(WRITE, WRITE)
    assert type(failure.value) is REASONS[code]
    assert "secret" not in str(failure.value)


CODES = {
    "ProvisionedThroughputExceededException": ThrottledError,
    "ThrottlingException": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "ResourceNotFoundException": StoreError,
    "InternalServerError": StoreError,
    "AccessDeniedException": StoreError,
}


@pytest.mark.parametrize("code", CODES)
def test_read_that_is_refused_says_whether_later_helps(table: DynamoTable, dynamodb: Stubber, code: str) -> None:
    dynamodb.add_client_error("get_item", code, "secret")
    with pytest.raises(StoreError) as failure:
        table.get(Key("p", "s"))
    assert type(failure.value) is CODES[code]
    assert "secret" not in str(failure.value)


def test_read_without_an_answer_is_an_outage(table: DynamoTable) -> None:
    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    table._client.meta.events.register("before-call.dynamodb", refuse)
    with pytest.raises(StoreError, match="EndpointConnectionError"):
        table.get(Key("p", "s"))


@pytest.mark.parametrize("character", ["a", "ä", "€", "😀"])
def test_item_is_refused_above_the_bytes_that_dynamodb_takes(character: str) -> None:
    width = len(character.encode())
    most = 400 * 1024 - len("pk" + "n" + "text") - len(b"p") - 21
    item: Item = {"pk": "p", "n": 7, "text": character * (most // width)}
    assert dynamodb_items.encode(item)["n"] == {"N": "7"}
    with pytest.raises(TooLargeError):
        dynamodb_items.encode(item | {"text": character * (most // width + 1)})


class Body(io.BytesIO):
    """A response body as urllib3 has it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(500, {"__type": "InternalServerError"}, id="lost"),
        pytest.param(400, {"__type": "TransactionInProgressException"}, id="in-progress"),
    ],
)
def test_write_whose_answer_was_lost_is_repeated_with_the_same_token(
    table: DynamoTable, status: int, answer: dict[str, str]
) -> None:
    tokens: list[str] = []

    def send(request: Any, **_: Any) -> AWSResponse:
        tokens.append(json.loads(request.body)["ClientRequestToken"])
        code, content = (status, answer) if len(tokens) == 1 else (200, {})
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, code, headers, Body(json.dumps(content).encode()))  # type: ignore[arg-type]  # has what is read

    table._client.meta.events.register("before-send.dynamodb", send)  # type: ignore[arg-type]  # it may answer
    table.write(WRITE)
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]


def test_write_in_progress_for_long_is_asked_for_with_the_same_token(table: DynamoTable, dynamodb: Stubber) -> None:
    tokens: list[str] = []

    def remember(params: dict[str, Any], **_: Any) -> None:
        tokens.append(params["ClientRequestToken"])

    table._client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", remember)
    dynamodb.add_client_error("transact_write_items", "TransactionInProgressException")
    dynamodb.add_response("transact_write_items", {})
    table.write(WRITE)
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]
