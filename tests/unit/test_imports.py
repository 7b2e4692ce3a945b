"""The command starts without AWS's SDK, whose import takes longer than most commands."""

from __future__ import annotations

import subprocess
import sys

from tests.support.home import ROOT


def test_command_imports_no_sdk_of_aws() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, chalicelib.cli; print([*sys.modules])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'boto3'" not in loaded.stdout
    assert "'botocore'" not in loaded.stdout
