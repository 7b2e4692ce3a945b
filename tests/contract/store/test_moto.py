"""What `tests.support.quick_moto` does in place of moto: refused transactions leave every item as it was, in order."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from chalicelib.store.dynamodb import create_table

pytestmark = pytest.mark.laptop


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": name}}


@pytest.fixture
def dynamodb(aws: None) -> Any:
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    create_table(client, "t")
    for name in ("b", "a", "c"):
        client.put_item(TableName="t", Item=key(name) | {"held": {"M": {"count": {"N": "1"}}}})
    return client


def items_of(client: Any) -> list[Any]:
    words = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "p"}}}
    found: list[Any] = client.query(TableName="t", **words)["Items"]
    assert found == client.scan(TableName="t")["Items"]
    return found


def changes(*, refused: bool) -> list[Any]:
    increment = {"UpdateExpression": "SET held.#c = :two", "ExpressionAttributeValues": {":two": {"N": "2"}}}
    exists = {"ConditionExpression": f"attribute_{'not_' if refused else ''}exists(pk)"}
    return [
        {"Update": {"TableName": "t", "Key": key("a"), "ExpressionAttributeNames": {"#c": "count"}} | increment},
        {"Delete": {"TableName": "t", "Key": key("b")}},
        {"Put": {"TableName": "t", "Item": key("d")}},
        {"ConditionCheck": {"TableName": "t", "Key": key("c")} | exists},
    ]


def test_refused_transaction_changes_nothing(dynamodb: Any) -> None:
    before = items_of(dynamodb)
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=changes(refused=True))
    assert items_of(dynamodb) == before
    dynamodb.transact_write_items(TransactItems=changes(refused=False))
    after = {each["sk"]["S"]: each.get("held") for each in items_of(dynamodb)}
    assert list(after) == ["a", "c", "d"]
    assert after["a"] == {"M": {"count": {"N": "2"}}}
