"""Races and crashes of the deployed functions on LocalStack."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cryptography import x509

from tests.support.authority_steps import DAYS_30, active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.localstack_home import CRL_BUCKET, CRLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.home import Home
    from tests.support.localstack_home import LocalStack


CALLERS, CERTIFICATES = 8, 200
RECONCILED_WITHIN_SECONDS = 240
PUBLISHED_WITHIN_SECONDS = 120


# races


def test_parallel_callers_lose_nothing(home: Home, client: Any) -> None:
    arn = active_root(client)
    clients = [home.client() for _ in range(CALLERS)]

    def call(own: Any) -> list[str]:
        return [issue(own, arn) for _ in range(CERTIFICATES // CALLERS)]

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [answer for share in pool.map(call, clients) for answer in share]
    assert len(set(map(serial_of, answers))) == CERTIFICATES
    for each in answers[:: CERTIFICATES // 20]:
        found = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=each)["Certificate"]
        serial = x509.load_pem_x509_certificate(found.encode()).serial_number
        assert serial == int(serial_of(each), 16)
    (shown,) = [each for each in home.status() if each["Arn"] == arn]
    assert shown["Certificates"]["ISSUED"] == CERTIFICATES + 1  # and the root's own
    assert (shown["Certificates"]["PENDING"], shown["Certificates"]["FAILED"]) == (0, 0)


def test_functions_racing_for_one_token_make_one_certificate(home: Home, client: Any) -> None:
    arn = active_root(client)
    clients = [home.client() for _ in range(CALLERS)]
    for round_ in range(5):
        request, barrier = csr(f"race-{round_}.example.com"), threading.Barrier(CALLERS)

        def call(own: Any, request: bytes = request, token: str = f"race-{round_}", barrier: Any = barrier) -> str:
            barrier.wait()
            return issue(own, arn, Csr=request, IdempotencyToken=token)

        with ThreadPoolExecutor(CALLERS) as pool:
            made = Counter(each.result() for each in [pool.submit(call, own) for own in clients])
        assert len(made) == 1, made
    (shown,) = [each for each in home.status() if each["Arn"] == arn]
    assert shown["Certificates"]["ISSUED"] == 5 + 1


def test_functions_racing_for_one_serial_revoke_it_once(home: Home, client: Any) -> None:
    arn = active_root(client)
    clients = [home.client() for _ in range(CALLERS)]
    for _ in range(5):
        serial, barrier = serial_of(issue(client, arn)), threading.Barrier(CALLERS)

        def call(own: Any, serial: str = serial, barrier: Any = barrier) -> str:
            barrier.wait()
            try:
                own.revoke_certificate(
                    CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED"
                )
            except own.exceptions.RequestAlreadyProcessedException:
                return "revoked already"
            return "revoked"

        with ThreadPoolExecutor(CALLERS) as pool:
            answers = Counter(each.result() for each in [pool.submit(call, own) for own in clients])
        assert answers == {"revoked": 1, "revoked already": CALLERS - 1}
    (shown,) = [each for each in home.status() if each["Arn"] == arn]
    assert shown["Certificates"]["REVOKED"] == 5


def test_functions_racing_for_one_crl_publish_it_once(localstack: LocalStack, client: Any) -> None:
    """Four runs at once, besides the rule's: the numbers of the versions that S3 keeps only grow."""
    arn = active_root(client, RevocationConfiguration=CRLS)
    key = f"crl/{arn.rsplit('/', 1)[1]}.crl"
    functions, s3 = localstack.boto("lambda"), localstack.boto("s3")
    for _ in range(3):
        serial = serial_of(issue(client, arn))
        client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(run_function, functions, "publish_crls") for _ in range(4)]
            results = [result for each in runs for result in each.result()["results"]]
        assert "failed" not in results
    deadline = time.monotonic() + PUBLISHED_WITHIN_SECONDS  # a run of the rule may hold the lease, and goes on
    while entries(s3.get_object(Bucket=CRL_BUCKET, Key=key)) < 3 and time.monotonic() < deadline:
        time.sleep(1)
    versions = s3.list_object_versions(Bucket=CRL_BUCKET, Prefix=key)["Versions"]
    bodies = [s3.get_object(Bucket=CRL_BUCKET, Key=key, VersionId=each["VersionId"])["Body"] for each in versions]
    crls = [x509.load_der_x509_crl(body.read()) for body in reversed(bodies)]
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in crls]
    assert numbers == sorted(set(numbers))
    assert len(list(crls[-1])) == 3


def entries(answer: dict[str, Any]) -> int:
    return len(x509.load_der_x509_crl(answer["Body"].read()))


def run_function(functions: Any, name: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
    given = event or {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []}
    wanted: dict[str, Any] = {"account": "", "region": "", "time": "", "id": "", "version": "0"}
    answer = functions.invoke(FunctionName=f"signet-localstack-{name}", Payload=json.dumps(wanted | given))
    text = answer["Payload"].read()
    assert "FunctionError" not in answer, text
    found: dict[str, Any] = json.loads(text)
    return found


# crashes


def test_function_killed_between_sign_and_record_leaves_what_reconciliation_closes(
    localstack: LocalStack, home: Home, client: Any
) -> None:
    arn = active_root(client)
    pending = kill_until_pending(localstack, home, arn)
    assert pending, "no kill met an issuance between its reservation and its record"
    deadline = time.monotonic() + RECONCILED_WITHIN_SECONDS
    while serials(home, arn, "PENDING"):
        assert time.monotonic() < deadline, "reconciliation does not close it"
        time.sleep(2)
    assert pending <= serials(home, arn, "FAILED")
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=min(pending), RevocationReason="SUPERSEDED"
    )
    assert issue(client, arn)


def kill_until_pending(localstack: LocalStack, home: Home, arn: str) -> set[str]:
    """Issue in four threads and kill the functions, until a record stays PENDING; the serials of those."""
    for _ in range(20):
        with issuing(home, arn, threads=4) as refused:
            time.sleep(2)  # functions are warm by then
            for pid in function_processes(localstack, "signet-localstack"):
                os.kill(pid, signal.SIGKILL)
        assert set(refused) <= {502}
        if pending := serials(home, arn, "PENDING"):
            return pending
    return set()


@contextmanager
def issuing(home: Home, arn: str, *, threads: int) -> Iterator[list[int]]:
    """Issue all the while; gives the statuses of what was refused."""
    stop, refused = threading.Event(), []

    def call() -> None:
        own = home.client()
        while not stop.is_set():
            try:
                issue(own, arn, Csr=csr(), Validity=DAYS_30)
            except ClientError as error:
                refused.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    running = [threading.Thread(target=call) for _ in range(threads)]
    for each in running:
        each.start()
    try:
        yield refused
    finally:
        stop.set()
        for each in running:
            each.join()


def serials(home: Home, arn: str, state: str) -> set[str]:
    """The serials of a CA's certificates in a state, of which there are few."""
    answer = home.get(f"/certificate-authorities/{arn.rsplit('/', 1)[1]}/certificates?state={state}&maxResults=100")
    return {each["Serial"] for each in answer["Certificates"]}


def function_processes(localstack: LocalStack, function: str) -> list[int]:
    """The processes of one function of this LocalStack."""
    assert localstack.process is not None
    wanted = {f"AWS_LAMBDA_FUNCTION_NAME={function}", f"EDGE_PORT={localstack.port}"}
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and wanted <= variables(each)]


def variables(process: Path) -> set[str]:
    """The environment of a process; nothing if it has ended."""
    try:
        return set((process / "environ").read_bytes().decode(errors="replace").split("\0"))
    except OSError:
        return set()
