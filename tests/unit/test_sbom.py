"""The SBOM of the package for AWS: what is in the zip file, by CycloneDX's schema, and the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tools import sbom

if TYPE_CHECKING:
    from pathlib import Path

VENDORED = "chalicelib/console/static/vendor"
LOCKED = (sbom.PROJECT / "requirements" / "laptop.txt").read_text()
VERSION = next(line.split("==")[1].split()[0] for line in LOCKED.splitlines() if line.startswith("cryptography=="))


def package(target: Path, version: str = VERSION) -> Path:
    """A zip file as Chalice makes it, less most of it."""
    metadata = f"Metadata-Version: 2.4\nName: cryptography\nVersion: {version}\nLicense-Expression: Apache-2.0\n\n"
    with zipfile.ZipFile(target / "deployment.zip", "w") as archive:
        archive.writestr("app.py", "")
        archive.writestr("chalice/app.py", "")
        archive.writestr(f"cryptography-{version}.dist-info/METADATA", metadata)
        for file in (sbom.PROJECT / VENDORED).iterdir():
            archive.write(file, f"{VENDORED}/{file.name}")
    (target / "sam.json").write_text("{}")
    return target / "deployment.zip"


@pytest.fixture
def document(tmp_path: Path) -> Any:
    return json.loads(sbom.sbom(package(tmp_path)))


@pytest.mark.slow
def test_document_is_valid_by_the_schema(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion  # imported here: it takes seconds, in each process that collects tests
    from cyclonedx.validation.json import JsonStrictValidator

    text = sbom.sbom(package(tmp_path))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_components_are_the_distributions_the_runtime_and_the_vendored_files(document: Any) -> None:
    purls = [component["purl"] for component in document["components"]]
    assert f"pkg:pypi/cryptography@{VERSION}" in purls
    kinds = {purl.partition("@")[0] if "%40" not in purl else purl.rpartition("@")[0] for purl in purls}
    assert kinds == {"pkg:pypi/cryptography", "pkg:pypi/chalice", "pkg:npm/htmx.org", "pkg:npm/%40picocss/pico"}
    assert all(component["licenses"] for component in document["components"])


def test_vendored_file_has_its_hash(document: Any) -> None:
    htmx = next(component for component in document["components"] if component["name"] == "htmx.org")
    expected = hashlib.sha256((sbom.PROJECT / VENDORED / "htmx.min.js").read_bytes()).hexdigest()
    assert htmx["hashes"] == [{"alg": "SHA-256", "content": expected}]


def test_application_has_the_hash_of_the_package(tmp_path: Path) -> None:
    made = package(tmp_path)
    application = json.loads(sbom.sbom(made))["metadata"]["component"]
    assert application["name"] == "signet-ca"
    assert application["hashes"][0]["content"] == hashlib.sha256(made.read_bytes()).hexdigest()


def test_same_package_gives_the_same_bytes_without_a_time(tmp_path: Path) -> None:
    made = package(tmp_path)
    assert sbom.sbom(made) == sbom.sbom(made)
    assert "timestamp" not in sbom.sbom(made)


def test_distribution_that_no_lock_file_pins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cryptography 1\.0"):
        sbom.sbom(package(tmp_path, version="1.0"))


def test_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    package(tmp_path)
    sbom.main(tmp_path)
    lines = [line.split("  ") for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {"deployment.zip", "sam.json", "sbom.cdx.json"}
    for digest, name in lines:
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
