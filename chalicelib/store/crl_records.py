"""The part of the store port for CRLs: revocations, segments, distribution points, numbering and schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.records import (
        Certificate,
        CertificateAuthority,
        CrlSegments,
        CrlState,
        DistributionPoint,
        Revocation,
    )


class CrlRecords(Protocol):
    """Revocations and CRLs. `ConflictError` is that of `chalicelib.store`."""

    # revocation

    def revoke_certificate(
        self, certificate: Certificate, revocation: Revocation, *, of_responder: bool = False
    ) -> None:
        """Record a revocation once and for all, and make the CA's CRL due, in one transaction.

        Where the CA's complete CRL, or the one of the certificate's partition, has a state, its `next_crl_at` moves
        forward to `revocation.revoked_at` (never back) and its
        revision grows; where it has none, only the revocation is recorded.

        `of_responder`: the certificate is one of the CA's OCSP responder. Then `responders_revoked` and the version of
        the CA grow, and the responder is due at once.

        Raises:
            ConflictError: it is revoked already, or its status changed meanwhile.
        """
        ...

    def list_revocations(self, crl_arn: str) -> Iterator[Revocation]:
        """All revocations that a CRL tells of, by serial number (of a CA: all of them).

        They are consistent with every `revoke_certificate` that returned.
        """
        ...

    def list_new_revocations(self, beside: CrlSegments, *, limit: int | None = None) -> list[Revocation]:
        """Up to `limit` revocations that a CRL tells of and that these segments of it do not have, by serial number.

        They are consistent with every `revoke_certificate` that returned.

        Raises:
            ConflictError: the segments were replaced meanwhile.
        """
        ...

    def get_crl_segments(self, crl_arn: str) -> CrlSegments:
        """The segments of a CRL; what a fold that died has left behind is removed first.

        Raises:
            ConflictError: they are replaced at this moment, or one is missing.
        """
        ...

    def forget_crl_segments(self, crl_arn: str) -> None:
        """Remove the segments of a CRL; they can be made again of `list_revocations`."""
        ...

    def fold_revocations(self, old: CrlSegments, new: CrlSegments, folded: Sequence[Revocation]) -> CrlSegments:
        """Replace the segments of a CRL; at most 6,000 revocations are new ones no more.

        Returns:
            `new` with its version.

        Raises:
            ConflictError: the segments are not at `old.version` any more; nothing has changed.
        """
        ...

    # CRLs

    def start_crl(
        self, ca: CertificateAuthority, point: DistributionPoint, *, due_at: datetime
    ) -> CertificateAuthority:
        """Add a distribution point to a CA and make its CRL due, in one transaction, before a certificate names it.

        It replaces the one with the same address. What else differs in `ca` from what is recorded is recorded, too.

        Returns:
            the CA as it now is.

        Raises:
            ConflictError: the CA is not at `ca.version` any more.
        """
        ...

    def take_crl_partition(self, ca_arn: str, address: str, fresh: str) -> str:
        """The partition of the CRL for one more certificate of a CA; none gets more certificates than fit into 1 MB.

        Args:
            ca_arn: the CA.
            address: of the partitions; when it is another one than before, a fresh partition begins.
            fresh: the name of the next partition, if one has to begin.
        """
        ...

    def open_crl_partition(self, ca_arn: str) -> str:
        """The partition that new certificates of a CA go to; empty before the first.

        Others get certificates only from processes that took places in them earlier.
        """
        ...

    def end_crl(self, ca: CertificateAuthority, crl_arn: str) -> None:
        """Forget a CRL that no certificate needs: its segments, its state, and its distribution points in the CA.

        Raises:
            ConflictError: the CA is not at `ca.version` any more.
        """
        ...

    def get_crl_state(self, crl_arn: str) -> CrlState | None:
        """Numbering and schedule of a CRL; None before `start_crl`."""
        ...

    def get_crl_states(self, crl_arns: Sequence[str]) -> list[CrlState]:
        """What `get_crl_state` gives for each of some CRLs, in their order, but nothing for those without a state."""
        ...

    def schedule_crl(self, crl_arn: str, *, due_at: datetime) -> None:
        """Move the next CRL forward to `due_at` (never back) and grow the revision; no CRL state, no change."""
        ...

    def reserve_crl(self, crl_arn: str, *, number: int, now: datetime, lease_until: datetime) -> CrlState | None:
        """Take the lease and reserve a CRL number in one conditional write.

        The number reserved is `number`, or one more than the last where that is greater.

        Returns:
            the state with the reserved number; None if the CRL is not due at `now`, or somebody holds the lease. One
            that lasts more than twice as long as the one asked for holds nothing: a clock that was ahead has set it.
        """
        ...

    def renew_crl(self, state: CrlState, *, lease_until: datetime) -> None:
        """Keep the lease for longer.

        Raises:
            ConflictError: the lease has gone to somebody else.
        """
        ...

    def intend_crl(self, state: CrlState, tbs_sha256: str) -> None:
        """Record what the reserved number is about to sign.

        Raises:
            ConflictError: the lease has gone to somebody else.
        """
        ...

    def complete_crl(
        self,
        state: CrlState,
        *,
        published_at: datetime,
        next_update: datetime,
        entries: int,
        next_crl_at: datetime | None,
        failure: str = "",
    ) -> None:
        """Record a publication, give the lease back and reset failures; but count the one at an older address.

        `next_crl_at` is set only if the revision is still `state.revision`; otherwise the CRL stays due.

        Raises:
            ConflictError: the lease has gone to somebody else.
        """
        ...

    def fail_crl(self, state: CrlState, error: str, *, retry_at: datetime) -> None:
        """Record a failed run, give the lease back, and make the CRL due at `retry_at`.

        `next_crl_at` is set only if the revision is still `state.revision`; otherwise the CRL stays due.

        Raises:
            ConflictError: the lease has gone to somebody else.
        """
        ...
