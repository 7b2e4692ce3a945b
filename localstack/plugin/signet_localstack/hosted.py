"""acm-pca in every region and account, answered by `signet serve --test` in a process beside LocalStack's.

It uses LocalStack's own buckets and event buses. It has an environment of its own, because LocalStack needs versions of
pyOpenSSL and cbor2 with which Signet does not run.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstack.services.plugins import ServiceLifecycleHook
from localstack.utils.net import get_free_tcp_port

from localstack import config
from signet_localstack import environment
from signet_localstack.forward import forward

if TYPE_CHECKING:
    from localstack.http import Response

LOG = logging.getLogger(__name__)
CONTROL = "/_signet/"
OCSP = f"{CONTROL}ocsp"
_START_SECONDS = 60
_CREDENTIAL = re.compile(r"Credential=[^/,]+")
# It ends with LocalStack, however that ends: the process that LocalStack starts waits for the end of its input.
_UNTIL_END_OF_INPUT = (
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; (cat <&3 >/dev/null; kill $child 2>/dev/null) & wait $child'
)
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class Hosted(ServiceLifecycleHook):
    """acm-pca, answered by a server that starts with the first request."""

    service = "acm-pca"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def answer(self, request: Any, _: str, path: str, account_id: str) -> Response:
        """Answer a request of the API; its signature is not verified, as LocalStack verifies none."""
        signed = _CREDENTIAL.sub(f"Credential={account_id}", request.headers.get("Authorization", ""))
        return self._forward(request, f"/{path}", {"authorization": signed})

    def control(self, request: Any, **_: Any) -> Response:
        """Answer a request at `/_signet/`: what tests may ask for, and OCSP."""
        address = str(request.environ.get("RAW_URI") or request.full_path)
        return self._forward(request, address.removeprefix(CONTROL.rstrip("/")) if OCSP in address else address)

    def _forward(self, request: Any, path: str, changed: dict[str, str] | None = None) -> Response:
        port = self._started()
        return forward(request, port, path, {"host": f"127.0.0.1:{port}"} | (changed or {}))

    def on_after_state_reset(self) -> None:
        """Remove all CAs."""
        if self._process is not None:
            call = urllib.request.Request(f"http://127.0.0.1:{self._started()}{CONTROL}reset", b"{}")
            urllib.request.urlopen(call, timeout=60).close()

    def accept_state_visitor(self, _: Any) -> None:
        """Have nothing of LocalStack's own kinds of state."""

    def on_before_stop(self) -> None:
        """End the server."""
        with self._lock:
            if self._process is not None:
                self._process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
                self._process.wait()
                self._process = None

    def _started(self) -> int:
        """Return the server's port, once it answers."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._port = get_free_tcp_port()
                self._process = _server(self._port)
                _await(self._process, self._port)
            return self._port


def _server(port: int) -> subprocess.Popen[bytes]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(
        ["/bin/sh", "-c", _UNTIL_END_OF_INPUT, "sh", *environment.command(), "serve", "--test"],
        env=inherited | settings() | {"SIGNET_PORT": str(port)},
        cwd=config.dirs.tmp,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches only LocalStack
    )


def settings() -> dict[str, str]:
    """Return the server's settings: those of LocalStack's environment, and what this LocalStack is."""
    outside = config.external_service_url()
    own = {
        "SIGNET_ACCOUNT_ID": "000000000000",
        "SIGNET_BUCKETS": "s3",
        "SIGNET_EVENTS": "eventbridge",
        "SIGNET_PUBLIC_URL": outside,
        "SIGNET_OCSP_URL": outside + OCSP,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if config.PERSISTENCE:
        own["SIGNET_DATA"] = str(Path(config.dirs.data) / "acm-pca")
    return own | {name: value for name, value in os.environ.items() if name.startswith("SIGNET_")}


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{CONTROL}health", timeout=5):
                LOG.info("Signet answers acm-pca; its console is at http://127.0.0.1:%d/console", port)
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Signet did not start: LocalStack's output has its words.") from None
        time.sleep(0.05)
