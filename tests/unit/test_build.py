"""The build renames the modules of the repository in import statements, and nothing else."""

from __future__ import annotations

import pytest

from tools import signet_build


@pytest.mark.parametrize(
    ("source", "built"),
    [
        ("from chalicelib import logs\n", "from signet_ca import logs\n"),
        ("from chalicelib.pki.x509 import (\n  names,\n)\n", "from signet_ca.pki.x509 import (\n  names,\n)\n"),
        ("import chalicelib.logs as logs\n", "import signet_ca.logs as logs\n"),
        ("def f():\n    import app as signet_app\n", "def f():\n    import signet_ca.app as signet_app\n"),
        ("'ä'; from app import app\n", "'ä'; from signet_ca.app import app\n"),
        ("import json, app as a, app as b\n", "import json, signet_ca.app as a, signet_ca.app as b\n"),
    ],
)
def test_import_is_renamed(source: str, built: str) -> None:
    assert signet_build.renamed(source) == built


@pytest.mark.parametrize(
    "source",
    [
        '"""See `chalicelib.store`."""\napp = "from chalicelib import logs"  # from app import app\n',
        "from chalice.app import app\nimport appdirs\nfrom . import chalicelib\nfrom .app import app\n",
    ],
)
def test_everything_else_stays(source: str) -> None:
    assert signet_build.renamed(source) == source


@pytest.mark.parametrize("source", ["import app\n", "import chalicelib.logs\n"])
def test_import_that_binds_a_name_of_the_repository_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="must name what it imports"):
        signet_build.renamed(source)
