"""Run the conformance suite against Signet and moto, and write docs/conformance.md from what was found.

`make conformance` runs this. Each server is one that the tool starts on 127.0.0.1 and stops again.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/conformance.md"
BIN = Path(sys.executable).parent
BUCKET = "conformance"
_START_SECONDS = 60
_RESULTS = "<!-- What follows is written by `make conformance`. -->\n"
_ANY_CREDENTIALS = "any credentials are accepted, so no signature is verified"
_ONE_ANSWER = "a wrong secret and an unknown key get the same answer, so nobody learns which keys exist"
_STRICT = "the [CSR gate](csr-gate.md) refuses what careful clients refuse, unless `SIGNET_CSR_GATE` is `aws`"
# Why probes fail against Signet: each name is a probe, or what the names of several begin with.
DIFFERENCES = {
    "for tests": {
        "test_protocol.py::test_request_with_a_wrong_signature_is_refused[an": _ANY_CREDENTIALS,
        "test_protocol.py::test_request_with_a_wrong_signature_is_refused[ten days late]": _ANY_CREDENTIALS,
        "test_protocol.py::test_request_of_another_secret_is_refused": _ANY_CREDENTIALS,
        "test_protocol.py::test_request_of_an_unknown_key_is_refused": _ANY_CREDENTIALS,
        "test_protocol.py::test_body_that_was_not_signed_is_refused": _ANY_CREDENTIALS,
    },
    "home": {
        "test_protocol.py::test_request_with_a_wrong_signature_is_refused[another signature]": _ONE_ANSWER,
        "test_protocol.py::test_request_of_another_secret_is_refused": _ONE_ANSWER,
        "test_protocol.py::test_body_that_was_not_signed_is_refused": _ONE_ANSWER,
        "test_certificates.py::test_subject_alternative_name_is_copied_without_validation": _STRICT,
        "test_certificates.py::test_key_is_copied_without_validation": _STRICT,
    },
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that answers.

    Attributes:
        url: its address.
        access_key_id: and its secret, of whoever asks.
        objects: where the objects of its buckets are read.
    """

    url: str
    access_key_id: str
    secret: str
    objects: str


@dataclass(frozen=True, slots=True)
class Result:
    """What JUnit's XML says of a probe; `outcome` is passed, failed or skipped."""

    probe: str
    operation: str
    source: str
    cost: str
    outcome: str
    why: str


@contextmanager
def signet_for_tests(work: Path) -> Iterator[Endpoint]:
    """`signet serve --test` with the CSR gate that is as AWS's."""
    ready = work / "ready.json"
    settings = {"SIGNET_PORT": "0", "SIGNET_CSR_GATE": "aws", "TMPDIR": str(work)}
    command = [str(BIN / "signet"), "serve", "--test", "--ready-file", str(ready)]
    with served(work, command, settings, ready.exists):
        said = json.loads(ready.read_text())
        (state,) = work.glob("signet-test-*")
        yield Endpoint(
            said["endpoint"], said["accessKeyId"], said["secretAccessKey"], str(state / said["region"] / "buckets")
        )


@contextmanager
def signet_home(work: Path) -> Iterator[Endpoint]:
    """`signet serve`, a laptop home, with its default settings."""
    port = free_port()
    settings = {"SIGNET_PORT": str(port), "SIGNET_DATA": str(work / "home")}
    with served(work, [str(BIN / "signet"), "serve"], settings, lambda: _answers(f"http://127.0.0.1:{port}/healthz")):
        command = [str(BIN / "signet"), "env", "--json"]
        found = subprocess.run(command, env=environment(settings), capture_output=True, check=True)
        said = json.loads(found.stdout)
        key = said["AWS_ACCESS_KEY_ID"], said["AWS_SECRET_ACCESS_KEY"]
        yield Endpoint(said["AWS_ENDPOINT_URL_ACM_PCA"], *key, str(work / "home/buckets"))


@contextmanager
def moto_server(work: Path) -> Iterator[Endpoint]:
    """Moto's server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with served(work, command, {}, lambda: _answers(f"{url}/moto-api/")):
        key = "AKIAIOSFODNN7MOTOKEY", "secret"
        s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
        )
        s3.create_bucket(Bucket=BUCKET)
        s3.close()
        yield Endpoint(url, *key, url)


TARGETS: dict[str, Callable[[Path], AbstractContextManager[Endpoint]]] = {
    "Signet, for tests": signet_for_tests,
    "Signet, home": signet_home,
    "moto": moto_server,
}


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(more: dict[str, str]) -> dict[str, str]:
    """Return this environment without settings of AWS and Signet, and with others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIGNET_"))}
    return kept | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull} | more


