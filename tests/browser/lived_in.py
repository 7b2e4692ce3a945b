"""A home with a month behind it: CAs that issued and revoked day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import clock as looked_at
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.runtime import from_settings
from tests.faults.world import Clock
from tests.support.builders import csr
from tests.support.console_steps import arn_of, create, issue, revoke, root, seen_well, subordinate

if TYPE_CHECKING:
    from tests.support.home import Home

DAYS = 30
SERVICES = ("api", "billing", "catalog", "gateway", "identity", "ledger", "mail", "orders", "queue", "search")


class LivedIn(NamedTuple):
    """A CA that issues, and one of its certificates, which is revoked."""

    ca_id: str
    serial: str


def live_in(home: Home) -> LivedIn:
    """Fill the home, which has not been started yet, as if it had been used since a month ago."""
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    clock = Clock(today - timedelta(days=DAYS + 1))
    rt = replace(from_settings(Settings(data=str(home.data), port=str(home.port))), now=clock)
    company = {"Organization": "Example Corp", "Country": "US"}
    top = root(rt, company | {"CommonName": "Example Root R1"}, years=20)
    servers = subordinate(rt, top, company | {"CommonName": "Example Servers CA 1"}, years=5)
    devices = subordinate(rt, top, company | {"CommonName": "Example Devices CA 1"}, years=5)
    create(rt, "SUBORDINATE", company | {"CommonName": "Example People CA 1"})
    for ca_id, name in ((top, "root"), (servers, "servers"), (devices, "devices")):
        ca = rt.store.get_certificate_authority(arn_of(ca_id))
        assert ca is not None
        rt.store.update_certificate_authority(ca, replace(ca, tags=(("Name", name),)))
    revoked = ""
    for day in range(DAYS + 1):
        clock.forward(days=1)
        looked_at.look(rt)
        for number in range(2 + day * 7 % 5 if clock.now.weekday() < 5 else day % 2):
            host = f"{SERVICES[(day + 3 * number) % len(SERVICES)]}.example.com"
            validity = {"Type": "DAYS", "Value": 20 + (day * 13 + number * 29) % 90}
            issuer = devices if number % 4 == 3 else servers
            serial = issue(rt, issuer, csr(host, dns_names=[host]), validity=validity)
            if (day + number) % 9 == 4:
                revoke(rt, issuer, serial)
                revoked = serial if issuer == servers else revoked
    publication.publish_due_crls(rt, seconds=60)
    for ca_id in (top, servers, devices):
        seen_well(rt, arn_of(ca_id))
    return LivedIn(servers, revoked)
