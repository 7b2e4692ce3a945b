"""A command in the wrong place finds no home: it names where it looked, fails, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from chalicelib import cli, runtime
from chalicelib.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.laptop

# They create a home, or need none: a test server, a list of settings, a file that somebody brings.
WITHOUT_HOME = {"serve", "demo", "restore", "settings", "backup verify", "log check"}
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
# What a parameter has to be, beside a name and a file.
VALUES = {"serial": "0123", "ca_arn": "", "key": KEY, "until": "30d"}


def _commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, *names, name)
        else:
            yield " ".join((*names, name)), command


COMMANDS = {name: command for name, command in _commands(cli.signet) if name not in WITHOUT_HOME}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a home in it, above it or at the user's."""
    (tmp_path / "user").mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user" / "share"))
    return work


def _words(name: str, command: click.Command, given: Path) -> list[str]:
    """The words of a command with a value for each parameter that it requires."""
    words = name.split()
    for parameter in command.params:
        if parameter.required:
            words += [parameter.opts[0]] * isinstance(parameter, click.Option) + [_value(parameter, given)]
    return words


def _value(parameter: click.Parameter, given: Path) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(parameter.type.choices[0])
    if isinstance(parameter.type, click.Path | click.File):
        return str(given)
    return VALUES.get(str(parameter.name), "x")


def _run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.argv", ["signet", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


@pytest.mark.parametrize("name", COMMANDS)
def test_command_without_a_home_names_it_and_makes_none(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given = elsewhere / "given"
    given.write_text("{}")
    before = _files(elsewhere.parent)
    assert _run(_words(name, COMMANDS[name], given), monkeypatch) == 2
    said = capsys.readouterr()
    assert said.err == (
        f"signet: There is no home: no .signet here or above, and no {elsewhere.parent}/user/share/signet. "
        "`signet serve` creates the latter; SIGNET_DATA names another directory.\n"
    )
    assert said.out == ""
    assert _files(elsewhere.parent) == before


def _files(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


def test_directory_that_the_setting_names_is_in_the_error(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGNET_DATA", "misspelt")
    for words in (["crl", "verify"], ["env"]):
        assert _run(words, monkeypatch) == 2
        assert capsys.readouterr().err == (
            f"signet: There is no home in {elsewhere}/misspelt. `signet serve` creates it; SIGNET_DATA names it.\n"
        )
    assert _files(elsewhere) == []


def _create(data: Path) -> None:
    runtime.from_settings(Settings(data=str(data))).store.list_accounts()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    def find(place: Path) -> Path:
        monkeypatch.chdir(place)
        return Settings.from_env().data_path

    return find


def test_home_is_found_from_below_it(elsewhere: Path, found: Callable[[Path], Path]) -> None:
    of_user = elsewhere.parent / "user" / "share" / "signet"
    below = elsewhere / "a" / "b"
    below.mkdir(parents=True)
    assert found(below) == of_user
    (elsewhere / "a" / ".signet").mkdir()  # of something else
    assert found(below) == of_user
    _create(elsewhere / ".signet")
    assert found(below) == elsewhere / ".signet"
    _create(elsewhere / "a" / ".signet")
    assert found(below) == elsewhere / "a" / ".signet"
    assert found(elsewhere) == elsewhere / ".signet"
    assert found(elsewhere.parent / "user") == of_user


def test_home_whose_database_is_lost_is_still_found(elsewhere: Path, found: Callable[[Path], Path]) -> None:
    """Beside it another home would begin, and nobody would be told of the loss."""
    (elsewhere / ".signet" / "keys").mkdir(parents=True)
    assert found(elsewhere) == elsewhere / ".signet"


def test_process_whose_user_has_no_directory_has_settings(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function on AWS may have none, and needs none."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.delenv("XDG_DATA_HOME")
    assert Settings.from_env({}).data_path == Path(".signet")


def test_setting_goes_before_what_is_found(
    elsewhere: Path, found: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _create(elsewhere / ".signet")
    assert "SIGNET_DATA" not in Settings.from_env().chosen()
    monkeypatch.setenv("SIGNET_DATA", "other")
    assert found(elsewhere) == Path("other")
    assert Settings.from_env().chosen()["SIGNET_DATA"] == "other"


def test_found_home_of_another_user_is_refused_even_to_root(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As git's safe.directory: whoever can write above the working directory would choose root's CAs."""
    _create(elsewhere / ".signet")
    if os.geteuid() == 0:
        os.chown(elsewhere / ".signet", 1234, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert _run(["env"], monkeypatch) == 2
    assert "belongs to another user" in capsys.readouterr().err


def test_directory_that_is_gone_has_no_home_above_it(elsewhere: Path, found: Callable[[Path], Path]) -> None:
    gone = elsewhere / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert Settings.from_env().data_path == elsewhere.parent / "user" / "share" / "signet"
