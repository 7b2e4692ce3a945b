"""Servers that issue certificates, beside which Signet is measured."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench import load
from tests.bench.load import Server
from tests.support.builders import ROOT_KEY, root_certificate
from tests.support.home import BIN, free_port
from tests.support.rsgi import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

MOTO_KEY = Key("AKIAAAAAAAAAAAAAAAAA", "x" * 40)
NO_CRL = {"CrlConfiguration": {"Enabled": False}}


@contextmanager
def cfssl(work: Path, csrs: Sequence[bytes], *, is_rsa: bool) -> Iterator[Server]:
    """`cfssl serve`: a CA in Go that authenticates nobody, stores nothing, and signs what is asked."""
    key = rsa.generate_private_key(65537, 2048) if is_rsa else ROOT_KEY
    (work / "ca.pem").write_bytes(root_certificate(key=key, now=datetime.now(UTC)).public_bytes(Encoding.PEM))
    (work / "ca-key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    port = free_port()
    bodies = [json.dumps({"certificate_request": csr.decode()}).encode() for csr in csrs]
    kind = [("content-type", "application/json")]
    pool = [load.message(port, "/api/v1/cfssl/sign", body, kind) for body in bodies]
    options = ("-address", "127.0.0.1", "-port", str(port), "-ca", "ca.pem", "-ca-key", "ca-key.pem", "-loglevel", "5")
    with running(["cfssl", "serve", *options], port, work) as process:
        yield Server(port, process, lambda: pool)


@contextmanager
def moto(work: Path) -> Iterator[tuple[Server, Any]]:
    """moto's server, which has everything in memory, and a client of it."""
    port = free_port()
    with running([str(BIN / "moto_server"), "-p", str(port)], port, work) as process:
        client = boto3.session.Session().client(
            "acm-pca",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=MOTO_KEY.access_key_id,
            aws_secret_access_key=MOTO_KEY.secret,
        )
        yield Server(port, process, list), client
        client.close()


@contextmanager
def running(words: Sequence[str], port: int, work: Path) -> Iterator[int]:
    """A server from when it accepts connections on a port; yields its process."""
    process = subprocess.Popen(words, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
