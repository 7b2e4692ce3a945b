"""The wheel, installed into the environment of a project that has an `app.py` and a `chalicelib` of its own."""

from __future__ import annotations

import json
import os
import re
import sys
import tarfile
import urllib.request
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from chalicelib import __version__
from tests.support.home import ROOT, Home
from tests.support.wheel_project import build, make_project, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUIDE = ROOT / "docs/testing.md"
pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
# Some of what is no module: without one of these a page, an operation or the help fails.
DATA = (
    "signet_ca/api/acm-pca.json",
    "signet_ca/console/documents/adr/0001-one-store-over-a-table.md",
    "signet_ca/console/documents/console.md",
    "signet_ca/console/static/console.css",
    "signet_ca/console/static/vendor/htmx.min.js",
    "signet_ca/console/templates/page.html",
    "signet_ca/py.typed",
    "signet_ca/reports/prices.json",
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make package` builds."""
    return build(tmp_path_factory.mktemp("build") / "dist", "--sdist", "--wheel")


@pytest.fixture(scope="module")
def project(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Chalice project whose environment has the wheel; its dependencies are those of this environment."""
    (wheel,) = dist.glob("*.whl")
    return make_project(tmp_path_factory.mktemp("work") / "project", wheel)


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.environment |= {"PATH": f"{project}/.venv/bin:{os.defpath}"}
    home.program, home.cwd = project / ".venv/bin/signet", project
    home.start()
    yield home
    if home.process is not None:
        home.stop()


def test_wheel_installs_one_package(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} == {"signet_ca", f"signet_ca-{__version__}.dist-info"}
    assert not set(DATA) - names
    found = {name.removeprefix("signet_ca/") for name in names if name.endswith(".py")}
    there = {path.relative_to(ROOT / "chalicelib").as_posix() for path in (ROOT / "chalicelib").rglob("*.py")}
    assert found == there | {"app.py"}


def test_sdist_has_the_same_bytes_again_and_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    assert (build(tmp_path / "dist", "--sdist") / sdist.name).read_bytes() == sdist.read_bytes()
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert (build(tmp_path / "dist", "--wheel", source=source) / wheel.name).read_bytes() == wheel.read_bytes()


def test_metadata_is_fit_for_an_index(dist: Path) -> None:
    checked = run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist)
    assert checked.count("PASSED") == 2
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"signet_ca-{__version__}.dist-info/METADATA")
    metadata = message_from_bytes(text)
    assert metadata["Version"] == __version__
    assert metadata.get_all("Provides-Extra") == ["aws", "test"]
    needed = {re.split("[^a-z0-9-]", line)[0] for line in metadata.get_all("Requires-Dist", []) if ";" not in line}
    assert {"boto3", "chalice", "click", "cryptography", "granian", "jinja2"} <= needed
    assert "pytest" not in needed


def test_project_keeps_its_names(project: Path) -> None:
    code = (
        "import app, chalicelib, sys; import signet_ca.app, signet_ca.cli; "
        "print(app.app.app_name, chalicelib.OWNER, signet_ca.app.app.app_name, "
        "sorted(name for name in sys.modules if name.startswith('chalicelib')))"
    )
    found = run(project / ".venv/bin/python", "-c", code, cwd=project)
    assert found == "theirs the project signet ['chalicelib']\n"


def test_guide_of_tests_holds_in_a_project_with_four_workers(project: Path) -> None:
    blocks = re.findall(r"^```python\n# (test_\w+\.py)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == GUIDE.read_text().count("```python\n")
    (project / "tests").mkdir()
    for name, code in blocks:
        (project / "tests" / name).write_text(f"import app\nimport chalicelib\n{code}\nassert chalicelib.OWNER\n")
    command = (project / ".venv/bin/python", "-m", "pytest", "-n", "4", "-p", "no:cacheprovider", "-rA", "tests")
    found = run(*command, cwd=project)
    passed = set(re.findall(r"^PASSED tests/(\w+\.py)", found, re.MULTILINE))
    assert passed == {name for name, _ in blocks}
    assert "skipped" not in found


def test_demo_runs_from_the_wheel(project: Path, tmp_path: Path) -> None:
    found = run(project / ".venv/bin/signet", "demo", "--into", tmp_path / "demo", cwd=project)
    assert "good.pem: OK" in found
    assert "certificate revoked" in found


def test_conformance_suite_runs_from_the_wheel(server: Home, project: Path) -> None:
    exports = server.exports()
    words = ["--pyargs", "signet_ca.conformance", "-k", "test_arns or test_creation", "-p", "no:cacheprovider"]
    words += ["--endpoint-url", server.url, "--region", "us-east-1", "--conformance-report", "conformance.md"]
    keys = [f"{name}={exports[name]}" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    run("env", *keys, str(project / ".venv/bin/python"), "-m", "pytest", *words, cwd=project)
    report = (project / "conformance.md").read_text()
    assert re.search(r"^\| CreateCertificateAuthority \| [1-9]\d* \| 0 \| 0 \|$", report, re.MULTILINE)


def test_server_runs_from_the_wheel(server: Home, project: Path) -> None:
    with urllib.request.urlopen(f"{server.url}/healthz") as answer:
        assert json.load(answer)["version"] == __version__
    with urllib.request.urlopen(f"{server.url}/console/static/console.css") as answer:
        assert answer.read() == (ROOT / "chalicelib/console/static/console.css").read_bytes()
    with urllib.request.urlopen(f"{server.url}/console/") as answer:
        assert "Sign in" in answer.read().decode()
    assert server.client().list_certificate_authorities()["CertificateAuthorities"] == []
    assert "SIGNET_DATA" in server.signet("settings").stdout
    assert server.process is not None
    assert server.process.stdout is not None
    banner = [server.process.stdout.readline() for _ in range(6)]
    assert banner[-1].endswith(" signet status\n")
