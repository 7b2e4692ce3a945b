"""What an issue costs whatever Signet's own code does: cryptography, SQLite and HTTP, beside all that cfssl does.

cfssl's server neither authenticates nor stores, so the ratio of the sum is the best that issuing could reach beside it
if Signet's own code took no time at all.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from tests.bench import load, ocsp_load, over_http, peers
from tests.bench.report import Row
from tests.support.authority_steps import active_root, issue
from tests.support.builders import CRL_CONFIGURATION
from tests.support.client import client_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.sizes import Sizes

TIMES = 300
_SHA256 = ec.ECDSA(hashes.SHA256())


def floor(work: Path, sizes: Sizes) -> list[Row]:
    """The parts, and their sum, in milliseconds of processor time for an issue with a P-256 key."""
    parts = {
        "cryptography: a CSR's signature, the signature, its verification": _cryptography(),
        "SQLite: the statements and commits of an issue": _sqlite(work / "floor"),
        "HTTP: an answer that needs neither thread nor table": _http(work, sizes),
    }
    requests = over_http.csrs()
    with peers.cfssl(work, requests, is_rsa=False) as fast:
        load.run(fast, clients=4, seconds=1)
        cfssl = load.middle([load.run(fast, clients=4, seconds=sizes.seconds) for _ in range(sizes.rounds)])
    rows = [Row(f"least of an issue, {name}", spent, "ms") for name, spent in parts.items()]
    beside = {"cfssl": cfssl.cpu}
    return [*rows, Row("least of an issue, in all", sum(parts.values()), "ms", peers=beside, more_is_better=False)]


def _cryptography() -> float:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.load_der_x509_csr(x509.load_pem_x509_csr(over_http.csrs()[0]).public_bytes(Encoding.DER))
    message = request.tbs_certrequest_bytes

    def use() -> None:
        assert request.is_signature_valid
        key.public_key().verify(key.sign(message, _SHA256), message, _SHA256)

    return _milliseconds(use)


def _milliseconds(act: Callable[[], object]) -> float:
    act()
    begun = time.process_time()
    for _ in range(TIMES):
        act()
    return 1000 * (time.process_time() - begun) / TIMES


class _Timed(sqlite3.Connection):
    """A connection that adds up the processor time of what it and its cursors execute."""

    spent = 0.0

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        with _adding():
            return super().execute(*arguments)

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        return super().cursor(_timed_cursor(factory))


@cache
def _timed_cursor(kind: type[sqlite3.Cursor]) -> type[sqlite3.Cursor]:
    def execute(self: sqlite3.Cursor, *arguments: Any) -> sqlite3.Cursor:
        with _adding():
            return kind.execute(self, *arguments)

    return type(kind.__name__, (kind,), {"execute": execute})


@contextmanager
def _adding() -> Iterator[None]:
    begun = time.thread_time()
    try:
        yield
    finally:
        _Timed.spent += time.thread_time() - begun


@contextmanager
def _timed() -> Iterator[None]:
    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=_Timed, **more))
        yield


def _sqlite(home: Path) -> float:
    with _timed():
        client = client_for(from_settings(Settings(data=str(home))))
        arn = active_root(client, RevocationConfiguration=CRL_CONFIGURATION)
        issue(client, arn)
        _Timed.spent = 0.0
        for _ in range(TIMES):
            issue(client, arn)
        if not _Timed.spent:
            raise RuntimeError("No statement of an issue was measured.")
        return 1000 * _Timed.spent / TIMES


def _http(work: Path, sizes: Sizes) -> float:
    (row,) = [each for each in ocsp_load.ocsp(work, sizes) if each.unit == "ms"]
    return row.value
