"""A CA to report on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authority_steps import active_root


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return active_root(acm_pca)
