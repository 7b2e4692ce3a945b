"""What a process does not import: the SDK of AWS, which takes longer than most commands, and code for tests alone."""

from __future__ import annotations

import subprocess
import sys

from tests.support.home import ROOT
from tools import package


def loaded_by(imports: str) -> str:
    code = f"import sys, {imports}; print([*sys.modules])"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_command_imports_no_sdk_of_aws() -> None:
    loaded = loaded_by("chalicelib.cli")
    assert "'boto3'" not in loaded
    assert "'botocore'" not in loaded


def test_home_imports_nothing_that_is_for_tests() -> None:
    loaded = loaded_by("app, chalicelib.cli, chalicelib.local.server, chalicelib.console.pages")
    for_tests = {"conformance", "testing"}
    assert not [name for name in for_tests if f"'chalicelib.{name}" in loaded]
    assert package.NOT_PACKAGED("chalicelib", [*for_tests, "store"]) == for_tests
