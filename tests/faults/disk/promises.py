"""What must hold in a home that starts again after its disk has lost or damaged something."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography import x509

from chalicelib import arn as arns
from chalicelib import doctor, reconcile, runtime
from chalicelib.audit.events import Actor, event
from chalicelib.audit.notes import Origin
from chalicelib.cli import signet
from chalicelib.config import SettingsError
from chalicelib.crl import publication, repair
from chalicelib.errors import ApiError
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates
from chalicelib.runtime import Caller
from tests.support.authority_steps import DAYS_30
from tests.support.builders import csr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.disk.load import Acknowledged

ACCOUNT = "000000000000"
PENDING_SECONDS = 30
CALLER = Caller(account_id=ACCOUNT, access_key_id="AKIATEST", principal=ADMINISTRATOR)


@contextmanager
def started(home: Path) -> Iterator[Runtime]:
    """Start as `signet serve` does, a minute later: with reconciliation, the monitor's repairs and the schedule's CRLs.

    Raises:
        SettingsError: the home refuses to start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNET_DATA", str(home))
        patch.setenv("SIGNET_PENDING_SECONDS", str(PENDING_SECONDS))
        rt = runtime.from_env(creates=True)
    if reason := doctor.at_start(rt):
        raise SettingsError(reason)
    rt = replace(rt, now=lambda: runtime.system_clock() + timedelta(seconds=2 * PENDING_SECONDS))
    try:
        authorities = rt.store.list_certificate_authorities(ACCOUNT, limit=100)
        repair.repair(rt, [ca.arn for ca in authorities])  # as the monitor does where clients get no right CRL
        for _ in range(2):
            reconcile.reconcile(rt)
            rt.journal.sequence(rt.now())
            publication.publish_due_crls(rt, seconds=60)
        yield rt
    finally:
        rt.store.table.close()  # type: ignore[attr-defined]  # the SQLite driver


def broken(home: Path, seen: Acknowledged, position: int) -> list[str]:
    """Start a home, and list what was acknowledged up to a position and does not hold."""
    with started(home) as rt:
        return [
            *_damaged(rt),
            *_lost(rt, seen, position),
            *_unrevoked(rt, seen, position),
            *_unusable(rt, seen, position),
        ]


def _damaged(rt: Runtime) -> Iterator[str]:
    connection = rt.store.table._connection()  # type: ignore[attr-defined]  # the SQLite driver
    if (found := connection.execute("PRAGMA integrity_check").fetchone()) != ("ok",):
        yield f"The database is damaged: {found}"


def _lost(rt: Runtime, seen: Acknowledged, position: int) -> Iterator[str]:
    for at, arn in seen.authorities:
        ca = rt.store.get_certificate_authority(arn)
        if at <= position and (ca is None or ca.status != "ACTIVE"):
            yield f"{arn} is lost"
    for at, arn, pem in seen.certificates:
        if at <= position:
            yield from _certificate(rt, arn, pem)


def _certificate(rt: Runtime, arn: str, pem: str) -> Iterator[str]:
    request: Any = {"CertificateAuthorityArn": str(arns.parse_certificate_arn(arn).ca), "CertificateArn": arn}
    try:
        answer = certificates.get_certificate(rt, CALLER, request)["Certificate"]
    except ApiError as error:
        if error.code != "RequestFailedException" or pem:
            yield f"{arn} is lost: {error.code}: {error}"
        return
    if pem and answer != pem:
        yield f"{arn} is another certificate"


def _unrevoked(rt: Runtime, seen: Acknowledged, position: int) -> Iterator[str]:
    crls = {arn: _crl(rt, arn) for at, arn in seen.authorities if at <= position}
    for at, arn, serial in seen.revocations:
        if at > position:
            continue
        record = rt.store.get_certificate(arn, serial)
        if record is None or record.revoked_at is None:
            yield f"The revocation of {serial:x} is lost"
        crl = crls[arn]
        if crl is None or crl.get_revoked_certificate_by_serial_number(serial) is None:
            yield f"The CRL lacks {serial:x}"
    for at, arn, number in seen.numbers:
        crl = crls.get(arn)
        if at <= position and (crl is None or _number(crl) < number):
            yield f"CRL {number} was published, and is replaced by an older one"


def _unusable(rt: Runtime, seen: Acknowledged, position: int) -> Iterator[str]:
    for arn in [arn for at, arn in seen.authorities if at <= position][:1]:
        request: Any = {
            "CertificateAuthorityArn": arn,
            "Csr": csr(),
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Validity": DAYS_30,
        }
        made = certificates.issue_certificate(rt, CALLER, request)["CertificateArn"]
        yield from _certificate(rt, made, "")
        publication.make_due(rt, rt.store.get_certificate_authority(arn))  # type: ignore[arg-type]  # it was seen
        outcomes = publication.publish_due_crls(rt, seconds=60)
        numbers = [outcome.crl_number for outcome in outcomes if outcome.crl_arn == arn]
        if not numbers or numbers[0] <= max((number for at, _, number in seen.numbers if at <= position), default=0):
            yield f"The next CRL is not published, or its number is not higher: {outcomes}"
    rt.audit.append(
        event(
            "test",
            Actor("AWSService", "", name="test"),
            Origin("schedule"),
            now=rt.now(),
            region="us-east-1",
            changes=True,
            parameters=None,
            resources=(),
        ),
        now=rt.now(),
        durable=True,
    )()
    rt.audit.publish()
    if problems := rt.audit.verify(rt.now()).problems:
        yield f"The audit record is broken: {problems[0]}"
    verified = CliRunner().invoke(signet, ["log", "verify"], env={"SIGNET_DATA": str(rt.settings.data_path)})
    if verified.exit_code:
        yield f"The journal is broken: {verified.output} {verified.exception}"


def _crl(rt: Runtime, arn: str) -> x509.CertificateRevocationList | None:
    stored = rt.buckets.get("crl-bucket", f"crl/{arns.parse_ca_arn(arn).ca_id}.crl")
    return x509.load_der_x509_crl(stored.body) if stored else None


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
