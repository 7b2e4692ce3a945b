"""The home of a module of tests, whose buckets are in an S3 of moto's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from tests.support.home import Home
from tests.support.localstack_home import LocalStackHome

if TYPE_CHECKING:
    from collections.abc import Iterator

S3_KEYS = {"AWS_ACCESS_KEY_ID": "s3", "AWS_SECRET_ACCESS_KEY": "s3-secret"}


@pytest.fixture(scope="module")
def s3(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.config.getoption("--localstack"):
        yield request.getfixturevalue("localstack").url
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3: str) -> Iterator[Home]:
    work = tmp_path_factory.mktemp("terraform")
    if request.config.getoption("--localstack"):
        made: Home = LocalStackHome(request.getfixturevalue("localstack"), work)
    else:
        made = Home(work / "home", SIGNET_BUCKETS="s3", AWS_ENDPOINT_URL_S3=s3, **S3_KEYS)
    made.start()
    yield made
    if made.process is not None:
        made.stop()
