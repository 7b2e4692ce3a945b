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
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
READY_SECONDS = 300
STOP_SECONDS = 30
LOCALSTACK_PYTHON = PROJECT / ".venv-localstack" / "bin" / "python"
DEPLOY_PYTHON = PROJECT / ".venv-aws" / "bin" / "python"
LAMBDA_PYTHON = PROJECT / ".venv-aws" / "lambda" / "bin" / "python"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "LOCALSTACK_PORT")
_PREFIXES = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "LAMBDA_", "DEBUG", "LS_LOG")


def main() -> None:
    """Run until a signal comes or LocalStack ends."""
    port = os.environ.setdefault("LOCALSTACK_PORT", "4566")
    if not _free(int(port)):
        sys.exit(f"Port {port} on 127.0.0.1 is in use. Set LOCALSTACK_PORT.")
    state = PROJECT / "build" / f"localstack-{port}"
    shutil.rmtree(state, ignore_errors=True)
    hooks = state / "etc" / "localstack"
    hooks.mkdir(parents=True)
    (state / "tmp").mkdir()
    (hooks / "init").symlink_to(PROJECT / "localstack" / "init")
    process = subprocess.Popen(
        [LOCALSTACK_PYTHON, "-m", "localstack.runtime.main"],
        cwd=state,
        env=_environment(state, port),
        start_new_session=True,  # a signal from the keyboard comes here alone, and goes on from here once
    )
    stopped = False

    def stop(*_: Any) -> None:
        nonlocal stopped
        stopped = True
        process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        problem = _await_ready(process, port)
        if problem and not stopped:
            stop()
        elif not stopped:
            print(_welcome(port, state), flush=True)
        code = process.wait()
    finally:
        _end(process)
        shutil.rmtree(state, ignore_errors=True)
    if problem and not stopped:
        sys.exit(problem)
    sys.exit(problem or (0 if stopped else code))


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


def _await_ready(process: subprocess.Popen[bytes], port: str) -> str:
    """Wait until LocalStack is ready and Signet is deployed; what went wrong, or nothing."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"LocalStack ended with code {process.returncode}."
        found = _get(f"http://127.0.0.1:{port}/_localstack/init")
        if found and found["completed"].get("READY"):
            failed = [each["name"] for each in found["scripts"] if each["state"] != "SUCCESSFUL"]
            return f"{failed[0]} failed: see above." if failed else ""
        time.sleep(1)
    return f"LocalStack was not ready after {READY_SECONDS} seconds."


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


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process behind."""
    try:
        process.wait(timeout=STOP_SECONDS if process.poll() is None else 0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
