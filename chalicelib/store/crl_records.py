"""Part of the store port: revocations and CRLs, with segments, distribution points, numbers, leases and due times."""

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
    """Revocations and CRLs; `ConflictError` is `chalicelib.store.ConflictError`."""

    # revocation

    def revoke_certificate(
        self, certificate: Certificate, revocation: Revocation, *, of_responder: bool = False, compromised: str = ""
    ) -> None:
        """Record a revocation, which is permanent, and make the CA's CRL due, in one transaction.

        If the CA's complete CRL, or the CRL of the certificate's partition, has a state, its `next_crl_at` moves to
        `revocation.revoked_at` unless it is earlier already, and its revision is incremented.

        Args:
            certificate: as read.
            revocation: of this certificate.
            of_responder: the certificate belongs to the CA's OCSP responder. Then `responders_revoked` and the version
                of the CA are incremented, and the responder is due at once.
            compromised: the SHA-256 of the certificate's key, if it is compromised: the account certifies it no more.

        Raises:
            ConflictError: the certificate is already revoked, or its status changed.
        """
        ...

    def list_revocations(self, crl_arn: str) -> Iterator[Revocation]:
        """Yield all revocations that belong to a CRL, by serial number; for a CA's complete CRL, all of the CA.

        Every `revoke_certificate` that returned before is seen.
        """
        ...

    def list_new_revocations(self, beside: CrlSegments, *, limit: int | None = None) -> list[Revocation]:
        """Return up to `limit` revocations of a CRL that are in none of these segments, by serial number.

        Every `revoke_certificate` that returned before is seen.

        Raises:
            ConflictError: another run replaced the segments.
        """
        ...

    def get_crl_segments(self, crl_arn: str) -> CrlSegments:
        """Return the segments of a CRL, after removing the leftovers of a fold that crashed.

        Raises:
            ConflictError: another run is replacing them, or one is missing.
        """
        ...

    def forget_crl_segments(self, crl_arn: str) -> None:
        """Remove the segments of a CRL; they can be rebuilt from `list_revocations`."""
        ...

    def fold_revocations(self, old: CrlSegments, new: CrlSegments, folded: Sequence[Revocation]) -> CrlSegments:
        """Replace the segments of a CRL, and drop the `folded` revocations (at most 6,000) from the new ones.

        Returns:
            `new` with its version.

        Raises:
            ConflictError: the segments are no longer at `old.version`; nothing has changed.
        """
        ...

    # CRLs

    def start_crl(
        self, ca: CertificateAuthority, point: DistributionPoint, *, due_at: datetime
    ) -> CertificateAuthority:
        """Add a distribution point to a CA and make its CRL due, in one transaction, before any certificate names it.

        It replaces the point with the same object and URL. All other changes in `ca` are recorded too.

        Returns:
            the CA as recorded.

        Raises:
            ConflictError: the CA is no longer at `ca.version`.
        """
        ...

    def take_crl_partition(self, ca_arn: str, address: str, fresh: str) -> str:
        """Assign one more certificate to a CRL partition and return its name; a full partition's CRL stays below 1 MB.

        Args:
            ca_arn: the CA.
            address: bucket, ACL and URL of the partitions; a change starts a new partition.
            fresh: the name of the next partition, if one has to be started.
        """
        ...

    def open_crl_partition(self, ca_arn: str) -> str:
        """Return the partition that new certificates of a CA are assigned to; empty before the first.

        Earlier partitions get certificates only from processes that had already taken places in them.
        """
        ...

    def end_crl(self, ca: CertificateAuthority, crl_arn: str) -> None:
        """Remove a CRL that no certificate needs any longer: its segments, its state, and the CA's distribution points.

        Raises:
            ConflictError: the CA is no longer at `ca.version`.
        """
        ...

    def get_crl_state(self, crl_arn: str) -> CrlState | None:
        """Return the state of a CRL: numbers, lease and due time; None before `start_crl`."""
        ...

    def get_crl_states(self, crl_arns: Sequence[str]) -> list[CrlState]:
        """Return the states of several CRLs in the order of their ARNs; CRLs without a state are left out."""
        ...

    def schedule_crl(self, crl_arn: str, *, due_at: datetime) -> None:
        """Make a CRL due at `due_at` at the latest and increment its revision; without a CRL state nothing changes."""
        ...

    def reserve_crl(
        self, crl_arn: str, *, number: int, now: datetime, lease_until: datetime, server: str = ""
    ) -> CrlState | None:
        """Take the lease and reserve a CRL number in one conditional write.

        The reserved number is `number`, or the last one plus 1 if that is greater. `server` is `Runtime.server`.

        Returns:
            the state with the reserved number; None if the CRL is not due at `now`, or another run holds the lease. A
            lease that ends later than twice the requested length from now was set by a fast clock and is ignored, and
            so is that of another server than `server`.
        """
        ...

    def renew_crl(self, state: CrlState, *, lease_until: datetime) -> None:
        """Extend the lease.

        Raises:
            ConflictError: another run has taken the lease.
        """
        ...

    def intend_crl(self, state: CrlState, tbs_sha256: str) -> None:
        """Record the hash of the TBSCertList that is about to be signed under the reserved number.

        Args:
            state: as reserved.
            tbs_sha256: in hex.

        Raises:
            ConflictError: another run has taken the lease.
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
        """Record a publication, release the lease and reset the failures, unless an older object failed.

        `next_crl_at` is set only if the revision is still `state.revision`; otherwise the CRL stays due.

        Raises:
            ConflictError: another run has taken the lease.
        """
        ...

    def fail_crl(self, state: CrlState, error: str, *, retry_at: datetime) -> None:
        """Record a failed run, release the lease, and make the CRL due at `retry_at`.

        `next_crl_at` is set only if the revision is still `state.revision`; otherwise the CRL stays due.

        Raises:
            ConflictError: another run has taken the lease.
        """
        ...
