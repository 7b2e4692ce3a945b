"""The template that LocalStack's tests deploy is what CDK makes of the constructs in tests/e2e/cdk/app.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.laptop, pytest.mark.long]
CDK = ROOT / "tests/e2e/cdk"


def test_template_is_what_cdk_makes_of_its_constructs(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm on the PATH")
    for name in ("app.js", "package.json"):
        shutil.copy(CDK / name, tmp_path)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    if subprocess.run(install, cwd=tmp_path, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip("npm cannot install CDK")
    made = subprocess.run(["node", "app.js"], cwd=tmp_path, capture_output=True, check=True, timeout=120)
    assert json.loads(made.stdout) == json.loads((CDK / "template.json").read_text())
