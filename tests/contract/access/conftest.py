"""An OIDC issuer on this machine, and one that is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.oidc_issuer import Issuer
from tests.support.oidc_steps import believe, trusts
from tests.support.roles import make_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


@pytest.fixture
def ready(rt: Runtime, acm_pca: Any, issuer: Issuer) -> Issuer:
    """The issuer, believed, and a role for its tokens."""
    believe(rt, issuer)
    make_role(rt, "ci", trusts=trusts(issuer))
    return issuer
