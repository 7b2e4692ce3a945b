"""The conformance suite for ACME servers, run as anybody runs it: what fails is known, and the document agrees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.home import ROOT
from tools import acme_conformance
from tools.acme_servers import TARGETS, Ports

if TYPE_CHECKING:
    from tests.acme_conformance.report import Result

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
FOR_TESTS = "Signet, for tests"
DOCUMENT = (ROOT / "docs/conformance-acme.md").read_text()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    work, ports = tmp_path_factory.mktemp("acme"), Ports()
    with TARGETS[FOR_TESTS](work, ports) as options:
        return acme_conformance.run(options, work, ports)[0]


def test_what_fails_against_signet_is_known(results: list[Result]) -> None:
    failed = {result.case: result.why for result in results if result.outcome == "failed"}
    assert {case: why for case, why in failed.items() if not acme_conformance.reason(FOR_TESTS, case)} == {}
    known = acme_conformance.DIFFERENCES["Signet"]
    assert [name for name in known if not any(case.partition("::")[2].startswith(name) for case in failed)] == []


def test_document_has_the_number_of_cases(results: list[Result]) -> None:
    found = re.search(r"^\| all \| (\d+) \| (\d+) ", DOCUMENT, re.MULTILINE)
    assert found is not None
    assert found.groups() == (str(len(results)), str(sum(result.outcome == "passed" for result in results)))


def test_nothing_is_skipped_but_what_signet_does_not_have(results: list[Result]) -> None:
    skipped = {result.why for result in results if result.outcome == "skipped"}
    assert skipped == {"meta has no website", "meta has no caaIdentities", "the server offers no alternate chain"}
