"""The conformance suite, run as anybody runs it: what fails against Signet is known, and the document says the same."""

from __future__ import annotations

import ast
import json
import re
import sys
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from chalicelib.api import model
from chalicelib.conformance.authorities import Target
from chalicelib.conformance.wire import Credentials, Wire
from tests.support.home import ROOT
from tools import conformance

if TYPE_CHECKING:
    from pathlib import Path

    from tools.conformance import Result

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SUITE = ROOT / "chalicelib/conformance"
DOCUMENT = (ROOT / "docs/conformance.md").read_text()
FOR_TESTS = "Signet, for tests"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    work = tmp_path_factory.mktemp("conformance")
    with conformance.signet_for_tests(work) as endpoint:
        return conformance.run(endpoint, work)[0]


def test_what_fails_against_signet_is_known(results: list[Result]) -> None:
    failed = {result.probe: result.why for result in results if result.outcome == "failed"}
    assert {probe: why for probe, why in failed.items() if not conformance.reason(FOR_TESTS, probe)} == {}
    known = conformance.DIFFERENCES["for tests"]
    assert [name for name in known if not any(probe.startswith(name) for probe in failed)] == []


def test_document_has_the_numbers_of_the_suite(results: list[Result]) -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (\d+ \| \d+) \|", DOCUMENT, re.MULTILINE))
    probes = Counter(result.operation for result in results)
    passed = Counter(result.operation for result in results if result.outcome == "passed")
    counted = {operation: f"{probes[operation]} | {passed[operation]}" for operation in probes}
    assert rows == counted | {"all": f"{probes.total()} | {passed.total()}"}
    assert probes.total() >= 300
    assert probes.keys() == model.operations().keys() | {"protocol"}


def test_every_probe_has_a_source(results: list[Result]) -> None:
    sureness = Counter(result.source.partition(": ")[0] for result in results)
    assert sureness.keys() == {"documented", "modelled", "observed", "inferred"}
    assert [result.probe for result in results if len(result.source.partition(": ")[2]) < 10] == []


def test_probes_import_nothing_of_signet() -> None:
    allowed = {"boto3", "botocore", "cryptography", "pytest", *sys.stdlib_module_names}
    for path in SUITE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith("chalicelib.conformance") or name.partition(".")[0] in allowed, (path, name)


def test_what_costs_nothing_on_aws_creates_no_ca(tmp_path: Path, results: list[Result]) -> None:
    with conformance.signet_for_tests(tmp_path) as endpoint:
        found, _ = conformance.run(endpoint, tmp_path, "--max-cost", "0")
        with urllib.request.urlopen(f"{endpoint.url}/_signet/state") as answer:
            assert not any(json.load(answer)["certificateAuthorities"].values())
    assert {result.probe for result in found} == {result.probe for result in results if result.cost == "free"}
    assert len(found) > 200


def test_given_issuer_stays_the_only_ca(tmp_path: Path) -> None:
    with conformance.signet_for_tests(tmp_path) as endpoint:
        wire = Wire(endpoint.url, "us-east-1", Credentials(endpoint.access_key_id, endpoint.secret))
        arn = Target(wire, endpoint.access_key_id, "", "", 0, None).root().arn
        wire.close()
        found, _ = conformance.run(endpoint, tmp_path, "-m", "not creates_ca", "--issuer", arn)
        with urllib.request.urlopen(f"{endpoint.url}/_signet/state") as answer:
            assert json.load(answer)["certificateAuthorities"]["us-east-1"] == [arn]
    failed = [each.probe for each in found if each.outcome == "failed"]
    assert [probe for probe in failed if not conformance.reason(FOR_TESTS, probe)] == []
    assert sum(each.cost == "issues_certificates" for each in found) > 150


@pytest.mark.long
def test_server_that_answers_otherwise_fails(tmp_path: Path) -> None:
    with conformance.moto_server(tmp_path) as endpoint:
        found, _ = conformance.run(endpoint, tmp_path, "--patience", "5")
    outcomes = Counter(result.outcome for result in found)
    assert outcomes["failed"] > 100
    assert outcomes["passed"] > 50
