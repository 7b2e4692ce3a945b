"""The cost model: what it says a certificate consumes is what one consumes, and its table is the one in the guide."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import costs
import pytest
from authority_steps import active_root, fetch, issue
from builders import csr
from client import client_for
from home import ROOT

from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from chalicelib.store.dynamodb import create_table

if TYPE_CHECKING:
    from pathlib import Path

    from world import Clock

pytestmark = pytest.mark.laptop


def test_table_of_the_guide_is_the_model_s() -> None:
    assert costs.table() in (ROOT / "docs" / "deploy-aws.md").read_text()


def test_private_ca_has_three_tiers() -> None:
    assert costs.private_ca(1, 0) == 400
    assert costs.private_ca(2, 1_000) == pytest.approx(800 + 750)
    assert costs.private_ca(1, 10_000) == pytest.approx(400 + 750 + 9_000 * 0.35)
    assert costs.private_ca(1, 20_000) == pytest.approx(400 + 750 + 9_000 * 0.35 + 10)


def test_model_grows_with_what_is_used() -> None:
    one, many = costs.signet(1, 10_000), costs.signet(100, 1_000_000)
    assert one.fixed == many.fixed
    assert many.requests == pytest.approx(100 * one.requests)
    assert many.state == pytest.approx(100 * one.state)
    assert many.keys > 100 * one.keys - 1


class Meter:
    """Counts request units as DynamoDB does (Developer Guide, "DynamoDB on-demand capacity mode")."""

    def __init__(self, client: Any) -> None:
        self.writes, self.reads = 0, 0
        self.items: dict[str, dict[str, Any]] = {}
        client.meta.events.register("before-call.dynamodb", self.count)

    def count(self, model: Any, params: Any, **_: Any) -> None:
        body = json.loads(params["body"])
        if model.name == "GetItem":
            self.reads += 1
        elif model.name == "TransactWriteItems":
            for entry in body["TransactItems"]:
                ((action, inner),) = entry.items()
                self.write(action, inner)
        else:
            raise AssertionError(model.name)

    def write(self, action: str, inner: Any) -> None:
        """A transaction doubles the units; each index takes its own write of the attributes it has."""
        item = inner.get("Item") or {}
        if action == "Put":
            self.items[str(item["pk"])] = item
        if action == "Update":
            item = self.items[str(inner["Key"]["pk"])] | inner["ExpressionAttributeValues"]
        size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) or 1
        units = math.ceil(size / 1024)
        self.writes += 2 * units + ("due_pk" in item) + units * ("list_pk" in item)


def test_certificate_consumes_what_the_model_says(aws: None, tmp_path: Path, clock: Clock, monkeypatch: Any) -> None:
    import botocore.auth

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: clock().replace(tzinfo=None))
    settings = Settings(data=str(tmp_path), state="dynamodb")
    create_table(boto3.session.Session().client("dynamodb", region_name=settings.region), settings.table)
    rt = replace(from_settings(settings), now=clock)
    client: Any = client_for(rt)
    arn = active_root(client)
    request = csr(dns_names=("leaf.example.com",))
    issue(client, arn, Csr=request)  # the first also starts the CRL
    store: Any = rt.store
    meter = Meter(store.table._client)
    fetch(client, arn, issue(client, arn, Csr=request, IdempotencyToken="token"))
    assert meter.reads == costs.READ_UNITS
    assert costs.WRITE_UNITS - 3 <= meter.writes <= costs.WRITE_UNITS
