"""Run LocalStack with Signet deployed in it, in the foreground, until SIGINT or SIGTERM.

LOCALSTACK_PORT sets the port (4566). State is in build/localstack-PORT, which is removed at the end. `make localstack`
installs three environments: one with LocalStack, one that deploys, and one with only the packages of a Lambda runtime.
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
SIGNET = DEPLOY_PYTHON.with_name("signet")
LAMBDA_PYTHON = PROJECT / ".venv-aws" / "lambda" / "bin" / "python"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "USER")
_PREFIXES = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "LAMBDA_", "DEBUG", "LS_LOG")


class Stop:
    """Records SIGINT and SIGTERM."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def _request(self, *_: Any) -> None:
        self.requested = True

    def within(self, seconds: float) -> bool:
        """Wait for a signal, at most so many seconds; return True if one has come."""
        deadline = time.monotonic() + seconds
        while not self.requested and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.requested


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
        while not problem and not stop.within(1):
            problem = _ended(process)
    finally:
        remove(process, state)
    sys.exit(0 if stop.requested else problem)


def launch(
    state: Path, port: str, *, init: Path | None = None, keeps: bool = False, **settings: str
) -> subprocess.Popen[bytes]:
    """Start LocalStack.

    Args:
        state: the folder of all its files.
        port: on 127.0.0.1.
        init: has the scripts of its stages, which deploy Signet; without it the plugin starts one.
        keeps: what the folder already has stays.
        settings: of LocalStack's, in addition.
    """
    if not keeps:
        shutil.rmtree(state, ignore_errors=True)
    hooks = state / "etc" / "localstack"
    hooks.mkdir(parents=True, exist_ok=True)
    (state / "tmp").mkdir(exist_ok=True)
    acm_pca = {"ACM_PCA_COMMAND": str(SIGNET)} if init is None else {"PROVIDER_OVERRIDE_ACM_PCA": "deployed"}
    if init is not None:
        (hooks / "init").symlink_to(init)
    return subprocess.Popen(
        [LOCALSTACK_PYTHON, "-m", "localstack.runtime.main"],
        cwd=state,
        env=_environment(state, port) | acm_pca | settings,
        start_new_session=True,  # Ctrl-C reaches only this process, which passes it on once
    )


def remove(process: subprocess.Popen[bytes] | None, state: Path) -> None:
    """End LocalStack and its processes, and remove its files."""
    if process is not None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children, such as a deployment, may still be running
        process.wait()
    for _ in range(REMOVE_TRIES):  # functions end shortly after their connections
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
    """Build LocalStack's environment, without the user's other settings and credentials."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_PREFIXES)}
    return inherited | {
        "OVERRIDE_IN_DOCKER": "0",  # makes LocalStack use its own folder in a container too
        "FILESYSTEM_ROOT": str(state),
        "TMPDIR": str(state / "tmp"),
        "LOCALSTACK_PORT": port,
        "DEPLOY_WORK": str(state / "project"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "signet",  # LocalStack's own ignores the host, and listens on every interface
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "PROVIDER_OVERRIDE_DYNAMODB": "signet",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_PROCESS_PYTHON": str(LAMBDA_PYTHON),
        "LAMBDA_SYNCHRONOUS_CREATE": "1",  # else Chalice looks every five seconds whether each function is there
        "DEPLOY_PYTHON": str(DEPLOY_PYTHON),
    }


def _ended(process: subprocess.Popen[bytes]) -> str:
    return "" if process.poll() is None else f"LocalStack ended with code {process.returncode}."


def _await_ready(process: subprocess.Popen[bytes], port: str, stop: Stop) -> str:
    """Wait until LocalStack is ready and Signet is deployed; return the problem, or an empty string."""
    deadline = time.monotonic() + READY_SECONDS
    while not _ended(process) and not stop.within(1):
        report = _get(f"http://127.0.0.1:{port}/_localstack/init")
        if report and report["completed"].get("READY"):
            failed = [script["name"] for script in report["scripts"] if script["state"] != "SUCCESSFUL"]
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
    (api,) = [resource["rest_api_id"] for resource in deployed["resources"] if resource["resource_type"] == "rest_api"]
    address = f"http://127.0.0.1:{port}"
    return f"""
Signet is ready on LocalStack: {address}

  export AWS_ENDPOINT_URL={address} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
  aws acm-pca list-certificate-authorities

  API behind API Gateway   {address}/_aws/execute-api/{api}/api
  bucket for CRLs          signet-crl-000000000000-us-east-1
  bucket for reports       signet-reports-000000000000-us-east-1
"""


if __name__ == "__main__":
    main()
