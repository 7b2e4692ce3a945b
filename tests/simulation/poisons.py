"""Ways in which a CA cannot publish any more: each spoils one thing of one CA, behind the operations' backs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.records import Revocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


def _key_deleted(rt: Runtime, ca: CertificateAuthority) -> None:
    rt.keys.delete_key(ca.key_id or "", ca.arn)


def _key_file_corrupt(rt: Runtime, ca: CertificateAuthority) -> None:
    path = Path(rt.settings.data) / "keys" / f"{ca.key_id}.key"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")


def _key_of_another(rt: Runtime, ca: CertificateAuthority) -> None:
    _change(rt, ca, key_id=_another(rt, ca).key_id)


def _certificate_of_another(rt: Runtime, ca: CertificateAuthority) -> None:
    _change(rt, ca, certificate_der=_another(rt, ca).certificate_der)


def _certificate_corrupt(rt: Runtime, ca: CertificateAuthority) -> None:
    _change(rt, ca, certificate_der=b"0\x03no")


def _algorithm_unknown(rt: Runtime, ca: CertificateAuthority) -> None:
    _change(rt, ca, configuration=ca.configuration | {"SigningAlgorithm": "NONE"})


def _configuration_lost(rt: Runtime, ca: CertificateAuthority) -> None:
    _change(rt, ca, revocation_configuration={})


def _revocation_corrupt(rt: Runtime, ca: CertificateAuthority) -> None:
    """A record that says it is revoked, with an entry that is no DER."""
    now = rt.now()
    (record, *_) = (each for each in rt.store.list_certificates(ca.arn) if "Root" not in each.template_arn)
    spoiled = Revocation(
        ca_arn=ca.arn,
        serial_number=record.serial_number,
        revoked_at=now,
        reason="SUPERSEDED",
        not_after=record.not_after,
        entry_der=b"0\x7f",
    )
    rt.store.revoke_certificate(record, spoiled)


def _bucket_gone(rt: Runtime, ca: CertificateAuthority) -> None:
    """What was the CA's own bucket is a file."""
    bucket = Path(rt.settings.data) / "buckets" / ca.distribution_points[0].bucket
    shutil.rmtree(bucket)
    bucket.write_bytes(b"")


def _object_unreadable(rt: Runtime, ca: CertificateAuthority) -> None:
    path = Path(rt.settings.data) / "buckets" / ca.distribution_points[0].bucket / ca.distribution_points[0].key
    path.unlink()
    path.mkdir()


def _change(rt: Runtime, ca: CertificateAuthority, **changed: Any) -> None:
    rt.store.update_certificate_authority(ca, replace(ca, **changed))


def _another(rt: Runtime, ca: CertificateAuthority) -> CertificateAuthority:
    account = ca.arn.split(":")[4]
    return next(each for each in rt.store.list_certificate_authorities(account, limit=2) if each.arn != ca.arn)


POISONS: dict[str, Callable[[Runtime, CertificateAuthority], None]] = {
    "key deleted": _key_deleted,
    "key file corrupt": _key_file_corrupt,
    "key of another CA": _key_of_another,
    "certificate of another CA": _certificate_of_another,
    "certificate corrupt": _certificate_corrupt,
    "signing algorithm unknown": _algorithm_unknown,
    "configuration lost": _configuration_lost,
    "revocation corrupt": _revocation_corrupt,
    "bucket gone": _bucket_gone,
    "object unreadable": _object_unreadable,
}
