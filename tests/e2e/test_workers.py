"""Several workers behind one port: killed ones are replaced, none is left behind, and all say the same."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.x509 import ocsp

from chalicelib.access.principals import KNOWN_FOR
from chalicelib.config import Settings
from chalicelib.ocsp import answers
from chalicelib.runtime import from_settings
from tests.support.authority_steps import DAYS_30, active_root, fetch, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.home import Home
from tests.support.ocsp_requests import GOOD, ON, REVOKED, authority, request_for
from tests.support.rsgi import Key, Request
from tests.support.worker_processes import are_serving, connections, wait_until, workers_of

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
COUNT = 3


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Home]:
    """A home with several workers."""
    made = Home(tmp_path / "home", SIGNET_WORKERS=str(COUNT))
    made.start()
    wait_until(lambda: are_serving(made, COUNT), "all workers serve")
    yield made
    if made.process is not None:
        assert made.stop(signal.SIGTERM) == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def log_of(home: Home, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (home.data / "signet.log").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def asked(connection: http.client.HTTPConnection, key: Key, port: int, operation: str, **members: Any) -> Any:
    """The status and the body of an operation, over a connection of a worker."""
    headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
    request = Request("POST", "/", "", headers, json.dumps(members).encode())
    signed = key.signed(request, at=datetime.now(UTC), host=f"127.0.0.1:{port}")
    connection.request("POST", "/", signed.body, dict(signed.headers))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def key_of(exports: dict[str, str]) -> Key:
    return Key(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])


@pytest.mark.parametrize("number", range(2), ids=["first", "second"])
def test_killed_worker_is_replaced(workers: Home, number: int) -> None:
    """The first one runs the schedules, and so does its replacement: only those publish a CRL."""
    before = workers_of(workers)
    arn = active_root(workers.client())
    os.kill(before[number], signal.SIGKILL)
    wait_until(lambda: is_gone(before[number]), "the worker ends")
    client = workers.client()  # its connection is to one of the others
    issue(client, arn)
    wait_until(lambda: are_serving(workers, COUNT), "the worker is replaced")
    assert len(set(before) - set(workers_of(workers))) == 1
    wait_until(lambda: log_of(workers, "worker_replaced"), "the replacement answers")
    ((leads, ended),) = [(each["leads"], each["ended"]) for each in log_of(workers, "worker_replaced")]
    assert (leads, ended) == (number == 0, "signal 9")
    later = active_root(workers.client(), RevocationConfiguration=CRL_CONFIGURATION)
    issue(workers.client(), later)
    path = workers.data / "buckets" / CRL_CONFIGURATION["CrlConfiguration"]["S3BucketName"] / "crl"
    wait_until((path / f"{later.rsplit('/', 1)[1]}.crl").exists, "a CRL is published")


def test_no_worker_outlives_a_killed_supervisor(workers: Home) -> None:
    processes = workers_of(workers)
    workers.stop(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, processes)), "the workers end")
    wait_until(lambda: is_free(workers.port), "the port is free")
    workers.start()
    assert workers.client().list_certificate_authorities()["CertificateAuthorities"] == []


@pytest.mark.long
def test_start_after_a_killed_supervisor_waits_for_its_workers(workers: Home) -> None:
    for _ in range(5):
        workers.stop(signal.SIGKILL)
        workers.start()


def test_nothing_is_left_of_processes_that_are_all_killed(workers: Home) -> None:
    assert workers.process is not None
    processes = workers_of(workers)
    for process in (*processes, workers.process.pid):
        os.kill(process, signal.SIGKILL)
    workers.stop(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, processes)), "the workers end")
    wait_until(lambda: is_free(workers.port), "the port is free")
    workers.start()
    assert workers.client().list_certificate_authorities()["CertificateAuthorities"] == []


def test_ctrl_c_reaches_every_process_and_ends_all(workers: Home) -> None:
    active_root(workers.client())
    processes = workers_of(workers)
    for process in processes:  # as a terminal does
        os.kill(process, signal.SIGINT)
    assert workers.stop(signal.SIGINT) == 0
    assert all(map(is_gone, processes))
    rt = from_settings(Settings(data=str(workers.data)))
    entries = [json.loads(entry) for pending in rt.store.list_outbox(limit=10) for entry in pending.entries]
    assert {entry["kind"] for entry in entries} <= {"audit-head"}  # the journal has what every worker has changed
    rt.store.table.close()  # type: ignore[attr-defined]  # the SQLite driver


def test_failure_of_the_first_worker_ends_the_start_with_its_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", SIGNET_WORKERS="2")
    home.start()
    home.stop()
    (home.data / "keys" / "wrapping.key").unlink()
    found = home.signet("serve", check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert "wrapping.key is lost" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_child_of_the_program_before_is_no_worker(tmp_path: Path) -> None:
    """A script that starts the server by `exec` may leave a child, and in a container every orphan is its child."""
    home = Home(tmp_path / "home", SIGNET_WORKERS="2")
    script = tmp_path / "entrypoint"
    script.write_text(f'#!/bin/sh\nread _ < {tmp_path}/gate &\nexec {home.program} "$@"\n')
    script.chmod(0o755)
    os.mkfifo(tmp_path / "gate")
    home.program = script
    home.start()
    wait_until(lambda: len(workers_of(home)) == 3, "a child and two workers")
    (tmp_path / "gate").write_text("end\n")
    wait_until(lambda: len(workers_of(home)) == 2, "the child has ended")
    wait_until(lambda: are_serving(home, 2), "the workers serve")
    assert home.stop(signal.SIGTERM) == 0


def test_kills_lose_nothing_that_was_answered(workers: Home) -> None:
    """Six clients issue, with a token each, while workers are killed one after the other; then all stops in order."""
    chance, stopping, request = random.Random(9), threading.Event(), csr()
    arn = active_root(workers.client())
    issued: list[tuple[str, str]] = []

    def write(thread: int) -> None:
        own, number = workers.client(), 0
        while not stopping.is_set():
            number += 1
            token = f"{thread}-{number}"
            with suppress(Exception):  # of a worker that was killed
                issued.append((token, issue(own, arn, Csr=request, IdempotencyToken=token)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        wanted = len(issued) + 20
        while len(issued) < wanted:
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers_of(workers)), signal.SIGKILL)
    stopping.set()
    for thread in threads:
        thread.join()
    assert len({each for _, each in issued}) == len(issued)
    client = workers.client()  # its connection is to a worker that lives
    for token, certificate_arn in issued[-50:]:
        assert client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)["Certificate"]
        assert issue(client, arn, Csr=request, IdempotencyToken=token) == certificate_arn
    assert workers.stop(signal.SIGTERM) == 0
    assert workers.signet("audit", "verify").returncode == 0


def test_clean_end_waits_for_requests_in_progress(workers: Home) -> None:
    client, request = workers.client(), csr()
    arn = active_root(client)
    issued: list[str] = []

    def write() -> None:
        own = workers.client()
        with suppress(Exception):  # once nobody listens any more
            while True:
                issued.append(issue(own, arn, Csr=request))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(issued) > 30, "certificates are issued")
    assert workers.stop(signal.SIGTERM) == 0
    for thread in threads:
        thread.join()
    rt = from_settings(Settings(data=str(workers.data)))
    found = [each for each in rt.store.list_certificates(arn) if "RootCACertificate" not in each.template_arn]
    rt.store.table.close()  # type: ignore[attr-defined]  # the SQLite driver
    assert {each.status for each in found} == {"ISSUED"}
    assert {each.arn for each in found} >= set(issued)


def test_one_token_gives_one_certificate_whoever_answers(workers: Home) -> None:
    request, key = base64.b64encode(csr()).decode(), key_of(workers.exports())
    arn = active_root(workers.client())
    order = {"CertificateAuthorityArn": arn, "Csr": request, "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}
    with connections(workers, COUNT) as held, ThreadPoolExecutor(COUNT) as pool:
        for round_ in range(20):
            more = order | {"IdempotencyToken": f"token-{round_}"}
            given = pool.map(lambda each, more=more: asked(each, key, workers.port, "IssueCertificate", **more), held)
            assert len({answer["CertificateArn"] for _, answer in given}) == 1


def reader_of(home: Home) -> tuple[str, Key]:
    """The id of an access key of a principal that may read, and the key."""
    home.signet("principal", "create", "reader", "--preset", "read-only")
    words = home.signet("credentials", "create", "--principal", "reader").stdout.split()
    exports = dict(word.split("=", 1) for word in words if word.startswith("AWS_"))
    return exports["AWS_ACCESS_KEY_ID"], key_of(exports)


def answers_to(held: list[http.client.HTTPConnection], key: Key, home: Home) -> set[str]:
    """What each worker answers: the kind of the error, or nothing."""
    found = [asked(connection, key, home.port, "ListCertificateAuthorities") for connection in held]
    return {answer.get("__type", "") for _, answer in found}


def test_every_worker_refuses_a_key_that_was_deactivated(workers: Home) -> None:
    access_key_id, key = reader_of(workers)
    with connections(workers, COUNT) as held:
        assert answers_to(held, key, workers) == {""}
        workers.signet("credentials", "deactivate", access_key_id)
        assert answers_to(held, key, workers) == {"UnrecognizedClientException"}


def test_every_worker_goes_by_new_policies_within_five_seconds(workers: Home) -> None:
    _, key = reader_of(workers)
    with connections(workers, COUNT) as held:
        assert answers_to(held, key, workers) == {""}
        workers.signet("principal", "policy", "delete", "reader", "read-only")
        time.sleep(KNOWN_FOR.total_seconds())
        assert answers_to(held, key, workers) == {"AccessDeniedException"}


def test_every_worker_s_ocsp_answer_knows_a_revocation_within_two_seconds(workers: Home) -> None:
    client = workers.client()
    arn = active_root(client, RevocationConfiguration=ON)
    certificate_arn = issue(client, arn)
    request = request_for(fetch(client, arn, certificate_arn), authority(client, arn))

    def status(connection: http.client.HTTPConnection) -> Any:
        connection.request("POST", "/ocsp", request, {"Content-Type": "application/ocsp-request"})
        return ocsp.load_der_ocsp_response(connection.getresponse().read()).certificate_status

    with connections(workers, COUNT) as held:
        assert {status(each) for each in held} == {GOOD}
        client.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial_of(certificate_arn), RevocationReason="SUPERSEDED"
        )
        time.sleep(answers.LOOK_AGAIN.total_seconds())
        assert {status(each) for each in held} == {REVOKED}
