"""Backup and restore of a home with many certificates, the latter with a journal that is newer than the backup.

`python -m tests.bench.backup CERTIFICATES` prints seconds as JSON. `restore` is of a backup that has all certificates,
`forward` of one made before the first of them, so that the journal has to bring all of them forward.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates
from chalicelib.runtime import Caller, from_settings
from tests.bench.many_authorities import make_authority
from tests.support.builders import csr

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


def main() -> int:
    """Measure; prints the figures."""
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(measure(Path(work), int(sys.argv[1])), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
