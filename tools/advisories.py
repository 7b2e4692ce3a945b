"""Look for known vulnerabilities of what the lock files pin.

pip-audit asks PyPI's vulnerability data. Where that cannot be reached, pip-audit calls every package "not found" and
succeeds. Here nothing then counts as looked up, and the lock files are compared with a snapshot in requirements/, which
says how old it is. `--renew CHECKOUT` writes it from a checkout of https://github.com/pypa/advisory-database.

Source: OSV schema, "affected"; PEP 440.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
SNAPSHOT = REQUIREMENTS / "advisories.json"
LOCKS = ("laptop.txt", "dev.txt", "lambda.txt", "localstack.txt", "acme-clients.txt", "uv.txt")
SOURCE = "PyPA advisory database (https://github.com/pypa/advisory-database), CC BY 4.0"


def main(arguments: list[str]) -> int:
    """Look, or renew the snapshot; return 1 if something is vulnerable."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", type=Path, metavar="CHECKOUT", help="write the snapshot from a checkout")
    chosen = parser.parse_args(arguments)
    if chosen.renew:
        SNAPSHOT.write_text(json.dumps(snapshot(chosen.renew, set(locked())), indent=1) + "\n")
        return 0
    vulnerable, looked_up = _asked()
    if not looked_up:
        known = json.loads(SNAPSHOT.read_text())
        count = sum(map(len, known["advisories"].values()))
        print(f"PyPI's data cannot be reached: {count} advisories of {known['date']} are compared instead.")
        vulnerable, looked_up = matches(locked(), known["advisories"]), set(locked())
    print(f"{len(looked_up)} packages looked up, {len(vulnerable)} vulnerable")
    for line in vulnerable:
        print(f"  {line}")
    return 1 if vulnerable else 0


def locked() -> dict[str, set[str]]:
    """The versions that the lock files pin, by package."""
    pins: dict[str, set[str]] = {}
    for name in LOCKS:
        text = (REQUIREMENTS / name).read_text()
        for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;]+)", text, re.MULTILINE):
            pins.setdefault(_normalized(package), set()).add(version)
    return pins


def matches(pins: Mapping[str, Iterable[str]], advisories: Mapping[str, Any]) -> list[str]:
    """The pinned versions that an advisory names."""
    return [
        f"{package} {version}: {advisory['id']} {' '.join(advisory['aliases'])}".rstrip()
        for package, versions in sorted(pins.items())
        for version in sorted(versions)
        for advisory in advisories.get(package, ())
        if any(SpecifierSet(affected).contains(version, prereleases=True) for affected in advisory["affected"])
    ]


def _asked() -> tuple[list[str], set[str]]:
    """Ask PyPI by pip-audit: what is vulnerable, and what was looked up; the first lock file tells if PyPI answers."""
    vulnerable: list[str] = []
    looked_up: set[str] = set()
    for name in LOCKS:
        command = ["pip-audit", "-r", str(REQUIREMENTS / name), "--require-hashes", "--disable-pip", "-f", "json"]
        found = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:], "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            check=False,
        )
        lines, names = judged(found.stdout)
        if not names and not looked_up:
            return [], set()
        vulnerable += lines
        looked_up |= names
    return sorted(set(vulnerable)), looked_up


def judged(output: str) -> tuple[list[str], set[str]]:
    """Read pip-audit's JSON: what is vulnerable, and which packages it did look up."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return [], set()
    known = [each for each in dependencies if "vulns" in each]
    vulnerable = [f"{each['name']} {each['version']}: {found['id']}" for each in known for found in each["vulns"]]
    return vulnerable, {each["name"] for each in known}


def snapshot(checkout: Path, packages: set[str]) -> dict[str, Any]:
    """Take the advisories of some packages from a checkout of the database."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", checkout, *words], capture_output=True, text=True, check=True).stdout

    advisories: dict[str, list[Any]] = {}
    for path in git("ls-tree", "-r", "--name-only", "HEAD", "vulns").splitlines():
        package = _normalized(path.split("/")[1])
        if package in packages:
            advisories.setdefault(package, []).append(_advisory(yaml.safe_load(git("show", f"HEAD:{path}")), package))
    commit, date = git("log", "-1", "--format=%H %cs").split()
    return {"source": SOURCE, "commit": commit, "date": date, "advisories": dict(sorted(advisories.items()))}


def _advisory(document: dict[str, Any], package: str) -> dict[str, Any]:
    affected = [each for each in document["affected"] if _normalized(each["package"]["name"]) == package]
    ranges = [line for each in affected for line in _specifiers(each)]
    return {"id": document["id"], "aliases": document.get("aliases", []), "affected": ranges}


def _specifiers(affected: dict[str, Any]) -> Iterator[str]:
    """Write the ranges of versions as PEP 440 has them; single versions where there is no range."""
    ranges = [each for each in affected.get("ranges", ()) if each["type"] == "ECOSYSTEM"]
    for each in ranges:
        begin = ""
        for event in each["events"]:
            if "introduced" in event:
                begin = f">={event['introduced']}"
            elif "fixed" in event:
                yield f"{begin},<{event['fixed']}"
                begin = ""
            elif "last_affected" in event:
                yield f"{begin},<={event['last_affected']}"
                begin = ""
        if begin:
            yield begin
    if not ranges:
        yield from (f"=={version}" for version in affected.get("versions", ()))


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
