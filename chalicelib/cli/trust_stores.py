"""Stores of roots on this machine: finding them, and running the commands that change them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from chalicelib import trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.trust import Root, Store, Words

SYSTEM, NSS, JAVA = "system", "nss", "java"
KINDS = (SYSTEM, NSS, JAVA)
# The program that shows which of the system's stores this machine has.
_SYSTEM_STORES = {"update-ca-certificates": "ca-certificates", "trust": "p11-kit", "security": "macos"}
_SECONDS = 120
_CHROMIUM, _OF_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge"), ".pki/nssdb"
_NEW: tuple[Words, ...] = (
    ("mkdir", "-p", "{database}"),
    ("certutil", "-N", "-d", "sql:{database}", "--empty-password"),
)
# Where Firefox and Chromium have their databases, below the home directory.
_DATABASES = (
    _OF_CHROMIUM,
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    "Library/Application Support/Firefox/Profiles/*",
)


class Place(NamedTuple):
    """A store on this machine; NSS has one for each database."""

    title: str
    store: Store
    database: str = ""

    def commands(self, templates: Iterable[Words], root: Root, file: str) -> list[Words]:
        """Fill in commands; those that need the administrator run by sudo, unless root runs this."""
        sudo = ("sudo",) if self.store.as_root and os.geteuid() != 0 else ()
        return [sudo + trust.filled(words, root, file=file, database=self.database) for words in templates]

    def holds(self, root: Root) -> bool | None:
        """Tell whether the root is there; None if the store cannot be asked."""
        if not self.store.find:
            return None
        words = trust.filled(self.store.find, root, file="", database=self.database)
        return _run(words).returncode == 0


def on_this_machine(kinds: Iterable[str], databases: Iterable[Path]) -> list[Place]:
    """List the stores of these kinds, or all; `databases` are NSS databases beside those of the user's browsers."""
    found = {SYSTEM: _system, NSS: lambda: _nss(databases), JAVA: _java}
    return [place for kind in tuple(kinds) or KINDS for place in found[kind]()]


def _system() -> list[Place]:
    names = (name for program, name in _SYSTEM_STORES.items() if shutil.which(program))
    return [Place(name, trust.STORES[name]) for name in names][:1]


def _nss(databases: Iterable[Path]) -> list[Place]:
    without = [path for path in databases if not _is_database(path)]
    if without:
        raise click.ClickException(f"{without[0]} is no NSS database: `certutil -N -d sql:{without[0]}` makes one.")
    store, home = trust.STORES["nss"], Path.home()
    usual = [path for pattern in _DATABASES for path in sorted(home.glob(pattern)) if _is_database(path)]
    places = [Place(f"nss {path}", store, str(path)) for path in dict.fromkeys((*usual, *databases))]
    first = home / _OF_CHROMIUM
    if not _is_database(first) and any(map(shutil.which, _CHROMIUM)):  # made by Chromium when needed
        places.append(Place(f"nss {first}", store._replace(install=(*_NEW, *store.install)), str(first)))
    if places and not shutil.which("certutil"):
        click.echo("NSS's certutil is missing (Debian: libnss3-tools), so browsers are left out.", err=True)
        return []
    return places


def _is_database(path: Path) -> bool:
    return (path / "cert9.db").is_file()


def _java() -> list[Place]:
    return [Place("java", trust.STORES["java"])] if shutil.which("keytool") else []


def run_all(commands: Iterable[Words]) -> None:
    """Run commands one after the other.

    Raises:
        ClickException: one of them fails; the following ones are not run.
    """
    for words in commands:
        ended = _run(words)
        if ended.returncode:
            text = (ended.stderr or ended.stdout).strip()[-500:]
            raise click.ClickException(f"{words[0]} failed with exit code {ended.returncode}: {text}")


def _run(words: Words) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603  no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.ClickException(f"{words[0]} cannot be run: {error}") from error
