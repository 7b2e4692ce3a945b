"""How long the console's pages take in the laptop home, by the number of certificates that a CA has."""

from __future__ import annotations

import http.client
import re
import statistics
import time
from typing import TYPE_CHECKING

from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.console import sessions
from chalicelib.runtime import from_settings
from tests.support.builders import csr
from tests.support.console_steps import issue, root
from tests.support.home import Home

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY, VISITS = 100, 10_000, 40
# A path, and what its page has to show.
PAGES = {
    "list of certificates": ("cas/{ca_id}/certificates", 'rel="next"'),
    "search by host name": ("cas/{ca_id}/certificates?q=host-7.example.com", "host-7.example.com</bdi>"),
    "search by serial number": ("cas/{ca_id}/certificates?q={serial}", "certificates/{serial}"),
    "certificate": ("cas/{ca_id}/certificates/{serial}", "Status right now"),
    "CA": ("cas/{ca_id}", "Signing algorithm"),
    "list of CAs": ("cas", "certificate-authority/{ca_id}"),
    "overview": ("overview", "in the last 30 days"),
}


def measure(work: Path, certificates: int) -> dict[str, float]:
    """Each page's median time in milliseconds, over HTTP, from the request to its last byte."""
    home = Home(work / f"home-{certificates}")
    rt = from_settings(Settings(data=str(home.data), port=str(home.port)))
    ca_id = root(rt)
    serial = ""
    for number in range(certificates):
        host = f"host-{number}.example.com"
        serial = issue(rt, ca_id, csr(host, dns_names=[host]), validity={"Type": "DAYS", "Value": 1 + number % 365})
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    assert key is not None
    link = sessions.make_link(rt, key)
    home.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)
        connection.request("GET", f"/console/link?once={link}")
        answer = connection.getresponse()
        answer.read()
        cookie = re.match("[^;]*", answer.getheader("Set-Cookie") or "")
        assert cookie is not None
        there = {"ca_id": ca_id, "serial": serial}
        return {
            name: _milliseconds(connection, path.format(**there), shown.format(**there), cookie[0])
            for name, (path, shown) in PAGES.items()
        }
    finally:
        home.stop()


def _milliseconds(connection: http.client.HTTPConnection, path: str, shown: str, cookie: str) -> float:
    times = []
    for _ in range(VISITS):
        begun = time.perf_counter()
        connection.request("GET", f"/console/{path}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        times.append(time.perf_counter() - begun)
        assert (answer.status, shown in body.decode()) == (200, True), path
    return 1000 * statistics.median(times)
