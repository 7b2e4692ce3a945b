"""The items of the journal: its head, its last verification, and the outbox. docs/state.md lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store.table import Item, Key

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTBOX_SHARDS = 8
HEAD = Key("JOURNAL", "HEAD")
VERIFICATION = Key("JOURNAL", "VERIFIED")


def outbox_partitions() -> list[str]:
    """All partitions of the outbox."""
    return [f"OUTBOX#{shard}" for shard in range(OUTBOX_SHARDS)]


def outbox_item(shard: int, number: int, random: int, entries: Sequence[bytes]) -> Item:
    """Item of the outbox with the entries of one write; `number` orders it, and `random` makes it differ."""
    return {"pk": f"OUTBOX#{shard}", "sk": f"{number:020d}#{random:08x}", "entries": b"\n".join(entries)}


def outbox_entries(item: Item) -> tuple[bytes, ...]:
    """The entries of an item of the outbox."""
    return tuple(bytes(item["entries"]).split(b"\n"))  # type: ignore[arg-type]  # as `outbox_item` made it


def outbox_name(item: Item) -> str:
    """The name of an item of the outbox."""
    return f"{str(item['pk']).removeprefix('OUTBOX#')}#{item['sk']!s}"


def outbox_key(name: str) -> Key:
    """Key of the item of the outbox with a name."""
    shard, sk = name.split("#", 1)
    return Key(f"OUTBOX#{shard}", sk)
