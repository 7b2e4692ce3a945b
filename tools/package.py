"""Build the CloudFormation package: one template with state, functions, API and alarms, and the functions' zip file.

`make package` runs this with the Python version of the functions' runtime. It writes build/package/sam.json and
build/package/deployment.zip, checks both, and prints the size of the zip file and the import time of app.py.
"""

from __future__ import annotations

import json
import os
import re
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
TEMPLATES = ("state.yaml", "operations.yaml", "addresses.yaml")
RUNTIMES_SINCE: tuple[int, ...] = (3, 12)
MOST_BYTES = 10_000_000
NAMED = re.compile(r"(?<=[:/])signet(?=[-/]|$)")  # within an ARN or the name of an alias
PURPOSES = frozenset({"ca-key", "ocsp-key"})
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
    template = json.loads((target / "made" / "sam.json").read_text())
    (target / "sam.json").write_text(json.dumps(named(template), indent=2) + "\n")
    (target / "made" / "deployment.zip").replace(target / "deployment.zip")
    report(target)


def merged_template() -> dict[str, Any]:
    """Merge the hand-written templates, which must not give a value twice."""
    whole: dict[str, Any] = {}
    for name in TEMPLATES:
        template = yaml.safe_load((PROJECT / "infrastructure" / name).read_text())
        del template["AWSTemplateFormatVersion"]
        merge(whole, template)
    return whole


def merge(whole: dict[str, Any], more: dict[str, Any], path: str = "") -> None:
    """Add the members of one object to another, and so on within them; exit if both have a value."""
    for name, value in more.items():
        if name not in whole:
            whole[name] = value
        elif isinstance(value, dict) and isinstance(whole[name], dict):
            merge(whole[name], value, f"{path}{name}.")
        else:
            sys.exit(f"{path}{name} is in more than one template.")


def named(template: dict[str, Any]) -> dict[str, Any]:
    """Put the parameter `Name` into the policies of the functions' roles, which Chalice copies from `.chalice`."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                policy["PolicyDocument"] = with_name(policy["PolicyDocument"])
    return template


def with_name(value: Any) -> Any:
    """Replace the default name of the installation within a policy: in ARNs, aliases and the purposes of KMS keys."""
    if isinstance(value, dict):
        return {key: with_name(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_name(each) for each in value]
    if value in PURPOSES:
        return {"Fn::If": ["IsDefaultName", value, {"Fn::Sub": f"${{Name}}:{value}"}]}
    return {"Fn::Sub": text} if (text := NAMED.sub("${Name}", value)) != value else value


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
