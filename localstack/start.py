"""Start LocalStack with Signet deployed in it, in the foreground, until SIGINT or SIGTERM.

LOCALSTACK_PORT sets the port (4566). State lies in build/localstack-PORT and is removed at the end. `make localstack`
installs the interpreters: one that has LocalStack, one that deploys, and one that has only what a Lambda runtime has.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
READY_SECONDS = 300
STOP_SECONDS = 30
REMOVE_TRIES = 50
LOCALSTACK_PYTHON = PROJECT / ".venv-localstack" / "bin" / "python"
DEPLOY_PYTHON = PROJECT / ".venv-aws" / "bin" / "python"
LAMBDA_PYTHON = PROJECT / ".venv-aws" / "lambda" / "bin" / "python"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER")
_PREFIXES = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "LAMBDA_", "DEBUG", "LS_LOG")


class Stop:
    """Whether SIGINT or SIGTERM has come."""

    def __init__(self) -> None:
        self.asked = False
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._ask)

    def _ask(self, *_: Any) -> None:
        self.asked = True

    def comes_within(self, seconds: float) -> bool:
        """Wait so long, or until it comes."""
        deadline = time.monotonic() + seconds
        while not self.asked and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.asked


def main() -> None:
    """Run until a signal comes or LocalStack ends."""
    port = os.environ.get("LOCALSTACK_PORT", "4566")
    if not _free(int(port)):
        sys.exit(f"Port {port} on 127.0.0.1 is in use. Set LOCALSTACK_PORT.")
    stop, state = Stop(), PROJECT / "build" / f"localstack-{port}"
    process = None
    try:
        process = launch(state, port, init=PROJECT / "localstack" / "init")
        problem = _await_ready(process, port, stop)
        if not problem:
            print(_welcome(port, state), flush=True)
        while not problem and not stop.comes_within(1):
            problem = _ended(process)
    finally:
        remove(process, state)
    sys.exit(0 if stop.asked else problem)


def launch(state: Path, port: str, *, init: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a LocalStack that keeps everything in the folder `state`; `init` has the scripts of its stages."""
    shutil.rmtree(state, ignore_errors=True)
    hooks = state / "etc" / "localstack"
    hooks.mkdir(parents=True)
    (state / "tmp").mkdir()
    if init is not None:
        (hooks / "init").symlink_to(init)
    return subprocess.Popen(
        [LOCALSTACK_PYTHON, "-m", "localstack.runtime.main"],
        cwd=state,
        env=_environment(state, port),
        start_new_session=True,  # a signal from the keyboard comes to this process alone, and goes on from here once
    )


def remove(process: subprocess.Popen[bytes] | None, state: Path) -> None:
    """Leave neither a process nor a file behind."""
    if process is not None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, a deployment say, may be at work still
        process.wait()
    for _ in range(REMOVE_TRIES):  # functions end with their connections, a moment later
        shutil.rmtree(state, ignore_errors=True)
        if not state.exists():
            return
        time.sleep(0.1)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _environment(state: Path, port: str) -> dict[str, str]:
    """No setting or credential of the person who starts it changes what runs."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_PREFIXES)}
    return kept | {
        "OVERRIDE_IN_DOCKER": "0",  # also in a container LocalStack keeps to its own folder
        "FILESYSTEM_ROOT": str(state),
        "TMPDIR": str(state / "tmp"),
        "LOCALSTACK_PORT": port,
        "DEPLOY_WORK": str(state / "project"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "PROVIDER_OVERRIDE_DYNAMODB": "signet",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_PROCESS_PYTHON": str(LAMBDA_PYTHON),
        "DEPLOY_PYTHON": str(DEPLOY_PYTHON),
    }


def _ended(process: subprocess.Popen[bytes]) -> str:
    return "" if process.poll() is None else f"LocalStack ended with code {process.returncode}."


def _await_ready(process: subprocess.Popen[bytes], port: str, stop: Stop) -> str:
    """Wait until LocalStack is ready and Signet is deployed; what went wrong, or nothing."""
    deadline = time.monotonic() + READY_SECONDS
    while not _ended(process) and not stop.comes_within(1):
        found = _get(f"http://127.0.0.1:{port}/_localstack/init")
        if found and found["completed"].get("READY"):
            failed = [each["name"] for each in found["scripts"] if each["state"] != "SUCCESSFUL"]
            return f"{failed[0]} failed: see above." if failed else ""
        if time.monotonic() > deadline:
            return f"LocalStack was not ready after {READY_SECONDS} seconds."
    return _ended(process) or "Stopped."


def _get(address: str) -> Any:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _welcome(port: str, state: Path) -> str:
    deployed = json.loads((state / "project" / ".chalice" / "deployed" / "localstack.json").read_text())
    (api,) = [each["rest_api_id"] for each in deployed["resources"] if each["resource_type"] == "rest_api"]
    address = f"http://127.0.0.1:{port}"
    return f"""
Signet is ready on LocalStack: {address}

  export AWS_ENDPOINT_URL={address} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  aws acm-pca list-certificate-authorities

  its API behind API Gateway   {address}/_aws/execute-api/{api}/api
  a bucket for CRLs            signet-crl-000000000000-us-east-1
  a bucket for audit reports   signet-reports-000000000000-us-east-1
"""


if __name__ == "__main__":
    main()
