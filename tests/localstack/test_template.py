"""The template of the state: a creation that fails and is repeated, and a second installation beside the first."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.home import ROOT

if TYPE_CHECKING:
    from tests.support.localstack_home import LocalStack

TEMPLATE = yaml.safe_load((ROOT / "infrastructure" / "state.yaml").read_text())
BROKEN = {
    "Type": "AWS::S3::Bucket",
    "DependsOn": [name for name, each in TEMPLATE["Resources"].items() if "Condition" not in each],
    "Properties": {"BucketName": "No bucket has this name"},
}
SECONDS = 120


class Stack:
    """A stack of the state's template, with names of its own."""

    def __init__(self, localstack: LocalStack, name: str) -> None:
        self.localstack, self.name = localstack, name
        self.client = localstack.boto("cloudformation")

    def create(self, template: Any, **parameters: str) -> str:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        name = {"ParameterKey": "Name", "ParameterValue": self.name}
        self.client.create_stack(StackName=self.name, TemplateBody=json.dumps(template), Parameters=[name, *given])
        return self.settled()

    def delete(self) -> None:
        before = self.status()
        self.client.delete_stack(StackName=self.name)
        self.settled(before)

    def status(self) -> str:
        try:
            return str(self.client.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])
        except self.client.exceptions.ClientError:
            return "GONE"

    def settled(self, before: str = "") -> str:
        """Wait for the end of what LocalStack does in the background; until it begins, the status is the one before."""
        deadline = time.monotonic() + SECONDS
        while True:
            status = self.status()
            if status != before and not status.endswith("IN_PROGRESS"):
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.2)

    def found(self) -> set[str]:
        """What there is with this stack's names."""
        tables = self.localstack.boto("dynamodb").list_tables()["TableNames"]
        buckets = [each["Name"] for each in self.localstack.boto("s3").list_buckets()["Buckets"]]
        aliases = [each["AliasName"] for each in self.localstack.boto("kms").list_aliases()["Aliases"]]
        return {each for each in (*tables, *buckets, *aliases) if each.removeprefix("alias/").startswith(self.name)}


def test_creation_that_failed_leaves_nothing_and_can_be_repeated(localstack: LocalStack) -> None:
    stack = Stack(localstack, "repeated")
    assert stack.create(TEMPLATE | {"Resources": TEMPLATE["Resources"] | {"Broken": BROKEN}}) == "CREATE_FAILED"
    assert len(stack.found()) == 5
    stack.delete()
    assert stack.found() == set()
    assert stack.create(TEMPLATE) == "CREATE_COMPLETE"
    assert len(stack.found()) == 5
    stack.delete()


def test_crls_for_a_vpc_alone_are_in_a_private_bucket_beside_the_first_installation(localstack: LocalStack) -> None:
    stack, endpoint = Stack(localstack, "invpc"), "vpce-0123456789abcdef0"
    assert stack.create(TEMPLATE, CrlAccess="private-network", CrlVpcEndpoint=endpoint) == "CREATE_COMPLETE"
    s3, bucket = localstack.boto("s3"), "invpc-crl-000000000000-us-east-1"
    reading = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]
    assert reading["Condition"] == {"StringEquals": {"aws:SourceVpce": endpoint}}
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    stack.delete()
