"""Folding new revocations into the segments of a CRL; each step is on record before the next one begins.

Source: RFC 5280 section 5.1.2.6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.crl import tbs as crl_tbs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import CrlSegment, CrlSegments, CrlState, Revocation
    from chalicelib.runtime import Runtime

LEASE = timedelta(seconds=45)


class Folding(NamedTuple):
    """The folding of one run, for the CRL whose lease it holds.

    Attributes:
        shown_at: entries that were needed only until before then have been in a later CRL, and are left out of this
            one; None: nothing is left out.
        gone_at: entries that were needed only until before then are not in the published CRL either, and are dropped.
    """

    rt: Runtime
    state: CrlState
    shown_at: datetime | None
    gone_at: datetime | None

    def folded(self) -> tuple[tuple[CrlSegment, ...], set[bytes]]:
        """Fold all new revocations; returns the segments, and the new serial numbers as the contents of INTEGERs.

        A run that dies on the way leaves less to the next one.
        """
        store, crl_arn, most = self.rt.store, self.state.crl_arn, crl_segments.MOST_ENTRIES
        segments = store.get_crl_segments(crl_arn)
        if not segments.version:
            segments = self._begun(segments)
        revoked: set[bytes] = set()
        more = True
        while more and (new := store.list_new_revocations(segments, limit=most)):
            more = len(new) == most
            segments = self._fold(segments, new, new)
            needed = filter(self._is_needed, new)
            revoked |= {crl_tbs.serial_content(revocation.serial_number) for revocation in needed}
        return segments.segments, revoked

    def _begun(self, none: CrlSegments) -> CrlSegments:
        """The first segments, of all revocations on record except those that will be folded as new ones."""
        recorded = list(self.rt.store.list_revocations(none.crl_arn))
        new = {revocation.serial_number for revocation in self.rt.store.list_new_revocations(none)}
        missing = [revocation for revocation in recorded if revocation.serial_number not in new]
        return self._fold(none, missing, []) if missing else none

    def _fold(self, old: CrlSegments, revocations: Sequence[Revocation], folded: Sequence[Revocation]) -> CrlSegments:
        rows = [(_needed_until(revocation), revocation.entry_der) for revocation in revocations]
        name = f"{self.state.crl_number:016x}-{old.version:08x}"
        new = replace(old, segments=crl_segments.fold(old.segments, rows, self.gone_at, name))
        folding = self.rt.store.fold_revocations(old, new, folded)
        self.rt.store.renew_crl(self.state, lease_until=self.rt.now() + LEASE)
        return folding

    def _is_needed(self, revocation: Revocation) -> bool:
        return self.shown_at is None or _needed_until(revocation) >= self.shown_at.timestamp()


def _needed_until(revocation: Revocation) -> int:
    return crl_segments.seconds(max(revocation.not_after, revocation.revoked_at))
