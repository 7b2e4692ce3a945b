"""Events of tests on the buses of an AWS that is itself for tests, such as LocalStack, as AWS Private CA sends them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.events import EventsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS: dict[str, Any] = {"connect_timeout": 2, "read_timeout": 5, "retries": {"total_max_attempts": 1}}


class Buses:
    """The default buses of all accounts in a region; AWS itself would refuse their source, `aws.acm-pca`."""

    def __init__(self, region: str) -> None:
        self._region = region

    def send(self, event: Mapping[str, Any]) -> None:
        """Put an event on the bus of its account."""
        entry: Any = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Time": event["time"],
            "Resources": event["resources"],
            "Detail": json.dumps(event["detail"]),
        }
        try:
            answer = _client(self._region, event["account"]).put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as error:
            raise EventsError(f"The bus of {event['account']} does not take events: {error}") from error
        if answer["FailedEntryCount"]:
            raise EventsError(f"The bus of {event['account']} refused the event: {answer['Entries'][0]}")


@lru_cache
def _client(region: str, account_id: str) -> Any:
    """Return a client that signs with the account as its access key id, by which LocalStack knows accounts."""
    session = boto3.Session(aws_access_key_id=account_id, aws_secret_access_key="test", region_name=region)  # noqa: S106
    return session.client("events", config=Config(**_LIMITS))
