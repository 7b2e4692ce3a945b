"""The gate: the rules that a new CRL has to keep before it may replace the published one.

It reads CRLs with another parser than the one that builds them. Its work grows with the changes alone: entries that a
CRL shares with the published one were judged before. Each rule is a function in one table, and states a problem in one
sentence.

Source: RFC 5280 sections 3.3, 5.1.2, 5.2.3 and 5.2.5.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import segments as crl_segments
from chalicelib.pki.errors import DerError
from chalicelib.pki.x509 import algorithms, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from chalicelib.pki.crl.entries import Entries
    from chalicelib.pki.crl.segments import Shown
    from chalicelib.pki.x509.issuer import Issuer

    Changes = tuple[set[bytes], list[int]]


_MEMBERS = (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
_FEW = 4  # as part of a CRL
_UNREADABLE = (
    DerError,
    ValueError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class CrlRefusedError(Exception):
    """The CRL must not be published; the text names the rule."""


@dataclass(frozen=True)
class Crl:
    """A CRL, as clients read it.

    Attributes:
        tbs: the TBSCertList.
        identifier: the AlgorithmIdentifier of the signature, the same in both places that hold one.
        entries: revokedCertificates.
        parsed: the CRL without its entries.
    """

    tbs: der.Element
    identifier: bytes
    signature: bytes
    entries: Entries
    parsed: x509.CertificateRevocationList

    @cached_property
    def number(self) -> int:
        """CRLNumber."""
        return self.parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    @cached_property
    def scope(self) -> bytes | None:
        """The DER of IssuingDistributionPoint; None for a complete CRL."""
        values = (extension.value for extension in self.parsed.extensions)
        return next(
            (value.public_bytes() for value in values if isinstance(value, x509.IssuingDistributionPoint)), None
        )

    @property
    def this_update(self) -> datetime:
        """The time of thisUpdate."""
        return self.parsed.last_update_utc

    @property
    def next_update(self) -> datetime | None:
        """The time of nextUpdate."""
        return self.parsed.next_update_utc

    def is_issued_by(self, issuer: Issuer) -> bool:
        """Compare its issuer with the subject of the CA certificate."""
        return self.parsed.issuer.public_bytes() == issuer.name_der

    def is_signed_by(self, issuer: Issuer, signing_algorithm: str) -> bool:
        """Verify that the CA's key has signed it with this `SigningAlgorithm`."""
        if self.identifier != algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der:
            return False
        to_be_signed = memoryview(self.tbs.buffer)[self.tbs.start : self.tbs.end]
        return signed.verifies(issuer.public_key, self.signature, to_be_signed, signing_algorithm)


@dataclass(frozen=True, kw_only=True)
class Due:
    """The requirements on the new CRL.

    Attributes:
        issuer: the CA.
        signing_algorithm: the CA's.
        scope: the DER of IssuingDistributionPoint; None for a complete CRL.
        latest_next_update: by the CA's configuration, from now on, or from a published CRL that a fast clock made.
        recorded: the recorded segments, and how much of each needs an entry.
        revoked: serial numbers, as contents of INTEGERs, that were revoked since the last run and need an entry.
        published: the CRLs at the distribution points now.
    """

    now: datetime
    issuer: Issuer
    signing_algorithm: str
    scope: bytes | None = None
    latest_next_update: datetime
    recorded: Sequence[Shown] = ()
    revoked: Collection[bytes] = ()
    published: Sequence[Crl] = ()

    @cached_property
    def left_out(self) -> Mapping[bytes, int]:
        """When the recorded revocations that need no entry any more stopped needing one, in seconds since 1970."""
        return crl_segments.left_out(self.recorded)


def read(crl_der: bytes) -> Crl:
    """Parse a CRL.

    Raises:
        CrlRefusedError: it is none, or has no number.
    """
    try:
        tbs, identifier, bits = der.fields(_whole(crl_der), "A CRL", *_MEMBERS)
        signature = der.octets(bits, "The signature")
        entries = crl_entries.of_tbs(tbs)
        head = [member for member in tbs.children() if member.content_start != entries.begin]
        without_entries = der.sequence(der.sequence(*(member.der for member in head)), identifier.der, bits.der)
        parsed = x509.load_der_x509_crl(without_entries)  # refuses two identifiers that differ
        crl = Crl(tbs, identifier.der, signature, entries, parsed)
        _ = crl.number, crl.scope, crl.this_update, crl.next_update
    except _UNREADABLE as error:
        raise CrlRefusedError("It is not a CRL with a CRL number.") from error
    return crl


def _whole(buffer: bytes) -> der.Element:
    element = der.read(buffer)
    if element.end != len(buffer):
        raise DerError("Something follows the CRL.")
    return element


@dataclass(frozen=True)
class _Case:
    """A CRL and the requirements on it."""

    crl: Crl
    due: Due

    @cached_property
    def blocks(self) -> list[Entries]:
        """The entries, cut where the recorded segments end; the last block holds those that the record lacks."""
        return crl_entries.cut(self.crl.entries, [len(part.entries.octets) for part in self.due.recorded])

    @cached_property
    def changes(self) -> list[Changes]:
        """For each published CRL, the serial numbers that would go, and the positions of the blocks that would come."""
        return [self._change(old) for old in self.due.published]

    def _change(self, old: Crl) -> Changes:
        gone, come = crl_entries.unmatched(old.entries, self.blocks)
        going = {serial for part in gone for serial, _ in crl_entries.split(part)}
        return going - crl_entries.contained(going, *(self.blocks[position] for position in come)), come


