"""A client of the API on LocalStack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.home import Home


@pytest.fixture
def client(home: Home) -> Any:
    return home.client()
