"""The files for containers, as far as they can be tried without an engine: linted, and what they run is run."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chalicelib.config import Settings
from tests.support.home import BIN, ROOT

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
CONTAINERFILE = ROOT / "Containerfile"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def instructions(name: str) -> list[str]:
    """The arguments of an instruction, each time it is there."""
    text = CONTAINERFILE.read_text().replace("\\\n", "")
    return re.findall(rf"^(?:HEALTHCHECK .*)?{name} +(.*)$", text, re.MULTILINE)


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for line in instructions("ENV") for word in line.split())


def lint(*words: str) -> None:
    found = subprocess.run([BIN / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_containerfile_is_linted() -> None:
    lint("hadolint", "--failure-threshold", "style", "Containerfile")


@pytest.mark.parametrize("name", ["compose.yaml", "localstack/compose.yaml"])
def test_compose_file_has_the_form_of_its_specification(name: str) -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name)


def test_image_has_no_root_and_installs_what_is_locked() -> None:
    assert instructions("USER")[-1] != "0"
    assert instructions("VOLUME") == ["/data"]
    assert {image.split(" AS ")[0] for image in instructions("FROM")} == {"python:3.13-slim", "installed"}
    (install,) = [line for line in instructions("RUN") if "pip install" in line]
    assert "--require-hashes" in install
    assert "--no-deps --no-index" in install


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_service_is_closed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    settings = {key: value for key, value in environment().items() if key.startswith("SIGNET_")}
    assert Settings.from_env(settings | service["environment"]).host == "0.0.0.0"


def test_image_alone_does_not_serve_a_network() -> None:
    with pytest.raises(ValueError, match="SIGNET_ALLOW_PLAIN_HTTP"):
        Settings.from_env({key: value for key, value in environment().items() if key.startswith("SIGNET_")})


def test_health_check_holds_while_the_home_is_served(home: Home) -> None:
    (words,) = instructions("CMD")[:1]
    command: list[Any] = [word.replace(":8000/", f":{home.port}/") for word in json.loads(words)]
    command[0] = BIN / command[0]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    home.stop()
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0
