"""The Lambda function in this process, beside moto's DynamoDB and KMS: calls of services, and its own time."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.hooks import EventAliaser
from moto import mock_aws

import app as signet_app
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from tests.bench.report import Row
from tests.support.authority_steps import DAYS_30, active_root, issue
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.client import Context, client_for, gateway_event
from tests.support.kms_home import signed
from tests.support.localstack_home import OpenBuckets, make_state
from tests.support.rsgi import HOST, Key, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.bench.sizes import Sizes

WARM, CALLS = 10, 50
JOURNAL = "signet-journal-bench"


class Services:
    """Counts the calls of AWS services, and the processor time that moto takes to answer them.

    Attributes:
        seconds: of moto.
        client_seconds: of botocore's clients, moto included.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls, self.seconds, self.client_seconds = Counter[str](), 0.0, 0.0
        self._emit: Callable[..., Any] = EventAliaser.emit
        patch.setattr(EventAliaser, "emit", self._counted())
        patch.setattr(BaseClient, "_make_api_call", self._timed(BaseClient._make_api_call))  # type: ignore[attr-defined]  # not in the stubs

    def _timed(self, make: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            begun = time.process_time()
            try:
                return make(*given)
            finally:
                self.client_seconds += time.process_time() - begun

        return call

    def _counted(self) -> Callable[..., Any]:
        def emit(aliaser: EventAliaser, event_name: str, **more: Any) -> Any:
            if not event_name.startswith("before-send."):
                return self._emit(aliaser, event_name, **more)
            begun = time.process_time()
            try:
                return self._emit(aliaser, event_name, **more)
            finally:
                self.calls[event_name.removeprefix("before-send.")] += 1
                self.seconds += time.process_time() - begun

        return emit


def lambda_handler(work: Path, sizes: Sizes) -> list[Row]:
    """One warm request at a time."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        rt = _runtime(work)
        client = client_for(rt)
        arn = active_root(client, RevocationConfiguration=CRL_CONFIGURATION)
        leaf, root = issue(client, arn), access_keys.ensure_root_key(rt)
        key, services = Key(root.access_key_id, root.secret), Services(patch)
        order = {"Csr": base64.b64encode(csr()).decode(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}
        of_ca = {"CertificateAuthorityArn": arn}
        return [
            *_measured(services, key, "IssueCertificate", of_ca | order),
            *_measured(services, key, "GetCertificate", of_ca | {"CertificateArn": leaf}),
        ]


def _runtime(work: Path) -> Runtime:
    settings = Settings(data=str(work), state="dynamodb", buckets="s3", keys="kms", journal=JOURNAL)
    make_state(settings.table_name, JOURNAL)
    rt = from_settings(settings)
    keys: Any = rt.keys
    keys._client.meta.events.register("before-send.kms.Sign", signed)
    return replace(rt, buckets=OpenBuckets(settings.region))


def _measured(services: Services, key: Key, operation: str, members: dict[str, Any]) -> list[Row]:
    times, without_clients = list[float](), list[float]()
    for number in range(WARM + CALLS):
        if number == WARM:
            services.calls.clear()
        event = _event(key, operation, members)
        begun, inside, in_clients = time.process_time(), services.seconds, services.client_seconds
        answer = signet_app.app(event, Context())
        spent = time.process_time() - begun
        times.append(1000 * (spent - services.seconds + inside))
        without_clients.append(1000 * (spent - services.client_seconds + in_clients))
        assert answer["statusCode"] == 200, answer
    name = f"Lambda, one warm {operation}"
    calls = {f"{name}: calls of {each}": times / CALLS for each, times in sorted(services.calls.items())}
    own = [
        Row(f"{name}: processor time without the services", median(times[WARM:]), "ms"),
        Row(f"{name}: processor time without botocore's clients, too", median(without_clients[WARM:]), "ms"),
    ]
    return [*own, *(Row(each, value, "") for each, value in calls.items())]


def _event(key: Key, operation: str, members: dict[str, Any]) -> dict[str, Any]:
    headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
    request = Request("POST", "/", "", headers, json.dumps(members).encode())
    made = key.signed(request, at=datetime.now(UTC))
    return gateway_event("POST", f"http://{HOST}/", made.headers, made.body)
