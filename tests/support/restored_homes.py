"""Copies of a laptop home's database, with or without its journal, and homes that are restored from them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.x509 import ocsp as theirs

import app as signet_app
from chalicelib.monitor import ocsp_watch
from chalicelib.ocsp import answers
from chalicelib.runtime import from_settings

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.runtime import Runtime


@dataclass
class Copy:
    """A database as a backup has it, and the journal as it was then."""

    database: bytes
    journal: Path


def copy_of(rt: Runtime) -> Copy:
    with closing(sqlite3.connect(rt.settings.data_path / "signet.db")) as source:
        database = source.serialize()
    journal = rt.settings.data_path.with_name("copied-journal")
    shutil.rmtree(journal, ignore_errors=True)
    if rt.settings.journal_path.is_dir():
        shutil.copytree(rt.settings.journal_path, journal)
    return Copy(database, journal)


def restored(rt: Runtime, copy: Copy, *, with_journal: bool) -> Runtime:
    """Put the copy of the database in the place of the present one, and that of the journal or not."""
    path = rt.settings.data_path / "signet.db"
    rt.store.table.close()  # type: ignore[attr-defined]  # the store over a table
    path.with_name("restored.db").write_bytes(copy.database)
    path.with_name("restored.db").replace(path)
    for beside in ("signet.db-wal", "signet.db-shm"):  # SQLite would apply the present log to the copy
        path.with_name(beside).unlink(missing_ok=True)
    if with_journal:
        shutil.rmtree(rt.settings.journal_path, ignore_errors=True)
        if copy.journal.is_dir():
            shutil.copytree(copy.journal, rt.settings.journal_path)
    rt = replace(from_settings(rt.settings), now=rt.now)
    signet_app.use_runtime(rt)
    return rt


def ocsp_status(rt: Runtime, arn: str, serial: str) -> tuple[str, str]:
    """Status and reason of a serial number; tryLater is a ValueError."""
    ca = rt.store.get_certificate_authority(arn)
    assert ca is not None
    request = ocsp_watch.request_about(ca, int(serial.replace(":", ""), 16))
    answer = theirs.load_der_ocsp_response(answers.respond(rt, request).der)
    reason = answer.revocation_reason
    return answer.certificate_status.name, reason.value if reason else ""
