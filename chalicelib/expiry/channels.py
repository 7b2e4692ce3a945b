"""The channels of reminders: the event port, a webhook, and a topic of Amazon SNS. Each accepts a message or raises.

A webhook is the operator's own, by https, or by http on this machine. Its body is signed by HMAC-SHA256 with the secret
that both sides share; the signature covers the time, so that nobody can replay an old message later.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib import fetching, hosts
from chalicelib.events import EventsError
from chalicelib.printable import printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.config import Settings
    from chalicelib.runtime import Runtime

DETAIL_TYPE = "Signet Expiry Reminder"
SOURCE = "aws.acm-pca"  # of the envelope, as of other events; EventBridge gets `events.eventbridge.SOURCE`
SECONDS = 10.0
_MOST_ANSWER = 65_536
_ACCEPTED = range(200, 300)
_MOST_TEXT = 200_000  # bytes; SNS takes 256 KB


class DeliveryError(Exception):
    """A channel did not accept a message; the text says why, without the webhook's address."""


class Message(NamedTuple):
    """A message: `body` for programs, `text` for people; both hold names that others wrote."""

    id: str
    account_id: str
    body: dict[str, Any]
    text: str


def chosen(settings: Settings) -> dict[str, Callable[[Runtime, Message], None]]:
    """The channels that the settings choose, by name."""
    made: dict[str, Callable[[Runtime, Message], None]] = {"events": to_events}
    if settings.reminder_webhook:
        made["webhook"] = to_webhook
    if settings.reminder_topic:
        made["topic"] = to_topic
    return made


def to_events(rt: Runtime, message: Message) -> None:
    """Send an event: to EventBridge, or as a line of the log."""
    event = {
        "version": "0",
        "id": message.id,
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": message.account_id,
        "time": message.body["time"],
        "region": message.body["region"],
        "resources": sorted({reminder["certificateAuthorityArn"] for reminder in message.body["reminders"]}),
        "detail": message.body,
    }
    try:
        rt.events.send(event)
    except EventsError as error:
        raise DeliveryError(str(error)) from error


def to_webhook(rt: Runtime, message: Message) -> None:
    """POST the message as JSON, with its signature."""
    url, body = rt.settings.reminder_webhook, json.dumps(message.body).encode()
    stamp = str(int(rt.now().timestamp()))
    headers = {
        "Signet-Delivery": message.id,
        "Signet-Signature": f"t={stamp},v1={signature(rt.settings.reminder_secret, stamp, body)}",
    }
    try:
        fetching.fetch(
            url,
            allowed(url),
            fetching.Deadline(SECONDS),
            most=_MOST_ANSWER,
            body=body,
            content_type="application/json",
            headers=headers,
            accepted=_ACCEPTED,
        )
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DeliveryError(f"The webhook did not accept it: {type(error).__name__}: {error}"[:200]) from None


def signature(secret: str, stamp: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of time and body: of the octets "time.body"."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def allowed(url: str) -> fetching.Allowed:
    """The addresses that a webhook may lead to: public, private, and this machine only if the URL names it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_here = host == "localhost" or (hosts.is_literal(host) and hosts.reach_of(host) == "loopback")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return fetching.Allowed(private=True, loopback_port=port if is_here else 0)


def to_topic(rt: Runtime, message: Message) -> None:
    """Publish the text on the topic."""
    from chalicelib.events import topic

    number = len(message.body["reminders"]) + sum(each["certificates"] for each in message.body["notListed"])
    subject = "Signet: one certificate or CA expires" if number == 1 else f"Signet: {number} certificates or CAs expire"
    text = printable_lines(message.text).encode("utf-8", "replace")[:_MOST_TEXT].decode("utf-8", "ignore")
    try:
        topic.publish(rt.settings.reminder_topic, subject, text)
    except EventsError as error:
        raise DeliveryError(str(error)) from error
