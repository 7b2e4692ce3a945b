"""The gate before every publication: what a CRL has to be before it may replace the one that clients have.

It reads CRLs by another parser than the one that builds them. Each rule is one function of a table, and says in one
sentence what is wrong.

Source: RFC 5280 sections 3.3, 5.1.2, 5.2.3 and 5.2.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime


class CrlRefusedError(Exception):
    """The CRL must not be published; the text names the rule."""


@dataclass(frozen=True)
class Crl:
    """A CRL as clients read it."""

    parsed: x509.CertificateRevocationList

    @cached_property
    def number(self) -> int:
        """CRLNumber."""
        return self.parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    @cached_property
    def scope(self) -> bytes | None:
        """The DER of IssuingDistributionPoint; None for a complete CRL."""
        for each in self.parsed.extensions:
            if isinstance(each.value, x509.IssuingDistributionPoint):
                return each.value.public_bytes()
        return None

    @cached_property
    def listed(self) -> list[int]:
        """The serial numbers, in order."""
        return [each.serial_number for each in self.parsed]

    @cached_property
    def serials(self) -> frozenset[int]:
        """The serial numbers."""
        return frozenset(self.listed)

    @property
    def this_update(self) -> datetime:
        """When it was made, or before."""
        return self.parsed.last_update_utc

    @property
    def next_update(self) -> datetime | None:
        """Until when it is good."""
        return self.parsed.next_update_utc


@dataclass(frozen=True, kw_only=True)
class Due:
    """What the CRL has to be.

    Attributes:
        issuer_der: the subject of the CA certificate.
        public_key: of the CA.
        scope: the DER of IssuingDistributionPoint; None for a complete CRL.
        latest_next_update: of the CA's configuration.
        needed_until: by serial number, until when each certificate that is revoked needs its entry; the entry stays
            for one CRL longer.
        shown_at: entries that were needed until before it have been in a CRL since.
        published: what lies at the addresses now.
    """

    now: datetime
    issuer_der: bytes
    public_key: Any
    scope: bytes | None = None
    latest_next_update: datetime
    needed_until: Mapping[int, datetime]
    shown_at: datetime | None = None
    published: list[Crl] = field(default_factory=list)


def read(crl_der: bytes) -> Crl:
    """Parse a CRL.

    Raises:
        CrlRefusedError: it is none, or has no number.
    """
    try:
        crl = Crl(x509.load_der_x509_crl(crl_der))
        _ = crl.number, crl.scope, crl.listed, crl.this_update, crl.next_update
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CrlRefusedError("It is not a CRL with a CRL number.") from error
    return crl


def check(crl_der: bytes, due: Due) -> None:
    """Pass what may be published.

    Raises:
        CrlRefusedError: it must not.
    """
    crl = read(crl_der)
    for rule in RULES:
        for problem in rule(crl, due):
            raise CrlRefusedError(problem)


def _issuer(crl: Crl, due: Due) -> Iterator[str]:
    if crl.parsed.issuer.public_bytes() != due.issuer_der:
        yield "Its issuer is not the subject of the CA certificate."


def _signature(crl: Crl, due: Due) -> Iterator[str]:
    if not crl.parsed.is_signature_valid(due.public_key):
        yield "Its signature is not the CA's."


def _scope(crl: Crl, due: Due) -> Iterator[str]:
    if crl.scope != due.scope:
        yield "Its scope (IssuingDistributionPoint) is not that of its address."


def _times(crl: Crl, due: Due) -> Iterator[str]:
    if crl.this_update > max(
        [due.now, *(each.this_update for each in due.published)]
    ):  # the clock may have jumped back
        yield "Its thisUpdate lies in the future."
    if crl.next_update is None or crl.next_update <= due.now:
        yield "Its nextUpdate has passed, or is missing."
    elif crl.next_update > due.latest_next_update:
        yield f"Its nextUpdate is after {due.latest_next_update:%Y-%m-%dT%H:%M:%SZ}, the latest that is configured."


def _entries(crl: Crl, due: Due) -> Iterator[str]:
    if len(crl.listed) != len(crl.serials):
        yield "It lists a serial number twice."
    for serial, until in due.needed_until.items():
        if serial not in crl.serials and (due.shown_at is None or until >= due.shown_at):
            yield f"It lacks the revoked serial number {serial:032x}."
    known = frozenset(due.needed_until).union(*(each.serials for each in due.published))
    for serial in crl.serials - known:
        yield f"It lists the serial number {serial:032x}, which is not revoked."


def _after_the_published(crl: Crl, due: Due) -> Iterator[str]:
    for old in due.published:
        if crl.number <= old.number:
            yield f"Its number {crl.number} is not above the published {old.number}."
        if crl.this_update < old.this_update:
            yield "Its thisUpdate is before that of the published CRL."
        for serial in old.serials - crl.serials:
            if serial not in due.needed_until or due.needed_until[serial] >= old.this_update:
                yield f"The serial number {serial:032x} would vanish before it has been in a CRL after its expiry."


RULES: tuple[Callable[[Crl, Due], Iterator[str]], ...] = (
    _issuer,
    _signature,
    _scope,
    _times,
    _entries,
    _after_the_published,
)
