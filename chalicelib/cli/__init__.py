"""The `signet` command: one module per subcommand, each a thin layer over operations and services.

What the subcommands print is decided here; what they compute is in `operations`, `crl`, `monitor` and `reports`.
"""

from __future__ import annotations

import sys

import click

from chalicelib import __version__
from chalicelib.access.policy_documents import PolicyError
from chalicelib.access.presets import PresetError
from chalicelib.access.principals import PrincipalError
from chalicelib.audit import AuditError
from chalicelib.backup import BackupError
from chalicelib.buckets import BucketError
from chalicelib.cli import (
    audit,
    backup,
    clock,
    console,
    credentials,
    crl,
    demo,
    doctor,
    environment,
    issue,
    log,
    migrate,
    monitor,
    oidc_providers,
    principals,
    reconcile,
    roles,
    serve,
    settings,
    shares,
    status,
    trust,
)
from chalicelib.config import SettingsError
from chalicelib.errors import ApiError
from chalicelib.journal import JournalError
from chalicelib.keystore import KeyStoreError
from chalicelib.local.server import ServeError
from chalicelib.store import StoreError

_REFUSALS = (
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="signet")
def signet() -> None:
    """A private certificate authority with the AWS Private CA API.

    Settings come from the environment; `signet settings` lists them.
    """


for command in (
    serve.serve,
    console.console,
    environment.env,
    environment.profile,
    status.status,
    crl.crl,
    monitor.monitor,
    clock.clock,
    demo.demo,
    issue.issue,
    trust.trust,
    principals.principal,
    roles.role,
    oidc_providers.oidc_provider,
    credentials.credentials,
    shares.share,
    audit.audit,
    log.log,
    backup.backup,
    backup.restore,
    migrate.migrate,
    doctor.doctor,
    reconcile.reconcile,
    settings.settings,
):
    signet.add_command(command)


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
    except _REFUSALS as error:
        click.echo(f"signet: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # of a file or directory that somebody named
        if error.filename is None:
            raise
        click.echo(f"signet: {error.filename}: {error.strerror}.", err=True)
        sys.exit(1)
