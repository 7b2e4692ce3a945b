"""The words that docs/glossary.md replaces appear nowhere that people read: console, command and documents."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
MOST_TERMS = 35
# Where a phrase is right: the file, and the words around it.
ALLOWED: dict[str, tuple[str, ...]] = {}


def _tables() -> tuple[dict[str, list[str]], list[str]]:
    """The terms, each with the phrases that it replaces; and the phrases to avoid."""
    terms: dict[str, list[str]] = {}
    avoided: list[str] = []
    for line in GLOSSARY.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or set(cells[0]) <= set("-") or cells[0] in {"term", "instead of"}:
            continue
        if len(cells) == 4:
            terms[cells[0]] = re.findall("`([^`]+)`", cells[3])
        else:
            avoided += re.findall("`([^`]+)`", cells[0])
    return terms, avoided


TERMS, AVOIDED = _tables()


def _documents() -> list[Path]:
    documents = [*ROOT.glob("*.md"), ROOT / "localstack" / "README.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(path for path in documents if path != GLOSSARY)


def _sources() -> list[Path]:
    packages = [*(ROOT / "chalicelib" / "console").rglob("*.py"), *(ROOT / "chalicelib" / "cli").rglob("*.py")]
    return sorted([*packages, ROOT / "chalicelib" / "config.py"])


def _literals(source: Path) -> str:
    """The string literals of a module, without docstrings; those of the command's functions are its help."""
    tree = ast.parse(source.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        if not (source.parent.name == "cli" and isinstance(node, ast.FunctionDef) and node.decorator_list)
    }
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return "\n".join(str(node.value) for node in texts if id(node) not in docstrings)


def _found(text: str, *, allowed: tuple[str, ...] = ()) -> list[str]:
    """The replaced phrases in a text; not those that are part of their own term, as in "subject alternative name"."""
    plain = " ".join(text.split()).casefold()
    for context in allowed:
        plain = plain.replace(context.casefold(), " ")
    found = [phrase for phrase in AVOIDED if _has(plain, phrase)]
    for term, phrases in TERMS.items():
        rest = plain.replace(term.casefold(), " ") if any(phrase in term for phrase in phrases) else plain
        found += [phrase for phrase in phrases if _has(rest, phrase)]
    return found


def _has(plain: str, phrase: str) -> bool:
    return re.search(rf"\b{re.escape(phrase.casefold())}\b", plain) is not None


def test_glossary_is_short() -> None:
    assert 0 < len(TERMS) <= MOST_TERMS


@pytest.mark.parametrize("text", ["The CRL\naddress of a CA", "an alternative name", "It is made anew."])
def test_replaced_phrase_is_found(text: str) -> None:
    assert _found(text)


@pytest.mark.parametrize("text", ["subject alternative names", "a CRL addressed to nobody"])
def test_other_wording_is_left_alone(text: str) -> None:
    assert _found(text) == []


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", _documents(), ids=_name)
def test_document_uses_the_glossary(path: Path) -> None:
    assert _found(path.read_text(), allowed=ALLOWED.get(_name(path), ())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "chalicelib/console/templates").rglob("*.html")), ids=_name)
def test_page_uses_the_glossary(path: Path) -> None:
    assert _found(path.read_text(), allowed=ALLOWED.get(_name(path), ())) == []


@pytest.mark.parametrize("path", _sources(), ids=_name)
def test_message_uses_the_glossary(path: Path) -> None:
    assert _found(_literals(path), allowed=ALLOWED.get(_name(path), ())) == []
