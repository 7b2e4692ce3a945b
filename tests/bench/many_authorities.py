"""What thousands of CAs cost: a sweep of CRLs that are all due, `status`, the overview and a round of the monitor.

`python -m tests.bench.many_authorities CAS` prints seconds as JSON. The server of the home answers the monitor, and
issues certificates while the sweep runs.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.access import access_keys
from chalicelib.cli import status
from chalicelib.config import Settings
from chalicelib.identities import ADMINISTRATOR
from chalicelib.monitor import crl_watch, ocsp_watch
from chalicelib.operations import ca_certificates, certificates, creation
from chalicelib.reports import overview
from chalicelib.runtime import Caller, from_settings
from tests.bench.report import Row
from tests.support.authority_steps import ROOT_TEMPLATE
from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION, csr
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime
    from tests.bench.sizes import Sizes

IDLE = 1_000  # certificates, before the sweep
REVOCATION: Any = CRL_CONFIGURATION | {"OcspConfiguration": {"Enabled": True}}


def make_authority(rt: Runtime, caller: Caller) -> str:
    """A root with a certificate and a CRL, by the operations of the API."""
    request: Any = {
        "CertificateAuthorityConfiguration": EC_CONFIGURATION,
        "CertificateAuthorityType": "ROOT",
        "RevocationConfiguration": REVOCATION,
    }
    arn = creation.create_certificate_authority(rt, caller, request)["CertificateAuthorityArn"]
    own = ca_certificates.get_certificate_authority_csr(rt, caller, {"CertificateAuthorityArn": arn})["Csr"]
    years = {"Type": "YEARS", "Value": 10}
    made = _issue(rt, caller, arn, Csr=own.encode(), TemplateArn=ROOT_TEMPLATE, Validity=years)
    answer = certificates.get_certificate(rt, caller, {"CertificateAuthorityArn": arn, "CertificateArn": made})
    ca_certificates.import_certificate_authority_certificate(
        rt, caller, {"CertificateAuthorityArn": arn, "Certificate": answer["Certificate"].encode()}
    )
    _issue(rt, caller, arn, Csr=csr(), Validity={"Type": "DAYS", "Value": 30})
    return arn


def _issue(rt: Runtime, caller: Caller, arn: str, **more: Any) -> str:
    request: Any = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA"} | more
    return certificates.issue_certificate(rt, caller, request)["CertificateArn"]


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return round(time.perf_counter() - begun, 2)


def measure(work: Path, cas: int) -> dict[str, float]:
    """Every figure, for a home with as many CAs."""
    home = Home(work / "home")
    rt = from_settings(Settings(data=str(home.data), port=str(home.port)))
    access_keys.ensure_root_key(rt)
    caller = Caller(
        account_id="000000000000", access_key_id="bench", principal=ADMINISTRATOR, operation="IssueCertificate"
    )
    prepared = timed(lambda: [make_authority(rt, caller) for _ in range(cas)])
    figures = {"cas": cas, "prepared": prepared}
    figures["status"] = timed(lambda: status.describe_all(rt))
    figures["overview"] = timed(lambda: overview.overview(rt, caller, rt.now()))
    home.start()
    try:
        for watch in (crl_watch.watch_crls, ocsp_watch.watch_ocsp):
            begun = time.perf_counter()
            sightings = watch(rt)
            figures[watch.__name__] = round(time.perf_counter() - begun, 2)
            figures[f"{watch.__name__}_problems"] = sum(bool(sighting.problem) for sighting in sightings)
        return figures | _sweep(home, rt)
    finally:
        home.stop()


def many_authorities(work: Path, sizes: Sizes) -> list[Row]:
    """The figures as rows."""
    found, home = measure(work, sizes.cas), f"{sizes.cas:,} CAs"
    return [
        Row(f"`signet status` in the process, {home}", found["status"], "s"),
        Row(f"overview of the console in the process, {home}", found["overview"], "s"),
        Row(f"sweep when all CRLs are due, {home}", found["sweep"], "s"),
        Row(
            f"issue during that sweep, one client, p99, {home}",
            1000 * found["issue_meanwhile_p99"],
            "ms",
            peers={"before": 1000 * found["issue_idle_p99"]},
            more_is_better=False,
        ),
    ]


def _all(rt: Runtime) -> list[Any]:
    from chalicelib.ca import iterate

    return list(iterate.every_authority(rt))


def _sweep(home: Home, rt: Runtime) -> dict[str, float]:
    """All CRLs are due at once; the server publishes them while a client issues certificates."""
    client = home.client()
    arn = client.list_certificate_authorities(MaxResults=1)["CertificateAuthorities"][0]["Arn"]
    idle = [_issue_once(client, arn) for _ in range(IDLE)]
    for ca in _all(rt):
        rt.store.schedule_crl(ca.arn, due_at=rt.now())
    begun, times = time.perf_counter(), []
    while rt.store.list_due("CRL", now=rt.now(), limit=1):
        times.append(_issue_once(client, arn))
    return {
        "sweep": round(time.perf_counter() - begun, 2),
        "issue_idle_p50": round(statistics.median(idle), 3),
        "issue_idle_p99": round(_p99(idle), 3),
        "issue_meanwhile_p50": round(statistics.median(times), 3),
        "issue_meanwhile_p99": round(_p99(times), 3),
    }


def _issue_once(client: Any, arn: str) -> float:
    begun = time.perf_counter()
    client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=csr(),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": 30},
    )
    return time.perf_counter() - begun


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(measure(Path(directory), int(sys.argv[1]))))
