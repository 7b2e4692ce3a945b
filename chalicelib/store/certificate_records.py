"""Part of the store port: certificates, from the intent to sign to their searches; revocations are in `crl_records`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from chalicelib.records import Certificate, CertificateAuthority, IdempotencyToken
    from chalicelib.store import Span


class CertificateRecords(Protocol):
    """Certificates; the exceptions are those of `chalicelib.store`."""

    def reserve_certificate(
        self,
        certificate: Certificate,
        ca: CertificateAuthority,
        token: IdempotencyToken | None,
        *,
        now: datetime,
        terms: Sequence[tuple[str, str]] = (),
        key_sha256: str = "",
        durable: bool = True,
    ) -> tuple[Certificate, bool]:
        """Record the intent to sign: serial, plan, token and search entries in one transaction.

        `terms` are pairs of "subject" or "san" and a value. The certificate can be found by each of them, by its
        template and by its expiry. If there are more than fit into one transaction, some are written before it.

        A power cut may lose an intent that is not `durable`, until `complete_certificate` or `fail_certificate` has
        returned. What it loses was given to nobody: an earlier certificate is durable when it is returned.

        Returns:
            `certificate` and True; or, if it was already issued with an unexpired token of the same fingerprint, the
            earlier certificate and False. A token whose certificate is FAILED counts as unused.

        Raises:
            StaleAuthorityError: the CA is no longer at `ca.issuing_epoch`: read it and plan again.
            SerialTakenError: the CA has used this serial number: take another one.
            CompromisedKeyError: the account has revoked a certificate of the key `key_sha256` as compromised.
            TokenMismatchError: the unexpired token has another fingerprint.
        """
        ...

    def is_compromised(self, account_id: str, key_sha256: str) -> bool:
        """Tell whether an account has revoked a certificate of this key as compromised."""
        ...

    def certificate_of(self, token: IdempotencyToken, *, now: datetime) -> Certificate | None:
        """Return the certificate that `reserve_certificate` would return for a used token, or None."""
        ...

    def complete_certificate(self, certificate: Certificate, certificate_der: bytes, *, issued_at: datetime) -> None:
        """Change the status from PENDING to ISSUED.

        Raises:
            ConflictError: it is no longer PENDING; the signed certificate must not be handed out.
        """
        ...

    def fail_certificate(self, certificate: Certificate, failure: str) -> None:
        """Change the status from PENDING to FAILED; `ConflictError` if it is no longer PENDING."""
        ...

    def get_certificate(self, ca_arn: str, serial_number: int) -> Certificate | None:
        """Return the certificate with this serial number, whatever its status, or None; read consistently."""
        ...

    def list_certificates(self, ca_arn: str) -> Iterator[Certificate]:
        """Yield all certificates of a CA in the order of their reservation, read in pages."""
        ...

    def find_certificates(self, ca_arn: str, span: Span, *, after: str = "", limit: int) -> list[tuple[str, int]]:
        """Return up to `limit` certificates of a CA with a value in a span, as pairs of position and serial number.

        Args:
            ca_arn: the CA.
            span: the values to match.
            after: a position; the answer starts after it. Positions are ordered by value, then by time of reservation.
                For "subject", "san", "template" and "expires" the value is the second part of a position.
            limit: also the number of index entries read at most from each of 16 shards.
        """
        ...
