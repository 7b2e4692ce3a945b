"""Measure Signet beside peers in the same run: ratios on the screen, and rows in build/bench.json.

A row is `{name, value, unit, peer, ratio}`; a ratio above 1 means that Signet is faster. Nothing is asserted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("", "contract", "e2e", "bench"))]

import boto3  # noqa: E402  the path comes first
import ocsp_load  # noqa: E402
from authority_steps import active_root, issue  # noqa: E402
from builders import START, csr  # noqa: E402
from home import BIN, Home, free_port  # noqa: E402

from chalicelib.pki import certificate, crl, signed  # noqa: E402
from chalicelib.records import Revocation  # noqa: E402
from chalicelib.store import items  # noqa: E402
from chalicelib.store.sqlite import SqliteTable, open_store  # noqa: E402
from chalicelib.store.table import Put  # noqa: E402

ISSUES = 150
ENTRIES = 100_000
if TYPE_CHECKING:
    from collections.abc import Callable

CA_ARN = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-000000000001"
Row = dict[str, Any]


def row(name: str, value: float, unit: str, peer: float, *, more_is_better: bool) -> Row:
    """A figure beside its peer's."""
    ratio = value / peer if more_is_better else peer / value
    return {"name": name, "value": round(value, 3), "unit": unit, "peer": round(peer, 3), "ratio": round(ratio, 2)}


def per_second(issue_one: Callable[[], object]) -> float:
    """How often a call is answered, one after the other; the median of three rounds."""
    issue_one()
    rates = []
    for _ in range(3):
        begun = time.perf_counter()
        for _ in range(ISSUES // 3):
            issue_one()
        rates.append(ISSUES / 3 / (time.perf_counter() - begun))
    return statistics.median(rates)


def issue_over_http(work: Path) -> list[Row]:
    """IssueCertificate by boto3 over HTTP, one client: Signet (durable, verified) beside moto's server (in memory)."""
    request = csr()
    home = Home(work / "home")
    home.start()
    client = home.client()
    arn = active_root(client)
    ours = per_second(lambda: issue(client, arn, Csr=request))
    home.stop()
    port = free_port()
    server = subprocess.Popen(
        [BIN / "moto_server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        peer = boto3.session.Session().client(
            "acm-pca",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        peer_arn = _when_up(lambda: active_root(peer, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}}))
        theirs = per_second(lambda: issue(peer, peer_arn, Csr=request))
    finally:
        server.terminate()
        server.wait()
    return [row("issue over HTTP, beside moto's server", ours, "1/s", theirs, more_is_better=True)]


def _when_up(call: Callable[[], str]) -> str:
    for _ in range(100):
        try:
            return call()
        except Exception:  # noqa: BLE001  the server is starting
            time.sleep(0.2)
    return call()


def ocsp_over_http(work: Path) -> list[Row]:
    """Cached OCSP answers over HTTP."""
    ours, theirs = ocsp_load.measure(work)
    name = "beside openssl ocsp"
    return [
        row(f"cached OCSP answers over HTTP, {name}", ours.per_second, "1/s", theirs.per_second, more_is_better=True),
        row(
            f"latency of cached OCSP answers, 99th percentile, {name}", ours.p99, "ms", theirs.p99, more_is_better=False
        ),
    ]


def crl_of_many_entries(work: Path) -> list[Row]:
    """A CRL from stored revocations to signed DER, beside `openssl ca -gencrl` over as many index lines."""
    path = work / "signet.db"
    table = SqliteTable(path)
    serials = [(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128) for number in range(1, ENTRIES + 1)]
    table.write(*(Put(items.revocation_item(_revocation(serial))) for serial in serials))
    key, issuer = _issuer()
    store = open_store(path)
    begun = time.perf_counter()
    tbs = crl.build_crl_tbs(
        issuer=issuer,
        signing_algorithm="SHA256WITHECDSA",
        crl_number=1,
        this_update=START,
        next_update=START + timedelta(days=7),
        entries=[each.entry_der for each in store.list_revocations(CA_ARN)],
    )
    signed.sign(tbs, key, "SHA256WITHECDSA")
    ours = time.perf_counter() - begun
    theirs = _openssl_gencrl(work, serials)
    return [row(f"CRL of {ENTRIES:,} entries, beside openssl ca -gencrl", ours, "s", theirs, more_is_better=False)]


def _revocation(serial: int) -> Revocation:
    entry = crl.encode_entry(serial, START, "SUPERSEDED")
    return Revocation(
        ca_arn=CA_ARN,
        serial_number=serial,
        revoked_at=START,
        reason="SUPERSEDED",
        not_after=START + timedelta(days=365),
        entry_der=entry,
    )


def _issuer() -> tuple[Any, certificate.Issuer]:
    from builders import ROOT_KEY, pem, root_certificate

    from chalicelib.pki import pem as pems

    return ROOT_KEY, certificate.issuer_of(pems.blocks(pem(root_certificate()))[0][1])


_CONFIG = """[ca]
default_ca = own
[own]
database = index.txt
certificate = root.pem
private_key = root.key
default_md = sha256
default_crl_days = 7
crlnumber = crlnumber
"""


def _openssl_gencrl(work: Path, serials: list[int]) -> float:
    (work / "ca.cnf").write_text(_CONFIG)
    (work / "crlnumber").write_text("01\n")
    lines = (f"R\t310101000000Z\t300101000000Z,superseded\t{serial:032X}\tunknown\t/CN=leaf\n" for serial in serials)
    (work / "index.txt").write_text("".join(lines))
    subject = ("-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem", "-days", "3650")
    _openssl(work, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject)
    begun = time.perf_counter()
    _openssl(work, "ca", "-gencrl", "-config", "ca.cnf", "-out", "peer.crl")
    return time.perf_counter() - begun


def _openssl(work: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=work, check=True, capture_output=True)


def main() -> None:
    """Run every row, print the ratios, and write build/bench.json."""
    rows = []
    for measure in (issue_over_http, ocsp_over_http, crl_of_many_entries):
        with tempfile.TemporaryDirectory() as work:
            found = measure(Path(work))
        for each in found:
            print(f"{each['name']}: {each['value']} {each['unit']}, peer {each['peer']}, ratio {each['ratio']}")
        rows += found
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
