"""Options, fixtures and the report. Without --acme-directory none of the cases is collected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance import report, rfc
from tests.acme_conformance.acme import Account, Server, parse_binding
from tests.acme_conformance.responder import Responder
from tests.acme_conformance.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("acme", "ACME server to judge")
    group.addoption("--acme-directory", metavar="URL", help="its directory")
    group.addoption("--acme-ca-file", metavar="PEM", help="whom to trust for its TLS; default: the system's roots")
    group.addoption("--acme-eab", metavar="KID:HMACKEY", action="append", default=[], help="the key in base64url")
    group.addoption("--acme-preauthorized-eab", metavar="KID:HMACKEY", help="whose names are valid without challenges")
    group.addoption("--acme-base", metavar="NAME", default="example.test", help="names are below it; example.test")
    group.addoption("--acme-ip", metavar="ADDRESS", default="127.0.0.1", help="the IP identifier; 127.0.0.1")
    group.addoption("--acme-http-port", type=int, default=5002, help="where http-01 is answered; 5002")
    group.addoption("--acme-tls-port", type=int, default=5001, help="where tls-alpn-01 is answered; 5001")
    group.addoption("--acme-dns-port", type=int, default=8053, help="where DNS is answered; 8053")
    group.addoption("--acme-clock", metavar="URL", help='takes {"advance": "4d"}; without it such cases skip')
    group.addoption("--acme-report", metavar="FILE", help="write the results as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rfc(source): the sentence by which a case judges")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the cases out where no server is given."""
    is_case = collection_path.name.startswith("test_") and collection_path.parent.name == "acme_conformance"
    return True if is_case and not config.getoption("acme_directory", None) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each case its properties; those that move the clock come last."""
    cases = [item for item in items if item.path.parent == _HERE]
    items.sort(key=lambda item: item in cases and item.path.name == "test_clock.py")
    for item in cases:
        mark = item.get_closest_marker("rfc")
        if mark is None:
            raise pytest.UsageError(f"{item.nodeid} names no sentence")
        source: rfc.Source = mark.args[0]
        item.user_properties += [("group", source.group), ("level", source.level), ("source", source.sentence)]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = report.results(terminalreporter.stats)
    for line in report.summary(found) if found else ():
        terminalreporter.write_line(line)
    if found and (path := config.getoption("acme_report", None)):
        report.write(path, str(config.getoption("acme_directory")), found)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server under test."""
    option = request.config.getoption
    wire = Wire(option("acme_ca_file"))
    clear = option("acme_preauthorized_eab")
    yield Server(
        wire,
        option("acme_directory"),
        option("acme_base"),
        option("acme_ip"),
        [parse_binding(each) for each in option("acme_eab")],
        parse_binding(clear) if clear else None,
        option("acme_clock"),
    )
    wire.close()


@pytest.fixture(scope="session")
def responder(request: pytest.FixtureRequest) -> Iterator[Responder]:
    """The servers that answer challenges."""
    option = request.config.getoption
    made = Responder(option("acme_http_port"), option("acme_tls_port"), option("acme_dns_port"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def account(server: Server) -> Account:
    """An account that the cases of a module share; none of them changes it."""
    return server.register()


@pytest.fixture(scope="module")
def other(server: Server) -> Account:
    """Another account."""
    return server.register()


@pytest.fixture
def own(server: Server) -> Account:
    """An account that the case may change."""
    return server.register()
