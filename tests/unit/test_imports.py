"""What a process does not import: modules that take longer to load than most commands run, and code for tests alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.home import ROOT, make_home
from tools import package

if TYPE_CHECKING:
    from pathlib import Path

HTTP = {"email", "http.client"}
X509 = {"cryptography.x509", "email"}
TEMPLATES = {"chalicelib.pki.issuing.templates"}
AUTHORIZATION = {"chalicelib.access.authorization"}
SEARCH = {*X509, *AUTHORIZATION, "chalicelib.operations"}
OPERATIONS = {*SEARCH, *TEMPLATES}
SERVER = {*HTTP, *OPERATIONS, "asyncio", "chalice", "concurrent.futures", "granian", "subprocess", "urllib.request"}
HEAVY = {*SERVER, "boto3", "botocore", "jinja2", "statistics"}
# Which of them the module of a command imports; a command that is not here imports none.
NEED = {
    "acme": {*OPERATIONS, *HTTP},
    "backup": OPERATIONS,
    "console": {*HTTP, *AUTHORIZATION, "subprocess", "urllib.request"},
    "crl": {*X509, *AUTHORIZATION},
    "demo": {*OPERATIONS, "subprocess"},
    "doctor": SEARCH,
    "issue": OPERATIONS,
    "migrate": SEARCH,
    "monitor": {*X509, *HTTP, "concurrent.futures"},
    "oidc-provider": HTTP,
    "principal": TEMPLATES,
    "reconcile": OPERATIONS,
    "restore": OPERATIONS,
    "role": TEMPLATES,
    "serve": SERVER,
    "trust": {*X509, "subprocess"},
}
# In a process of its own for each command, which is a copy of one that has what all of them have.
IMPORT_EACH = """
import json, os, sys
from chalicelib.cli import signet
for name in signet.commands:
    if os.fork() == 0:
        signet.commands[name]
        print(json.dumps([name, [*sys.modules]]), flush=True)
        os._exit(0)
    os.wait()
"""
RUN = "import sys; from chalicelib.cli import signet; signet.main(standalone_mode=False); print([*sys.modules])"


def python(code: str, *words: str, **environment: str) -> str:
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout


def loaded_by(imports: str) -> str:
    return python(f"import sys, {imports}; print([*sys.modules])")


def test_command_imports_no_sdk_of_aws() -> None:
    loaded = loaded_by("chalicelib.cli")
    assert "'boto3'" not in loaded
    assert "'botocore'" not in loaded


def test_command_imports_only_the_heavy_modules_that_it_needs() -> None:
    found = dict(json.loads(line) for line in python(IMPORT_EACH).splitlines())
    assert {name: heavy for name, modules in found.items() if (heavy := HEAVY & {*modules})} == NEED


@pytest.mark.parametrize("command", ["env", "settings", "status"])
def test_command_that_looks_at_a_home_runs_without_heavy_modules(command: str, tmp_path: Path) -> None:
    make_home(tmp_path / "data")
    loaded = python(RUN, command, SIGNET_DATA=str(tmp_path / "data"))
    assert not [name for name in HEAVY if f"'{name}'" in loaded]


def test_home_imports_nothing_that_is_for_tests() -> None:
    loaded = loaded_by("app, chalicelib.cli, chalicelib.local.server, chalicelib.console.pages")
    for_tests = {"conformance", "testing"}
    assert not [name for name in for_tests if f"'chalicelib.{name}" in loaded]
    assert package.NOT_PACKAGED("chalicelib", [*for_tests, "store"]) == for_tests
