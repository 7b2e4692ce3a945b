"""DynamoDB in LocalStack's own process, without a download: moto's tables, with DynamoDB's promises.

moto alone is not atomic between threads, copies a whole table for the rollback of each transaction, and ignores
`ClientRequestToken`.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.moto import call_moto
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_TOKEN_SECONDS = 600  # TransactWriteItems, ClientRequestToken: "10 minutes after the first request"
_MISMATCH = (
    "The provided idempotency token was already used with different request parameters: ClientRequestToken may be "
    "repeated only with the same request."
)


class DynamoDb:
    """All accounts and regions of this LocalStack: one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answers: dict[tuple[str, str, str], tuple[float, Any, Any]] = {}

    def handle(self, context: Any, request: Any) -> Any:
        """Answer any operation."""
        with self._lock:
            if context.operation.name != "TransactWriteItems":
                return call_moto(context)
            token = request.get("ClientRequestToken")
            return self._once(context, request, token) if token else _transact(context, request)

    def _once(self, context: Any, request: Any, token: str) -> Any:
        """The answer to a token, which is the first one's for ten minutes; a refused transaction leaves none."""
        now = time.time()
        self._answers = {each: kept for each, kept in self._answers.items() if kept[0] > now}
        key, asked = (context.account_id, context.region, token), copy.deepcopy(request["TransactItems"])
        if key in self._answers:
            _, before, answer = self._answers[key]
            if before != asked:
                raise CommonServiceException("IdempotentParameterMismatchException", _MISMATCH, 400)
            return answer
        answer = _transact(context, request)
        self._answers[key] = (now + _TOKEN_SECONDS, asked, answer)
        return answer


def _transact(context: Any, request: Any) -> Any:
    """Let moto copy only the items that the transaction touches, for its rollback."""
    touched: dict[str, list[dict[str, Any]]] = {}
    for entry in request["TransactItems"]:
        (action,) = entry.values()
        touched.setdefault(action["TableName"], []).append(action.get("Key") or action["Item"])

    def snapshot(table: Any, _: Any) -> Any:
        clone = copy.copy(table)
        clone.items = copy.copy(table.items)
        for item in touched[table.name]:
            _copy_item(clone, item)
        return clone

    Table.__deepcopy__ = snapshot  # the lock is held: no other request sees it
    try:
        return call_moto(context)
    finally:
        del Table.__deepcopy__


def _copy_item(table: Any, item: dict[str, Any]) -> None:
    """Make the table's way to one item its own: the mapping by range key, and the item."""
    level = table.items
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    path = [DynamoType(item[name]) for name in names]
    for value in path[:-1]:
        if value not in level:
            return
        level[value] = level = copy.copy(level[value])
    if path[-1] in level:
        level[path[-1]] = copy.deepcopy(level[path[-1]])
