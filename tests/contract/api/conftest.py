"""Signed requests, and a client of the extensions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rest import Rest
from tests.support.wire_requests import request


@pytest.fixture
def signed(acm_pca: Any, rt: Any) -> Any:
    """Make signed requests at the time of the test's clock."""
    return lambda body=b"{}", **more: request(rt, body, **more)


@pytest.fixture
def rest(acm_pca: Any, rt: Any) -> Rest:
    return Rest(rt)
