"""CRL states name their CRL: with partitions, a CA has several. Before, they named the CA of their only CRL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store import items
from chalicelib.store.table import Clause, Update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.migrations import Read
    from chalicelib.store.table import Item, Write


def writes(item: Item, _: Read) -> Iterator[Write]:
    """Rename `ca_arn` of a CRL state; the ARN of a complete CRL is that of its CA."""
    if str(item["pk"]).startswith("CRL#") and item["sk"] == "CRL" and "crl_arn" not in item:
        old = ((Clause("crl_arn", "absent"),),)
        yield Update(items.key_of(item), old, {"crl_arn": item["ca_arn"]}, ("ca_arn",))
