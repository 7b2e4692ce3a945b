"""Checks of what is on record: versions, the clock, secrets, keys, CRLs and the journal, one against the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib import clock, migrations
from chalicelib.access import access_keys
from chalicelib.backup import schedule
from chalicelib.ca import iterate, listener
from chalicelib.crl import verification
from chalicelib.doctor.findings import Finding
from chalicelib.keystore import KeyStoreError
from chalicelib.monitor import health
from chalicelib.pki.x509 import keys, reading
from chalicelib.store import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

_OFF = timedelta(minutes=1)
_DAY = timedelta(days=1)
_SECONDS = 5
_KEYS_REMEDY = "restore the keys and the database from one backup"


def tls_listener(rt: Runtime) -> Iterator[Finding]:
    """Find a certificate of the TLS listener that nobody has renewed, or whose key does not open."""
    identity = listener.read(rt.settings)
    if not rt.settings.tls_port or identity is None:
        return
    try:
        listener.private_key(rt, identity)
    except KeyStoreError:
        yield Finding("The key of the TLS listener does not open.", "restart `signet serve`: it makes another")
    if rt.now() > datetime.fromisoformat(identity.renew_at) + _DAY:
        yield Finding(
            f"The certificate of the TLS listener was to be renewed at {identity.renew_at}, and ends at "
            f"{identity.not_after}.",
            "start `signet serve`; if it runs, look for listener_certificate_failed in its log",
        )


def versions(rt: Runtime) -> Iterator[Finding]:
    """Find a database of another version."""
    try:
        table = rt.store.table.inner  # type: ignore[attr-defined]  # the store over a table
        schema, newest = migrations.state_of(table).schema, migrations.newest(table)
    except RecordError as error:
        reason, _, remedy = str(error).rstrip(".").partition(": ")
        yield Finding(f"{reason}.", remedy or "run a later version of Signet")
    else:
        if schema < newest:
            yield Finding(
                f"The records are of schema {schema}, and this version writes {newest}.", "run `signet migrate`"
            )


def clock_on_record(rt: Runtime) -> Iterator[Finding]:
    """Find a clock that jumped, or is behind the newest time on record."""
    mark = rt.store.get_clock_mark()
    if mark is None:
        return
    if rt.now() < mark.newest_at - clock.STEP_BACK:
        yield Finding(f"The clock is behind {mark.newest_at:%Y-%m-%d %H:%M} UTC, which is on record.", "set the clock")
    elif notice := clock.notice_of(mark, rt.now()):
        yield Finding(notice, "set the clock, or run `signet clock accept`")


def clock_of_others(rt: Runtime) -> Iterator[Finding]:
    """Compare the clock with the Date header of the URL in the settings, if there is one (RFC 9110 section 6.6.1)."""
    url = rt.settings.clock_url
    if not url:
        return
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    before = rt.now()
    try:
        with urlopen(Request(url, method="HEAD"), timeout=_SECONDS) as answer:  # noqa: S310  the setting allows https alone
            headers: Message = answer.headers
    except HTTPError as error:  # has the header as well
        headers = error.headers
    theirs = parsedate_to_datetime(headers["Date"])
    off = rt.now() - theirs if theirs < before else theirs - before
    if off > _OFF:
        direction = "ahead of" if theirs < before else "behind"
        yield Finding(f"The clock is {int(off.total_seconds())} seconds {direction} that of {url}.", "set the clock")


def parts(rt: Runtime) -> Iterator[Finding]:
    """Find what the health check finds: parts that cannot write, secrets that do not open, a full disk."""
    for problem in health.look(rt):
        yield Finding(f"{problem.part}: {problem.reason}", problem.remedy)


def journal(rt: Runtime) -> Iterator[Finding]:
    """Find a database and a journal that do not go together."""
    if difference := rt.journal.difference(rt.now()):
        yield Finding(difference.reason, difference.remedy)


def backups(rt: Runtime) -> Iterator[Finding]:
    """Find out whether the schedule makes its backups, and whether they would be lost with the data."""
    settings = rt.settings
    if not settings.backups:
        return
    age, due = schedule.age(settings, rt.now()), timedelta(hours=int(settings.backup_hours))
    if age is not None and age > 2 * due:
        yield Finding(
            f"The last backup in {settings.backups} is {int(age / timedelta(hours=1))} hours old.",
            "look for `backup_failed` in the log",
        )
    if Path(settings.backups).absolute().is_relative_to(settings.data_path.absolute()):
        yield Finding("The backups are in SIGNET_DATA, and are lost with it.", "set SIGNET_BACKUPS to another disk")


def secrets(rt: Runtime) -> Iterator[Finding]:
    """Open the secret of every access key."""
    for key in rt.store.list_access_keys():
        try:
            access_keys.secret_of(rt, key)
        except KeyStoreError as error:
            yield Finding(f"The secret of access key {key.access_key_id} does not open: {error}", _KEYS_REMEDY)


def ca_keys(rt: Runtime) -> Iterator[Finding]:
    """Open the key of every CA, and compare it with the record and the certificate."""
    for ca in iterate.every_authority(rt):
        if ca.key_id is not None and ca.status != "DELETED" and (problem := _key_problem(rt, ca)):
            yield Finding(problem, _KEYS_REMEDY)


def _key_problem(rt: Runtime, ca: CertificateAuthority) -> str:
    try:
        key_sha256 = keys.key_sha256(rt.keys.private_key(str(ca.key_id), ca.arn).public_key())
    except KeyStoreError as error:
        return f"The key of {ca.arn} does not open: {error}"
    if ca.key_sha256 not in {None, key_sha256}:
        return f"The key of {ca.arn} is another one than on record."
    if ca.certificate_der is not None:
        certified = reading.key_of_tbs(reading.tbs_of(ca.certificate_der))
        if keys.key_sha256(certified) != key_sha256:
            return f"The key of {ca.arn} is another one than in its certificate."
    return ""


def crls(rt: Runtime) -> Iterator[Finding]:
    """Compare every published CRL with the records of its certificates."""
    for verdict in verification.verify_crls(rt):
        if verdict.problem:
            yield Finding(
                f"{verdict.object_name}: {verdict.problem}", "run `signet crl publish`, then `signet crl verify`"
            )
