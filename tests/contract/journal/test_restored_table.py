"""The drill of a restore on AWS: the table goes back as by point-in-time recovery; buckets, keys and journal are kept.

With `--localstack` it runs there. DynamoDB's own recovery makes another table of the items of a moment; here they
replace those of the table.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

import app as signet_app
from chalicelib import reconcile
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.crl.publication import publish_due_crls
from chalicelib.local.scheduler import scheduled_event
from chalicelib.runtime import Runtime, from_settings
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.client import client_for
from tests.support.localstack_home import OpenBuckets, make_state
from tests.support.restored_homes import ocsp_status
from tests.support.revocations import number, published

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

BOTH = CRL_CONFIGURATION | {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}


@pytest.fixture
def rt(request: pytest.FixtureRequest, aws: None, tmp_path: Path, clock: Clock) -> Runtime:
    """A home with state, buckets and journal on AWS; moto's KMS does not sign what Signet lets it sign."""
    keys = "kms" if request.config.getoption("--localstack") else "software"
    journal = f"signet-drill-{os.urandom(8).hex()}"
    settings = Settings(data=str(tmp_path / "home"), state="dynamodb", buckets="s3", keys=keys, journal=journal)
    make_state(settings.table_name, journal)
    return process(settings, clock)


def process(settings: Settings, clock: Any) -> Runtime:
    """A process that knows nothing from before."""
    rt = replace(from_settings(settings), now=clock, buckets=OpenBuckets(settings.region))
    signet_app.use_runtime(rt)
    return rt


def export(table: str) -> list[dict[str, Any]]:
    pages = boto3.client("dynamodb", region_name="us-east-1").get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]


def recover(table: str, items: list[dict[str, Any]]) -> None:
    """Bring the table back to what it was when its items were exported."""
    client = boto3.client("dynamodb", region_name="us-east-1")
    for item in export(table):
        client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
    for item in items:
        client.put_item(TableName=table, Item=item)


def revoke(client: Any, arn: str, serial: str) -> None:
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")


@pytest.mark.slow
def test_table_restored_to_an_earlier_moment_keeps_what_was_promised_since(
    rt: Runtime, acm_pca: Any, clock: Clock
) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=BOTH)
    early, revoked, good = (serial_of(issue(acm_pca, arn)) for _ in range(3))
    revoke(acm_pca, arn, early)
    key = access_keys.create_access_key(rt, rt.settings.account_id, "x")
    publish_due_crls(rt, seconds=60)
    rt.journal.run(rt.now())
    moment = export(rt.settings.table_name)

    clock.forward(seconds=600)
    revoke(acm_pca, arn, revoked)
    request = {"Csr": csr(dns_names=("token.example.com",)), "IdempotencyToken": "token"}
    answer = issue(acm_pca, arn, **request)
    later = serial_of(issue(acm_pca, arn))
    rt.store.delete_access_key(key.access_key_id)
    publish_due_crls(rt, seconds=60)
    rt.journal.run(rt.now())
    before = number(published(rt, arn))

    recover(rt.settings.table_name, moment)
    clock.forward(seconds=60)
    rt = process(rt.settings, clock)
    client = client_for(rt)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        issue(client, arn)
    with pytest.raises(ValueError, match="not successful"):  # tryLater
        ocsp_status(rt, arn, good)

    assert reconcile.bring_forward(rt).lost == {}
    assert [ocsp_status(rt, arn, serial)[0] for serial in (early, revoked, good, later)] == [
        "REVOKED",
        "REVOKED",
        "GOOD",
        "GOOD",
    ]
    revoke(client, arn, later)
    publish_due_crls(rt, seconds=60)
    crl = published(rt, arn)
    assert {entry.serial_number for entry in crl} == {
        int(each.replace(":", ""), 16) for each in (early, revoked, later)
    }
    assert number(crl) > before
    assert rt.store.get_access_key(key.access_key_id) is None
    assert issue(client, arn, **request) == answer
    assert rt.journal.difference(rt.now()) is None


def test_schedules_write_nothing_to_a_journal_before_the_first_call(rt: Runtime) -> None:
    """A first deployment that fails meanwhile is rolled back, and a bucket that keeps its objects could not be."""
    signet_app.use_runtime(rt)
    for name in ("publish_crls", "reconcile", "sequence_journal", "remind"):
        getattr(signet_app, name)(scheduled_event(rt, name), None)
    assert boto3.client("s3").list_objects_v2(Bucket=rt.settings.journal_bucket)["KeyCount"] == 0
