"""Cached OCSP answers a second, and their latency: Signet's server beside `cfssl ocspserve`.

`openssl ocsp` cannot be loaded by wrk: one of its processes computes without end after a connection without a request.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs

from tests.bench import load, peers
from tests.bench.load import Server
from tests.bench.over_http import running
from tests.bench.report import Row
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.builders import ROOT_KEY, root_certificate
from tests.support.home import free_port
from tests.support.ocsp_requests import ON, authority, request_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.sizes import Sizes

CONNECTIONS = 16


def ocsp(work: Path, sizes: Sizes) -> list[Row]:
    """Both responders, asked for the status of one certificate again and again."""
    with running(work) as home, _cfssl(work) as peer:
        client = home.client()
        arn = active_root(client, RevocationConfiguration=ON)
        request = request_for(fetch(client, arn, issue(client, arn)), authority(client, arn))
        assert home.process is not None
        ours = Server(home.port, home.process.pid, lambda: [_message(home.port, "/ocsp", request)])
        load.run(ours, clients=CONNECTIONS, seconds=1)
        how: Any = {"clients": CONNECTIONS, "seconds": sizes.seconds, "rounds": sizes.rounds}
        signet, cfssl = load.in_turn([ours, peer], **how)
    return [
        Row("OCSP, a cached answer", signet.per_second, "/s", signet.p50, signet.p99, {"cfssl": cfssl.per_second}),
        Row("OCSP, a cached answer: processor time", signet.cpu, "ms", None, None, {"cfssl": cfssl.cpu}, False),
    ]


def _message(port: int, path: str, request: bytes) -> bytes:
    return load.message(port, path, request, [("content-type", "application/ocsp-request")])


@contextmanager
def _cfssl(work: Path) -> Iterator[Server]:
    """`cfssl ocspserve`, which serves answers that were signed before from memory."""
    root, now = root_certificate(), datetime.now(UTC)
    builder = theirs.OCSPResponseBuilder().responder_id(theirs.OCSPResponderEncoding.HASH, root)
    answer = builder.add_response(
        cert=root,
        issuer=root,
        algorithm=hashes.SHA1(),
        cert_status=theirs.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + timedelta(days=1),
        revocation_time=None,
        revocation_reason=None,
    ).sign(ROOT_KEY, hashes.SHA256())
    (work / "responses").write_bytes(base64.b64encode(answer.public_bytes(Encoding.DER)) + b"\n")
    port = free_port()
    options = ("-address", "127.0.0.1", "-port", str(port), "-responses", "responses", "-loglevel", "5")
    with peers.running(["cfssl", "ocspserve", *options], port, work) as process:
        yield Server(port, process, lambda: [_message(port, "/", request_for(root, root))])
