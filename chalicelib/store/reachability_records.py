"""Part of the store port: the monitor's last looks at each CA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.home_records import Reachability


class ReachabilityRecords(Protocol):
    """One small record for each CA; `ConflictError` is `chalicelib.store.ConflictError`."""

    def get_reachability(self, ca_arns: Sequence[str]) -> dict[str, Reachability]:
        """Return the records of these CAs, which must differ, by their ARNs; a CA without one is left out."""
        ...

    def put_reachability(self, reachability: Reachability) -> Reachability:
        """Replace the record of version `reachability.version` (0: there is none); return it with the next version.

        Raises:
            ConflictError: it is no longer at that version.
        """
        ...
