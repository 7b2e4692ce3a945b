"""The table under the store: conditional writes, transactions and ordered reads; nothing knows of certificates here.

An item is a dictionary of plain attributes (str, int, bytes) with a partition key `pk` and a sort key `sk`. Two sparse
indexes exist: `due` (attributes `due_pk`, `due_sk`) and `list` (`list_pk`, `list_sk`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Value = str | int | bytes
Item = dict[str, Value]
Index = Literal["due", "list"]
PAGE = 1000


class Key(NamedTuple):
    """Where an item lies."""

    pk: str
    sk: str


class Clause(NamedTuple):
    """One comparison of an attribute; an absent attribute satisfies only `absent`."""

    attribute: str
    operator: Literal["absent", "present", "=", "<=", ">"]
    value: Value = 0

    def holds(self, item: Mapping[str, Value]) -> bool:
        """Whether an item satisfies this."""
        if self.operator in {"absent", "present"}:
            return (self.attribute in item) == (self.operator == "present")
        found = item.get(self.attribute)
        if found is None:
            return False
        if self.operator == "=":
            return found == self.value
        return found <= self.value if self.operator == "<=" else found > self.value  # type: ignore[operator]  # one type per attribute


# A condition holds if all clauses of any alternative hold; without alternatives it always does.
Condition = tuple[tuple[Clause, ...], ...]
ABSENT: Condition = ((Clause("pk", "absent"),),)


def holds(condition: Condition, item: Mapping[str, Value] | None) -> bool:
    """Whether the item (None: there is none) satisfies the condition."""
    return not condition or any(all(clause.holds(item or {}) for clause in clauses) for clauses in condition)


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, replacing what is there."""

    item: Item
    condition: Condition = ()

    @property
    def key(self) -> Key:
        """Where it goes."""
        return Key(str(self.item["pk"]), str(self.item["sk"]))


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item that exists: set values, remove attributes, add to numbers."""

    key: Key
    condition: Condition
    values: Mapping[str, Value] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: Mapping[str, int] = field(default_factory=dict)

    def apply(self, item: Mapping[str, Value]) -> Item:
        """The item as it is after the change."""
        changed = {name: value for name, value in item.items() if name not in self.removed} | dict(self.values)
        for name, number in self.added.items():
            changed[name] = int(changed.get(name, 0)) + number
        return changed


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item."""

    key: Key
    condition: Condition = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the condition holds."""

    key: Key
    condition: Condition


Write = Put | Update | Delete | Check


class ConditionFailedError(Exception):
    """Nothing was written, because conditions did not hold.

    Attributes:
        items: by position of each write whose condition failed, the item as it is (None: there is none).
    """

    def __init__(self, items: dict[int, Item | None]) -> None:
        super().__init__(f"conditions of writes {sorted(items)} do not hold")
        self.items = items


class Table(Protocol):
    """What a driver does. All reads see every write that returned before; only indexes may lag."""

    def get(self, key: Key) -> Item | None:
        """Read an item."""
        ...

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items, each as `get` would: one for each key, in their order. The keys differ."""
        ...

    def write(self, *writes: Write) -> None:
        """Do all writes or none, at most 100.

        Raises:
            ConditionFailedError: a condition does not hold; nothing was written.
        """
        ...

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Items of a partition in the order of their sort keys, behind `after`, through `up_to`; read in pages."""
        ...

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Items of an index partition in order, behind `after`, through `up_to`; read in pages."""
        ...

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        """The last items of a partition (of an index, or None: of the table) up to a sort key, the last one first."""
        ...

    def count(self, index: Index | None, pks: Sequence[str], edges: Sequence[str]) -> list[int]:
        """How many items of some partitions lie between each edge and the next one.

        Args:
            index: whose partitions they are; None: the table's own.
            pks: the partitions, counted together.
            edges: what sort keys are compared with, in their order, none itself the key of an item; one count fewer
                comes back.
        """
        ...
