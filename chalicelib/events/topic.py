"""A topic of Amazon SNS, to which reminders of expiry are published.

Source: Amazon SNS API, Publish.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.events import EventsError

_SECONDS = 3.0  # for connecting, and again for the answer


@cache
def client_in(region: str) -> Any:
    """The client of SNS in a region."""
    limits: Any = {"connect_timeout": _SECONDS, "read_timeout": _SECONDS}
    config = Config(**limits, retries={"total_max_attempts": 2})
    return Session().client("sns", region_name=region, config=config)


def publish(topic_arn: str, subject: str, text: str) -> None:
    """Publish a text.

    Args:
        topic_arn: of the topic.
        subject: of a mail: at most 100 characters of ASCII.
        text: at most 256 KB.

    Raises:
        EventsError: it was not accepted.
    """
    client = client_in(topic_arn.split(":")[3])
    try:
        client.publish(TopicArn=topic_arn, Subject=subject, Message=text)
    except ClientError as error:
        raise EventsError(f"SNS refused Publish: {error.response.get('Error', {}).get('Code')}.") from error
    except BotoCoreError as error:
        raise EventsError(f"SNS does not answer: {type(error).__name__}.") from error
