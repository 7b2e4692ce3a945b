"""A CA that answers for its certificates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authority_steps import active_root
from tests.support.ocsp_requests import ON


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return active_root(acm_pca, RevocationConfiguration=ON)
