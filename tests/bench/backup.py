"""Backup and restore of a home with many certificates, the latter with a journal that is newer than the backup.

`restore` is of a backup that has all certificates,
`forward` of one made before the first of them, so that the journal has to bring all of them forward.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates
from chalicelib.runtime import Caller, from_settings
from tests.bench.many_authorities import make_authority
from tests.bench.report import Row
from tests.support.builders import csr

if TYPE_CHECKING:
    from tests.bench.sizes import Sizes

PASSPHRASE = "a passphrase for this run alone"
SEQUENCED = 1_000  # certificates, after each of which the journal is written, as a server does every few seconds


def signet(data: Path, *words: str) -> float:
    """Run a command of a home; seconds."""
    environment = {**os.environ, "SIGNET_DATA": str(data), "SIGNET_BACKUP_PASSPHRASE": PASSPHRASE}
    begun = time.perf_counter()
    subprocess.run([Path(sys.prefix) / "bin/signet", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - begun, 2)


def measure(work: Path, count: int) -> dict[str, float]:
    """Every figure, for a home with as many certificates."""
    data, early, late = work / "home", work / "early", work / "late"
    rt = from_settings(Settings(data=str(data)))
    access_keys.ensure_root_key(rt)
    caller = Caller(
        account_id="000000000000", access_key_id="bench", principal=ADMINISTRATOR, operation="IssueCertificate"
    )
    arn = make_authority(rt, caller)
    rt.journal.run(rt.now())
    signet(data, "backup", str(early))
    begun, request = time.perf_counter(), csr()
    for number in range(count):
        certificates.issue_certificate(
            rt,
            caller,
            {
                "CertificateAuthorityArn": arn,
                "Csr": request,
                "SigningAlgorithm": "SHA256WITHECDSA",
                "Validity": {"Type": "DAYS", "Value": 30},
            },
        )
        if number % SEQUENCED == SEQUENCED - 1:
            rt.journal.run(rt.now())
    rt.journal.run(rt.now())
    figures = {"certificates": count, "issued": round(time.perf_counter() - begun, 2)}
    figures["backup"] = signet(data, "backup", str(late))
    figures["backup_mb"] = round(late.stat().st_size / 1e6, 1)
    figures["verify"] = signet(data, "backup", "verify", str(late))
    figures["restore"] = signet(work / "restored", "restore", str(late), "--journal", str(rt.settings.journal_path))
    figures["forward"] = signet(work / "forward", "restore", str(early), "--journal", str(rt.settings.journal_path))
    return figures


def backup(work: Path, sizes: Sizes) -> list[Row]:
    """The figures as rows."""
    found, home = measure(work, sizes.certificates), f"{sizes.certificates:,} certificates"
    names = {
        "backup": "backup",
        "verify": "verification of a backup",
        "restore": "restore of a backup",
        "forward": "restore of an empty backup that the journal brings forward",
    }
    rows = [Row(f"{words}, {home}", found[name], "s") for name, words in names.items()]
    return [*rows, Row(f"backup, {home}: size", found["backup_mb"], "MB")]
