"""The build backend: makes the distribution signet-ca, whose only package is `signet_ca`; docs/adr/0014 says why.

`app.py` and `chalicelib/` are at the top of the repository, because Chalice deploys them from there. A project that
installs Signet may have its own, so the build copies them into one package and renames them in import statements. The
copy is a project of its own, which setuptools builds, and which the sdist contains. The editable installation of a
clone has the names of the repository.
"""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import tomllib
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setuptools import build_meta
from setuptools.build_meta import build_editable, prepare_metadata_for_build_editable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["build_editable", "build_sdist", "build_wheel", "prepare_metadata_for_build_editable"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "signet_ca"
RENAMED = {"chalicelib": PACKAGE, "app": f"{PACKAGE}.app"}
NOT_PACKAGED = shutil.ignore_patterns("__pycache__", "images")
EPOCH = "315532800"  # 1980-01-01, the first time that a zip file can hold


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build the wheel (PEP 517); its bytes do not depend on the time either."""
    target = Path(wheel_directory).resolve()
    with project():
        return str(build_meta.build_wheel(str(target), config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Build the sdist (PEP 517), whose bytes do not depend on the time."""
    target = Path(sdist_directory).resolve()
    with project(), tempfile.TemporaryDirectory() as made:
        name = str(build_meta.build_sdist(made, config_settings))
        (target / name).write_bytes(_timeless(Path(made, name)))
    return name


@contextmanager
def project() -> Iterator[None]:
    """Make the project that is built, and work in it."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", EPOCH)
    with tempfile.TemporaryDirectory() as made:
        source = Path(made)
        shutil.copytree(ROOT / "chalicelib", source / PACKAGE, ignore=NOT_PACKAGED)
        shutil.copyfile(ROOT / "app.py", source / PACKAGE / "app.py")
        for module in source.rglob("*.py"):
            module.write_text(renamed(module.read_text("utf-8")), "utf-8")
        (source / PACKAGE / "py.typed").touch()
        for name in ("LICENSE", "README.md"):
            shutil.copyfile(ROOT / name, source / name)
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        version = re.findall(
            r'^__version__ = "(.+)"$', (ROOT / "chalicelib/__init__.py").read_text("utf-8"), re.MULTILINE
        )
        (source / "pyproject.toml").write_text(_toml(described(tomllib.loads(text), *version)), "utf-8")
        for path in source.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # not those of whoever has cloned
        with chdir(source):
            yield


def renamed(source: str) -> str:
    """Rename the modules of the repository in the import statements of a module; no line moves.

    Raises:
        ValueError: an import binds the name of a renamed module.
    """
    lines = source.encode().splitlines(keepends=True)
    for number, column, module in sorted(_imported(ast.parse(source)), reverse=True):  # from the right, columns hold
        top = module.partition(".")[0]
        if top in RENAMED:
            line = lines[number - 1]
            lines[number - 1] = line[:column] + RENAMED[top].encode() + line[column + len(top) :]
    return b"".join(lines).decode()


def _imported(module: ast.Module) -> Iterator[tuple[int, int, str]]:
    """Yield each absolute module that is imported, with its line and its column in bytes."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.col_offset + len("from "), node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname is None and alias.name.partition(".")[0] in RENAMED:
                    raise ValueError(f"'import {alias.name}' must name what it imports: from … import, or as.")
                yield alias.lineno, alias.col_offset, alias.name


def described(repository: dict[str, Any], version: str) -> dict[str, Any]:
    """Return the pyproject.toml of what is built: it needs what the laptop home needs, and has no tools."""
    about = dict(repository["project"])
    extras = about["optional-dependencies"]
    about |= {
        "version": version,
        "dependencies": about["dependencies"] + extras["laptop"],
        "optional-dependencies": {name: extras[name] for name in extras if name not in {"laptop", "dev"}},
        "scripts": _entries(about["scripts"]),
        "entry-points": {group: _entries(entries) for group, entries in about["entry-points"].items()},
    }
    del about["dynamic"]
    return {
        "build-system": {"requires": repository["build-system"]["requires"], "build-backend": "setuptools.build_meta"},
        "project": about,
        "tool.setuptools.packages.find": {"include": [f"{PACKAGE}*"]},
        "tool.setuptools.package-data": {"*": ["**/*"]},
    }


def _entries(entries: dict[str, str]) -> dict[str, str]:
    return {name: entry.replace("chalicelib", PACKAGE) for name, entry in entries.items()}


def _toml(tables: dict[str, Any]) -> str:
    """Write tables of text, lists of text, and tables of those; JSON's strings and arrays are TOML's."""
    lines = []
    for name, table in tables.items():
        inner = {key: value for key, value in table.items() if isinstance(value, dict)}
        lines += [f"[{name}]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in table.items() if k not in inner)]
        lines.append(_toml({f"{name}.{json.dumps(key)}": value for key, value in inner.items()}))
    return "\n".join(lines)


def _timeless(sdist: Path) -> bytes:
    """Write an archive again without times, owners and the order of a file system."""
    packed = io.BytesIO()
    with tarfile.open(sdist) as given, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made:
        for member in sorted(given.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.type, plain.mode, plain.mtime = member.size, member.type, member.mode, int(EPOCH)
            made.addfile(plain, given.extractfile(member))
    return gzip.compress(packed.getvalue(), mtime=0)
