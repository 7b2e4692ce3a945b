"""nginx as the judge of client certificates, and as the server that curl judges; both as their users configure them."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.clients.judges import meaning, run
from tests.support.home import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.pki import Case

_START_SECONDS = 10
_CONFIG = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers}
}}
"""
_SERVER = """    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_certificate {chain}; ssl_certificate_key {key};
        {more}
    }}
"""
# Refused client certificates are told why in the same place as good ones.
_VERIFY = """ssl_client_certificate {anchors}; ssl_verify_client optional; ssl_verify_depth 2;
        {revocation}
        error_page 495 =200 /verdict;
        location / {{ return 200 "$ssl_client_verify"; }}"""


class Servers:
    """One nginx: for each way of revocation a server that verifies clients, and for each case one that presents it."""

    def __init__(self, cases: list[Case], folder: Path) -> None:
        self._cases, self._folder = cases, folder
        self._verifying = {case.way: free_port() for case in cases}
        self._presenting = {case.leaf: free_port() for case in cases}

    @contextmanager
    def running(self) -> Iterator[dict[str, Callable[[Case], str]]]:
        """Run nginx; yields the two judges by name."""
        folder = self._folder
        folder.mkdir()
        own = [self._verifier(case) for case in self._cases if case.kind == "good"]
        servers = "".join(own + [self._presenter(case) for case in self._cases])
        (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, servers=servers))
        command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        with subprocess.Popen(command) as process:
            try:
                _wait_for(next(iter(self._verifying.values())))
                yield {"nginx": self._nginx, "curl": self._curl}
            finally:
                process.terminate()

    def _verifier(self, case: Case) -> str:
        by_ocsp = "ssl_ocsp leaf;"  # at the address in the certificate
        revocation = by_ocsp if case.way == "ocsp" else f"ssl_crl {case.crl};"
        more = _VERIFY.format(anchors=case.anchors, revocation=revocation)
        return _SERVER.format(port=self._verifying[case.way], chain=self._chain(case), key=case.key, more=more)

    def _presenter(self, case: Case) -> str:
        staple = ""
        if case.way == "ocsp":
            answer = self._folder / f"{case.leaf.stem}.ocsp"
            ask = ("-issuer", case.ca, "-cert", case.leaf, "-url", case.ocsp_url, "-noverify", "-respout", answer)
            run("openssl", "ocsp", *ask)
            staple = f"ssl_stapling on; ssl_stapling_file {answer};"
        more = f'{staple} location / {{ return 200 "ok"; }}'
        return _SERVER.format(port=self._presenting[case.leaf], chain=self._chain(case), key=case.key, more=more)

    def _chain(self, case: Case) -> Path:
        chain = self._folder / f"{case.leaf.stem}-chain.pem"
        chain.write_text(case.leaf.read_text() + "\n" + case.ca.read_text())
        return chain

    def _nginx(self, case: Case) -> str:
        """nginx with `ssl_crl` or `ssl_ocsp`, asked by a client that shows the certificate."""
        url = f"https://127.0.0.1:{self._verifying[case.way]}/"
        show = ("--cert", case.leaf, "--key", case.key)
        _, said = run("curl", "--silent", "--show-error", "--insecure", *show, url)
        return "good" if said == "SUCCESS" else meaning(said)

    def _curl(self, case: Case) -> str:
        """`curl --crlfile`, or `curl --cert-status` of what the server staples."""
        url = f"https://localhost:{self._presenting[case.leaf]}/"
        how = ("--cert-status",) if case.way == "ocsp" else ("--crlfile", case.crl)
        code, said = run("curl", "--verbose", "--ipv4", "--cacert", case.root, *how, url)
        return "good" if code == 0 and said.startswith("ok") else meaning(said)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while run("curl", "--silent", "--insecure", f"https://127.0.0.1:{port}/")[0]:
        assert time.monotonic() < deadline, "nginx does not answer"
        time.sleep(0.1)
