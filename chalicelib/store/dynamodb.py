"""The table in DynamoDB: one TransactWriteItems per write, and consistent reads of the table.

A single write is a transaction too, because a transaction has a request token: after a lost answer, a repetition is not
mistaken for a failed condition, as it would be with a plain conditional write.

Source: Amazon DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works", Idempotency.
"""

from __future__ import annotations

import random
import time
import uuid
from bisect import bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws import CircuitBreaker, Limits
from chalicelib.store import StoreError, ThrottledError, dynamodb_items
from chalicelib.store import table as tables
from chalicelib.store.dynamodb_items import Expression
from chalicelib.store.journal_items import OUTBOX_SHARDS
from chalicelib.store.journaled import JournaledTable
from chalicelib.store.table import Check, ConditionFailedError, Delete, Item, Key, Put
from chalicelib.store.table_store import TableStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import GlobalSecondaryIndexTypeDef, TimeToLiveSpecificationTypeDef

    from chalicelib.store.table import Index, Write

LIMITS = Limits(answer_seconds=2, tries=3)
_CONFLICT_ATTEMPTS = 8
_THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingError",
        "ThrottlingException",
    }
)
_NEXT = "\x01"  # in no key: a key followed by it sorts before every later key
_MOST_GETS = 100  # keys of a BatchGetItem
_COUNTERS = 8  # partitions counted at the same time
_PAGE = 100_000  # items; DynamoDB ends an answer at 1 MB anyway


def open_store(table_name: str, region: str, *, page: int = _PAGE) -> TableStore:
    """Open the store in a DynamoDB table; no request is made before the first call."""
    return TableStore(JournaledTable(DynamoTable(table_name, region, page=page), shards=OUTBOX_SHARDS))


def create_table(client: DynamoDBClient, table_name: str) -> None:
    """Create the table with its two sparse indexes, wait until it is active, and enable the expiry of old tokens."""
    names = ("pk", "sk", "due_pk", "due_sk", "list_pk", "list_sk")
    client.create_table(
        TableName=table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[_index("due", "KEYS_ONLY"), _index("list", "ALL")],
    )
    client.get_waiter("table_exists").wait(TableName=table_name)
    expiry: TimeToLiveSpecificationTypeDef = {"Enabled": True, "AttributeName": "ttl"}
    client.update_time_to_live(TableName=table_name, TimeToLiveSpecification=expiry)


def _index(name: Index, projection: Literal["ALL", "KEYS_ONLY"]) -> GlobalSecondaryIndexTypeDef:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": f"{name}_pk", "KeyType": "HASH"},
            {"AttributeName": f"{name}_sk", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": projection},
    }


