"""The default bus of EventBridge: what rules see of it, and what callers do not notice when it fails."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from app import use_runtime
from chalicelib import runtime
from chalicelib.config import Settings
from chalicelib.crl import publication
from chalicelib.events import EventsError
from chalicelib.events.eventbridge import QUIET_SECONDS, EventBridge
from tests.support.authority_steps import active_root, issue, serial_of

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
PATTERN = {"source": ["aws.acm-pca", "signet.acm-pca"], "detail-type": [{"prefix": "ACM Private CA "}]}
EVENT = {
    "version": "0",
    "id": "11223344-1234-1122-2233-112233445566",
    "detail-type": "ACM Private CA Creation",
    "source": "aws.acm-pca",
    "account": "111122223333",
    "time": "2019-11-04T19:14:56Z",
    "region": "us-east-1",
    "resources": ["arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/11223344-1234-1122-2233-112233445566"],
    "detail": {"result": "success"},
}
Taken = list[tuple[str, list[str], dict[str, str]]]


def watched_queue() -> tuple[Any, str]:
    """A queue that gets what a rule on the default bus lets through."""
    session = boto3.session.Session(region_name=REGION)
    queues, bus = session.client("sqs"), session.client("events")
    url = queues.create_queue(QueueName="signet-events")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="signet-events", EventPattern=json.dumps(PATTERN))
    bus.put_targets(Rule="signet-events", Targets=[{"Id": "queue", "Arn": arn}])
    return queues, url


def received(queues: Any, url: str, count: int) -> Taken:
    """What came, once it is so many."""
    found: Taken = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            assert event["source"] == "signet.acm-pca"
            found.append((event["detail-type"], event["resources"], event["detail"]))
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.mark.usefixtures("aws")
def test_rule_sees_what_is_done_with_a_ca(acm_pca: Any, rt: Any) -> None:
    queues, url = watched_queue()
    rt = replace(rt, events=EventBridge(REGION, seconds=10))
    use_runtime(rt)
    arn = active_root(acm_pca)
    leaf = issue(acm_pca, arn)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaf), RevocationReason="SUPERSEDED"
    )
    publication.publish_due_crls(rt, seconds=60)
    own = next(each.arn for each in rt.store.list_certificates(arn) if each.arn != leaf)
    done = {"result": "success"}
    wanted: Taken = [
        ("ACM Private CA Creation", [arn], done),
        ("ACM Private CA Certificate Issuance", [arn, own], done),
        ("ACM Private CA Certificate Issuance", [arn, leaf], done),
        ("ACM Private CA CRL Generation", [arn], done),
        ("ACM Private CA Certificate Revocation", [arn, leaf], done),
        ("ACM Private CA CRL Generation", [arn], done),
    ]
    assert sorted(received(queues, url, len(wanted)), key=str) == sorted(wanted, key=str)


def test_setting_chooses_the_bus() -> None:
    assert isinstance(runtime.from_settings(Settings(events="eventbridge")).events, EventBridge)


class Service:
    """An EventBridge over HTTP that behaves as it is told to, request by request."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.behaviours: list[str] = []
        self.released = threading.Event()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.entries += body["Entries"]
                getattr(service, service.behaviours.pop(0))(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, handler: Any, status: int = 200, code: str = "") -> None:
        failed = {"Entries": [{"ErrorCode": code}] if code else [{"EventId": "1"}], "FailedEntryCount": int(bool(code))}
        body = json.dumps(failed if status == 200 else {"__type": code}).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def refuse(self, handler: Any) -> None:
        self.answer(handler, 400, "AccessDeniedException")

    def refuse_entry(self, handler: Any) -> None:
        self.answer(handler, code="InternalFailure")

    def hang_up(self, handler: Any) -> None:
        handler.close_connection = True

    def stall(self, handler: Any) -> None:
        """Answer late: who has waited until then takes it for a success."""
        self.released.wait(20)
        with suppress(OSError):
            self.answer(handler)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service()
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", f"http://127.0.0.1:{made.server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield made
    made.stop()


def test_entry_says_what_the_event_says(service: Service) -> None:
    service.behaviours = ["answer"]
    EventBridge(REGION, seconds=10).send(EVENT)
    (entry,) = service.entries
    assert json.loads(entry.pop("Detail")) == {"result": "success"}
    assert entry.pop("Time") == 1572894896
    assert entry == {
        "Source": "signet.acm-pca",
        "DetailType": "ACM Private CA Creation",
        "Resources": EVENT["resources"],
    }


def test_connection_that_was_closed_meanwhile_is_opened_anew(service: Service) -> None:
    service.behaviours = ["answer", "hang_up", "answer"]
    bus = EventBridge(REGION, seconds=10)
    bus.send(EVENT)
    bus.send(EVENT)
    assert len(service.entries) == 3


FAILURES = {
    "refuse": "EventBridge refused PutEvents: AccessDeniedException.",
    "stall": "EventBridge does not answer: ReadTimeoutError.",
}


@pytest.mark.parametrize("behaviour", FAILURES)
def test_bus_that_fails_is_left_alone_for_a_minute(service: Service, behaviour: str) -> None:
    service.behaviours = [behaviour, "answer"]
    now = [1000.0]
    bus = EventBridge(REGION, seconds=1 if behaviour == "stall" else 10, clock=lambda: now[0])
    with pytest.raises(EventsError) as failed:
        bus.send(EVENT)
    assert str(failed.value) == FAILURES[behaviour]
    now[0] += QUIET_SECONDS - 1
    with pytest.raises(EventsError, match="skipped"):
        bus.send(EVENT)
    assert len(service.entries) == 1
    now[0] += 1
    bus.send(EVENT)
    assert len(service.entries) == 2


def test_nothing_listening_is_a_failure_like_others(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    port = service.server.server_port
    service.stop()
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", f"http://127.0.0.1:{port}")
    with pytest.raises(EventsError, match="does not answer: EndpointConnectionError"):
        EventBridge(REGION, seconds=10).send(EVENT)


def test_refused_entry_concerns_that_event_alone(service: Service) -> None:
    service.behaviours = ["refuse_entry", "answer"]
    bus = EventBridge(REGION, seconds=10)
    with pytest.raises(EventsError, match="refused the event: InternalFailure"):
        bus.send(EVENT)
    bus.send(EVENT)


def test_stalling_bus_costs_one_wait_and_no_certificate(acm_pca: Any, rt: Any, service: Service) -> None:
    service.behaviours = ["stall"]
    use_runtime(replace(rt, events=EventBridge(REGION, seconds=0.3)))
    arn = active_root(acm_pca)
    leaves = {issue(acm_pca, arn) for _ in range(3)}
    assert len(service.entries) == 1
    issued = {each.arn for each in rt.store.list_certificates(arn) if each.status == "ISSUED"}
    assert leaves < issued
    assert len(issued) == 4
