"""What is not documented fails: operations, templates, settings and commands."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from app import app
from chalicelib import cli
from chalicelib.acme.management import service
from chalicelib.api import dispatch, model
from chalicelib.config import Settings
from chalicelib.pki.asn1 import oids
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.testing import faults
from chalicelib.testing import server as test_server

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), ROOT / "localstack" / "README.md", *(ROOT / "docs").rglob("*.md")])
COMPATIBILITY = (ROOT / "docs/compatibility.md").read_text()


@pytest.mark.parametrize("operation", sorted(model.operations()))
def test_operation_is_documented_with_its_true_state(operation: str) -> None:
    row = re.search(rf"^\| {operation} \| ([^|]*) \|", COMPATIBILITY, re.MULTILINE)
    assert row is not None
    assert (row[1].strip() == "not yet") == (operation not in dispatch.OPERATIONS)


@pytest.mark.parametrize("operation", sorted(service.OPERATIONS))
def test_operation_of_certificate_manager_is_documented(operation: str) -> None:
    assert re.search(rf"^\| {operation} \| complete \|", COMPATIBILITY, re.MULTILINE)


def test_extension_is_documented() -> None:
    routes = {path: sorted(methods) for path, methods in app.routes.items() if path.startswith("/certificate-auth")}
    assert routes
    for path, methods in routes.items():
        for method in methods:
            assert f"`{method} {path.replace('{ca_id}', '{id}')}`" in COMPATIBILITY


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_template_is_documented(template: str) -> None:
    assert f"`{template}`" in (ROOT / "docs/certificate-profiles.md").read_text()


def test_setting_is_documented_once() -> None:
    """Twice it would be what a merge left."""
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_document_has_no_marks_of_a_merge(document: Path) -> None:
    assert re.findall(r"^(?:<{7}|={7}|>{7})(?: .*)?$", document.read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("setting", [entry.metadata["variable"] for entry in fields(Settings)])
def test_setting_is_documented(setting: str) -> None:
    assert f"| `{setting}` |" in (ROOT / "docs/settings.md").read_text()


def test_command_is_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in cli.signet.list_commands(click.Context(cli.signet)):
        assert f"`signet {name}" in readme


def test_threat_model_names_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/threat-model.md").read_text().splitlines() if line.startswith("| ")]
    threats = [row for row in rows if not row.startswith(("| threat ", "| --- "))]
    assert len(threats) > 50
    for row in threats:
        named = re.findall(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`", row)
        assert named, row
        for path, name in named:
            assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_assurance_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?`", (ROOT / "docs/assurance.md").read_text())
    assert len(named) > 50
    for path, name in named:
        assert f"\ndef {name}" in (ROOT / path).read_text(), f"{path}::{name}"


# What begins a path, from the root of the repository.
ROOTS = r"app\.py|(?:\.chalice|\.ci|chalicelib|docs|infrastructure|localstack|requirements|tests|tools)/"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_document_links_to_what_exists(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", document.read_text()):
        linked = document.parent / target if target else document
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), f"{target}#{anchor}"


def _anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_document_names_files_that_exist(document: Path) -> None:
    for path in re.findall(rf"`((?:{ROOTS})[\w./*-]*)`", document.read_text()):
        assert list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("document", ["README.md", "docs/module-map.md"])
def test_package_is_on_the_map(document: str) -> None:
    packages = sorted(path.parent.name for path in (ROOT / "chalicelib").glob("*/__init__.py"))
    assert [name for name in packages if f"`chalicelib/{name}/" not in (ROOT / document).read_text()] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_folder_of_tests_is_named(document: str) -> None:
    text = (ROOT / document).read_text()
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")} - {"support"}
    assert [name for name in folders if f"`{name}`" not in text and f"`tests/{name}/`" not in text] == []


def _profile(name: str) -> list[str]:
    text = (ROOT / "docs/certificate-profiles.md").read_text()
    row = re.search(rf"^\| `{name}` \|(.*)\|$", text, re.MULTILINE)
    assert row is not None
    return [cell.strip() for cell in row[1].split("|")]


_PURPOSES = {
    oids.SERVER_AUTH: "serverAuth",
    oids.CLIENT_AUTH: "clientAuth",
    oids.CODE_SIGNING: "codeSigning",
    oids.OCSP_SIGNING: "OCSPSigning",
}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_profile_says_what_the_table_says(name: str) -> None:
    template = TEMPLATES[name]
    constraints, usage, purposes, identified, sources = _profile(name)
    assert ("CA:TRUE" in constraints) == template.is_ca
    assert constraints.startswith("critical") == template.basic_constraints.critical
    assert (f"pathlen {template.path_length}" in constraints) == (template.path_length is not None)
    assert usage == ("critical " + ", ".join(template.key_usage) if template.key_usage else "free")
    assert purposes.startswith("critical") == template.extended_key_usage_critical
    named = ", ".join(_PURPOSES[oid] for oid in template.extended_key_usage) or "free"
    assert purposes.removeprefix("critical ") == named
    assert identified == ("no" if template.is_root else "yes")
    heeded = [source for source, on in (("API", template.from_api), ("CSR", template.from_csr)) if on]
    assert sources == (" > ".join(heeded) or "none")


def test_control_of_tests_is_documented() -> None:
    guide = (ROOT / "docs/testing.md").read_text()
    for method, name in test_server._CONTROLS:
        assert f"`{method} {test_server.CONTROL}{name}`" in guide
    for fault in faults.NAMES:
        assert f"| `{fault}` |" in guide
