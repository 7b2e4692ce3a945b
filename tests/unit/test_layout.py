"""How the tests are laid out: what several of them use is in a module of its own, never in a test file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def from_test_files(source: str) -> list[str]:
    """What a source imports from test files, within functions too."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if any(part.startswith("test_") for part in name.split("."))]


def test_no_test_file_is_imported() -> None:
    imports = {str(path): from_test_files(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {path: names for path, names in imports.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from tests.contract.store.test_store import authority",
        "from tests.contract.store import test_store",
        "from .test_store import authority",
        "def f():\n    import tests.contract.store.test_store",
    ],
)
def test_import_of_a_test_file_is_noticed(source: str) -> None:
    assert from_test_files(source)
