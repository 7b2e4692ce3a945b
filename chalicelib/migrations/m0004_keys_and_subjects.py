"""CAs hold their key, their subject and their hashes for OCSP, so that nobody else takes one of them.

Source: RFC 5280 section 6.3.3 for the subject, RFC 6960 section 4.1.1 for the hashes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.ca import subjects
from chalicelib.crl import revocation_configuration
from chalicelib.pki.x509 import csr, keys, names
from chalicelib.records import CertificateAuthority
from chalicelib.store import items
from chalicelib.store.table import ABSENT, Put
from chalicelib.store.table_authorities import replacement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.migrations import Read
    from chalicelib.store.table import Item, Write


def writes(item: Item, _: Read) -> Iterator[Write]:
    """Add what a CA does not hold yet."""
    if not str(item["pk"]).startswith("ACCOUNT#") or item["status"] in {"DELETED", "FAILED"}:
        return
    ca = items.from_item(CertificateAuthority, item)
    subject = subjects.sha256_of(names.encode_subject(ca.configuration["Subject"]))
    held = items.subject_key(arns.parse_ca_arn(ca.arn).account_id, subject)
    yield Put({"pk": held.pk, "sk": held.sk, "holder": "ca"}, ABSENT)
    holding = revocation_configuration.with_ocsp(ca) if not ca.ocsp_key_hashes else ca
    if ca.key_sha256 is None and ca.csr_der is not None:
        holding = replace(holding, key_sha256=keys.key_sha256(csr.parse_csr_der(ca.csr_der).public_key))
    if holding != ca:
        yield from replacement(ca, replace(holding, version=ca.version + 1))
