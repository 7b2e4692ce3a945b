"""`signet env` and `signet profile`: what AWS clients are told, for each shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib import cli
from tests.support.home import make_home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop
IN_THE_WAY = {"AWS_SESSION_TOKEN": "of another account", "AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "work"}


@pytest.fixture
def variables(run: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = json.loads(run("env", "--json").stdout)
    return found


def test_json_has_every_variable_and_null_for_those_to_unset(variables: dict[str, str | None]) -> None:
    unset = {name for name, value in variables.items() if value is None}
    assert unset == {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"}
    assert variables["AWS_ENDPOINT_URL_ACM_PCA"] == "http://127.0.0.1:8000"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"


@pytest.mark.parametrize("quote", ['"', ""])
def test_shell_that_had_another_session_has_only_what_is_printed(
    run: Any, variables: dict[str, str | None], quote: str
) -> None:
    """The token of another session would be sent with the access key, and refused."""
    printed = run("env").stdout
    process = subprocess.run(
        ["sh", "-uec", f"eval {quote}$PRINTED{quote}; env"],
        env={"PATH": os.environ["PATH"], "PRINTED": printed} | IN_THE_WAY,
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(line.split("=", 1) for line in process.stdout.splitlines() if line.startswith("AWS_"))
    assert found == {name: value for name, value in variables.items() if value is not None}


def test_lines_for_github_leave_no_session(
    run: Any, variables: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dict(line.split("=", 1) for line in run("env", "--shell", "github").stdout.splitlines())
    assert found == {"AWS_SESSION_TOKEN": ""} | {name: text for name, text in variables.items() if text is not None}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    credentials = boto3.session.Session().get_credentials()
    assert credentials is not None
    assert credentials.access_key == found["AWS_ACCESS_KEY_ID"]
    assert not credentials.token


@pytest.mark.parametrize(("shell", "set_", "unset"), [
    ("fish", "set --global --export {} '{}'", "set --erase --global {}"),
    ("powershell", "$Env:{} = '{}'", "Remove-Item Env:{} -ErrorAction Ignore"),
])  # fmt: skip
def test_other_shells_set_and_unset_the_same(
    run: Any, variables: dict[str, str | None], shell: str, set_: str, unset: str
) -> None:
    lines = run("env", "--shell", shell).stdout.splitlines()
    assert sorted(lines) == sorted(
        unset.format(name) if value is None else set_.format(name, value) for name, value in variables.items()
    )


@pytest.mark.parametrize("words", [["demo", "--into", "{}"], ["profile"]])
def test_directory_that_cannot_be_made_is_named_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "below"
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "data"))
    make_home(tmp_path / "data")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(place))
    monkeypatch.setattr("sys.argv", ["signet", *(word.format(place) for word in words)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert re.fullmatch(f"signet: {tmp_path}/file(/below)?: (Not a directory|File exists)\\.\n", said), said
