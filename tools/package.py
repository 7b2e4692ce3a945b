"""Build the CloudFormation package: one template with state, functions, API and alarms, and the functions' zip file.

`make package` runs this with the Python version of the functions' runtime. It writes build/package/sam.json and
build/package/deployment.zip, checks both, and prints the size of the zip file and the import time of app.py.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = ("app.py", "chalicelib", "requirements.txt", ".chalice")
NOT_PACKAGED = shutil.ignore_patterns(
    "__pycache__", "conformance", "deployed", "deployments", "images", "testing", "venv"
)
TEMPLATES = ("state.yaml", "operations.yaml")
RUNTIMES_SINCE: tuple[int, ...] = (3, 12)
MOST_BYTES = 10_000_000
IMPORTS = 5
REQUIRED = (
    "app.py",
    "chalicelib/api/acm-pca.json",
    "chalicelib/console/static/console.css",
    "chalicelib/console/static/pico.css",
    "chalicelib/console/documents/console.md",
    "chalicelib/console/templates/page.html",
    "chalicelib/reports/prices.json",
    "cbor2/__init__.py",
    "cryptography/__init__.py",
    "jinja2/__init__.py",
    "markdown_it/__init__.py",
)
BIN = Path(sys.executable).parent


def main() -> None:
    """Build and check."""
    if sys.version_info < RUNTIMES_SINCE:
        sys.exit(
            "Lambda's runtimes before Python 3.12 cannot run all of Signet's dependencies: package with 3.12 or later."
        )
    target = PROJECT / "build" / "package"
    work = target / "project"
    shutil.rmtree(target, ignore_errors=True)
    work.mkdir(parents=True)
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, work / name, ignore=NOT_PACKAGED)
        else:
            shutil.copyfile(source, work / name)
    merged = target / "merged.json"
    merged.write_text(json.dumps(merged_template()))
    environment = os.environ | {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1")}
    command = [
        str(BIN / "chalice"),
        "package",
        "--stage",
        "prod",
        "--merge-template",
        str(merged),
        str(target / "made"),
    ]
    subprocess.run(command, cwd=work, env=environment, check=True)
    for made in (target / "made").iterdir():
        made.replace(target / made.name)
    report(target)


def merged_template() -> dict[str, Any]:
    """Merge the hand-written templates, which must not define a name twice."""
    whole: dict[str, Any] = {}
    for name in TEMPLATES:
        for section, content in yaml.safe_load((PROJECT / "infrastructure" / name).read_text()).items():
            if isinstance(content, dict):
                entries = whole.setdefault(section, {})
                if twice := entries.keys() & content.keys():
                    sys.exit(f"{section}: {sorted(twice)} are in more than one template.")
                entries |= content
            elif section != "AWSTemplateFormatVersion":
                whole[section] = content
    return whole


def report(target: Path) -> None:
    """Print the zip file's size and import time; exit with an error if it is too large or incomplete."""
    package = target / "deployment.zip"
    size = package.stat().st_size
    unpacked = target / "unpacked"
    with zipfile.ZipFile(package) as archive:
        missing = set(REQUIRED) - set(archive.namelist())
        archive.extractall(unpacked)
    if missing or size > MOST_BYTES:
        limit = f"{size:,} bytes (at most {MOST_BYTES:,})"
        sys.exit(f"deployment.zip has {limit}. Missing files: {', '.join(sorted(missing)) or 'none'}.")
    code = "import time; a = time.perf_counter(); import app; print(time.perf_counter() - a)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], cwd=unpacked, capture_output=True, check=True).stdout)
        for _ in range(IMPORTS)
    ]
    shutil.rmtree(unpacked)
    print(f"deployment.zip: {size:,} bytes; import of app.py: {statistics.median(seconds) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
