"""Moto without its waste.

It makes 13,000 objects whenever it starts, copies a whole table for each item of a transaction, and asks each value
what it is whenever it compares two.
"""

from __future__ import annotations

import copy
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.core import custom_responses_mock, models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DDBType, DynamoType
from moto.dynamodb.models.table import Table

if TYPE_CHECKING:
    import pytest

# What it answers to requests that other libraries than botocore send.
_answer_to = cache(custom_responses_mock.CallbackResponse)
_TRANSACT = DynamoDBBackend.transact_write_items
_CAST: Any = vars(DynamoType)["cast_value"].fget


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Patch moto; its answers stay the same."""
    turn = threading.Lock()

    def transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        """Write all or nothing, as DynamoDB does; moto's transactions are not atomic among threads."""
        with turn:
            before = [_kept(backend, each) for write in transact_items for each in write.values()]
            try:
                _TRANSACT(backend, transact_items)
            except BaseException:
                for table, keys, item in before:
                    _put_back(table, keys, item)
                raise

    patch.setattr(models, "CallbackResponse", _answer_to)
    patch.setattr(DynamoDBBackend, "transact_write_items", transact)
    patch.setattr(Table, "__deepcopy__", lambda table, _: table, raising=False)  # what moto would put back
    patch.setattr(Table, "all_items", _in_order)
    patch.setattr(DynamoType, "cast_value", property(_cast))


def _kept(backend: DynamoDBBackend, write: dict[str, Any]) -> tuple[Table, Any, Any]:
    """A table, the keys of an item that a transaction names, and a copy of that item, or None."""
    table = backend.get_table(write["TableName"])
    keys = backend.get_keys_value(table, write["Key"] if "Key" in write else write["Item"])
    return table, keys, copy.deepcopy(table.get_item(*keys))


def _put_back(table: Table, keys: Any, item: Any) -> None:
    if item is None:
        table.delete_item(*keys)
    else:
        table.items[keys[0]][keys[1]] = item


def _cast(value: DynamoType) -> Any:
    """What moto compares; nearly all of it is text, for which moto asks four times what it is."""
    return value.value if value.type == DDBType.STRING else _CAST(value)


def _in_order(table: Table) -> list[Any]:
    """All items; tables of Signet have keys of text, so that no wrappers need to be compared."""
    items = [item for partition in table.items.values() for item in partition.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value))
