"""Records as a store keeps them, and the steps of a CRL's publication: each test states only how its case deviates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.identities import ConsoleSession
from chalicelib.pki.crl import tbs as crl_tbs
from chalicelib.records import (
    AuditReport,
    Certificate,
    CertificateAuthority,
    DistributionPoint,
    IdempotencyToken,
    Revocation,
)
from tests.support.builders import START

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.store.table_store import TableStore


ACCOUNT = "000000000000"
POINT = DistributionPoint(bucket="bucket", key="crl/x.crl")


def at(**later: float) -> datetime:
    return START + timedelta(**later)


def authority(number: int = 1, *, account: str = ACCOUNT, **more: Any) -> CertificateAuthority:
    arn = f"arn:aws:acm-pca:us-east-1:{account}:certificate-authority/00000000-0000-0000-0000-{number:012d}"
    return CertificateAuthority(
        arn=arn,
        type="ROOT",
        status="CREATING",
        created_at=START,
        last_state_change_at=START,
        configuration={"KeyAlgorithm": "RSA_2048"},
        revocation_configuration={"CrlConfiguration": {"Enabled": False}},
        key_storage_security_standard="FIPS_140_2_LEVEL_3_OR_HIGHER",
        usage_mode="GENERAL_PURPOSE",
        **more,
    )


def certificate(ca: CertificateAuthority, serial_number: int = 1, **more: Any) -> Certificate:
    fields: dict[str, Any] = {
        "arn": f"{ca.arn}/certificate/{serial_number:032x}",
        "ca_arn": ca.arn,
        "serial_number": serial_number,
        "status": "PENDING",
        "template_arn": "arn:aws:acm-pca:::template/EndEntityCertificate/V1",
        "tbs_der": b"tbs",
        "tbs_sha256": "00" * 32,
        "not_before": START,
        "not_after": at(days=30),
        "reserved_at": START,
        "requested_by": "AKIATEST",
    }
    return Certificate(**fields | more)


def token(text: str = "token", fingerprint: str = "f", **more: Any) -> IdempotencyToken:
    fields: dict[str, Any] = {
        "scope": "scope",
        "token": text,
        "fingerprint": fingerprint,
        "expires_at": at(minutes=5),
    }
    return IdempotencyToken(**fields | more)


def revocation(record: Certificate, revoked_at: datetime = START) -> Revocation:
    return Revocation(
        ca_arn=record.ca_arn,
        serial_number=record.serial_number,
        revoked_at=revoked_at,
        reason="SUPERSEDED",
        not_after=record.not_after,
        entry_der=crl_tbs.encode_entry(record.serial_number, revoked_at, "SUPERSEDED"),
    )


def new_revocations(store: TableStore, crl_arn: str, limit: int | None = None) -> list[Revocation]:
    return store.list_new_revocations(store.get_crl_segments(crl_arn), limit=limit)


def started(store: TableStore, ca: CertificateAuthority) -> CertificateAuthority:
    return store.start_crl(ca, POINT, due_at=START)


def reserve(store: TableStore, ca: CertificateAuthority, now: datetime = START, number: int = 100) -> Any:
    return store.reserve_crl(ca.arn, number=number, now=now, lease_until=now + timedelta(seconds=45))


def complete(store: TableStore, state: Any, next_crl_at: datetime | None) -> None:
    store.complete_crl(state, published_at=START, next_update=at(days=7), entries=3, next_crl_at=next_crl_at)


def report(ca: CertificateAuthority, name: str = "r1", **more: Any) -> AuditReport:
    fields: dict[str, Any] = {"created_at": START, "due_at": START, "status": "CREATING"} | more
    return AuditReport(ca_arn=ca.arn, report_id=name, bucket="bucket", key=f"{name}.csv", format="CSV", **fields)


def session(name: str = "a", **more: Any) -> ConsoleSession:
    fields: dict[str, Any] = {
        "id_sha256": name * 64,
        "access_key_id": "AKIATEST",
        "account_id": ACCOUNT,
        "created_at": START,
        "expires_at": at(hours=8),
    }
    return ConsoleSession(**fields | more)