class DynamoTable:
    """A table's driver with one client, created at the first call."""

    MOST_WRITES = 100  # in one transaction
    MOST_PARTITIONS = 64 * 16  # for a page: a query for each

    def __init__(
        self,
        table_name: str,
        region: str,
        *,
        page: int = _PAGE,
        pause: Callable[[float], None] = time.sleep,
        limits: Limits = LIMITS,
    ) -> None:
        self._name, self._region, self._page, self._pause, self._limits = table_name, region, page, pause, limits

    @cached_property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = CircuitBreaker().client("dynamodb", self._region, self._limits)
        return client

    def get(self, key: Key) -> Item | None:
        """Read an item consistently."""
        answer = _answer(
            lambda: self._client.get_item(TableName=self._name, Key=dynamodb_items.encode_key(key), ConsistentRead=True)
        )
        return dynamodb_items.decode(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items consistently, up to 100 per request; unprocessed keys are requested again."""
        items: dict[Key, Item] = {}
        for start in range(0, len(keys), _MOST_GETS):
            items |= self._get_batch([dynamodb_items.encode_key(key) for key in keys[start : start + _MOST_GETS]])
        return [items.get(key) for key in keys]

    def _get_batch(self, keys: list[dict[str, Any]]) -> dict[Key, Item]:
        items: dict[Key, Item] = {}
        left: dict[str, Any] = {self._name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_CONFLICT_ATTEMPTS):
            answer = _answer(lambda left=left: self._client.batch_get_item(RequestItems=left))  # type: ignore[misc]  # left is bound now
            batch = [dynamodb_items.decode(item) for item in answer["Responses"].get(self._name, [])]
            items |= {Key(str(item["pk"]), str(item["sk"])): item for item in batch}
            left = answer.get("UnprocessedKeys", {})
            if not left:
                return items
            self._wait(attempt)
        raise ThrottledError("The table is out of capacity at the moment.")

    def write(self, *writes: Write, durable: bool = True) -> None:  # noqa: ARG002  all are
        """Make all writes in one transaction; retry one that conflicts with another transaction."""
        actions: list[Any] = [self._action(write) for write in writes]
        token = str(uuid.uuid4())
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                self._transact(actions, token)
            except _CancelledError as error:
                _raise_failed(error.reasons)
                token = str(uuid.uuid4())
            except _InProgressError:  # the answer to this token was lost: repeat the request
                pass
            else:
                return
            self._wait(attempt)
        raise ThrottledError("The transaction kept conflicting with others on the same items.")

    def settle(self) -> None:
        """Do nothing: what was written is durable."""

    def _wait(self, attempt: int) -> None:
        self._pause(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  jitter

    def _transact(self, actions: list[Any], token: str) -> None:
        _answer(lambda: self._client.transact_write_items(TransactItems=actions, ClientRequestToken=token))

    def _action(self, write: Write) -> dict[str, dict[str, Any]]:
        name: dict[str, Any] = {"TableName": self._name}
        known = dynamodb_items.known_schema()
        if isinstance(write, Put):
            item = {"Item": dynamodb_items.encode(write.item)}
            return {"Put": name | item | dynamodb_items.conditional(write.condition, known)}
        key = name | {"Key": dynamodb_items.encode_key(write.key)}
        if isinstance(write, Check):
            return {"ConditionCheck": key | dynamodb_items.conditional(write.condition)}
        if isinstance(write, Delete):
            return {"Delete": key | dynamodb_items.conditional(write.condition, known)}
        expression = Expression()
        conditions = expression.conditional(write.condition, known)
        change = {"UpdateExpression": expression.update(write)}
        return {"Update": key | conditions | change | expression.parameters()}

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Yield the items of a partition, read consistently in pages."""
        return self._pages(limit, **_range("", pk, after, up_to), ConsistentRead=True)

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of an index partition, read in pages; the index may lag behind writes."""
        return self._pages(limit, **_range(f"{index}_", pk, after, up_to), IndexName=index)

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        """Yield all items in pages, read consistently."""
        parameters: dict[str, Any] = {"ExclusiveStartKey": dynamodb_items.encode_key(after)} if after else {}
        while True:
            answer = _answer(
                lambda: self._client.scan(TableName=self._name, Limit=self._page, ConsistentRead=True, **parameters)
            )
            if answer["Items"]:
                yield [dynamodb_items.decode(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        """Yield the last items of a partition; an index may lag behind writes."""
        source: dict[str, Any] = {"IndexName": index} if index else {"ConsistentRead": True}
        span = _range(f"{index}_" if index else "", pk, "", up_to)
        return self._pages(limit, **span, **source, ScanIndexForward=False)

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        """List keys of several partitions at the same time; an index may lag behind writes."""
        prefix = f"{index}_" if index else ""
        source: dict[str, Any] = {"IndexName": index} if index else {"ConsistentRead": True}
        source |= {"ProjectionExpression": f"{prefix}pk, {prefix}sk", "ScanIndexForward": not backwards}

        def read(pk: str) -> list[Key]:
            items = self._pages(limit + 2, **_between(prefix, pk, first or _NEXT, last), **source)  # both ends, too
            return [Key(pk, sk) for item in items if first < (sk := str(item[f"{prefix}sk"])) < last]

        with ThreadPoolExecutor(_COUNTERS) as pool:
            return tables.in_order(chain.from_iterable(pool.map(read, pks)), backwards=backwards, limit=limit)

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        """Count each span of each partition: here if the partition's keys fit into one page, else by DynamoDB."""
        with ThreadPoolExecutor(_COUNTERS) as pool:
            counted = pool.map(lambda pk: self._count(index, pk, edges, most), pks)
            return [sum(numbers) for numbers in zip([0] * (len(edges) - 1), *counted, strict=True)]

    def _count(self, index: Index | None, pk: str, edges: Sequence[str], most: int | None) -> list[int]:
        name = f"{index}_sk" if index else "sk"
        fixed: dict[str, Any] = {"TableName": self._name, "Limit": self._page} | ({"IndexName": index} if index else {})

        def ask(first: str, last: str, **parameters: Any) -> Any:
            span = _between(name.removesuffix("sk"), pk, first, last)
            return _answer(lambda: self._client.query(**fixed, **span, **parameters))

        def number_of(first: str, last: str) -> int:
            total, behind = 0, dict[str, Any]()
            while True:
                answer = ask(first, last, Select="COUNT", **behind)
                total += int(answer["Count"])
                if "LastEvaluatedKey" not in answer or (most is not None and total >= most):
                    return total
                behind = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

        answer = ask(edges[0], edges[-1], ProjectionExpression=name)
        if "LastEvaluatedKey" in answer:
            return [number_of(*span) for span in pairwise(edges)]
        at = Counter(bisect_right(edges, item[name]["S"]) for item in answer["Items"])
        return [at[number] for number in range(1, len(edges))]

    def _pages(self, limit: int | None, **parameters: Any) -> Iterator[Item]:
        left = limit
        while left is None or left > 0:
            size = self._page if left is None else min(left, self._page)
            answer = _answer(lambda size=size: self._client.query(TableName=self._name, Limit=size, **parameters))  # type: ignore[misc]  # size is bound now
            for item in answer["Items"]:
                yield dynamodb_items.decode(item)
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            left = None if left is None else left - len(answer["Items"])


def _range(prefix: str, pk: str, after: str, up_to: str | None) -> dict[str, Any]:
    """Parameters of a query for sort keys after `after` and through `up_to`, as DynamoDB allows only one condition."""
    values = {":pk": {"S": pk}}
    condition = f"{prefix}pk = :pk"
    if after and up_to is not None:
        condition += f" AND {prefix}sk BETWEEN :after AND :up_to"
        values |= {":after": {"S": after + _NEXT}, ":up_to": {"S": max(up_to, after + _NEXT)}}
    elif after:
        condition += f" AND {prefix}sk > :after"
        values |= {":after": {"S": after}}
    elif up_to is not None:
        condition += f" AND {prefix}sk <= :up_to"
        values |= {":up_to": {"S": up_to}}
    return {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}


def _between(prefix: str, pk: str, first: str, last: str) -> dict[str, Any]:
    """Parameters of a query for sort keys from `first` through `last`."""
    return {
        "KeyConditionExpression": f"{prefix}pk = :pk AND {prefix}sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": last}},
    }


