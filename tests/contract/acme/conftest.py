"""A directory of a root CA, and clients of it that need no challenge for names below example.test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.acm_steps import ISSUE, make_endpoint
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.authority_steps import active_root
from tests.support.client import acm_for
from tests.support.roles import make_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime


@pytest.fixture
def ca_arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


@pytest.fixture
def directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    return made_directory(rt, rt.settings.account_id, ca_arn)


@pytest.fixture
def registered(rt: Runtime, directory: AcmeDirectory) -> Callable[..., AcmeClient]:
    """Make a client with an account; the members are those of its binding."""

    def make(*names: str, **members: Any) -> AcmeClient:
        client = AcmeClient(rt, directory.name)
        members = {"preauthorized": True, **members}
        got = client.register(made_binding(rt, directory, *(names or ("*.example.test", "10.0.0.0/8")), **members))
        assert got.status == 201, got.body
        return client

    return make


@pytest.fixture
def client(registered: Callable[..., AcmeClient]) -> AcmeClient:
    return registered()


@pytest.fixture
def acm(acm_pca: Any, rt: Runtime) -> Any:
    return acm_for(rt)


@pytest.fixture
def endpoint(acm: Any, ca_arn: str, rt: Runtime) -> str:
    """The ARN of an ACME endpoint; the account has a role `r` that may issue."""
    make_role(rt, policy=ISSUE)
    return make_endpoint(acm, ca_arn)
