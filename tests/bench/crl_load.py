"""A CA with many revocations, published by the one path that publishes; each step in a process of its own.

`python crl_load.py STEP DIRECTORY ENTRIES` prints what the step took as JSON: seconds, seconds of CPU, and the most
memory that the process had.
"""

from __future__ import annotations

import json
import resource
import secrets
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.report import ROOT, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime
    from tests.bench.sizes import Sizes

NEW = 1_000
REASONS = ("SUPERSEDED", "UNSPECIFIED")
NOW = datetime.now(UTC)


def runtime_in(directory: Path) -> Runtime:
    """A laptop home."""
    from chalicelib.config import Settings
    from chalicelib.runtime import from_settings

    return from_settings(Settings(data=str(directory)))


def serial(number: int) -> int:
    """Serial numbers of 128 bits, in no order."""
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)


def rows(entries: int) -> Iterator[tuple[int, bytes]]:
    """Revocations of certificates that end at different days of a year, as the publisher keeps them."""
    from chalicelib.pki.crl import segments as crl_segments
    from chalicelib.pki.crl import tbs as crl_tbs

    for number in range(1, entries + 1):
        ends = crl_segments.seconds(NOW + timedelta(days=1 + number % 365))
        yield ends, crl_tbs.encode_entry(serial(number), NOW, REASONS[number % 2])


def prepare(directory: Path, entries: int) -> None:
    """A root with a CRL, and the segments of as many revocations."""
    from chalicelib.pki.crl import segments as crl_segments
    from chalicelib.records import CrlSegments
    from tests.support.authority_steps import active_root, issue
    from tests.support.client import client_for

    rt = runtime_in(directory)
    client = client_for(rt)
    arn = active_root(client)
    issue(client, arn)
    found = CrlSegments(crl_arn=arn)
    segments = tuple(crl_segments.build(rows(entries), "bench"))
    rt.store.fold_revocations(found, replace(found, segments=segments), [])
    rt.store.schedule_crl(arn, due_at=rt.now())


def publish(directory: Path, entries: int) -> dict[str, float]:
    """Publish the CRL that is due: all of a run, from stored state to the object in the bucket."""
    from chalicelib.crl import publication

    rt = runtime_in(directory)
    (arn,) = rt.store.list_due("CRL", now=rt.now(), limit=2)
    signed_at: list[float] = []
    rt = replace(rt, buckets=_Watched(rt.buckets, "put", signed_at))
    begun, cpu = time.perf_counter(), time.process_time()
    outcome = publication.publish_crl(rt, arn)
    if outcome.result != "published" or outcome.entries < entries:
        raise SystemExit(f"not published: {outcome}")
    ended = time.perf_counter()
    return {
        "to_signed": signed_at[0] - begun,
        "seconds": ended - begun,
        "cpu": time.process_time() - cpu,
        "megabytes": most_memory(),
    }


def most_memory() -> float:
    """The most memory in MB that this process had; getrusage may tell that of the process that began it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


class _Watched:
    """A port that notes when one of its methods is called."""

    def __init__(self, inner: Any, method: str, times: list[float]) -> None:
        self._inner, self._method, self._times = inner, method, times

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._times.append(time.perf_counter())
        return getattr(self._inner, name)


def revoke(directory: Path, entries: int) -> None:
    """A thousand new revocations, as RevokeCertificate records them."""
    from chalicelib import arn as arns
    from chalicelib.ca import iterate
    from chalicelib.pki.crl import tbs as crl_tbs
    from chalicelib.records import Revocation

    rt = runtime_in(directory)
    ca = next(iterate.every_authority(rt))
    template = next(each for each in rt.store.list_certificates(ca.arn) if not each.revoked_at)
    for _ in range(NEW):
        number, ends = secrets.randbits(128), NOW + timedelta(days=90)
        arn = f"{ca.arn}/certificate/{arns.serial_hex(number)}"
        certificate = replace(template, arn=arn, serial_number=number, status="PENDING", not_after=ends)
        rt.store.reserve_certificate(certificate, ca, None, now=NOW)
        revocation = Revocation(
            ca_arn=ca.arn,
            serial_number=number,
            revoked_at=NOW,
            reason="SUPERSEDED",
            not_after=ends,
            entry_der=crl_tbs.encode_entry(number, NOW, "SUPERSEDED"),
        )
        rt.store.revoke_certificate(certificate, revocation)


def peer(directory: Path, entries: int) -> dict[str, float]:
    """`openssl ca -gencrl` over as many lines of its index."""
    config = "database = index.txt\ncertificate = root.pem\nprivate_key = root.key\ndefault_md = sha256\n"
    config = f"[ca]\ndefault_ca = own\n[own]\n{config}default_crl_days = 7\ncrlnumber = crlnumber\n"
    (directory / "ca.cnf").write_text(config)
    (directory / "crlnumber").write_text("01\n")
    with (directory / "index.txt").open("w") as index:
        for number in range(1, entries + 1):
            reason = ",superseded" if number % 2 == 0 else ""
            index.write(f"R\t310101000000Z\t300101000000Z{reason}\t{serial(number):032X}\tunknown\t/CN=leaf\n")
    root = ("-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem", "-days", "3650")
    _openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *root)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    _openssl(directory, "ca", "-gencrl", "-config", "ca.cnf", "-out", "peer.crl")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "megabytes": after.ru_maxrss / 1024,
    }


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


def crl(work: Path, sizes: Sizes) -> list[Row]:
    """A CRL, and the next one after new revocations, beside `openssl ca -gencrl` over as many lines of its index."""
    home, other, entries = work / "home", work / "peer", sizes.entries
    other.mkdir()
    step("prepare", home, entries)
    first = step("publish", home, entries)
    step("revoke", home, entries)
    following, theirs = step("publish", home, entries), step("peer", other, entries)
    name = f"CRL of {entries:,} entries"
    after = f"{name}, the next one after {NEW:,} new revocations"
    return [
        _row(f"{name}, from stored state to signed DER", "s", first["to_signed"], theirs["seconds"]),
        _row(f"{name}, from stored state to the bucket", "s", first["seconds"], theirs["seconds"]),
        _row(f"{name}, memory of the process", "MB", first["megabytes"], theirs["megabytes"]),
        _row(f"{after}: processor time", "s", following["cpu"], theirs["cpu"]),
    ]


def _row(name: str, unit: str, ours: float, theirs: float) -> Row:
    return Row(name, ours, unit, peers={"openssl ca -gencrl": theirs}, more_is_better=False)


def step(name: str, directory: Path, entries: int) -> dict[str, float]:
    """Do a step in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.crl_load", name, str(directory), str(entries)]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout or "{}")
    return found


if __name__ == "__main__":
    what, where, how_many = sys.argv[1:]
    print(json.dumps(globals()[what](Path(where), int(how_many)) or {}))
