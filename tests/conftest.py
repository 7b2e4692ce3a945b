"""Fixtures: a runtime with a clock that tests move, and a real client of it.

By default it is that of the laptop home, in a temporary directory. With `--localstack` it is that of AWS, in an account
of a LocalStack that is started for the run, and only tests that meet a home or AWS are run.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader
from hypothesis import HealthCheck, settings
from moto import mock_aws

from chalicelib import logs
from chalicelib.config import Settings
from chalicelib.runtime import Runtime, from_settings
from tests.faults.world import Clock
from tests.support import quick_moto
from tests.support.client import client_for
from tests.support.home import Home
from tests.support.localstack_home import LocalStack, LocalStackHome, OpenBuckets, make_state, own_account
from tests.support.sampling import samples
from tests.support.traces import Traces, traces_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from playwright.sync_api import Browser, Page

# How long an example takes, or takes to be made, depends on what else the machine does.
settings.register_profile("signet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("signet")

_MEMORY, _MEMORY_BYTES = Path("/dev/shm"), 4 << 30
_MEETS_A_HOME = {"rt", "aws", "home", "localstack"}
# They start processes or run a scenario thousands of times; other tests cover the same lines in a fraction of the time.
_WITHOUT_COVERAGE = {"browser", "e2e", "faults", "simulation", "terraform"}
# Each test of these fills a table in DynamoDB, which takes seconds with moto; LocalStack runs them.
_LONG_LISTS = ("store/test_listing.py", "store/test_overview.py")
_OF_THE_LAPTOP = {"sqlite", "sqlite-page-1", "memory", "memory-page-1", "directory"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", metavar="DIRECTORY", help="keep the pictures of the console there")
    parser.addoption("--localstack", action="store_true", help="run on LocalStack what runs in every home")
    parser.addoption("--whole", action="store_true", help="simulate 30 days of 1,000 CAs, and interleave deeper")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the homes of tests in memory if there is plenty: each commit of a store waits for a disk, not for memory."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES and not config.getoption("--localstack"):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_localstack = config.getoption("--localstack")
    chosen = [item for item in items if (_on_localstack if on_localstack else _on_the_laptop)(item)]
    if on_localstack:
        chosen = samples(chosen)
    config.hook.pytest_deselected(items=[*set(items) - set(chosen)])
    items[:] = chosen
    for item in items:
        if item.path.parent.name in _WITHOUT_COVERAGE or item.get_closest_marker("slow"):
            item.add_marker("no_cover")
        if item.get_closest_marker("long") and "mark.long" not in item.path.read_text():
            raise pytest.UsageError(f"`make long-test` looks for mark.long, which is not in the file of {item.nodeid}.")


def _on_localstack(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
    laptop = any(isinstance(value, str) and value in _OF_THE_LAPTOP for value in parameters)
    return bool(fixtures & _MEETS_A_HOME) and not laptop and item.get_closest_marker("laptop") is None


def _on_the_laptop(item: pytest.Item) -> bool:
    is_long = item.path.as_posix().endswith(_LONG_LISTS) and "dynamodb" in item.name
    return item.path.parent.name != "localstack" and not is_long


@pytest.fixture(autouse=True, scope="session")
def _environment() -> Iterator[None]:
    """No test sees the settings, credentials or configuration of the person who runs it."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("SIGNET_", "AWS_")) and name != "AWS_CA_BUNDLE":
            del os.environ[name]
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    logs.LOGGER.propagate = False
    yield
    os.environ.clear()
    os.environ |= kept


@pytest.fixture(autouse=True, scope="session")
def _models_are_read_once() -> Iterator[None]:
    """Let botocore's loaders of the same directories share what each session would read, list and merge anew.

    That takes longer than most tests.
    """
    caches: defaultdict[tuple[str, ...], dict[Any, Any]] = defaultdict(dict)
    shared = property(lambda loader: caches[tuple(loader.search_paths)], lambda _loader, _empty: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "_cache", shared, raising=False)
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A LocalStack with Signet deployed in it."""
    made = LocalStack(tmp_path_factory.mktemp("localstack") / "localstack.log")
    made.start()
    yield made
    assert made.stop() == 0
    assert not made.state.exists()


@pytest.fixture
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The AWS that adapters meet: moto in this process, or an account of LocalStack's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    if request.config.getoption("--localstack"):
        own_account(request.getfixturevalue("localstack"), monkeypatch)
        yield
        return
    quick_moto.hasten(monkeypatch)
    with mock_aws():
        yield


@pytest.fixture
def rt(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    data = str(tmp_path / "home")
    if not request.config.getoption("--localstack"):
        return replace(from_settings(Settings(data=data)), now=clock)
    own_account(request.getfixturevalue("localstack"), monkeypatch)
    journal = f"signet-journal-{uuid.uuid4()}"  # names of buckets are unique among all accounts
    settings = Settings(data=data, state="dynamodb", buckets="s3", keys="kms", journal=journal)
    make_state(settings.table_name, journal)
    return replace(from_settings(settings), now=clock, buckets=OpenBuckets(settings.region))


@pytest.fixture
def traces(rt: Runtime) -> Iterator[Traces]:
    """What the home keeps, by another way than the runtime's."""
    made = traces_of(rt)
    yield made
    made.close()


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home for real clients: a server of its own, with the module's HOME_SETTINGS, or the API on LocalStack."""
    work = tmp_path_factory.mktemp("home")
    if request.config.getoption("--localstack"):
        made: Home = LocalStackHome(request.getfixturevalue("localstack"), work)
    else:
        made = Home(work / "home", **getattr(request.module, "HOME_SETTINGS", {}))
    made.start()
    yield made
    if made.process is not None:
        made.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of all tests of the console."""
    from playwright.sync_api import sync_playwright

    from tests.browser import screen

    with sync_playwright() as playwright:
        browser = screen.launch(playwright.chromium)
        yield browser
        browser.close()


@pytest.fixture
def stranger(chromium: Browser, home: Home) -> Iterator[Page]:
    """A visitor of the console who has not signed in."""
    from tests.browser import screen

    with screen.visitor(chromium, home.console_url) as page:
        yield page


@pytest.fixture
def page(stranger: Page, home: Home) -> Page:
    """A visitor who has."""
    from tests.browser import screen

    screen.sign_in(stranger, home)
    return stranger


@pytest.fixture
def acm_pca(rt: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client whose signatures bear the time of the test's clock."""
    import botocore.auth

    def now(*, remove_tzinfo: bool = True) -> datetime:
        return clock().replace(tzinfo=None) if remove_tzinfo else clock()

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    return client_for(rt)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much the fault runs, the interleavings, the simulation, the fuzzer and the power cuts covered."""
    passed = terminalreporter.stats.get("passed", [])
    counted = [dict(each.user_properties) for each in passed if each.when == "call" and each.user_properties]
    runs = sum(int(each.get("fault runs", 0)) for each in counted)
    if runs:
        sites = sum(int(each.get("fault sites", 0)) for each in counted)
        terminalreporter.write_line(f"fault runs: {sites} call sites, {runs} runs, 0 breaches")
    if schedules := sum(int(each.get("schedules", 0)) for each in counted):
        terminalreporter.write_line(f"interleavings: {schedules} schedules, 0 breaches")
    for each in counted:
        for name in ("simulation", "fuzz", "power cuts", "damaged files", "disk errors", "killed workers"):
            if name in each:
                terminalreporter.write_line(f"{name}: {each[name]}")
