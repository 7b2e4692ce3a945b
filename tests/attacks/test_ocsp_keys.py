"""Whoever takes over the function that answers OCSP signs no certificate: it uses keys of responders only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chalicelib.reconcile import reconcile
from tests.support.authority_steps import activate_root, active_root, create, fetch, issue
from tests.support.client import client_for
from tests.support.home import ROOT
from tests.support.kms_home import kms_client, with_kms
from tests.support.ocsp_requests import GOOD, ON, STATUS, asked, authority, request_for
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop


@pytest.fixture
def kms_rt(aws: None, rt: Runtime) -> Runtime:
    settings = replace(rt.settings, keys="kms", ocsp_signer="delegated")
    return with_kms(replace(rt, settings=settings))


@pytest.fixture
def client(kms_rt: Runtime, acm_pca: Any) -> Any:
    return client_for(kms_rt)


class Signatures:
    """What the keys are for that KMS signs with."""

    def __init__(self, rt: Any) -> None:
        self.purposes: list[str] = []
        rt.keys._client.meta.events.register("before-parameter-build.kms.Sign", self.note)

    def note(self, params: dict[str, Any], **_: Any) -> None:
        key_id = kms_client().describe_key(KeyId=params["KeyId"])["KeyMetadata"]["KeyId"]
        tags = {tag["TagKey"]: tag["TagValue"] for tag in kms_client().list_resource_tags(KeyId=key_id)["Tags"]}
        self.purposes.append(tags["signet"])


def test_ca_s_key_signs_no_answer(kms_rt: Runtime, client: Any, clock: Any) -> None:
    arn = active_root(client, RevocationConfiguration=ON)
    request = request_for(fetch(client, arn, issue(client, arn)), authority(client, arn))
    signatures = Signatures(kms_rt)
    assert asked(kms_rt, request).response_status == STATUS.TRY_LATER
    assert signatures.purposes == []
    clock.forward(seconds=1)
    assert reconcile(kms_rt).responders_rotated == 1
    signatures.purposes.clear()
    answer = asked(kms_rt, request)
    assert (answer.certificate_status, len(answer.certificates)) == (GOOD, 1)
    number = answer.certificates[0].serial_number
    revoke(client, arn, f"{arn}/certificate/{number:032x}", "SUPERSEDED")
    clock.forward(seconds=5)
    assert asked(kms_rt, request).response_status == STATUS.TRY_LATER
    assert signatures.purposes == ["ocsp-key"]
    reconcile(kms_rt)
    assert asked(kms_rt, request).certificate_status == GOOD


def test_last_answers_end_with_their_responder(kms_rt: Runtime, client: Any, clock: Any) -> None:
    arn = create(client, "ROOT", RevocationConfiguration=ON)
    activate_root(client, arn, years=1)
    issuer = authority(client, arn)
    leaf = fetch(client, arn, issue(client, arn, Validity={"Type": "DAYS", "Value": 360}))
    for _ in range(12):  # with a renewal in each of them
        clock.forward(days=29)
        reconcile(kms_rt)
    clock.forward(days=(leaf.not_valid_after_utc - clock.now).days - 1)
    reconcile(kms_rt)
    clock.now = issuer.not_valid_after_utc
    clock.forward(hours=-3)
    reconcile(kms_rt)
    signatures = Signatures(kms_rt)
    answer = asked(kms_rt, request_for(leaf, issuer))
    assert answer.next_update_utc is not None
    assert answer.next_update_utc <= answer.certificates[0].not_valid_after_utc <= issuer.not_valid_after_utc
    assert signatures.purposes == ["ocsp-key"]


def test_somebody_is_told_when_a_key_is_to_be_deleted() -> None:
    resources = yaml.safe_load((ROOT / "infrastructure" / "operations.yaml").read_text())["Resources"]
    rule = resources["KeyEndangered"]["Properties"]
    assert set(rule["EventPattern"]["detail"]["eventName"]) == {"DisableKey", "ScheduleKeyDeletion"}
    assert rule["Targets"] == [{"Id": "alarms", "Arn": {"Ref": "Alarms"}}]
    (statement,) = resources["AlarmPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert set(statement["Principal"]["Service"]) == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    assert "ReservedConcurrentExecutions" in resources["Ocsp"]["Properties"]
