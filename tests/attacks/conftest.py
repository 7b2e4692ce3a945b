"""The laptop home's application with a gateway in which every request waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import app as signet_app
from chalicelib.local.application import Application
from tests.support.connections import Blocked

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def gateway() -> Blocked:
    return Blocked()


@pytest.fixture
def application(rt: Any, gateway: Blocked) -> Iterator[Application]:
    signet_app.use_runtime(rt)
    made = Application(rt, gateway)  # type: ignore[arg-type]  # it answers as one
    yield made
    gateway.go.set()
    made.close()
