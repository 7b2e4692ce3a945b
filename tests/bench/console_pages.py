"""What every page of the console weighs and takes in a home with a million certificates in one CA and a thousand CAs.

`python -m tests.bench.console_pages [CERTIFICATES CAS [DIRECTORY]]` prints for each page the bytes of its first load,
and the 50th and 95th percentile of its milliseconds over HTTP; a directory keeps the home. The certificates are copies
of one that was issued, written into the table as the store writes them, with other serial numbers, names and times.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from chalicelib import arn as arns
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.console import sessions, table
from chalicelib.operations.search import terms_of
from chalicelib.pki.x509 import summary
from chalicelib.runtime import from_settings
from chalicelib.store import items, sqlite_rows
from chalicelib.store.table_search import entries
from tests.bench import load
from tests.bench.report import Row
from tests.support import home as homes
from tests.support.builders import csr
from tests.support.console_pages import SAMPLES
from tests.support.console_steps import CALLER, arn_of, issue, revoke, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.records import Certificate
    from chalicelib.runtime import Runtime
    from chalicelib.store.table import Item, Value
    from tests.bench.sizes import Sizes

CERTIFICATES, CAS, VISITS = 1_000_000, 1_000, 20
MOST_BYTES, MOST_MILLISECONDS = 200_000, 150
BATCH = 20_000
# What the copies have instead: a host name and two times of a fixed length, and all but the last digit of the serial.
HOST, HEX = "host-0000000.example.com", "a1b2c3d4e5f60718293a4b5c6d7e8f9"
RESERVED, ENDS = (datetime(2001, 2, 3, 4, 5, 6, number, UTC) for number in (789012, 789013))
NOT_PAGES = re.compile(r"static/|link$|.*(?:\.pem|/pem|/chain|/proof|\{file\}|\{report_id\}|\{draft\}.*)$")


class Figures(NamedTuple):
    """What a page took.

    Attributes:
        cpu: of the server, in milliseconds of one core: other work of the machine does not change it much.
    """

    weight: int
    p50: float
    p95: float
    cpu: float


def furnish(rt: Runtime, database: Path, certificates: int, cas: int) -> tuple[str, str]:
    """Fill the home; returns the id of the CA that has the certificates, and the serial number of one."""
    for number in range(cas - 1):
        root(rt, {"CommonName": f"Example Root {number}"})
    ca_id = root(rt, {"CommonName": "Example CA of many"})
    sample = issue(rt, ca_id, csr(HOST, dns_names=[HOST]))
    found = rt.store.get_certificate(arn_of(ca_id), int(sample, 16))
    assert found is not None
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for copies in _copies(found, certificates):
            for name in sqlite_rows.TABLES:
                rows = [sqlite_rows.row_of(each) for each in copies if sqlite_rows.table_of(str(each["pk"])) == name]
                connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.commit()
    serials = [issue(rt, ca_id, csr(f"last-{number}.example.com", dns_names=["a.example.com"])) for number in range(20)]
    for serial in serials[::2]:
        revoke(rt, ca_id, serial)
    return ca_id, serials[-1]


def _copies(certificate: Certificate, number: int) -> Iterator[list[Item]]:
    models = [_model(certificate, shard) for shard in range(16)]
    now = datetime.now(UTC)
    copies: list[Item] = []
    for each in range(number):
        serial = f"{(each * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 120):030x}"
        at = now - timedelta(days=364) + each * timedelta(days=364) / number
        others = (
            (HEX, f"1{serial}"),
            (HOST, f"host-{each:07}.example.com"),
            (str(items.micros(RESERVED)), str(items.micros(at))),
            (str(items.micros(ENDS)), str(items.micros(at + timedelta(days=365 + each % 30)))),
        )
        copies += [{name: _instead(value, others) for name, value in item.items()} for item in models[each % 16]]
        if len(copies) >= BATCH:
            yield copies
            copies = []
    yield copies


def _instead(value: Value, others: tuple[tuple[str, str], ...]) -> Value:
    for this, that in others:
        if isinstance(value, bytes):
            value = value.replace(this.encode(), that.encode())
        elif isinstance(value, str):
            value = value.replace(this, that)
        elif str(value) == this:
            value = int(that)
    return value


def _model(certificate: Certificate, shard: int) -> list[Item]:
    """The items of a certificate with a serial number of a shard."""
    serial = int(f"{HEX}{shard:x}", 16)
    arn = f"{certificate.ca_arn}/certificate/{arns.serial_hex(serial)}"
    times: Any = {"reserved_at": RESERVED, "issued_at": RESERVED, "not_before": RESERVED, "not_after": ENDS}
    made = replace(certificate, arn=arn, serial_number=serial, **times)
    item = {name: value for name, value in items.certificate_item(made).items() if name not in {"due_pk", "due_sk"}}
    assert made.certificate_der is not None
    terms = terms_of(summary.of_certificate(made.certificate_der))
    puts: Any = [put for batch in entries(made, terms) for put in batch]
    return [item, *(put.item for put in puts)]


# the pages


def addresses(ca_id: str, serial: str) -> dict[str, str]:
    """The address of each page, by its path in the table; those of a record, a draft or a file are left out."""
    named = SAMPLES | {"ca_id": ca_id, "serial": serial}
    rows = [row.path for row in table.PAGES if row.method == "GET" and not NOT_PAGES.match(row.path)]
    more = {
        "certificates?q=host": "certificates?q=host-0500000.example.com",
        "certificates?q=suffix": "certificates?q=.example.com",
        "certificates?sort": "certificates?sort=expires",
        "cas/{ca_id}/certificates?q=serial": f"cas/{ca_id}/certificates?q={serial}",
        "principal": "principal?name=administrator",
    }
    return {path: path.format(**named) for path in rows} | more


class Visitor:
    """One connection to the server of a home, signed in."""

    def __init__(self, home: homes.Home, link: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=120)
        assert home.process is not None
        self._pid = home.process.pid
        self.cookie = ""
        _, headers, _ = self.get(f"link?once={link}")
        self.cookie = headers["set-cookie"].partition(";")[0]
        self._weights: dict[str, int] = {}

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a page; the rates of the API make it wait."""
        for _ in range(20):
            self._connection.request("GET", f"/console/{path}", headers={"Cookie": self.cookie})
            answer = self._connection.getresponse()
            body = answer.read()
            if b"Rate exceeded" not in body:
                break
            time.sleep(0.5)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def weight(self, path: str, body: bytes) -> int:
        """The bytes of a page with what it loads."""
        loads = re.findall(r'<(?:link|script|img)[^>]*? (?:href|src)="([^"]*static/[^"]*)"', body.decode())
        found = {urljoin(f"/console/{path}", each).removeprefix("/console/") for each in loads}
        for each in found - self._weights.keys():
            self._weights[each] = len(self.get(each)[2])
        return len(body) + sum(self._weights[each] for each in found)

    def visit(self, path: str) -> tuple[int, Figures]:
        """The status of a page, and what it took."""
        times, status, body = list[float](), 0, b""
        before = self._cpu()
        for _ in range(VISITS):
            begun = time.perf_counter()
            status, _, body = self.get(path)
            times.append(1000 * (time.perf_counter() - begun))
        cpu = (self._cpu() - before) / VISITS
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
        return status, Figures(self.weight(path, body), statistics.median(times), p95, cpu)

    def _cpu(self) -> float:
        """Milliseconds of processor time that the server has used."""
        return 1000 * load.cpu_seconds(self._pid)


