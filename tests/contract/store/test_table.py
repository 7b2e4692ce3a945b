"""What both drivers of the table promise: conditions mean the same, writes are all or none, order is the same."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.table import (
    ABSENT,
    Clause,
    Condition,
    ConditionFailedError,
    Delete,
    Item,
    Key,
    Put,
    Update,
    holds,
)

if TYPE_CHECKING:
    from chalicelib.store.table import Table
    from chalicelib.store.table_store import TableStore

PAGED = pytest.mark.parametrize(
    "store",
    ["sqlite", "sqlite-page-1", "dynamodb", "dynamodb-page-1", "memory", "memory-page-1"],
    indirect=True,
)
ONE_PAGE = pytest.mark.parametrize("store", ["sqlite", "dynamodb"], indirect=True)
KEY = Key("p", "s")
HERE: Item = {"pk": "p", "sk": "s"}


@pytest.fixture
def table(store: TableStore) -> Table:
    """The driver itself."""
    return getattr(store.table, "inner", store.table)


CONDITIONS: dict[str, Condition] = {
    "none": (),
    "absent": ((Clause("n", "absent"),),),
    "present": ((Clause("n", "present"),),),
    "item-absent": ABSENT,
    "equal": ((Clause("n", "=", 5),),),
    "at-most": ((Clause("n", "<=", 5),),),
    "more": ((Clause("n", ">", 5),),),
    "all-of": ((Clause("n", "=", 5), Clause("t", "absent")),),
    "any-of": ((Clause("t", "present"),), (Clause("n", ">", 5),)),
}
ITEMS: tuple[Item | None, ...] = (
    None,
    HERE,
    *(HERE | {"n": number} for number in (-1, 4, 5, 6)),
    HERE | {"n": 5, "t": "x"},
)


@ONE_PAGE
def test_write_with_a_condition_fails_exactly_when_it_does_not_hold(table: Table) -> None:
    for name, condition in CONDITIONS.items():
        for item in ITEMS:
            table.write(Delete(KEY) if item is None else Put(item))
            failed: dict[int, Item | None] = {}
            try:
                table.write(Delete(KEY, condition))
            except ConditionFailedError as error:
                failed = error.items
            assert failed == ({} if holds(condition, item) else {0: item}), (name, item)
            assert table.get(KEY) == failed.get(0)


@ONE_PAGE
def test_write_of_several_writes_all_or_none_and_names_each_failure(table: Table) -> None:
    table.write(Put(HERE | {"n": 1}))
    with pytest.raises(ConditionFailedError) as failure:
        table.write(
            Put({"pk": "new", "sk": "s"}, ABSENT),
            Update(KEY, ((Clause("n", "=", 2),),), {"n": 3}),
            Delete(Key("gone", "s"), ((Clause("pk", "present"),),)),
        )
    assert failure.value.items == {1: HERE | {"n": 1}, 2: None}
    assert table.get(Key("new", "s")) is None
    table.write(Put({"pk": "new", "sk": "s"}, ABSENT), Update(KEY, ((Clause("n", "=", 1),),), {"n": 3}))
    assert table.get(Key("new", "s")) == {"pk": "new", "sk": "s"}
    assert table.get(KEY) == HERE | {"n": 3}


@ONE_PAGE
def test_update_sets_removes_and_adds(table: Table) -> None:
    table.write(Put(HERE | {"a": "x", "b": b"\x00\xff", "n": 2, "empty": "", "none": b""}))
    table.write(Update(KEY, ((Clause("n", "=", 2),),), {"a": "y"}, removed=("b", "missing"), added={"n": -3, "m": 1}))
    assert table.get(KEY) == HERE | {"a": "y", "n": -1, "m": 1, "empty": "", "none": b""}


@ONE_PAGE
def test_attributes_are_kept_exactly(table: Table) -> None:
    item: Item = HERE | {"zero": '\x00é\U0001f600"\\', "bytes": bytes(range(256)), "long": 10**37, "less": -(10**37)}
    table.write(Put(item))
    assert table.get(KEY) == item
    assert list(table.query("p")) == [item]


@PAGED
def test_query_gives_the_partition_in_order_behind_a_key_up_to_a_limit(table: Table) -> None:
    for sort_key in ("b", "a", "B", "c", "é", "~"):
        table.write(Put({"pk": "p", "sk": sort_key}))
    table.write(Put({"pk": "q", "sk": "b"}))
    order = ["B", "a", "b", "c", "~", "é"]  # by the bytes of UTF-8
    assert [item["sk"] for item in table.query("p")] == order
    assert [item["sk"] for item in table.query("p", after="a")] == order[2:]
    assert [item["sk"] for item in table.query("p", after="a", limit=2)] == ["b", "c"]
    assert list(table.query("p", limit=0)) == []
    assert list(table.query("nothing")) == []


@PAGED
def test_query_index_gives_only_what_is_in_it_up_to_a_bound(table: Table) -> None:
    for number, due in enumerate(("3", "1", "2")):
        table.write(Put({"pk": str(number), "sk": "s", "due_pk": "d", "due_sk": due}))
    table.write(Put(HERE))
    assert [item["pk"] for item in table.query_index("due", "d")] == ["1", "2", "0"]
    assert [item["pk"] for item in table.query_index("due", "d", up_to="2")] == ["1", "2"]
    assert [item["pk"] for item in table.query_index("due", "d", limit=1)] == ["1"]
    table.write(Update(Key("1", "s"), (), {}, removed=("due_pk", "due_sk")))
    assert [item["pk"] for item in table.query_index("due", "d")] == ["2", "0"]


def test_item_is_in_the_indexes_that_its_last_write_names(table: Table) -> None:
    due, listed = {"due_pk": "d", "due_sk": "1"}, {"list_pk": "l", "list_sk": "2"}
    forms: tuple[dict[str, str], ...] = ({}, due, listed, due | listed)
    for before, after in product(forms, forms):
        for form in (before, after):
            table.write(Put({"pk": "p", "sk": "s", "text": "t", **form}))
        assert table.get(Key("p", "s")) == {"pk": "p", "sk": "s", "text": "t", **after}
        assert [found["pk"] for found in table.query_index("due", "d")] == ["p"] * ("due_pk" in after)
        assert [found["pk"] for found in table.query_index("list", "l")] == ["p"] * ("list_pk" in after)


@PAGED
def test_last_comes_backwards(table: Table) -> None:
    for number, listed in enumerate(("3", "1", "2")):
        table.write(Put({"pk": str(number), "sk": "s", "list_pk": "l", "list_sk": listed}))
    assert [item["pk"] for item in table.last("list", "l", limit=2)] == ["0", "2"]
    assert [item["pk"] for item in table.last("list", "l", limit=9)] == ["0", "2", "1"]
    assert [item["pk"] for item in table.last("list", "l", up_to="2~", limit=1)] == ["2"]
    assert list(table.last("list", "nothing", limit=9)) == []
    for name in ("b", "c", "a"):
        table.write(Put({"pk": "own", "sk": name}))
    assert [item["sk"] for item in table.last(None, "own", limit=2)] == ["c", "b"]
    assert [item["sk"] for item in table.last(None, "own", up_to="b", limit=9)] == ["b", "a"]


@PAGED
def test_get_many_gives_each_item_or_none(table: Table) -> None:
    keys = [Key(f"p{number}", "s") for number in range(230)]
    for key in keys[::3]:
        table.write(Put({"pk": key.pk, "sk": key.sk, "body": key.pk.encode(), "number": 1}))
    assert table.get_many(keys) == [table.get(key) for key in keys]
    assert table.get_many(keys[:1]) == [{"pk": "p0", "sk": "s", "body": b"p0", "number": 1}]
    assert table.get_many([]) == []


@PAGED
def test_count_is_by_span_over_all_partitions(table: Table) -> None:
    """Whichever characters edges and keys hold."""
    keys = ("a", "b", "b\x1f", "c", "c\U0001f600", 'd"', "e")
    for number, key in enumerate(keys):
        for partition in ("p", "q"):
            own: Item = {"pk": partition, "sk": key}
            table.write(Put(own | {"list_pk": f"list-{partition}", "list_sk": key}))
        table.write(Put({"pk": "r", "sk": key, "due_pk": str(number), "due_sk": key}))
    edges = ["a ", "b\x1f\x1f", "c\U0001f5ff", "d~"]
    assert table.count(None, ["p"], edges) == [2, 1, 2]
    assert table.count("list", ["list-p", "list-q", "nothing"], edges) == [4, 2, 4]
    assert table.count("due", ["0", "1", "3"], edges) == [1, 1, 0]
    assert table.count(None, ["p"], edges, most=5) == [2, 1, 2]
    assert table.count(None, [], edges) == [0, 0, 0]
    assert table.count(None, ["nothing"], ["a", "b"]) == [0]


def test_count_stops_at_a_bound(store: TableStore, table: Table) -> None:
    for number in range(9):
        table.write(Put({"pk": "p", "sk": f"{number}"}), Put({"pk": "q", "sk": f"{number}"}))
    assert table.count(None, ["p", "q"], ["/", ":"], most=19) == [18]
    assert table.count(None, ["p", "q"], ["/", "3", ":"], most=19) == [6, 12]
    (least,) = table.count(None, ["p", "q"], ["/", ":"], most=4)
    assert least >= 4


@PAGED
def test_keys_are_those_between_two_in_both_directions(table: Table) -> None:
    for number, sk in enumerate(("a", "b", "b\x1f", "c", "c\U0001f600", "d")):
        pk = "pq"[number % 2]
        table.write(Put({"pk": pk, "sk": sk, "list_pk": f"list-{pk}", "list_sk": sk.upper()}))
    table.write(Put({"pk": "r", "sk": "b"}))

    def listed(first: str, last: str, limit: int = 9, *, backwards: bool = False) -> list[str]:
        return [key.sk for key in table.keys(None, ["p", "q", "s"], first, last, backwards=backwards, limit=limit)]

    assert listed("", "z") == ["a", "b", "b\x1f", "c", "c\U0001f600", "d"]
    assert listed("a", "c\U0001f600") == ["b", "b\x1f", "c"]
    assert listed("a", "d", 2) == ["b", "b\x1f"]
    assert listed("a", "d", 2, backwards=True) == ["c\U0001f600", "c"]
    assert listed("", "z", backwards=True)[-1] == "a"
    assert listed("d", "z") == []
    assert table.keys("list", ["list-p", "list-q"], "A", "C", limit=2) == [Key("list-q", "B"), Key("list-p", "B\x1f")]
    assert table.keys(None, [], "", "z", limit=2) == []
    many = [*(f"none-{number}" for number in range(200)), "p"]
    assert table.keys(None, many, "", "b", limit=2) == [Key("p", "a")]