def check(crl_der: bytes, due: Due) -> None:
    """Let a CRL pass that may be published.

    Raises:
        CrlRefusedError: the CRL must not be published.
    """
    case = _Case(read(crl_der), due)
    try:
        problem = next((problem for rule in RULES for problem in rule(case)), "")
    except DerError as error:
        raise CrlRefusedError(f"Its entries cannot be read: {error}") from error
    if problem:
        raise CrlRefusedError(problem)


def _issuer(case: _Case) -> Iterator[str]:
    if not case.crl.is_issued_by(case.due.issuer):
        yield "Its issuer is not the subject of the CA certificate."


def _signature(case: _Case) -> Iterator[str]:
    if not case.crl.is_signed_by(case.due.issuer, case.due.signing_algorithm):
        yield "Its signature is not the CA's."


def _scope(case: _Case) -> Iterator[str]:
    if case.crl.scope != case.due.scope:
        yield "Its scope (IssuingDistributionPoint) is not that of its address."


def _times(case: _Case) -> Iterator[str]:
    crl, due = case.crl, case.due
    if crl.this_update > due.now:
        yield "Its thisUpdate lies in the future."
    if crl.next_update is None or crl.next_update <= due.now:
        yield "Its nextUpdate has passed, or is missing."
    elif crl.next_update > due.latest_next_update:
        yield f"Its nextUpdate is after {due.latest_next_update:%Y-%m-%dT%H:%M:%SZ}, the latest that is configured."


def _each_once(case: _Case) -> Iterator[str]:
    """Look for repeated entries; if few are new, for them alone, because a published CRL's were judged before."""
    come = min((come for _, come in case.changes), key=len, default=range(len(case.blocks)))
    if len(come) * _FEW < len(case.blocks) and len(case.due.recorded) not in come:
        twice = crl_segments.repeated(case.due.recorded, come)
    else:
        twice = crl_entries.repeated(case.crl.entries)
    for serial in twice:
        yield f"It lists the serial number {_text(serial)} twice."


def _as_recorded(case: _Case) -> Iterator[str]:
    """Compare the entries with the record, and with those that clients have seen and the record lacks."""
    crl, due = case.crl, case.due
    extra, lacking = crl_entries.difference(crl.entries, [part.entries for part in due.recorded])
    for serial in lacking.keys() - extra.keys():
        yield f"It lacks the revoked serial number {_text(serial)}."
    for serial in extra.keys() - (_only_seen(due.published, due.recorded).keys() if extra else set()):
        yield f"It lists the serial number {_text(serial)}, which is not revoked."


def _as_revoked(case: _Case) -> Iterator[str]:
    """Require what was revoked since the last run, whatever became of it on its way through the record."""
    missing = set(case.due.revoked)
    new = [case.blocks[position] for _, come in case.changes for position in come]
    for parts in (new, [case.crl.entries]):
        missing -= crl_entries.contained(missing, *parts)
    for serial in missing:
        yield f"It lacks the revoked serial number {_text(serial)}."


def _after_the_published(case: _Case) -> Iterator[str]:
    crl, due = case.crl, case.due
    for old, (gone, _) in zip(due.published, case.changes, strict=True):
        if crl.number <= old.number:
            yield f"Its number {crl.number} is not above the published {old.number}."
        if crl.this_update < old.this_update <= due.now:
            yield "Its thisUpdate is before that of the published CRL."
        elif old.this_update > due.now < (due.issuer.not_before or due.now):  # which of the two clocks is right?
            yield "The clock is before the notBefore of the CA certificate, and the published CRL is not."
        seen_at = min(old.this_update, due.now).timestamp()
        for serial in gone:
            if due.left_out.get(serial, math.inf) >= seen_at:
                yield f"The serial number {_text(serial)} would vanish before it has been in a CRL after its expiry."


def _text(serial: bytes) -> str:
    return f"{crl_entries.number(serial):032x}"


RULES: tuple[Callable[[_Case], Iterator[str]], ...] = (
    _issuer,
    _signature,
    _scope,
    _times,
    _each_once,
    _as_recorded,
    _as_revoked,
    _after_the_published,
)


def forgotten(published: Sequence[Crl], recorded: Sequence[Shown]) -> dict[bytes, bytes]:
    """Entries that clients have seen and that are not on record, as after restoring an older state."""
    seen = _only_seen(published, recorded)
    known = crl_segments.left_out(recorded) if seen else {}
    return {serial: entry for serial, entry in seen.items() if serial not in known}


def _only_seen(published: Sequence[Crl], recorded: Sequence[Shown]) -> dict[bytes, bytes]:
    """Entries that clients have seen and that the record does not require."""
    seen: dict[bytes, bytes] = {}
    blocks = [part.entries for part in recorded]
    for old in published:
        parts, come = crl_entries.unmatched(old.entries, blocks)
        gone = {serial: entry for part in parts for serial, entry in crl_entries.split(part)}
        still = crl_entries.contained(gone, *(blocks[position] for position in come))
        seen |= {serial: entry for serial, entry in gone.items() if serial not in still}
    return seen
