"""From new revocations to the segments that a CRL is joined of; each step is on record when the next one begins.

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
    """What a run folds for: the CRL whose lease it holds.

    Attributes:
        shown_at: what was not needed any more by then has been in a CRL since, and is left out (None: nothing is).
        gone_at: the same for the published CRL, which has nothing of it any more.
    """

    rt: Runtime
    state: CrlState
    shown_at: datetime | None
    gone_at: datetime | None

    def folded(self) -> tuple[tuple[CrlSegment, ...], set[bytes]]:
        """The segments, with all new revocations; and the serial numbers of those, as the contents of INTEGERs.

        A run that has not enough time for all of them leaves less to the next one.
        """
        store, crl_arn, most = self.rt.store, self.state.crl_arn, crl_segments.MOST_ENTRIES
        found = store.get_crl_segments(crl_arn)
        if not found.version:
            found = self._begun(found)
        revoked: set[bytes] = set()
        more = True
        while more and (new := store.list_new_revocations(found, limit=most)):
            more = len(new) == most
            found = self._fold(found, new, new)
            revoked |= {crl_tbs.serial_content(each.serial_number) for each in new if self._is_needed(each)}
        return found.segments, revoked

    def _begun(self, none: CrlSegments) -> CrlSegments:
        """The first segments: of all revocations on record but those that are going to be folded as new ones."""
        recorded = list(self.rt.store.list_revocations(none.crl_arn))
        new = {each.serial_number for each in self.rt.store.list_new_revocations(none)}
        missing = [each for each in recorded if each.serial_number not in new]
        return self._fold(none, missing, []) if missing else none

    def _fold(self, found: CrlSegments, revocations: Sequence[Revocation], folded: Sequence[Revocation]) -> CrlSegments:
        rows = [(_needed_until(each), each.entry_der) for each in revocations]
        name = f"{self.state.crl_number:016x}-{found.version:08x}"
        new = replace(found, segments=crl_segments.fold(found.segments, rows, self.gone_at, name))
        folding = self.rt.store.fold_revocations(found, new, folded)
        self.rt.store.renew_crl(self.state, lease_until=self.rt.now() + LEASE)
        return folding

    def _is_needed(self, revocation: Revocation) -> bool:
        return self.shown_at is None or _needed_until(revocation) >= self.shown_at.timestamp()


def _needed_until(revocation: Revocation) -> int:
    return crl_segments.seconds(max(revocation.not_after, revocation.revoked_at))
