"""A webhook gets signed JSON from this machine or by https; a topic gets text; neither sees what it must not."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib import logs
from chalicelib.events import topic
from chalicelib.expiry import channels, reminders
from tests.support.authority_steps import active_root, issue
from tests.support.builders import csr
from tests.support.console_steps import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
SECRET = "planted-secret-of-the-webhook"


class Receiver(BaseHTTPRequestHandler):
    """Remembers what it gets, and answers with the statuses it was given, then with 204."""

    got: list[tuple[dict[str, str], bytes]]
    statuses: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append((dict(self.headers), body))
        self.send_response(self.statuses.pop(0) if self.statuses else 204)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    Receiver.got, Receiver.statuses = [], []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def rt(rt: Any, receiver: Any) -> Any:
    url = f"http://127.0.0.1:{receiver.server_port}/hook?planted-token=1"
    return replace(rt, settings=replace(rt.settings, reminder_webhook=url, reminder_secret=SECRET))


def test_webhook_gets_the_message_with_a_signature_that_holds(acm_pca: Any, rt: Any, clock: Clock) -> None:
    issue(acm_pca, active_root(acm_pca), Csr=csr("www.example.com"), Validity={"Type": "DAYS", "Value": 5})
    assert reminders.run(rt, seconds=50) == {"sent": 2, "failed": 0}
    ((headers, body),) = Receiver.got
    fields = dict(part.split("=", 1) for part in headers["Signet-Signature"].split(","))
    assert fields["t"] == str(int(clock().timestamp()))
    assert fields["v1"] == channels.signature(SECRET, fields["t"], body)
    assert fields["v1"] != channels.signature(SECRET, fields["t"], body + b" ")
    assert headers["Content-Type"] == "application/json"
    message = json.loads(body)
    assert headers["Signet-Delivery"] == message["id"]
    assert [each["name"] for each in message["reminders"]] == ["CN=www.example.com"]


def test_webhook_that_refuses_or_redirects_gets_it_again(acm_pca: Any, rt: Any, clock: Clock) -> None:
    issue(acm_pca, active_root(acm_pca), Validity={"Type": "DAYS", "Value": 5})
    Receiver.statuses = [500, 302]
    assert reminders.run(rt, seconds=50) == {"sent": 1, "failed": 1}  # the event port is on its own
    for result in ({"sent": 0, "failed": 1}, {"sent": 1, "failed": 0}):
        clock.forward(minutes=5)
        assert reminders.run(rt, seconds=50) == result
    assert len({headers["Signet-Delivery"] for headers, _ in Receiver.got}) == 1
    assert len(Receiver.got) == 3


def test_neither_secret_nor_address_is_in_the_log_or_the_store(
    acm_pca: Any, rt: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    issue(acm_pca, active_root(acm_pca), Validity={"Type": "DAYS", "Value": 5})
    Receiver.statuses = [500]
    reminders.run(rt, seconds=50)
    logs.LOGGER.removeHandler(caplog.handler)
    lines = [logs.JsonFormatter().format(record) for record in caplog.records]
    assert any("reminder_failed" in line for line in lines)
    states = repr(reminders.states(rt, rt.settings.account_id))
    for text in (*lines, states, repr(rt)):
        assert SECRET not in text
        assert "planted-token" not in text


@pytest.mark.parametrize(
    ("url", "address", "may"),
    [
        ("https://hooks.example.com/x", "93.184.215.14", True),
        ("https://hooks.example.com/x", "10.1.2.3", True),
        ("https://hooks.example.com/x", "127.0.0.1", False),
        ("https://hooks.example.com/x", "169.254.169.254", False),
        ("https://hooks.example.com/x", "::1", False),
        ("https://localhost/x", "127.0.0.1", True),
        ("https://[::1]/x", "::1", True),
        ("https://169.254.169.254/x", "169.254.169.254", False),
    ],
)
def test_webhook_leads_to_this_machine_only_if_it_says_so(url: str, address: str, may: bool) -> None:
    assert channels.allowed(url).takes(address, 443) == may


def test_topic_gets_text_without_hidden_characters(acm_pca: Any, rt: Any, clock: Clock, aws: None) -> None:
    session: Any = boto3.session.Session()
    sns, sqs = session.client("sns", region_name="us-east-1"), session.client("sqs", region_name="us-east-1")
    arn = sns.create_topic(Name="signet-reminders")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:inbox")
    topic.client_in.cache_clear()
    message = channels.Message("id", "0" * 12, {"reminders": [1, 2], "notListed": []}, f"Certificate {HOSTILE} expires")
    channels.to_topic(replace(rt, settings=replace(rt.settings, reminder_topic=arn)), message)
    (got,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(got["Body"])
    assert body["Subject"] == "Signet: 2 certificates or CAs expire"
    assert "\u202e" not in body["Message"]
    channels.to_topic(
        replace(rt, settings=replace(rt.settings, reminder_topic=arn)), message._replace(text="名" * 100_000)
    )
    (got,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(got["Body"])["Message"] == "名" * 66_666
    elsewhere = replace(rt.settings, reminder_topic=arn.replace("signet-reminders", "signet-missing"))
    with pytest.raises(channels.DeliveryError, match="SNS refused Publish"):
        channels.to_topic(replace(rt, settings=elsewhere), message)
