"""The `signet` command: one module per subcommand, each a thin layer over operations and services.

What the subcommands print is decided here; what they compute is in `operations`, `crl`, `monitor` and `reports`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from chalicelib import __version__
from chalicelib.config import SettingsError

# Modules of the commands. Each has its command under the command's name, with "_" for "-".
_MODULES = {
    "acme": "acme",
    "audit": "audit",
    "backup": "backup",
    "clock": "clock",
    "console": "console",
    "credentials": "credentials",
    "crl": "crl",
    "demo": "demo",
    "doctor": "doctor",
    "env": "environment",
    "issue": "issue",
    "log": "log",
    "migrate": "migrate",
    "monitor": "monitor",
    "oidc-provider": "oidc_providers",
    "principal": "principals",
    "profile": "environment",
    "reconcile": "reconcile",
    "restore": "backup",
    "role": "roles",
    "serve": "serve",
    "settings": "settings",
    "share": "shares",
    "status": "status",
    "trust": "trust",
}


class _Commands(MutableMapping[str, click.Command]):
    """The commands, each imported when it is first asked for: importing all of them takes longer than most of them."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f".{_MODULES[name]}", __name__)
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise TypeError("The commands are those of the table.")

    def __delitem__(self, name: str) -> None:
        raise TypeError("The commands are those of the table.")

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


@click.group(commands=_Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="signet")
def signet() -> None:
    """A private certificate authority with the AWS Private CA API.

    Settings come from the environment; `signet settings` lists them.
    """


def _refusals() -> tuple[type[Exception], ...]:
    """Return the errors whose text is for the user, imported once there is an error."""
    from chalicelib.access.policy_documents import PolicyError
    from chalicelib.access.presets import PresetError
    from chalicelib.access.principals import PrincipalError
    from chalicelib.acme.directories import AcmeError
    from chalicelib.audit import AuditError
    from chalicelib.backup import BackupError
    from chalicelib.buckets import BucketError
    from chalicelib.errors import ApiError
    from chalicelib.journal import JournalError
    from chalicelib.keystore import KeyStoreError
    from chalicelib.local.server import ServeError
    from chalicelib.store import StoreError

    return (
        AcmeError,
        ApiError,
        BackupError,
        AuditError,
        BucketError,
        JournalError,
        KeyStoreError,
        PolicyError,
        PresetError,
        PrincipalError,
        ServeError,
        StoreError,
    )


def main() -> None:
    """Run the command; exit code 0 means success, 1 a refusal or failure, 2 a usage error or an invalid setting."""
    try:
        signet.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        click.echo(f"signet: {error}", err=True)
        sys.exit(2)
    except OSError as error:  # of a file or directory that somebody named
        if error.filename is None:
            raise
        click.echo(f"signet: {error.filename}: {error.strerror}.", err=True)
        sys.exit(1)
    except Exception as error:
        if not isinstance(error, _refusals()):
            raise
        click.echo(f"signet: {error}", err=True)
        sys.exit(1)
