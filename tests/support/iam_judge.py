"""Judges calls by the policies of the Lambda functions' roles.

It follows IAM's rules for identity policies without Deny (IAM User Guide, "Policy evaluation logic" and "Condition
operators"); it knows the operators that the policies use, and no other.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from chalicelib.buckets.names import own_prefix
from chalicelib.setting_fields import NAME
from tests.support.home import ROOT
from tools import package

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
FUNCTIONS = (
    "api_handler",
    "ocsp",
    "publish_crls",
    "reconcile",
    "sequence_journal",
    "write_audit_reports",
    "remind",
    "monitor",
)
SCHEDULED = FUNCTIONS[2:]
REGION, ACCOUNT = "eu-west-1", "111122223333"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/signet"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/"
CRLS, REPORTS = f"arn:aws:s3:::signet-crl-{ACCOUNT}-{REGION}", f"arn:aws:s3:::signet-reports-{ACCOUNT}-{REGION}"
JOURNAL = f"arn:aws:s3:::signet-journal-{ACCOUNT}-{REGION}"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/"
OWN = f"arn:aws:s3:::{own_prefix(NAME)}x"  # a bucket that is made at a caller's wish
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:signet-alarms"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:signet-failed-runs"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/signet-APIHandler-X:log-stream:x"
OWN_KEY = {"aws:ResourceTag/signet": "ca-key"}
MADE_KEY = OWN_KEY | {"aws:ResourceTag/signet:ca": "id"}
OCSP_KEY = MADE_KEY | {"aws:ResourceTag/signet": "ocsp-key"}
SECRETS = {"kms:EncryptionContext:signet": "secrets", "kms:ResourceAliases": ["alias/signet-secrets"]}
TAGS = {"aws:RequestTag/signet": "ca-key", "aws:RequestTag/signet:ca": "id", "aws:TagKeys": ["signet", "signet:ca"]}
OCSP_TAGS = TAGS | {"aws:RequestTag/signet": "ocsp-key"}

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
    if operator == "ForAllValues:StringLike":
        return all(like(wanted, each) for each in found)
    if operator == "StringLike":
        return any(like(wanted, each) for each in found)
    assert operator in {"StringEquals", "ForAnyValue:StringEquals"}
    return any(each in listed(wanted) for each in found)


def statements(function: str, name: str = NAME) -> list[Any]:
    """The policy of a function's role, as the stack of an installation of this name has it."""
    file = CONFIG["stages"]["prod"]["lambda_functions"][function]["iam_policy_file"]
    policy = package.with_name(json.loads((ROOT / ".chalice" / file).read_text()))
    found: list[Any] = _resolved(policy, name)["Statement"]
    return found


def _resolved(value: Any, name: str) -> Any:
    """What CloudFormation makes of `Fn::If` on the default name and of `Fn::Sub`."""
    if isinstance(value, list):
        return [_resolved(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, default, other = value["Fn::If"]
        assert condition == "IsDefaultName"
        return _resolved(default if name == NAME else other, name)
    if "Fn::Sub" in value:
        return value["Fn::Sub"].replace("${Name}", name)
    return {key: _resolved(each, name) for key, each in value.items()}


def allows(function: str, call: Call, *, name: str = NAME) -> bool:
    action, resource, context = call
    for statement in statements(function, name):
        assert statement["Effect"] == "Allow"
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        named = like([each.lower() for each in listed(statement["Action"])], action.lower())
        conditions = statement.get("Condition", {})
        met = all(holds(operator, key, wanted, context) for operator in conditions
                  for key, wanted in conditions[operator].items())  # fmt: skip
        if named and met and like(statement["Resource"], resource):
            return True
    return False


def granted(function: str) -> set[str]:
    """Every action that a function's role allows on anything."""
    return {each for statement in statements(function) for each in listed(statement["Action"])}
