"""The shape of an event: that of AWS CloudTrail, with what Signet knows beyond it in `additionalEventData`.

Source: AWS CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib.audit import parameters
from chalicelib.audit.parameters import MOST_CHARACTERS, MOST_ELEMENTS, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from chalicelib.audit.notes import Channel, Origin

VERSION = "1.11"
SOURCE = "acm-pca.amazonaws.com"
# Of operations that are not AWS Private CA's.
_SOURCES = dict.fromkeys(("AssumeRole", "AssumeRoleWithWebIdentity"), "sts.amazonaws.com") | dict.fromkeys(
    parameters.ACM, "acm.amazonaws.com"
)
_TYPES: dict[Channel, str] = {
    "api": "AwsApiCall",
    "console": "AwsConsoleAction",
    "cli": "AwsApiCall",
    "acme": "AwsApiCall",
    "schedule": "AwsServiceEvent",
}
_HIDDEN = re.compile(r"[^ -~]")
_RESOURCE_TYPES = {1: "AWS::ACMPCA::CertificateAuthority", 3: "AWS::ACMPCA::Certificate"}


class Actor(NamedTuple):
    """Who acted.

    Attributes:
        kind: CloudTrail's type of identity, or OperatingSystemUser: whoever ran the command.
        name: of the principal or the user.
    """

    kind: str
    account_id: str
    arn: str = ""
    access_key_id: str = ""
    name: str = ""

    def identity(self) -> dict[str, str]:
        """Return the element `userIdentity`."""
        members = {
            "type": self.kind,
            "arn": self.arn,
            "accountId": self.account_id,
            "accessKeyId": self.access_key_id,
            "userName": self.name,
        }
        return {name: value for name, value in members.items() if value}


def event(
    name: str,
    actor: Actor,
    origin: Origin,
    *,
    now: datetime,
    region: str,
    changes: bool,
    parameters: Mapping[str, Any] | None,
    resources: Iterable[str],
) -> dict[str, Any]:
    """Return an event without its outcome."""
    return {
        "eventVersion": VERSION,
        "userIdentity": actor.identity(),
        "eventTime": time_text(now),
        "eventSource": _SOURCES.get(name, SOURCE),
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": bounded(origin.source_ip) or _nowhere(origin.channel),
        "userAgent": printable(origin.user_agent),
        "requestParameters": dict(parameters) if parameters else None,
        "responseElements": None,
        "requestID": origin.request_id,
        "eventID": origin.request_id,
        "readOnly": not changes,
        "resources": resources_of(resources),
        "eventType": _TYPES[origin.channel],
        "recipientAccountId": actor.account_id,
        "additionalEventData": {"channel": origin.channel},
    }


def time_text(moment: datetime) -> str:
    """Return a time in UTC as records have it: such texts are in the order of their times."""
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


def resources_of(names: Iterable[str]) -> list[dict[str, str]]:
    """Return the element `resources`: each once, and as many as a record may hold."""
    return [_resource(text) for text in list(dict.fromkeys(names))[:MOST_ELEMENTS]]


def printable(text: str) -> str:
    """Return text from a header as a record holds it: printable ASCII, at most 256 characters."""
    return _HIDDEN.sub("?", text[:MOST_CHARACTERS])


def _nowhere(channel: Channel) -> str:
    return "" if channel in {"api", "console", "acme"} else "localhost"


def _resource(text: str) -> dict[str, str]:
    """Return an element of `resources`; other texts are named as they are, within bounds."""
    try:
        parts = arns.parse_certificate_arn(text).ca if text.count("/") == 3 else arns.parse_ca_arn(text)
    except arns.ArnError:
        return {"ARN": str(bounded(text))}
    return {"accountId": parts.account_id, "type": _RESOURCE_TYPES[text.count("/")], "ARN": text}


def accounts_of(record: Mapping[str, Any]) -> list[str]:
    """Return the accounts that a record concerns: the actor's, and those whose CAs it was allowed to use.

    Who is refused at another account's CA does not appear in that account's records.
    """
    is_allowed = (record.get("additionalEventData") or {}).get("outcome") == "allowed"
    owners = [resource.get("accountId", "") for resource in record.get("resources") or () if is_allowed]
    return list(dict.fromkeys(filter(None, (str(record.get("recipientAccountId", "")), *owners))))
