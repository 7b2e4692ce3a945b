"""Measure Signet beside peers in the same run: ratios on the screen, and rows in build/bench.json.

A row is `{name, value, unit, peer, ratio}`; a ratio above 1 means that Signet is faster. Nothing is asserted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from tests.bench import console_load, console_pages, crl_load, ocsp_load
from tests.support.authority_steps import active_root, issue
from tests.support.builders import csr
from tests.support.home import BIN, Home, free_port

ROOT = Path(__file__).resolve().parents[2]
ISSUES = 150
ENTRIES = 100_000
if TYPE_CHECKING:
    from collections.abc import Callable

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


def console_by_certificates(work: Path) -> list[Row]:
    """Pages of the console over HTTP; the peer is the same page with a hundredth of the certificates."""
    few, many = (console_load.measure(work, certificates) for certificates in (console_load.FEW, console_load.MANY))
    return [
        row(
            f"console over HTTP with {console_load.MANY:,} certificates, {name}, beside {console_load.FEW}",
            milliseconds,
            "ms",
            few[name],
            more_is_better=False,
        )
        for name, milliseconds in many.items()
    ]


def pages_of_a_large_home(work: Path) -> list[Row]:
    """Every page of the console with a million certificates in one CA and a thousand CAs; the peers are the limits."""
    home = f"with {console_pages.CERTIFICATES:,} certificates and {console_pages.CAS:,} CAs"
    limits = console_pages.MOST_MILLISECONDS, console_pages.MOST_BYTES
    found = console_pages.measure(work)
    times = [
        row(f"console page {name} {home}, 95th percentile", each.p95, "ms", limits[0], more_is_better=False)
        for name, each in found.items()
    ]
    heaviest = max(each.weight for each in found.values())
    return [*times, row(f"heaviest console page {home}", heaviest, "bytes", limits[1], more_is_better=False)]


def crl_of_many_entries(work: Path) -> list[Row]:
    """CRLs of 100,000 entries; `make bench-crl` has a million."""
    return crl_rows(work, ENTRIES)


def crl_rows(work: Path, entries: int) -> list[Row]:
    """A CRL and the next one after some new revocations, beside `openssl ca -gencrl` over as many index lines."""
    ours, theirs = crl_load.measure(work, entries)
    first, following = ours
    name = f"CRL of {entries:,} entries"
    beside = "beside openssl ca -gencrl"
    after = f"{name}, the next one after {crl_load.NEW:,} new revocations"
    return [
        row(
            f"{name}, from stored state to signed DER, {beside}",
            first["to_signed"],
            "s",
            theirs["seconds"],
            more_is_better=False,
        ),
        row(
            f"{name}, from stored state to the bucket, {beside}",
            first["seconds"],
            "s",
            theirs["seconds"],
            more_is_better=False,
        ),
        row(
            f"{name}, most memory of the process, {beside}",
            first["megabytes"],
            "MB",
            theirs["megabytes"],
            more_is_better=False,
        ),
        row(
            f"{after}, processor time to the bucket, {beside}",
            following["cpu"],
            "s",
            theirs["cpu"],
            more_is_better=False,
        ),
        row(
            f"{after}, most memory of the process, {beside}",
            following["megabytes"],
            "MB",
            theirs["megabytes"],
            more_is_better=False,
        ),
    ]


def report(*measures: Callable[[Path], list[Row]]) -> None:
    """Print rows with their ratios, and put them in the place of those of the same name in build/bench.json."""
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    known: list[Row] = json.loads(target.read_text()) if target.exists() else []
    for measure in measures:
        with tempfile.TemporaryDirectory() as work:
            found = measure(Path(work))
        for each in found:
            print(f"{each['name']}: {each['value']} {each['unit']}, peer {each['peer']}, ratio {each['ratio']}")
        names = {each["name"] for each in found}
        known = [each for each in known if each["name"] not in names] + found
        target.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    report(issue_over_http, ocsp_over_http, console_by_certificates, pages_of_a_large_home, crl_of_many_entries)