@contextmanager
def served(work: Path, command: list[str], more: dict[str, str], ready: Callable[[], bool]) -> Iterator[None]:
    """Run a server until the context ends, from when it is ready."""
    with (work / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=work, env=environment(more), stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} does not answer: {(work / 'server.log').read_text()}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  of a server that was started here
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def run(endpoint: Endpoint, work: Path, *options: str) -> tuple[list[Result], str]:
    """Run the suite against an endpoint as anybody would; returns the results, and what pytest said."""
    report = work / "report.xml"
    command: list[str] = [sys.executable, "-m", "pytest", "--pyargs", "chalicelib.conformance", "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", f"--junitxml={report}", "--endpoint-url", endpoint.url]
    command += ["--region", "us-east-1", "--bucket", BUCKET, "--objects", endpoint.objects, *options]
    variables = {"AWS_ACCESS_KEY_ID": endpoint.access_key_id, "AWS_SECRET_ACCESS_KEY": endpoint.secret}
    variables |= {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}
    found = subprocess.run(
        command, cwd=work, env=environment(variables), capture_output=True, text=True, check=False, timeout=1800
    )
    if not report.exists():
        sys.exit(found.stdout + found.stderr)
    return read(report), found.stdout


def read(report: Path) -> list[Result]:
    """Return what JUnit's XML says of each probe, by operation and name."""
    results: dict[str, Result] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  written here
        about = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        name = f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name')}"
        bad = next((each for each in case if each.tag in {"failure", "error"}), None)
        outcome = "failed" if bad is not None else "skipped" if case.find("skipped") is not None else "passed"
        why = "" if bad is None else str(bad.get("message", ""))
        if outcome == "failed" or name not in results:  # an error after a test has an element of its own
            results[name] = Result(name, about["operation"], about["source"], about["cost"], outcome, why)
    return sorted(results.values(), key=lambda result: (result.operation, result.probe))


def reason(target: str, probe: str) -> str:
    """Return why a probe fails against Signet; empty if nobody has said."""
    known = DIFFERENCES.get(target.removeprefix("Signet, "), {})
    return next((why for name, why in known.items() if probe.startswith(name)), "")


def tables(found: dict[str, list[Result]]) -> str:
    """Return the results side by side: counts by operation, then what failed."""
    first = next(iter(found.values()))
    operations = sorted({result.operation for result in first})
    lines = [f"| operation | probes | {' | '.join(found)} | AWS |", f"| --- | ---: |{' ---: |' * (len(found) + 1)}"]
    for operation in operations:
        chosen = {name: [r for r in results if r.operation == operation] for name, results in found.items()}
        lines.append(_row(operation, chosen))
    lines.append(_row("all", found))
    proven = {name: [r for r in results if not r.source.startswith("inferred")] for name, results in found.items()}
    lines.append(_row("all but inferred", proven))
    for name, results in found.items():
        lines += ["", f"## What fails: {name}", ""]
        lines += _failures(name, results)
    return "\n".join(lines) + "\n"


def _row(title: str, found: dict[str, list[Result]]) -> str:
    probes = len(next(iter(found.values())))
    passed = [sum(result.outcome == "passed" for result in results) for results in found.values()]
    return f"| {title} | {probes} | {' | '.join(map(str, passed))} | |"


def _failures(target: str, results: list[Result]) -> list[str]:
    """Return what failed: by reason, or by operation where nobody has said why."""
    failed = [result for result in results if result.outcome == "failed"]
    groups: dict[str, Counter[str]] = {}
    for result in failed:
        title = reason(target, result.probe) or result.operation
        name = result.probe.partition("::")[2].partition("[")[0].removeprefix("test_")
        groups.setdefault(title, Counter())[name] += 1
    told = {title: ", ".join(_counted(*each) for each in names.items()) for title, names in groups.items()}
    return [f"- {title}: {names}" for title, names in told.items()] or ["Nothing."]


def _counted(name: str, number: int) -> str:
    return f"{name.replace('_', ' ')}{f' ({number})' if number > 1 else ''}"


def main() -> None:
    """Run the suite against each server, and write the document."""
    found = {}
    for name, target in TARGETS.items():
        with tempfile.TemporaryDirectory() as directory, target(Path(directory)) as endpoint:
            found[name], said = run(endpoint, Path(directory), "--patience", "20")
        print(f"{name}: {said.splitlines()[-1]}")
    versions = f"moto {version('moto')}, botocore {version('botocore')}, Python {sys.version.split()[0]}"
    when = datetime.now(UTC).date().isoformat()
    head = DOCUMENT.read_text().partition(_RESULTS)[0]
    DOCUMENT.write_text(f"{head}{_RESULTS}\nRun on {when} with {versions}.\n\n{tables(found)}")


if __name__ == "__main__":
    main()
