"""Change the sources at random places, one at a time, and see whether the tests that run each place notice.

`python -m tests.mutation.sampled --count 150 --seed 1` prints the survivors and the score. Each place is met by a test
before: the tests of `ROOMS` run once under coverage, and each change runs the tests that execute its line.
"""

from __future__ import annotations

import ast
import random
import sqlite3
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.mutation import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCES = ("chalicelib/pki", "chalicelib/store", "chalicelib/api/sigv4.py", "chalicelib/crl/publication.py")
ROOMS = (
    "tests/unit/pki",
    "tests/unit/api",
    "tests/contract/store",
    "tests/contract/crl",
    "tests/contract/api/test_wire.py",
)
MOST_TESTS = 40  # functions for one change, those that run the fewest lines first
_NOT_DYNAMODB = ("-k", "not dynamodb")
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
}  # fmt: skip


class Place(NamedTuple):
    """A place that can be changed: the nth node of a file in the order of `ast.walk`, and its line."""

    path: str
    node: int
    line: int


def _compared(node: ast.Compare) -> str:
    before = type(node.ops[0])
    if before not in _COMPARED:
        return ""
    node.ops[0] = _COMPARED[before]()
    return f"{before.__name__} became {_COMPARED[before].__name__}"


def _joined(node: ast.BoolOp) -> str:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return "and, or exchanged"


def _computed(node: ast.BinOp) -> str:
    before = type(node.op)
    if before not in _COMPUTED:
        return ""
    node.op = _COMPUTED[before]()
    return f"{before.__name__} became {_COMPUTED[before].__name__}"


def _constant(node: ast.Constant) -> str:
    if not isinstance(node.value, int):
        return ""
    node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    return f"became {node.value}"


def _negated(node: ast.If | ast.IfExp) -> str:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return "condition negated"


def _removed(node: ast.Expr) -> str:
    text = ast.unparse(node.value)
    if not isinstance(node.value, ast.Call) or text.startswith("logs."):
        return ""
    node.value = ast.Constant(None)
    return f"{text[:60]} removed"


def _returned(node: ast.Return) -> str:
    if node.value is None:
        return ""
    node.value = ast.Constant(None)
    return "returns None"


_CHANGES: dict[type[ast.AST], Callable[[Any], str]] = {
    ast.Compare: _compared, ast.BoolOp: _joined, ast.BinOp: _computed, ast.Constant: _constant, ast.If: _negated,
    ast.IfExp: _negated, ast.Expr: _removed, ast.Return: _returned,
}  # fmt: skip


def _change(node: ast.AST) -> str:
    """Change a node; returns what was done, empty if there is nothing to change."""
    change = _CHANGES.get(type(node))
    return change(node) if change else ""


def places(path: str, source: str) -> Iterator[Place]:
    """Yield the places of a file; annotations and imports for types alone are none."""
    root = ast.parse(source)
    typing = {id(inner) for node in ast.walk(root) for part in _of_types(node) for inner in ast.walk(part)}
    for number, node in enumerate(ast.walk(root)):
        if id(node) not in typing and _change(node):
            yield Place(path, number, node.lineno)  # type: ignore[attr-defined]  # each of these has one


def _of_types(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return [node]
    parts = [getattr(node, name, None) for name in ("annotation", "returns")]
    return [part for part in parts if isinstance(part, ast.AST)]


def changed(source: str, place: Place) -> tuple[str, str]:
    """Return the source with one change, and what that is."""
    root = ast.parse(source)
    done = next(_change(node) for number, node in enumerate(ast.walk(root)) if number == place.node)
    return ast.unparse(root), done


def covered(root: Path) -> dict[tuple[str, int], list[str]]:
    """Run the rooms under coverage; returns the test functions that run each line, the most particular ones first."""
    settings = root / "contexts.ini"
    settings.write_text("[run]\nsource = chalicelib\ndynamic_context = test_function\n")
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-q"]
    subprocess.run([*command, "-p", "no:cacheprovider", *_NOT_DYNAMODB, *ROOMS], cwd=root, check=False)
    with closing(sqlite3.connect(root / ".coverage")) as connection:
        rows = connection.execute(
            "SELECT file.path, context.context, line_bits.numbits FROM line_bits "
            "JOIN file ON file.id = line_bits.file_id JOIN context ON context.id = line_bits.context_id "
            "WHERE context.context LIKE 'tests.%'"
        ).fetchall()
    lines: dict[tuple[str, int], list[str]] = {}
    weights: dict[str, int] = {}
    for path, context, bits in rows:
        numbers = [8 * byte + bit for byte, octet in enumerate(bits) for bit in range(8) if octet >> bit & 1]
        weights[context] = weights.get(context, 0) + len(numbers)
        for number in numbers:
            lines.setdefault((str(Path(path).relative_to(root)), number), []).append(context)
    return {line: sorted(contexts, key=lambda name: weights[name]) for line, contexts in lines.items()}


def _node_id(context: str) -> str:
    """The id of a test function, by the name that coverage has for it."""
    module, _, function = context.rpartition(".")
    return f"{module.replace('.', '/')}.py::{function}"


def main() -> int:
    """Print each change that no test noticed, and the score."""
    parser = ArgumentParser(prog="python -m tests.mutation.sampled")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    killed = survived = 0
    with tree.copied() as root:
        lines = covered(root)
        found = [
            place
            for name in SOURCES
            for path in sorted((root / name).rglob("*.py") if (root / name).is_dir() else [root / name])
            for place in places(str(path.relative_to(root)), path.read_text())
            if (place.path, place.line) in lines and path.name != "dynamodb.py"
        ]
        sample = random.Random(asked.seed).sample(found, asked.count)
        print(f"{len(found)} places, of which {len(sample)} are changed", flush=True)
        for place in sample:
            path = root / place.path
            text, done = changed(path.read_text(), place)
            tests = [_node_id(context) for context in lines[place.path, place.line][:MOST_TESTS]]
            with tree.changed(path, text):
                is_noticed = tree.fails(root, [*_NOT_DYNAMODB, *tests])
            killed, survived = killed + is_noticed, survived + (not is_noticed)
            print(f"{'killed' if is_noticed else 'SURVIVES'} {place.path}:{place.line} {done}", flush=True)
    print(f"{killed} of {killed + survived} changes were noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
