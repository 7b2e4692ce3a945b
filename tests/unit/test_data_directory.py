"""Where the user's home is, on each platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.data_directory import of_user


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/home/ada/.local/share/signet"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/signet"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/ada/.local/share/signet"),  # which the specification ignores
        ("darwin", {"XDG_DATA_HOME": "/data"}, "/home/ada/Library/Application Support/signet"),
        ("win32", {}, "/home/ada/AppData/Local/signet"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/signet"),
    ],
)
def test_directory_of_a_user(
    platform: str, environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert of_user(environ, platform) == Path(expected)
