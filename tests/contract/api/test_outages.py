"""A service of AWS that takes a connection and never answers: a named error, in time, and nothing left half-done.

How long a function may take is judged by what is configured, and by how often the service was asked: no clock is read.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs
from moto.server import ThreadedMotoServer

from chalicelib.api import ocsp_http
from chalicelib.aws import QUIET_SECONDS, CircuitBreaker, HangsError, Limits
from chalicelib.buckets import BucketError, s3
from chalicelib.keystore import KeyNotFoundError, KeyStoreError, kms
from chalicelib.reconcile import reconcile
from chalicelib.store import StoreError, dynamodb
from chalicelib.store.table import Key
from chalicelib.store.table_store import TableStore
from tests.support.authority_steps import active_root, create, fetch, issue
from tests.support.builders import CRL_CONFIGURATION
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop

REGION = "us-east-1"
SHORT = Limits(answer_seconds=0.2, tries=2)
ONCE = SHORT._replace(tries=1)
ROOM_SECONDS = 3.0  # for everything else that a function does
OCSP_PATIENCE_SECONDS = 15.0  # after which OCSP clients give up
LIMITS = {"kms": (kms.LIMITS, kms.CREATION_LIMITS), "s3": (s3.LIMITS,), "dynamodb": (dynamodb.LIMITS,)}


class Hanging:
    """A server that counts its connections, reads nothing, and says at most how its answer begins."""

    def __init__(self, says: bytes = b"") -> None:
        self._came, self._own = list[object](), list[object]()
        self._says, self._kept = says, list[socket.socket]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:{1}".format(*self._listening.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, client = self._listening.accept()
            except OSError:
                return
            self._kept.append(connection)
            self._came.append(client)
            with suppress(OSError):  # the client has left meanwhile
                connection.sendall(self._says)

    @property
    def asked(self) -> int:
        """How many connections have come: one of its own comes behind them."""
        with socket.create_connection(self._listening.getsockname()) as own:
            self._own.append(own.getsockname())
            while self._own[-1] not in self._came:
                time.sleep(0.001)
        return len(self._came) - len(self._own)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for each in (self._listening, *self._kept):
            each.close()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    server = Hanging()
    for name, value in {"ENDPOINT_URL": server.url, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield server
    server.close()


def keys(limits: Limits = SHORT, creation_limits: Limits = ONCE) -> kms.KmsKeyStore:
    return kms.KmsKeyStore(REGION, secrets_key="alias/signet-secrets", limits=limits, creation_limits=creation_limits)


def with_kms(rt: Runtime, **limits: Limits) -> Runtime:
    """The runtime with CA keys in KMS; secrets stay where they are, so that requests are verified."""
    made: Any = keys(**limits)
    made.seal, made.unseal = rt.keys.seal, rt.keys.unseal
    return replace(rt, keys=made)


# what is configured


@pytest.mark.parametrize("stage", ["prod", "localstack"])
def test_worst_outage_of_a_service_ends_before_its_function_does(stage: str) -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    for function in config["stages"][stage]["lambda_functions"].values():
        policy = (ROOT / ".chalice" / function["iam_policy_file"]).read_text()
        asked = [each for service, limits in LIMITS.items() if f'"{service}:' in policy for each in limits]
        worst = max(each.worst_seconds for each in asked)
        assert worst + ROOM_SECONDS <= function["lambda_timeout"], function


def test_ocsp_answers_before_its_clients_give_up() -> None:
    for each in (kms.LIMITS, dynamodb.LIMITS):
        assert each.worst_seconds + ROOM_SECONDS <= OCSP_PATIENCE_SECONDS


def test_clients_have_the_limits_that_are_summed_up() -> None:
    client = CircuitBreaker().client("kms", REGION, Limits(answer_seconds=3, tries=2))
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 2}
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 3)
    assert Limits(answer_seconds=3, tries=2).worst_seconds == 2 * (1 + 3) + 1


# what happens


def test_service_that_hung_is_left_alone_for_a_while(hanging: Hanging) -> None:
    seconds = [0.0]
    client = CircuitBreaker(lambda: seconds[0]).client("kms", REGION, SHORT)
    for now, asked in ((0.0, 2), (QUIET_SECONDS - 1, 2), (QUIET_SECONDS, 4)):
        seconds[0] = now
        with pytest.raises(Exception, match="timeout" if asked > hanging.asked else "skipped: it timed out"):
            client.describe_key(KeyId="x")
        assert hanging.asked == asked


def test_bucket_that_hung_keeps_no_call_from_another(hanging: Hanging) -> None:
    client = CircuitBreaker().client("s3", REGION, SHORT)
    for bucket, error in (("one", ReadTimeoutError), ("one", HangsError), ("two", ReadTimeoutError)):
        with pytest.raises(error):
            client.get_object(Bucket=bucket, Key="key")


def test_making_a_key_is_not_tried_twice(hanging: Hanging) -> None:
    with pytest.raises(KeyStoreError, match="ReadTimeoutError"):
        keys()._call("create_key")
    assert hanging.asked == 1


def test_creation_while_kms_hangs_is_refused_and_closed_later(
    acm_pca: Any, rt: Runtime, clock: Any, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app as signet_app

    signet_app.use_runtime(with_kms(rt))
    with pytest.raises(acm_pca.exceptions.ClientError) as caught:
        create(acm_pca)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert hanging.asked == SHORT.tries  # what is undone afterwards does not wait again
    left = rt.store.list_certificate_authorities(rt.settings.account_id, limit=9)
    assert [each.status for each in left] == ["CREATING"]

    clock.now += timedelta(seconds=int(rt.settings.pending_seconds) + 1)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    later = with_kms(rt, limits=kms.LIMITS, creation_limits=kms.CREATION_LIMITS)  # KMS answers again
    later.keys.create_key(left[0].arn, "EC_prime256v1")  # the call that nobody heard the answer of
    assert reconcile(later).creations_failed == 1
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=left[0].arn)["CertificateAuthority"]
    assert described["FailureReason"] == "REQUEST_TIMED_OUT"
    with pytest.raises(KeyNotFoundError):
        later.keys.private_key(later.keys.key_id_of(left[0].arn), left[0].arn)
    server.stop()


def test_reconcile_waits_once_for_a_kms_that_hangs(acm_pca: Any, rt: Runtime, clock: Any, hanging: Hanging) -> None:
    made = [rt.store.get_certificate_authority(create(acm_pca)) for _ in range(3)]
    for each in made:
        assert each is not None
        rt.store.update_certificate_authority(each, replace(each, status="CREATING", csr_der=None))
    clock.now += timedelta(seconds=int(rt.settings.pending_seconds) + 1)
    assert reconcile(with_kms(rt)).errors == 3
    assert hanging.asked == SHORT.tries
    kept = rt.store.list_certificate_authorities(rt.settings.account_id, limit=9)
    assert [each.status for each in kept] == ["FAILED"] * 3


def test_creation_while_s3_hangs_is_refused_and_leaves_nothing(acm_pca: Any, rt: Runtime, hanging: Hanging) -> None:
    import app as signet_app

    signet_app.use_runtime(replace(rt, buckets=s3.S3Buckets(REGION, limits=SHORT)))
    with pytest.raises(acm_pca.exceptions.ClientError) as caught:
        create(acm_pca, RevocationConfiguration=CRL_CONFIGURATION)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert hanging.asked == SHORT.tries
    assert rt.store.list_certificate_authorities(rt.settings.account_id, limit=9) == []


def test_object_that_stops_in_its_middle_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: x\r\nLast-Modified: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\nhalf"
    )
    server = Hanging(head)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(BucketError, match="does not answer"):
        s3.S3Buckets(REGION, limits=SHORT).get("a-bucket", "crl/x.crl")
    server.close()


def test_table_that_hangs_is_an_outage(hanging: Hanging) -> None:
    table = dynamodb.DynamoTable("signet", REGION, limits=SHORT)
    for _ in range(2):
        with pytest.raises(StoreError):
            table.get(Key("ACCOUNTS", "x"))
    assert hanging.asked == SHORT.tries


@pytest.mark.parametrize("what", ["keys", "table"])
def test_ocsp_answers_while_a_service_hangs(acm_pca: Any, rt: Runtime, hanging: Hanging, what: str) -> None:
    arn = active_root(acm_pca, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    found = acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    root = x509.load_pem_x509_certificate(found.encode())
    asked = theirs.OCSPRequestBuilder().add_certificate(leaf, root, hashes.SHA256()).build()
    if what == "keys":
        later = with_kms(rt)
        ca = rt.store.get_certificate_authority(arn)
        assert ca is not None
        rt.store.update_certificate_authority(ca, replace(ca, key_id=later.keys.key_id_of(arn)))
    else:
        table = dynamodb.DynamoTable("signet", REGION, limits=SHORT)
        later = replace(rt, store=TableStore(table))
    answer = ocsp_http.respond(later, "POST", asked.public_bytes(Encoding.DER))
    status = theirs.load_der_ocsp_response(answer.body).response_status
    assert (answer.status, status) == (200, theirs.OCSPResponseStatus.INTERNAL_ERROR)
    assert hanging.asked == SHORT.tries
