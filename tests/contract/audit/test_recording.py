"""Every call leaves a record before its answer leaves, or fails (docs/audit.md)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import recording
from chalicelib.access import access_keys, principals
from chalicelib.api.dispatch import OPERATIONS
from chalicelib.audit import AuditError
from tests.contract.audit.conftest import ends, records
from tests.support.authority_steps import active_root, create, issue, status
from tests.support.client import client_for
from tests.support.good_requests import GOOD, World
from tests.support.model_cases import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from chalicelib.audit import Trail
    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.usefixtures("acm_pca")  # whose signatures bear the clock's time

CHANGING = [name for name in OPERATIONS if not name.startswith(("Get", "List", "Describe"))]
OWNER = "000000000000"


def method_of(client: Any, operation: str) -> Callable[..., Any]:
    names = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    method: Callable[..., Any] = getattr(client, names[operation])
    return method


class Failing:
    """A trail of which some writes fail: of calls that begin, or of those that end."""

    def __init__(self, trail: Trail, phase: str) -> None:
        self._trail, self._phase = trail, phase
        self.newest, self.get, self.publish, self.verify = trail.newest, trail.get, trail.publish, trail.verify
        self.public_key = trail.public_key

    def append(self, event: Mapping[str, Any], *, now: datetime, durable: bool) -> Callable[[], None]:
        if self._phase in event["additionalEventData"]:
            raise AuditError("The disk is full.")
        return self._trail.append(event, now=now, durable=durable)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_recorded_with_its_actor_and_what_decided(rt: Runtime, operation: str) -> None:
    client = client_for(rt)
    request = GOOD[operation][0](World(client))
    answer = method_of(client, operation)(**request)
    *_, record = records(rt)
    root = access_keys.ensure_root_key(rt).access_key_id
    arn = f"arn:aws:iam::{OWNER}:user/administrator"
    assert record["eventName"] == operation
    assert record["userIdentity"] == {
        "type": "IAMUser",
        "arn": arn,
        "accountId": OWNER,
        "accessKeyId": root,
        "userName": "administrator",
    }
    assert record["eventID"] == record["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert record["userAgent"].startswith("Boto3/")
    assert record["readOnly"] == (operation not in CHANGING)
    details = record["additionalEventData"]
    assert (details["channel"], details["outcome"]) == ("api", "allowed")
    assert details["decision"] == {
        "effect": "Allow",
        "policies": "identity",
        "statement": "statement 1 of policy 'administrator'",
    }
    named = (
        request.get("CertificateAuthorityArn") or request.get("ResourceArn") or answer.get("CertificateAuthorityArn")
    )
    assert (named is None) or named in [each["ARN"] for each in record["resources"]]
    assert rt.audit.verify(rt.now()).problems == ()


@pytest.mark.parametrize("operation", CHANGING)
def test_nothing_changes_where_the_beginning_cannot_be_recorded(rt: Runtime, operation: str) -> None:
    client = client_for(rt)
    request = GOOD[operation][0](World(client))
    before = state_of(rt)
    failing = client_for(replace(rt, audit=Failing(rt.audit, "phase")))
    with pytest.raises(ClientError) as refused:
        method_of(failing, operation)(**request)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert state_of(rt) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_call_succeeds_whose_end_cannot_be_recorded(rt: Runtime, operation: str) -> None:
    client = client_for(rt)
    request = GOOD[operation][0](World(client))
    failing = client_for(replace(rt, audit=Failing(rt.audit, "outcome")))
    with pytest.raises(ClientError) as refused:
        method_of(failing, operation)(**request)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def state_of(rt: Runtime) -> object:
    """What the store holds of CAs, certificates and policies."""
    cas = rt.store.list_certificate_authorities(OWNER, limit=1000)
    return [(ca, rt.store.get_policy(ca.arn), list(rt.store.list_certificates(ca.arn))) for ca in cas]


def test_a_call_that_changes_something_is_recorded_before_it_does(rt: Runtime) -> None:
    client = client_for(rt)
    create(client)
    begun, end = records(rt)[-2:]
    assert begun["additionalEventData"] == {"channel": "api", "phase": "begun"}
    assert begun["requestID"] == end["requestID"]
    assert begun["requestParameters"] == end["requestParameters"]


def test_denied_and_failed_calls_are_recorded_with_their_errors(rt: Runtime) -> None:
    client = client_for(rt)
    arn = active_root(client)
    statement = {"Sid": "NoPolicies", "Effect": "Deny", "Action": "acm-pca:*Policy", "Resource": "*"}
    deny = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    principals.create(rt, OWNER, "ci", policies=(("p", deny),))
    key = access_keys.create_access_key(rt, OWNER, principal="ci")
    other = client_for(rt, access_key_id=key.access_key_id, secret=key.secret)
    for call, more in ((other.get_policy, {"ResourceArn": arn}), (other.list_tags, {"CertificateAuthorityArn": arn})):
        with pytest.raises(ClientError):
            call(**more)
    client_for(rt)
    with pytest.raises(ClientError):
        client.describe_certificate_authority(CertificateAuthorityArn="no ARN")
    denied, missing, failed = ends(rt)[-3:]
    assert denied["errorCode"] == "AccessDeniedException"
    assert denied["userIdentity"]["arn"] == f"arn:aws:iam::{OWNER}:user/ci"
    assert denied["additionalEventData"]["outcome"] == "denied"
    assert denied["additionalEventData"]["decision"] == {
        "effect": "Deny",
        "policies": "identity",
        "statement": "statement 'NoPolicies' of policy 'p'",
    }
    assert missing["additionalEventData"]["decision"] == {"effect": None, "policies": "identity", "statement": None}
    assert (failed["errorCode"], failed["additionalEventData"]["outcome"]) == ("ValidationException", "failed")


def test_a_record_of_an_issue_has_names_and_hashes_and_no_csr(rt: Runtime) -> None:
    client = client_for(rt)
    arn = active_root(client)
    certificate_arn = issue(client, arn, IdempotencyToken="the client's token")
    record = ends(rt)[-1]
    text = str(record)
    assert "BEGIN CERTIFICATE" not in text
    assert "the client's token" not in text
    assert record["responseElements"] == {"certificateArn": certificate_arn}
    assert record["additionalEventData"]["certificateNames"] == ["leaf.example.com"]
    assert record["additionalEventData"]["templateArn"].endswith("template/EndEntityCertificate/V1")
    assert {"csrSha256", "idempotencyTokenSha256"} <= record["requestParameters"].keys()
    assert certificate_arn in [each["ARN"] for each in record["resources"]]


def test_tags_are_recorded_by_their_keys(rt: Runtime) -> None:
    client = client_for(rt)
    create(client, Tags=[{"Key": "owner", "Value": "a secret value"}])
    assert records(rt)[-1]["requestParameters"]["tags"] == [{"key": "owner"}]
    assert "a secret value" not in str(records(rt))


def test_reads_are_left_out_by_the_setting_unless_they_are_denied(rt: Runtime) -> None:
    rt = replace(rt, settings=replace(rt.settings, audit="changes"))
    client = client_for(rt)
    arn = create(client)
    status(client, arn)
    assert [each["eventName"] for each in ends(rt)] == ["CreateCertificateAuthority"]
    principals.create(rt, OWNER, "nobody")
    key = access_keys.create_access_key(rt, OWNER, principal="nobody")
    with pytest.raises(ClientError):
        status(client_for(rt, access_key_id=key.access_key_id, secret=key.secret), arn)
    assert ends(rt)[-1]["eventName"] == "DescribeCertificateAuthority"


def test_an_owner_sees_what_another_account_was_allowed_and_not_what_it_was_refused(rt: Runtime) -> None:
    client = client_for(rt)
    policy, other_arn = World(client).policy(), active_root(client)
    client.put_policy(**policy)
    arn = policy["ResourceArn"]
    key = access_keys.create_access_key(rt, "111122223333")
    other = client_for(rt, access_key_id=key.access_key_id, secret=key.secret)
    certificate_arn = issue(client, arn)
    other.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
    with pytest.raises(ClientError):
        other.describe_certificate_authority(CertificateAuthorityArn=other_arn)
    allowed, denied = ends(rt, "111122223333")[-2:]
    assert allowed["additionalEventData"]["decision"] == {"effect": "Allow", "policies": "resource", "statement": None}
    assert allowed in ends(rt)
    assert denied not in ends(rt)


def test_end_of_a_call_has_what_it_was_last_said_to_be_about(rt: Runtime) -> None:
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    assert key is not None
    with recording.recorded(rt, "CreateSomething", recording.actor_of_key(rt, key)) as entry:
        entry.begin({"name": "first"}, [])
        entry.about({"name": "second"}, ["arn:second"])
    begun, ended = records(rt)[-2:]
    assert [each["requestParameters"] for each in (begun, ended)] == [{"name": "first"}, {"name": "second"}]
    assert [each["ARN"] for each in ended["resources"]] == ["arn:second"]


def test_calls_that_nobody_signed_are_counted_once_a_minute(rt: Runtime, clock: Any) -> None:
    stranger = client_for(rt, access_key_id="AKIASTRANGER", secret="x" * 40)
    for _ in range(100):
        with pytest.raises(ClientError):
            stranger.list_certificate_authorities()
    first = records(rt)
    assert [each["eventName"] for each in first if each["eventName"] != "BeginAuditFile"] == ["RefuseUnauthenticated"]
    clock.forward(seconds=61)
    with pytest.raises(ClientError):
        stranger.list_certificate_authorities()
    *_, second = records(rt)
    counted = [{"reason": "UnrecognizedClientException", "source": "", "count": 100}]
    assert second["additionalEventData"]["counted"] == counted
    assert "AKIASTRANGER" not in str(records(rt))


def test_the_operations_of_the_model_are_reads_or_changes_as_their_names_say() -> None:
    assert len(CHANGING) == 14
    assert set(OPERATIONS) == set(MODEL.operation_names)
