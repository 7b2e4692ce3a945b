"""The table under the store: conditional writes, transactions and ordered reads, without knowledge of certificates.

An item is a dictionary of plain attributes (str, int, bytes) with a partition key `pk` and a sort key `sk`. There are
two sparse indexes: `due` (attributes `due_pk`, `due_sk`) and `list` (`list_pk`, `list_sk`).

Drivers store each item with the version of the schema that its writer used, and refuse an item of a later version.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from chalicelib.frozen import dataclass
from chalicelib.store import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Value = str | int | bytes
Item = dict[str, Value]
Index = Literal["due", "list"]
PAGE = 1000
SCHEMA = 5  # of the items that this version writes; `migrations` brings older ones to it
VERSION = "v"  # attribute of a stored item: the schema of its writer


class Key(NamedTuple):
    """Partition key and sort key of an item."""

    pk: str
    sk: str


class Clause(NamedTuple):
    """One comparison of an attribute; an absent attribute satisfies only `absent`."""

    attribute: str
    operator: Literal["absent", "present", "=", "<=", ">"]
    value: Value = 0

    def holds(self, item: Mapping[str, Value]) -> bool:
        """Evaluate the comparison for an item."""
        attribute, operator, wanted = self
        value = item.get(attribute)
        if operator == "absent":
            return value is None
        if operator == "present":
            return value is not None
        if value is None:
            return False
        if operator == "=":
            return value == wanted
        return value <= wanted if operator == "<=" else value > wanted  # type: ignore[operator]  # one type per attribute


# Alternatives of clauses: a condition holds if all clauses of one alternative hold, or if there is no alternative.
Condition = tuple[tuple[Clause, ...], ...]
ABSENT: Condition = ((Clause("pk", "absent"),),)
PRESENT: Condition = ((Clause("pk", "present"),),)


def holds(condition: Condition, item: Mapping[str, Value] | None) -> bool:
    """Evaluate a condition for an item (None: there is none)."""
    if not condition:
        return True
    present = {} if item is None else item
    for clauses in condition:
        for clause in clauses:
            if not clause.holds(present):
                break
        else:
            return True
    return False


def understood(item: Item) -> Item:
    """Return a stored item without its version.

    Raises:
        RecordError: a later version of Signet has written it.
    """
    version = item.pop(VERSION, 1)
    if not isinstance(version, int) or version > SCHEMA:
        raise RecordError(f"The record {item['pk']!r} is of schema {version!r}, and this version reads up to {SCHEMA}.")
    return item


def in_order(keys: Iterable[Key], *, backwards: bool, limit: int) -> list[Key]:
    """Return the first keys in the order of their sort keys, or the last ones, the last first."""
    return sorted(keys, key=lambda key: (key.sk, key.pk), reverse=backwards)[:limit]


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, replacing the present one."""

    item: Item
    condition: Condition = ()

    @property
    def key(self) -> Key:
        """Key of the item."""
        return Key(self.item["pk"], self.item["sk"])  # type: ignore[arg-type]  # keys are text


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item: set values, remove attributes, add to numbers."""

    key: Key
    condition: Condition
    values: Mapping[str, Value] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: Mapping[str, int] = field(default_factory=dict)

    def apply(self, item: Mapping[str, Value]) -> Item:
        """Return the item after the change."""
        changed = {**item, **self.values}
        for name in self.removed:
            if name not in self.values:
                changed.pop(name, None)
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
    """Write nothing, but fail the transaction unless the condition holds."""

    key: Key
    condition: Condition


Write = Put | Update | Delete | Check


class ConditionFailedError(Exception):
    """Nothing was written, because a condition did not hold.

    Attributes:
        items: the present item (None: there is none) by the position of each write whose condition failed.
    """

    def __init__(self, items: dict[int, Item | None]) -> None:
        super().__init__(f"The conditions of writes {sorted(items)} do not hold.")
        self.items = items


class Table(Protocol):
    """The interface of a driver. Reads see every write that returned before; only indexes may lag.

    Attributes:
        MOST_PARTITIONS: how many partitions one page may read.
        MOST_WRITES: what one transaction may write; at least 100.
    """

    MOST_PARTITIONS: int
    MOST_WRITES: int

    def get(self, key: Key) -> Item | None:
        """Read an item."""
        ...

    def get_many(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read the items with these keys, which must differ; the answer has one entry for each key, in order."""
        ...

    def write(self, *writes: Write, durable: bool = True) -> None:
        """Make all writes or none; at most `MOST_WRITES`.

        Args:
            writes: the writes.
            durable: wait until they are on the disk, and whatever was written before. Otherwise a power cut may lose
                them, unless a durable write or `settle` has returned since; kill -9 never does. Whoever answers by
                what it read and wrote nothing durable calls `settle` first. DynamoDB always waits.

        Raises:
            ConditionFailedError: a condition does not hold; nothing was written.
        """
        ...

    def settle(self) -> None:
        """Wait until all that can be read is on the disk."""
        ...

    def query(self, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Yield the items of a partition by sort key, after `after` and through `up_to`; read in pages."""
        ...

    def query_index(
        self, index: Index, pk: str, *, after: str = "", up_to: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of an index partition by its sort key, after `after` and through `up_to`; read in pages."""
        ...

    def scan(self, after: Key | None = None) -> Iterator[list[Item]]:
        """Yield all items after a key in pages, in an order of the driver's; no page is empty."""
        ...

    def last(self, index: Index | None, pk: str, *, up_to: str | None = None, limit: int) -> Iterator[Item]:
        """Yield the last items of a partition up to a sort key, last one first; `index` None means the table's own."""
        ...

    def keys(
        self, index: Index | None, pks: Sequence[str], first: str, last: str, *, backwards: bool = False, limit: int
    ) -> list[Key]:
        """List the keys of some partitions between two sort keys, both excluded, in the order of the sort keys.

        Args:
            index: the index of the partitions, whose keys are listed; None: the table itself.
            pks: the partitions, listed together.
            first: what the sort keys follow.
            last: what they precede.
            backwards: begin with the last one.
            limit: of the answer; as many keys are read of each partition.
        """
        ...

    def count(
        self, index: Index | None, pks: Sequence[str], edges: Sequence[str], *, most: int | None = None
    ) -> list[int]:
        """Count the items of some partitions between each edge and the next one.

        Args:
            index: the index of the partitions; None: the table itself.
            pks: the partitions, counted together.
            edges: values to compare sort keys with, ascending, none equal to a sort key.
            most: stop counting a span there, or later; a smaller number is exact.

        Returns:
            one count fewer than there are edges.
        """
        ...
