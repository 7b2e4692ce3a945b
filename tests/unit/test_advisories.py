"""Known vulnerabilities of what the lock files pin: by the snapshot, and by what pip-audit says and leaves unsaid."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tools import advisories

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = json.loads(advisories.SNAPSHOT.read_text())


def test_no_version_that_a_lock_file_pins_is_in_the_snapshot() -> None:
    pins = advisories.locked()
    assert {"cryptography", "cbor2", "jinja2", "boto3"} <= pins.keys()
    assert advisories.matches(pins, KNOWN["advisories"]) == []


def test_vulnerable_version_is_found_by_its_ranges() -> None:
    for version, identifiers in {"41.0.5": 1, "41.0.6": 0, "3.0": 0}.items():
        found = advisories.matches({"cryptography": {version}}, KNOWN["advisories"])
        assert len([line for line in found if "PYSEC-2023-254" in line]) == identifiers, version


def test_snapshot_names_its_source_and_its_date() -> None:
    assert KNOWN["source"] == advisories.SOURCE
    assert len(KNOWN["commit"]) == 40
    assert KNOWN["date"] >= "2024-10-10"


def test_package_that_pip_audit_does_not_know_is_not_looked_up() -> None:
    """It succeeds where PyPI cannot be reached: every package is skipped, and none is vulnerable."""
    skipped = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    found = {"name": "cbor2", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
    assert advisories.judged(json.dumps({"dependencies": [skipped]})) == ([], set())
    assert advisories.judged(json.dumps({"dependencies": [skipped, found]})) == (["cbor2 1: PYSEC-1"], {"cbor2"})
    assert advisories.judged("") == ([], set())


def test_snapshot_is_taken_from_a_checkout(tmp_path: Path) -> None:
    path = tmp_path / "vulns" / "Some_Package" / "PYSEC-1.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        "id: PYSEC-1\naffected:\n- package: {name: some-package}\n  ranges:\n  - type: ECOSYSTEM\n    events:\n"
        "    - introduced: '0'\n    - fixed: '2'\n    - introduced: '3'\n    - last_affected: '4'\n"
        "    - introduced: '5'\n"
        "- package: {name: some-package}\n  versions: ['2.5']\n"
    )
    author = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "x")):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    taken = advisories.snapshot(tmp_path, {"some-package", "other"})
    affected = [">=0,<2", ">=3,<=4", ">=5", "==2.5"]
    assert taken["advisories"] == {"some-package": [{"id": "PYSEC-1", "aliases": [], "affected": affected}]}
    for version, vulnerable in {"1": True, "2": False, "2.5": True, "4": True, "4.1": False, "6": True}.items():
        assert bool(advisories.matches({"some-package": {version}}, taken["advisories"])) is vulnerable