def measure(work: Path, certificates: int = CERTIFICATES, cas: int = CAS) -> dict[str, Figures]:
    """The figures of every page of a home."""
    homes.START_SECONDS = 300  # it reads a store of gigabytes
    home = homes.Home(work / "home")
    rt = from_settings(Settings(data=str(home.data), port=str(home.port)))
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    assert key is not None
    ca_id, serial = _furnished(work, rt, home.data / "signet.db", certificates, cas)
    home.start()
    try:
        visitor = Visitor(home, sessions.make_link(rt, key))  # it can be used for a minute
        figures = {}
        for name, path in addresses(ca_id, serial).items():
            status, found = visitor.visit(path)
            figures[name if status == 200 else f"{name} ({status})"] = found
        return figures
    finally:
        home.stop()


def console(work: Path, sizes: Sizes) -> list[Row]:
    """Every page of the console, beside the limits of `MOST_MILLISECONDS` and `MOST_BYTES`."""
    home = f"{sizes.certificates:,} certificates and {sizes.cas:,} CAs"
    found = measure(work, sizes.certificates, sizes.cas)
    slowest = max(found, key=lambda name: found[name].p95)
    heaviest = max(found, key=lambda name: found[name].weight)
    limits: Any = ({"limit": MOST_MILLISECONDS}, {"limit": MOST_BYTES})
    return [
        Row(
            f"slowest page of the console ({slowest}), p95, {home}",
            found[slowest].p95,
            "ms",
            found[slowest].p50,
            None,
            limits[0],
            False,
        ),
        Row(
            f"heaviest page of the console ({heaviest}), {home}",
            found[heaviest].weight,
            "bytes",
            None,
            None,
            limits[1],
            False,
        ),
    ]


def _furnished(work: Path, *args: Any) -> tuple[str, str]:
    """Fill a home once; a directory that is kept has it for the next run."""
    known = work / "furnished.json"
    if not known.exists():
        known.write_text(json.dumps(furnish(*args)))
    ca_id, serial = json.loads(known.read_text())
    return ca_id, serial


def main() -> None:
    """Print the figures of every page, the slowest first."""
    amounts = [int(each) for each in sys.argv[1:3]] or [CERTIFICATES, CAS]
    with tempfile.TemporaryDirectory() as work:
        found = measure(Path(sys.argv[3] if len(sys.argv) > 3 else work), *amounts)
    for name, (weight, p50, p95, cpu) in sorted(found.items(), key=lambda each: -each[1].p95):
        over = " !" if p95 > MOST_MILLISECONDS or weight > MOST_BYTES else ""
        print(f"{name:60} {weight:8,} bytes {p50:8.1f} ms {p95:8.1f} ms {cpu:8.1f} ms of a core{over}")
    print(json.dumps({"account": CALLER.account_id, "certificates": amounts[0], "cas": amounts[1]}))


if __name__ == "__main__":
    main()
