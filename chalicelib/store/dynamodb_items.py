"""Items of DynamoDB's table: their attributes, and the expressions of their conditions and changes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib.store import TooLargeError, table
from chalicelib.store.table import SCHEMA, VERSION, Clause

if TYPE_CHECKING:
    from chalicelib.store.table import Condition, Item, Key, Update, Value

_MOST_BYTES = 400 * 1024  # of an item (DynamoDB Developer Guide, "Quotas")


def known_schema() -> Condition:
    """The condition under which a write changes no record of a later version, whose members it does not know."""
    return (Clause(VERSION, "absent"),), (Clause(VERSION, "<=", SCHEMA),)


@lru_cache(256)
def conditional(*conditions: Condition) -> dict[str, Any]:
    """The parameters of a write under conditions, all of which have to hold; shared, because few differ."""
    expression = Expression()
    return expression.conditional(*conditions) | expression.parameters()


class Expression:
    """Collects the names and values of one write's expressions."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, dict[str, Any]] = {}

    def conditional(self, *conditions: Condition) -> dict[str, Any]:
        """The parameters of conditions, all of which have to hold, without their names and values."""
        if not any(conditions):
            return {}
        text = self._condition(*filter(None, conditions))
        return {"ConditionExpression": text, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    def _condition(self, *conditions: Condition) -> str:
        """The text of conditions; DynamoDB refuses parentheses within parentheses for nothing."""
        terms = []
        for condition in conditions:
            alternatives = [" AND ".join(self._clause(*clause) for clause in clauses) for clauses in condition]
            term = " OR ".join(f"({alternative})" for alternative in alternatives)
            terms.append(f"({term})" if len(alternatives) > 1 and len(conditions) > 1 else term)
        return " AND ".join(terms)

    def _clause(self, attribute: str, operator: str, value: Value) -> str:
        name = self._name(attribute)
        if operator == "absent":
            return f"attribute_not_exists({name})"
        if operator == "present":
            return f"attribute_exists({name})"
        return f"{name} {operator} {self._value(value)}"

    def update(self, write: Update) -> str:
        """The changes, and the schema of this version."""
        values = {**write.values, VERSION: SCHEMA}
        parts = {
            "SET": [f"{self._name(name)} = {self._value(value)}" for name, value in values.items()],
            "REMOVE": [self._name(name) for name in write.removed],
            "ADD": [f"{self._name(name)} {self._value(number)}" for name, number in write.added.items()],
        }
        return " ".join(f"{verb} {', '.join(terms)}" for verb, terms in parts.items() if terms)

    def parameters(self) -> dict[str, Any]:
        """The parameters with the names and values of all expressions."""
        names = {"ExpressionAttributeNames": {alias: name for name, alias in self._names.items()}}
        values = {"ExpressionAttributeValues": self._values}
        return (names if self._names else {}) | (values if self._values else {})

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"#n{len(self._names)}")

    def _value(self, value: Value) -> str:
        alias = f":v{len(self._values)}"
        self._values[alias] = _attribute(value)
        return alias


def encode_key(key: Key) -> dict[str, Any]:
    """The attributes of a key."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def encode(item: Item) -> dict[str, Any]:
    """Encode an item, with the schema of this version.

    Raises:
        TooLargeError: DynamoDB takes no item of this size.
    """
    _check_size(item)
    return {name: _attribute(value) for name, value in (item | {VERSION: SCHEMA}).items()}


def _check_size(item: Item) -> None:
    bound = sum([len(name) + (21 if isinstance(value, int) else 4 * len(value)) for name, value in item.items()])
    if bound <= _MOST_BYTES:  # as it nearly always is: a character has at most four bytes
        return
    size = sum(len(name) + _size(value) for name, value in item.items())
    if size > _MOST_BYTES:
        raise TooLargeError(f"The record would have {size} bytes; DynamoDB allows {_MOST_BYTES}.")


def _size(value: Value) -> int:
    if isinstance(value, int):
        return 21
    return len(value if isinstance(value, bytes) else value.encode())


def _attribute(value: Value) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"B": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def decode(item: dict[str, Any]) -> Item:
    """The inverse of `encode`.

    Raises:
        RecordError: a later version of Signet has written the item.
    """
    return table.understood(
        {
            name: int(attribute["N"]) if "N" in attribute else next(iter(attribute.values()))
            for name, attribute in item.items()
        }
    )
