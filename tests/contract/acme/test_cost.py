"""What an order costs the server, counted instead of timed: calls of the table, and writes that wait for the disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import jws
from chalicelib.store.table_store import TableStore
from tests.support.acme_calls import AcmeClient, b64, csr, jwk, made_binding, signed
from tests.support.acme_steps import issued
from tests.support.challenge_responder import ChallengeResponder
from tests.support.counting_table import CountingTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.support.acme_calls import Got

# By request: reads of the table, writes, those of them that wait for the disk, and records of the audit record.
# Each request reads the directory and the account, and writes the use of its nonce, which waits for nothing.
COMMITTED = {
    "new order": (5, 2, 1, 2),
    "authorization": (3, 1, 0, 0),
    "challenge": (5, 2, 1, 2),
    "finalization": (8, 5, 1, 2),
    "order": (3, 1, 0, 0),
    "certificate": (4, 1, 0, 0),
}


class Counted:
    """Counts what a client's requests cost."""

    def __init__(self, client: AcmeClient) -> None:
        self._client, self.found = client, dict[str, tuple[int, int, int, int]]()
        self._table = CountingTable(client.rt.store.table)  # type: ignore[attr-defined]  # of the store that runs
        self._audit: Any = CountingTable(client.rt.audit)
        client.rt = replace(client.rt, store=TableStore(self._table), audit=self._audit)

    def __call__(self, name: str, path_or_url: str, payload: Any = None) -> Got:
        """Send a request of the account, and note its cost under a name."""
        url = path_or_url if path_or_url.startswith("http") else self._client.url(path_or_url)
        header = self._client.header(url)  # asks for a nonce
        self._table.counts.clear()
        self._audit.counts.clear()
        got = self._client.send("POST", url, signed(self._client.key, header, payload))
        assert got.status < 300, got.body
        counts = self._table.counts
        reads = sum(counts[each] for each in ("get", "get_many", "query", "query_index", "count", "last"))
        self.found[name] = (reads, counts["write"], counts["durable write"], self._audit.counts["append"])
        return got


@pytest.mark.laptop
def test_order_costs_no_more_than_committed(
    rt: Runtime, directory: AcmeDirectory, registered: Callable[..., AcmeClient]
) -> None:
    issued(registered(), "warm.example.test")  # the CA's first certificate starts its CRL
    name = "a.example.test"
    with ChallengeResponder() as responder:
        told = {"acme_http_port": str(responder.http_port), "acme_resolver": responder.resolver}
        client = AcmeClient(replace(rt, settings=replace(rt.settings, **told)), directory.name)
        client.register(made_binding(rt, directory))
        ask = Counted(client)
        order = ask("new order", "new-order", {"identifiers": [{"type": "dns", "value": name}]})
        found = ask("authorization", order.body["authorizations"][0]).body["challenges"]
        challenge = next(each for each in found if each["type"] == "http-01")
        responder.set_http(challenge["token"], f"{challenge['token']}.{jws.thumbprint(jwk(client.key))}")
        assert ask("challenge", challenge["url"], {}).body["status"] == "valid"
        done = ask("finalization", order.body["finalize"], {"csr": b64(csr([name]))})
        ask("order", order.headers["Location"])
        ask("certificate", done.body["certificate"])
    assert ask.found == COMMITTED
