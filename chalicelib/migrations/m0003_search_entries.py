"""Certificates have search entries, by which they are also counted; revocations are listed and counted by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.operations import search
from chalicelib.pki.x509 import summary
from chalicelib.records import Certificate, Revocation
from chalicelib.store import items, search_items, table_search
from chalicelib.store.table import PRESENT, Put, Update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.migrations import Read
    from chalicelib.store.table import Item, Write


def writes(item: Item, read: Read) -> Iterator[Write]:
    """Add the entries that a certificate or a revocation lacks."""
    pk = str(item["pk"])
    if pk.startswith("CERT#"):
        yield from _of_certificate(items.from_item(Certificate, item), read)
    elif pk.startswith("REV#"):
        yield from _of_revocation(items.from_item(Revocation, item), read)


def _of_certificate(certificate: Certificate, read: Read) -> Iterator[Write]:
    values = [("expires", f"{items.micros(certificate.not_after):020d}")]
    (expiry,) = search_items.find_items(certificate, values)
    if "list_pk" not in (read(items.key_of(expiry)) or {}):
        for batch in table_search.entries(certificate, _terms(certificate)):
            yield from batch


def _of_revocation(revocation: Revocation, read: Read) -> Iterator[Write]:
    counted, listed = search_items.revoked_entry(revocation), items.revocation_item(revocation)
    if read(items.key_of(counted)) is None:
        yield Update(items.key_of(listed), PRESENT, {name: listed[name] for name in ("list_pk", "list_sk")})
        yield Put(counted)


def _terms(certificate: Certificate) -> list[tuple[str, str]]:
    """The names of a certificate; of one that was never signed, those that were to be signed."""
    if certificate.certificate_der is not None:
        return search.terms_of(summary.of_certificate(certificate.certificate_der))
    return search.terms_of(summary.of_tbs(certificate.tbs_der)) if certificate.tbs_der is not None else []
