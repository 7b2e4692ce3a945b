"""Events of tests on the buses of an AWS that is for tests, too: moto's."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.config import Settings
from chalicelib.testing import authorities
from chalicelib.testing.interception import intercepted_by
from chalicelib.testing.signet import Signet


@pytest.mark.parametrize("account_id", ["123456789012", "111122223333"])
def test_event_is_on_the_bus_of_the_account_of_its_ca(account_id: str) -> None:
    keys: Any = {"aws_access_key_id": account_id, "aws_secret_access_key": "test", "region_name": "eu-west-1"}
    settings = replace(Settings(), account_id="123456789012", events="eventbridge")
    with mock_aws(), closing(Signet(settings)) as signet, intercepted_by(signet):
        sqs, events = boto3.client("sqs", **keys), boto3.client("events", **keys)
        queue = sqs.create_queue(QueueName="private-ca")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="private-ca", EventPattern=json.dumps({"source": ["aws.acm-pca"]}))
        events.put_targets(Rule="private-ca", Targets=[{"Id": "queue", "Arn": arn}])
        root = authorities.root(boto3.client("acm-pca", **keys))
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        found = [json.loads(message["Body"]) for message in got]
    assert {each["detail-type"] for each in found} == {"ACM Private CA Creation", "ACM Private CA Certificate Issuance"}
    assert {each["resources"][0] for each in found} == {root.arn}
    assert {each["detail"]["result"] for each in found} == {"success"}