class _InProgressError(Exception):
    """A transaction with the same token has not ended yet."""


class _CancelledError(Exception):
    """Nothing was written; `reasons` has one entry for each write."""

    def __init__(self, reasons: list[dict[str, Any]]) -> None:
        super().__init__("The transaction was cancelled.")
        self.reasons = reasons


def _answer(call: Callable[[], Any]) -> Any:
    """Make a call; convert its errors to the store's."""
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "TransactionCanceledException":
            reasons: Any = error.response.get("CancellationReasons", [])
            raise _CancelledError(reasons) from error
        if code == "TransactionInProgressException":
            raise _InProgressError from error
        if code in _THROTTLES:
            raise ThrottledError("The table is out of capacity at the moment.") from error
        raise StoreError(f"DynamoDB refused the request: {code}.") from error
    except BotoCoreError as error:
        raise StoreError(f"DynamoDB does not answer: {type(error).__name__}.") from error


def _raise_failed(reasons: list[dict[str, Any]]) -> None:
    """Raise the error of a cancelled transaction, unless it conflicted with another one and may be retried."""
    failed: dict[int, Item | None] = {
        position: dynamodb_items.decode(reason["Item"]) if reason.get("Item") else None
        for position, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    if failed:
        raise ConditionFailedError(failed)
    codes = {str(reason.get("Code", "None")) for reason in reasons} - {"None"}
    if codes & _THROTTLES:
        raise ThrottledError("The table is out of capacity at the moment.")
    if codes != {"TransactionConflict"}:
        raise StoreError(f"DynamoDB cancelled the transaction: {', '.join(sorted(codes))}.")
