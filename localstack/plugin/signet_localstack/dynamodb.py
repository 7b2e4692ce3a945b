"""DynamoDB in LocalStack's process, without a download: moto's tables with DynamoDB's guarantees.

moto alone is not atomic between threads, copies a whole table to roll back a transaction, and ignores
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
    """All tables of this LocalStack, in all accounts and regions; handles one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answers: dict[tuple[str, str, str], tuple[float, Any, Any]] = {}

    def handle(self, context: Any, request: Any) -> Any:
        """Answer a request for any operation."""
        with self._lock:
            if context.operation.name != "TransactWriteItems":
                return call_moto(context)
            token = request.get("ClientRequestToken")
            return self._once(context, request, token) if token else _transact(context, request)

    def _once(self, context: Any, request: Any, token: str) -> Any:
        """Run a transaction once per token, and repeat its answer for ten minutes; a refused one may be repeated."""
        now = time.time()
        self._answers = {key: entry for key, entry in self._answers.items() if entry[0] > now}
        key, items = (context.account_id, context.region, token), copy.deepcopy(request["TransactItems"])
        if key in self._answers:
            _, first_items, answer = self._answers[key]
            if first_items != items:
                raise CommonServiceException("IdempotentParameterMismatchException", _MISMATCH, 400)
            return answer
        answer = _transact(context, request)
        self._answers[key] = (now + _TOKEN_SECONDS, items, answer)
        return answer


def _transact(context: Any, request: Any) -> Any:
    """Run a transaction, for whose rollback moto copies only the items that it touches."""
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

    Table.__deepcopy__ = snapshot  # the lock is held, so no other request sees it
    try:
        return call_moto(context)
    finally:
        del Table.__deepcopy__


def _copy_item(table: Any, item: dict[str, Any]) -> None:
    """Copy an item and the mappings that lead to it, so that the clone shares neither with the table."""
    level = table.items
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    path = [DynamoType(item[name]) for name in names]
    for value in path[:-1]:
        if value not in level:
            return
        level[value] = level = copy.copy(level[value])
    if path[-1] in level:
        level[path[-1]] = copy.deepcopy(level[path[-1]])
