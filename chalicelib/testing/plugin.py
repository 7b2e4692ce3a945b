"""Fixtures for pytest, which loads this module by its entry point; what they need is imported by their first use."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.testing import interception
from chalicelib.testing.collector import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.testing.authorities import Authority
    from chalicelib.testing.signet import Signet

_MARKERS = (
    "signet_ca(key_algorithm, crl_bucket, ocsp, days): what signet_ca_root and signet_ca_chain make for this test",
    "signet_settings(seed, quotas, rates, …): the seed and the settings of Signet in this test",
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def _signet_of_session() -> Iterator[Signet]:
    with uncollected():
        from chalicelib.testing.signet import for_tests

        made = for_tests(account_id=interception.ACCOUNT, region=interception.REGION)
    with closing(made):
        yield made


@pytest.fixture
def signet(_signet_of_session: Signet, request: pytest.FixtureRequest) -> Iterator[Signet]:
    """A Signet that answers what this process asks of AWS Private CA; each test has it without CAs."""
    if wishes := _wishes(request, "signet_settings"):
        _signet_of_session.reset(**wishes)
    with interception.intercepted_by(_signet_of_session):
        yield _signet_of_session
    _signet_of_session.reset()


@pytest.fixture
def acm_pca(signet: Signet) -> Any:
    """A boto3 client of AWS Private CA, in the default account and region."""
    import boto3

    region = signet.settings.region
    return boto3.client("acm-pca", region_name=region, **signet.credentials())  # type: ignore[call-overload]  # by name


@pytest.fixture
def signet_ca_root(acm_pca: Any, request: pytest.FixtureRequest) -> Authority:
    """A root that is ready to issue; the marker `signet_ca` chooses its key and more."""
    from chalicelib.testing import authorities

    return authorities.root(acm_pca, **_wishes(request, "signet_ca"))


@pytest.fixture
def signet_ca_chain(acm_pca: Any, request: pytest.FixtureRequest) -> Authority:
    """A subordinate CA under a root, ready to issue; the marker `signet_ca` chooses their keys and more."""
    from chalicelib.testing import authorities

    return authorities.chain(acm_pca, **_wishes(request, "signet_ca"))


def _wishes(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    marker = request.node.get_closest_marker(name)
    return dict(marker.kwargs) if marker else {}
