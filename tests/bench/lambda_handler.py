"""The Lambda function in this process, with canned DynamoDB and KMS: its processor time, and its calls of services.

`python -m tests.bench.lambda_handler OPERATION TIMES` only answers so many warm requests, for profilers.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends

import app as signet_app
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from tests.bench.aws_stubs import Services
from tests.bench.report import Row
from tests.support.authority_steps import DAYS_30, active_root, issue
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.client import Context, client_for, gateway_event
from tests.support.kms_home import signed
from tests.support.localstack_home import OpenBuckets, make_state
from tests.support.rsgi import HOST, Key, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime
    from tests.bench.sizes import Sizes

WARM, CALLS = 10, 50
JOURNAL = "signet-journal-bench"


class World(NamedTuple):
    """A home with an ACTIVE root, made on moto; what changes afterwards is only accepted."""

    services: Services
    key: Key
    members: dict[str, dict[str, Any]]

    def event(self, operation: str) -> dict[str, Any]:
        """A signed request, as API Gateway hands it to the function."""
        headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
        request = Request("POST", "/", "", headers, json.dumps(self.members[operation]).encode())
        made = self.key.signed(request, at=datetime.now(UTC))
        return gateway_event("POST", f"http://{HOST}/", made.headers, made.body)


def lambda_handler(work: Path, sizes: Sizes) -> list[Row]:
    """One warm request at a time: with the services alone left out, and with their connections left out, too."""
    with _world(work) as world:
        return [row for operation in world.members for row in _measured(world, operation)]


@contextmanager
def _world(work: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        with mock_aws():
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
                patch.setenv(name, "test")  # a function's credentials have a token
            rt = _runtime(work)
            client = client_for(rt)
            arn = active_root(client, RevocationConfiguration=CRL_CONFIGURATION)
            leaf, root = issue(client, arn), access_keys.ensure_root_key(rt)
            order = {"Csr": base64.b64encode(csr()).decode(), "SigningAlgorithm": "SHA256WITHECDSA"}
            of_ca: dict[str, Any] = {"CertificateAuthorityArn": arn}
            members = {
                "IssueCertificate": of_ca | order | {"Validity": DAYS_30},
                "GetCertificate": of_ca | {"CertificateArn": leaf},
            }
            services = _services(rt, arn)
        yield World(services, Key(root.access_key_id, root.secret), members)


def _runtime(work: Path) -> Runtime:
    settings = Settings(data=str(work), state="dynamodb", buckets="s3", keys="kms", journal=JOURNAL)
    make_state(settings.table_name, JOURNAL)
    rt = from_settings(settings)
    keys: Any = rt.keys
    keys._client.meta.events.register("before-send.kms.Sign", signed)
    return replace(rt, buckets=OpenBuckets(settings.region))


def _services(rt: Runtime, ca_arn: str) -> Services:
    """What the table of moto and its KMS have."""
    keys: Any = rt.keys
    keys._client.meta.events.unregister("before-send.kms.Sign", signed)
    table = boto3.session.Session().client("dynamodb", region_name=rt.settings.region)
    items = table.scan(TableName=rt.settings.table_name)["Items"]
    alias = rt.keys.key_id_of(ca_arn)
    key: Any = kms_backends[DEFAULT_ACCOUNT_ID][rt.settings.region].describe_key(alias).private_key
    return Services(json.loads(json.dumps(items, default=_base64)), {alias: key.private_key})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _measured(world: World, operation: str) -> list[Row]:
    name, services = f"Lambda, one warm {operation}", world.services
    with pytest.MonkeyPatch.context() as patch:
        services.replace_sending(patch)
        without = Row(f"{name}: processor time without the services", _processor_ms(world, operation), "ms")
    with pytest.MonkeyPatch.context() as patch:
        services.replace_connections(patch)
        with_http = Row(f"{name}: … with the connections to them", _processor_ms(world, operation), "ms")
    calls = {f"{name}: calls of {each}": times / CALLS for each, times in sorted(services.calls.items())}
    return [without, with_http, *(Row(each, value, "") for each, value in calls.items())]


def _processor_ms(world: World, operation: str) -> float:
    times = list[float]()
    for number in range(WARM + CALLS):
        if number == WARM:
            world.services.calls.clear()
        event = world.event(operation)
        begun = time.process_time()
        answer = signet_app.app(event, Context())
        times.append(1000 * (time.process_time() - begun))
        assert answer["statusCode"] == 200, answer
    return median(times[WARM:])


def main(operation: str, times: str) -> None:
    """Answer warm requests."""
    with tempfile.TemporaryDirectory() as work, _world(Path(work)) as world, pytest.MonkeyPatch.context() as patch:
        world.services.replace_connections(patch)
        for event in [world.event(operation) for _ in range(int(times))]:
            answer = signet_app.app(event, Context())
            assert answer["statusCode"] == 200, answer


if __name__ == "__main__":
    main(*sys.argv[1:])
