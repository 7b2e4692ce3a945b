"""What the roles of the Lambda functions must never be able to do; what they do is judged by `test_iam_calls.py`."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.home import ROOT
from tests.support.iam_judge import (
    ACCOUNT,
    ALIAS,
    BUS,
    CONFIG,
    CRLS,
    FUNCTIONS,
    JOURNAL,
    KEY,
    LOGS,
    MADE_KEY,
    OCSP_KEY,
    OCSP_TAGS,
    OWN,
    OWN_KEY,
    QUEUE,
    REGION,
    REPORTS,
    SECRETS,
    TABLE,
    TAGS,
    TOPIC,
    Call,
    allows,
    listed,
)

DANGEROUS: list[Call] = [
    # state
    ("dynamodb:DeleteTable", TABLE, {}),
    ("dynamodb:UpdateTable", TABLE, {}),
    ("dynamodb:UpdateContinuousBackups", TABLE, {}),
    ("dynamodb:RestoreTableToPointInTime", TABLE, {}),
    ("dynamodb:ExportTableToPointInTime", TABLE, {}),
    ("dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other", {}),
    ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/signet-other", {}),
    # keys
    ("kms:Sign", KEY, {}),
    ("kms:Sign", KEY, {"aws:ResourceTag/signet": "other"}),
    ("kms:CreateKey", "*", {"kms:KeyUsage": "SIGN_VERIFY"}),
    ("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "ENCRYPT_DECRYPT"}),
    ("kms:TagResource", KEY, TAGS | {"kms:ResourceAliases": ["alias/payments"]}),
    ("kms:TagResource", KEY, {"aws:RequestTag/owner": "me", "aws:TagKeys": ["owner"]}),
    ("kms:TagResource", KEY, TAGS | {"aws:TagKeys": ["signet", "owner"]}),
    ("kms:TagResource", KEY, OCSP_TAGS | {"kms:ResourceAliases": ["alias/signet/id"]}),  # a CA's key for OCSP's
    ("kms:UntagResource", KEY, MADE_KEY),
    ("kms:ScheduleKeyDeletion", KEY, {}),
    ("kms:ScheduleKeyDeletion", KEY, OWN_KEY),  # a key that its owner named
    ("kms:DisableKey", KEY, MADE_KEY),
    ("kms:PutKeyPolicy", KEY, MADE_KEY),
    ("kms:CreateGrant", KEY, MADE_KEY),
    ("kms:UpdateAlias", f"{ALIAS}signet/id", MADE_KEY),
    ("kms:CreateAlias", f"{ALIAS}payments", {}),
    ("kms:DeleteAlias", f"{ALIAS}signet-secrets", {}),
    ("kms:Decrypt", KEY, {"kms:ResourceAliases": ["alias/signet-secrets"]}),
    ("kms:Decrypt", KEY, {"kms:EncryptionContext:signet": "secrets"}),
    ("kms:ReEncryptFrom", KEY, SECRETS),
    ("kms:ScheduleKeyDeletion", KEY, SECRETS),
    # buckets
    ("s3:DeleteObject", f"{JOURNAL}/checkpoint", {}),
    ("s3:DeleteObjectVersion", f"{JOURNAL}/checkpoint", {}),
    ("s3:BypassGovernanceRetention", f"{JOURNAL}/checkpoint", {}),
    ("s3:PutObjectRetention", f"{JOURNAL}/checkpoint", {}),
    ("s3:PutBucketPolicy", JOURNAL, {}),
    ("s3:DeleteObject", f"{CRLS}/crl/id.crl", {}),
    ("s3:DeleteObjectVersion", f"{CRLS}/crl/id.crl", {}),
    ("s3:DeleteBucket", CRLS, {}),
    ("s3:PutBucketPolicy", CRLS, {}),
    ("s3:PutBucketAcl", CRLS, {}),
    ("s3:PutBucketPublicAccessBlock", REPORTS, {}),
    ("s3:PutObject", f"{CRLS}/index.html", {}),
    ("s3:PutObjectAcl", f"{REPORTS}/audit-report/id/id.json", {}),
    ("s3:GetObject", f"{REPORTS}/id.json", {}),
    ("s3:PutObject", "arn:aws:s3:::other/crl/id.crl", {}),
    ("s3:ListBucket", CRLS, {"s3:prefix": ""}),
    ("s3:CreateBucket", "arn:aws:s3:::other", {}),
    ("s3:PutBucketPolicy", REPORTS, {}),
    ("s3:PutBucketPublicAccessBlock", CRLS, {}),
    ("s3:PutLifecycleConfiguration", CRLS, {}),
    ("s3:DeleteBucketPolicy", OWN, {}),
    ("s3:DeleteBucket", OWN, {}),
    ("s3:DeleteObject", f"{OWN}/crl/id.crl", {}),
    ("s3:PutObject", f"{OWN}/index.html", {}),
    # everything else
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/signet", {}),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:signet-APIHandler", {}),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:signet-APIHandler", {}),
    ("events:PutEvents", f"{BUS}other", {}),
    ("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/default", {}),
    ("events:PutRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/signet", {}),
    ("events:PutTargets", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/signet", {}),
    ("events:PutPermission", f"{BUS}default", {}),
    ("events:DisableRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/signet", {}),
    ("cloudwatch:DisableAlarmActions", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:x", {}),
    ("cloudformation:UpdateStack", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/signet/x", {}),
    ("logs:DeleteLogGroup", LOGS, {}),
    ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:other:log-stream:x", {}),
    ("sqs:ReceiveMessage", QUEUE, {}),
    ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:other", {}),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_can_do_nothing_dangerous(function: str) -> None:
    assert len(DANGEROUS) >= 30
    assert [call for call in DANGEROUS if allows(function, call)] == []


def test_only_those_who_sign_may_sign_and_only_readers_read() -> None:
    def who(call: Call) -> set[str]:
        return {each for each in FUNCTIONS if allows(each, call)}

    assert who(("kms:Sign", KEY, OWN_KEY)) == {"api_handler", "publish_crls", "reconcile"}
    assert who(("kms:Sign", KEY, MADE_KEY)) == {"api_handler", "publish_crls", "reconcile"}
    assert who(("kms:Sign", KEY, OCSP_KEY)) == {"ocsp", "reconcile"}
    assert who(("kms:GetPublicKey", KEY, OCSP_KEY)) == {"ocsp", "reconcile"}
    assert who(("kms:Decrypt", KEY, SECRETS)) == {"api_handler"}
    assert who(("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "SIGN_VERIFY"})) == {"api_handler"}
    assert who(("kms:CreateKey", "*", OCSP_TAGS | {"kms:KeyUsage": "SIGN_VERIFY"})) == {"reconcile"}
    assert who(("kms:TagResource", KEY, TAGS)) == {"api_handler"}
    assert who(("kms:TagResource", KEY, OCSP_TAGS)) == {"reconcile"}
    assert who(("kms:ScheduleKeyDeletion", KEY, OCSP_KEY)) == {"api_handler", "reconcile"}
    assert who(("kms:ScheduleKeyDeletion", KEY, MADE_KEY)) == {"api_handler", "reconcile"}
    assert who(("dynamodb:PutItem", TABLE, {})) == set(FUNCTIONS) - {"monitor", "ocsp", "remind"}
    noting = {"dynamodb:LeadingKeys": ["SCHEDULED-RUNS#"]}
    assert who(("dynamodb:PutItem", TABLE, noting)) == set(FUNCTIONS) - {"ocsp"}
    others = who(("dynamodb:PutItem", TABLE, {"dynamodb:LeadingKeys": ["SCHEDULED-RUNS#", "KEYS"]}))
    assert not others & {"monitor", "remind"}
    assert who(("sns:Publish", TOPIC, {})) == {"remind"}
    assert who(("dynamodb:Scan", TABLE, {})) == {"sequence_journal"}
    assert who(("events:PutEvents", f"{BUS}default", {})) == set(FUNCTIONS) - {"monitor", "ocsp", "sequence_journal"}
    appending = {"api_handler", "publish_crls", "reconcile", "sequence_journal"}
    assert who(("s3:PutObject", f"{JOURNAL}/checkpoint", {})) == appending
    assert who(("s3:GetObject", f"{JOURNAL}/checkpoint", {})) == {*appending, "ocsp"}
    assert who(("s3:GetObject", f"{REPORTS}/audit-report/id/id.json", {})) == {"api_handler"}
    assert who(("s3:PutBucketPolicy", OWN, {})) == {"api_handler"}
    assert who(("s3:PutObject", f"{CRLS}/crl/id.crl", {})) == {"api_handler", "publish_crls", "reconcile"}


# The key does not exist yet; lists of aliases and buckets are of no one of them; an alias may lead nowhere yet.
OF_NO_RESOURCE = {"kms:CreateKey", "kms:ListAliases", "s3:ListAllMyBuckets", "kms:DescribeKey"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_use_no_star_but_where_aws_has_no_resource(function: str) -> None:
    text = (ROOT / ".chalice" / f"policy-{function}.json").read_text()
    for statement in json.loads(text)["Statement"]:
        assert not [each for each in listed(statement["Action"]) if "*" in each]
        stars = [each for each in listed(statement["Resource"]) if re.fullmatch(r"\*|(?:[^:]*:){5}\*.*", each)]
        assert not stars or statement["Action"] in OF_NO_RESOURCE


def test_both_stages_have_the_same_functions_and_policies() -> None:
    local, prod = (CONFIG["stages"][each]["lambda_functions"] for each in ("localstack", "prod"))
    assert local == prod
    assert prod.keys() == set(FUNCTIONS)


# what the installation `signet` has, and what some function of it may do there
OF_SIGNET: list[Call] = [
    ("dynamodb:PutItem", TABLE, {}),
    ("dynamodb:Query", TABLE, {}),
    ("dynamodb:Scan", TABLE, {}),
    ("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "SIGN_VERIFY"}),
    ("kms:CreateKey", "*", OCSP_TAGS | {"kms:KeyUsage": "SIGN_VERIFY"}),
    ("kms:CreateAlias", f"{ALIAS}signet/id", {}),
    ("kms:DeleteAlias", f"{ALIAS}signet/id", {}),
    ("kms:Sign", KEY, OWN_KEY),
    ("kms:Sign", KEY, OCSP_KEY),
    ("kms:ScheduleKeyDeletion", KEY, MADE_KEY),
    ("kms:Decrypt", KEY, SECRETS),
    ("s3:PutObject", f"{CRLS}/crl/id.crl", {}),
    ("s3:PutObject", f"{REPORTS}/audit-report/id/id.json", {}),
    ("s3:GetObject", f"{JOURNAL}/checkpoint", {}),
    ("s3:PutBucketPolicy", OWN, {}),
    ("sns:Publish", TOPIC, {}),
    ("sqs:SendMessage", QUEUE, {}),
    ("logs:PutLogEvents", LOGS, {}),
]


@pytest.mark.parametrize("call", OF_SIGNET, ids=lambda call: f"{call[0]} {call[1].rpartition(':')[2]}")
def test_installations_of_an_account_cannot_reach_each_other(call: Call) -> None:
    assert any(allows(function, call) for function in FUNCTIONS)
    assert not any(
        allows(function, call, name=other) for function in FUNCTIONS for other in ("signet2", "sig", "other")
    )


def test_another_installation_reaches_its_own() -> None:
    action, resource, context = json.loads(json.dumps(OF_SIGNET[7]))
    own = context | {"aws:ResourceTag/signet": "other:ca-key"}
    assert allows("api_handler", (action, resource, own), name="other")
    assert allows("api_handler", ("dynamodb:PutItem", TABLE.replace("signet", "other"), {}), name="other")
    assert allows("publish_crls", ("s3:PutObject", f"{CRLS.replace('signet', 'other')}/crl/id.crl", {}), name="other")
