"""The hand-written templates: names, what stays after a failure, and who reads CRLs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib.config import Settings
from tests.support.home import ROOT
from tools import package

TEMPLATE = package.merged_template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
STAGE = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["prod"]


def test_every_name_begins_with_the_installations() -> None:
    """A second stack of an account and region would not find a fixed name free."""
    fixed = {
        f"{resource}.{name}": value
        for resource, each in RESOURCES.items()
        for name, value in each.get("Properties", {}).items()
        if name in {"TableName", "AliasName", "BucketName", "QueueName", "TopicName", "DashboardName", "FunctionName"}
        and value != {"Ref": "Name"}
        and "${Name}-" not in str(value)
    }
    assert fixed == {}
    assert STAGE["environment_variables"].keys().isdisjoint({"SIGNET_TABLE", "SIGNET_KMS_SECRETS_KEY"})
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["SIGNET_NAME"] == {"Ref": "Name"}


def test_name_of_a_setting_is_that_of_the_template() -> None:
    settings = Settings(account_id="111122223333", region="eu-west-1", name="signet2")
    made = {"Name": "signet2", "AWS::AccountId": "111122223333", "AWS::Region": "eu-west-1"}

    def named(resource: str, member: str) -> str:
        value = RESOURCES[resource]["Properties"][member]
        return re.sub(r"\$\{([^}]+)\}", lambda found: made[found[1]], value.get("Fn::Sub", "${Name}"))

    assert named("Table", "TableName") == settings.table_name
    assert named("SecretsKeyAlias", "AliasName") == settings.secrets_key
    assert named("CrlBucket", "BucketName") == settings.crl_bucket
    assert named("JournalBucket", "BucketName") == settings.journal_bucket
    assert re.fullmatch(TEMPLATE["Parameters"]["Name"]["AllowedPattern"], "signet2")


def test_failed_creation_leaves_nothing_and_a_deleted_stack_leaves_its_state() -> None:
    """A protected table could not be rolled back, so it is protected once the stack exists."""
    policies = {name: each["DeletionPolicy"] for name, each in RESOURCES.items() if "DeletionPolicy" in each}
    assert policies == dict.fromkeys(
        ("Table", "SecretsKey", "CrlBucket", "ReportBucket", "JournalBucket"), "RetainExceptOnCreate"
    )
    assert all(RESOURCES[name]["UpdateReplacePolicy"] == "Retain" for name in policies)
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "false"


@pytest.mark.parametrize("policy", ["CrlBucketPolicy", "CloudFrontBucketPolicy"])
def test_clients_read_crls_and_nothing_else(policy: str) -> None:
    statements = RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]
    (reading,) = [each for each in statements if each["Effect"] == "Allow"]
    assert (reading["Action"], reading["Resource"]) == ("s3:GetObject", {"Fn::Sub": "${CrlBucket.Arn}/*.crl"})
    if policy == "CloudFrontBucketPolicy":
        assert reading["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert "distribution/${Revocations}" in str(reading["Condition"])
    else:
        condition, private, public = reading["Condition"]["Fn::If"]
        assert (condition, public) == ("IsPrivateNetwork", {"Ref": "AWS::NoValue"})
        assert private == {"StringEquals": {"aws:SourceVpce": {"Ref": "CrlVpcEndpoint"}}}
    block = RESOURCES["CrlBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    assert list(block.values()) == [{"Fn::If": ["IsPublic", False, True]}] * 4


def test_cloudfront_serves_plain_http_and_keeps_nothing_longer_than_ocsp_allows() -> None:
    distribution = RESOURCES["Revocations"]["Properties"]["DistributionConfig"]
    (crls,), ocsp = distribution["CacheBehaviors"], distribution["DefaultCacheBehavior"]
    assert (crls["PathPattern"], crls["TargetOriginId"], ocsp["TargetOriginId"]) == ("*.crl", "crls", "ocsp")
    assert {each["ViewerProtocolPolicy"] for each in (crls, ocsp)} == {"allow-all"}
    assert "POST" in ocsp["AllowedMethods"]
    assert crls["AllowedMethods"] == ["GET", "HEAD"]
    kept = RESOURCES["FreshAnswers"]["Properties"]["CachePolicyConfig"]
    assert (kept["MinTTL"], kept["DefaultTTL"], kept["MaxTTL"]) == (0, 5, 5)


def test_functions_that_write_addresses_know_those_of_the_distribution() -> None:
    """OCSP's own function cannot: the distribution has its URL."""
    knowing = {
        name
        for name, each in RESOURCES.items()
        if "SIGNET_CRL_HOST" in each.get("Properties", {}).get("Environment", {}).get("Variables", {})
    }
    assert knowing == {"APIHandler", "PublishCrls", "Reconcile", "Monitor"}
