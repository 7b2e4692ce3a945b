"""Share a CA with another account, for tests of the console."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.access import resource_policy
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import policies
from chalicelib.runtime import Caller
from tests.support.console_steps import arn_of

if TYPE_CHECKING:
    from collections.abc import Iterable


OWNER, OTHER = "000000000000", "111122223333"
EVERYTHING = (*resource_policy.READ_ACTIONS, "IssueCertificate", "RevokeCertificate")


def share(rt: Any, ca_id: str, actions: Iterable[str] = EVERYTHING, *, template: str = "", account: str = OTHER) -> str:
    """Let another account do this, issue with one template alone if that is named; returns the CA's id."""
    arn = arn_of(ca_id)
    common = {"Effect": "Allow", "Principal": {"AWS": account}, "Resource": arn}
    condition = {"StringEquals": {resource_policy.TEMPLATE_ARN: f"arn:aws:acm-pca:::template/{template}/V1"}}
    statements = [
        common
        | {"Action": [f"acm-pca:{name}"]}
        | ({"Condition": condition} if template and name == "IssueCertificate" else {})
        for name in actions
    ]
    caller = Caller(account_id=OWNER, access_key_id="AKIATEST", operation="PutPolicy", principal=ADMINISTRATOR)
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    policies.put_policy(rt, caller, {"ResourceArn": arn, "Policy": text})
    return ca_id
