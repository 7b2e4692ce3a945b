"""Searching records: filters that all have to fit, and one record for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.audit.events import time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from chalicelib.audit import Found

OUTCOMES = ("allowed", "denied", "failed", "unfinished")
_MOST_OPEN = 10_000


class Filters(NamedTuple):
    """What a record has to have; empty: anything.

    Attributes:
        principal: name or ARN of who acted, or the access key id.
        ca: ARN or id of a CA.
        serial: of a certificate, 32 hex digits.
        since, until: of `eventTime`.
    """

    principal: str = ""
    operation: str = ""
    ca: str = ""
    serial: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def fit(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record has all of it."""
        identity = record.get("userIdentity") or {}
        names = {identity.get(name) for name in ("userName", "arn", "accessKeyId")}
        at, resources = str(record.get("eventTime")), [str(each.get("ARN")) for each in record.get("resources") or ()]
        return (
            (not self.principal or self.principal in names)
            and self.operation in {"", record.get("eventName")}
            and (not self.ca or any(self.ca in {arn, ca_id_of(arn)} for arn in resources))
            and (not self.serial or self._has_serial(record, resources))
            and self.outcome in {"", outcome_of(record)}
            and (self.since is None or at >= time_text(self.since))
            and (self.until is None or at < time_text(self.until))
        )

    def _has_serial(self, record: Mapping[str, Any], resources: list[str]) -> bool:
        requested = str((record.get("requestParameters") or {}).get("certificateSerial", ""))
        serial = requested.replace(":", "").lower().rjust(len(self.serial), "0")
        return serial == self.serial or any(arn.endswith(f"/certificate/{self.serial}") for arn in resources)


def ca_id_of(arn: str) -> str:
    """Return the id of the CA that an ARN names or is part of; the text itself where it is none."""
    return arn.partition(":certificate-authority/")[2].partition("/")[0] or arn


def outcome_of(record: Mapping[str, Any]) -> str:
    """Return how a call ended; "unfinished": the record says only that it began."""
    return str((record.get("additionalEventData") or {}).get("outcome") or "unfinished")


def calls(newest: Iterable[Found], ended: dict[str, None] | None = None) -> Iterator[Found]:
    """Leave out records of beginnings whose end has been seen, which is newer.

    Args:
        newest: records, the newest first.
        ended: ids of requests whose end has been seen, and whose beginning has not; kept up to date.
    """
    ended = {} if ended is None else ended
    for found in newest:
        request_id = str(found.record.get("requestID"))
        details = found.record.get("additionalEventData") or {}
        if details.get("phase") == "begun":
            if request_id in ended:
                del ended[request_id]
                continue
        elif found.record.get("readOnly") is False and details.get("channel") != "schedule":
            ended[request_id] = None
            if len(ended) > _MOST_OPEN:
                del ended[next(iter(ended))]
        yield found
