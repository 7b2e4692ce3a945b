"""What the roles of the Lambda functions may do, and what they must never be able to do.

The judge follows IAM's rules for identity policies without Deny (IAM User Guide, "Policy evaluation logic" and
"Condition operators"); it knows the operators that the policies use, and no other.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from home import ROOT

from chalicelib.buckets.names import OWN_PREFIX

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTIONS = ("api_handler", "ocsp", "publish_crls", "reconcile", "write_audit_reports", "monitor")
SCHEDULED = FUNCTIONS[2:]
REGION, ACCOUNT = "eu-west-1", "111122223333"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/signet"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/"
CRLS, REPORTS = f"arn:aws:s3:::signet-crl-{ACCOUNT}-{REGION}", f"arn:aws:s3:::signet-reports-{ACCOUNT}-{REGION}"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/"
OWN = f"arn:aws:s3:::{OWN_PREFIX}x"  # a bucket that is made at a caller's wish
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:signet-failed-runs"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/signet-APIHandler-X:log-stream:x"
OWN_KEY = {"aws:ResourceTag/signet": "ca-key"}
MADE_KEY = OWN_KEY | {"aws:ResourceTag/signet:ca": "id"}
SECRETS = {"kms:EncryptionContext:signet": "secrets", "kms:ResourceAliases": ["alias/signet-secrets"]}
TAGS = {"aws:RequestTag/signet": "ca-key", "aws:RequestTag/signet:ca": "id", "aws:TagKeys": ["signet", "signet:ca"]}

Context = dict[str, Any]
Call = tuple[str, str, Context]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def like(patterns: Any, value: str) -> bool:
    return any(fnmatchcase(value, each.replace("[", "[[]")) for each in listed(patterns))


def holds(operator: str, key: str, wanted: Any, context: Context) -> bool:
    """Whether one condition holds; a key that is absent fails all but Null and ForAllValues."""
    found = listed(context[key]) if key in context else []
    if operator == "Null":
        return bool((not found) == (wanted == "true"))
    if operator == "ForAllValues:StringEquals":
        return all(each in listed(wanted) for each in found)
    if operator == "StringLike":
        return any(like(wanted, each) for each in found)
    assert operator in {"StringEquals", "ForAnyValue:StringEquals"}
    return any(each in listed(wanted) for each in found)


def allows(function: str, call: Call) -> bool:
    action, resource, context = call
    name = CONFIG["stages"]["prod"]["lambda_functions"][function]["iam_policy_file"]
    for statement in json.loads((ROOT / ".chalice" / name).read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        named = like([each.lower() for each in listed(statement["Action"])], action.lower())
        conditions = statement.get("Condition", {})
        met = all(holds(operator, key, wanted, context) for operator in conditions
                  for key, wanted in conditions[operator].items())  # fmt: skip
        if named and met and like(statement["Resource"], resource):
            return True
    return False


NEEDED: dict[str, list[Call]] = {
    "api_handler": [
        ("dynamodb:GetItem", TABLE, {}),
        ("dynamodb:Query", f"{TABLE}/index/list", {}),
        ("dynamodb:PutItem", TABLE, {}),
        ("dynamodb:ConditionCheckItem", TABLE, {}),
        ("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "SIGN_VERIFY"}),
        ("kms:TagResource", KEY, TAGS),
        ("kms:CreateAlias", f"{ALIAS}signet/id", {}),
        ("kms:CreateAlias", KEY, MADE_KEY),
        ("kms:GetPublicKey", KEY, OWN_KEY),
        ("kms:Sign", KEY, OWN_KEY),
        ("kms:ScheduleKeyDeletion", KEY, MADE_KEY),
        ("kms:Decrypt", KEY, SECRETS),
        ("kms:GenerateDataKey", KEY, SECRETS),
        ("s3:GetBucketAcl", CRLS, {}),
        ("s3:PutObject", f"{CRLS}/acm-pca-permission-test-key", {}),
        ("s3:PutObject", f"{REPORTS}/acm-pca-permission-test-key-private", {}),
        ("s3:PutObject", f"{CRLS}/crl/id.crl", {}),  # a CA's first certificate publishes its first CRL
        ("s3:PutObjectAcl", f"{CRLS}/crl/id.crl", {}),
        ("s3:ListAllMyBuckets", "*", {}),
        ("s3:CreateBucket", OWN, {}),
        ("s3:PutBucketOwnershipControls", OWN, {}),
        ("s3:PutBucketPublicAccessBlock", OWN, {}),
        ("s3:PutBucketVersioning", OWN, {}),
        ("s3:PutLifecycleConfiguration", OWN, {}),
        ("s3:PutBucketPolicy", OWN, {}),
        ("s3:GetBucketPolicy", OWN, {}),
        ("s3:ListBucket", OWN, {}),
        ("s3:PutObject", f"{OWN}/crl/id.crl", {}),
        ("s3:GetObject", f"{REPORTS}/audit-report/id/id.json", {}),
    ],
    "ocsp": [
        ("dynamodb:GetItem", TABLE, {}),
        ("dynamodb:Query", TABLE, {}),
        ("kms:GetPublicKey", KEY, OWN_KEY),
        ("kms:Sign", KEY, OWN_KEY),
    ],
    "publish_crls": [
        ("dynamodb:Query", f"{TABLE}/index/due", {}),
        ("dynamodb:UpdateItem", TABLE, {}),
        ("kms:Sign", KEY, OWN_KEY),
        ("s3:GetObject", f"{CRLS}/crl/id.crl", {}),
        ("s3:PutObject", f"{CRLS}/crl/id.crl", {}),
        ("s3:ListBucket", CRLS, {"s3:prefix": "crl/id.crl"}),
        ("s3:PutObject", f"{OWN}/crl/id.crl", {}),
    ],
    "reconcile": [
        ("dynamodb:UpdateItem", TABLE, {}),
        # the keys of OCSP responders, and their certificates
        ("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "SIGN_VERIFY"}),
        ("kms:TagResource", KEY, TAGS),
        ("kms:CreateAlias", f"{ALIAS}signet/id", {}),
        ("kms:CreateAlias", KEY, MADE_KEY),
        ("kms:Sign", KEY, OWN_KEY),
        ("s3:PutObject", f"{CRLS}/crl/id.crl", {}),
        ("kms:ScheduleKeyDeletion", KEY, MADE_KEY),
        ("kms:DeleteAlias", f"{ALIAS}signet/id", {}),
        ("kms:DeleteAlias", KEY, MADE_KEY),
    ],
    "write_audit_reports": [
        ("dynamodb:Query", TABLE, {}),
        ("s3:PutObject", f"{REPORTS}/audit-report/id/id.json", {}),
        ("s3:AbortMultipartUpload", f"{REPORTS}/audit-report/id/id.json", {}),
    ],
    "monitor": [("dynamodb:GetItem", TABLE, {}), ("dynamodb:Query", f"{TABLE}/index/list", {})],
}

DANGEROUS: list[Call] = [
    # state
    ("dynamodb:DeleteTable", TABLE, {}),
    ("dynamodb:UpdateTable", TABLE, {}),
    ("dynamodb:UpdateContinuousBackups", TABLE, {}),
    ("dynamodb:RestoreTableToPointInTime", TABLE, {}),
    ("dynamodb:ExportTableToPointInTime", TABLE, {}),
    ("dynamodb:Scan", TABLE, {}),
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
def test_role_can_do_what_its_function_needs(function: str) -> None:
    calls = [*NEEDED[function], ("logs:PutLogEvents", LOGS, {})]
    calls += [("sqs:SendMessage", QUEUE, {})] if function in SCHEDULED else []
    assert [call for call in calls if not allows(function, call)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_can_do_nothing_dangerous(function: str) -> None:
    assert len(DANGEROUS) >= 30
    assert [call for call in DANGEROUS if allows(function, call)] == []


def test_only_those_who_sign_may_sign_and_only_readers_read() -> None:
    def who(call: Call) -> set[str]:
        return {each for each in FUNCTIONS if allows(each, call)}

    assert who(("kms:Sign", KEY, OWN_KEY)) == {"api_handler", "ocsp", "publish_crls", "reconcile"}
    assert who(("kms:Decrypt", KEY, SECRETS)) == {"api_handler"}
    assert who(("kms:CreateKey", "*", TAGS | {"kms:KeyUsage": "SIGN_VERIFY"})) == {"api_handler", "reconcile"}
    assert who(("kms:ScheduleKeyDeletion", KEY, MADE_KEY)) == {"api_handler", "reconcile"}
    assert who(("dynamodb:PutItem", TABLE, {})) == set(FUNCTIONS) - {"monitor", "ocsp"}
    assert who(("events:PutEvents", f"{BUS}default", {})) == set(FUNCTIONS) - {"monitor", "ocsp"}
    assert who(("s3:GetObject", f"{REPORTS}/audit-report/id/id.json", {})) == {"api_handler"}
    assert who(("s3:PutBucketPolicy", OWN, {})) == {"api_handler"}
    assert who(("s3:PutObject", f"{CRLS}/crl/id.crl", {})) == {"api_handler", "publish_crls", "reconcile"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_use_no_star_but_where_aws_has_no_resource(function: str) -> None:
    text = (ROOT / ".chalice" / f"policy-{function}.json").read_text()
    for statement in json.loads(text)["Statement"]:
        assert not [each for each in listed(statement["Action"]) if "*" in each]
        stars = [each for each in listed(statement["Resource"]) if re.fullmatch(r"\*|(?:[^:]*:){5}\*.*", each)]
        # the key is not there yet; the list of buckets is of no bucket
        assert not stars or statement["Action"] in {"kms:CreateKey", "s3:ListAllMyBuckets"}


def test_both_stages_have_the_same_functions_and_policies() -> None:
    local, prod = (CONFIG["stages"][each]["lambda_functions"] for each in ("localstack", "prod"))
    assert local == prod
    assert prod.keys() == set(FUNCTIONS)
