"""`signet serve`: the server of the laptop home."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib import logs, runtime
from chalicelib.access import access_keys
from chalicelib.audit import AuditError
from chalicelib.cli import console, migrate, serve_tests
from chalicelib.cli.environment import endpoint
from chalicelib.config import Settings
from chalicelib.local import server, workers
from chalicelib.store import StoreError

if TYPE_CHECKING:
    from types import ModuleType

    from chalicelib.local.workers import Role
    from chalicelib.runtime import Runtime

_BESIDE = (
    "Warning: the journal is in the data directory. Whoever restores a copy of that restores both, and what happened "
    "since is forgotten. Set SIGNET_JOURNAL to a directory on another disk."
)


@click.command()
@click.option(
    "--test",
    "is_for_tests",
    is_flag=True,
    help="Serve tests: temporary state, any credentials, every region, and /_signet/ to control it.",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --test: write address and credentials there as JSON, once connections are accepted.",
)
@click.option(
    "--seed",
    type=int,
    help="With --test: the same serial numbers, ARNs and CA keys on every run. Others know them too.",
)
def serve(*, is_for_tests: bool, ready_file: Path | None, seed: int | None) -> None:
    """Serve the API and the console on 127.0.0.1, or SIGNET_HOST, until Ctrl-C.

    Data is stored in SIGNET_DATA, and data of an earlier version is migrated first. CRLs that are due are published
    while the server runs.
    """
    if is_for_tests:
        serve_tests.serve(ready_file, seed)
    elif ready_file is not None:
        raise click.UsageError("--ready-file is for --test: it would contain the secret of the root access key.")
    elif seed is not None:
        raise click.UsageError("--seed is for --test: whoever knows a seed knows the keys that it makes.")
    else:
        _serve_home()


def _serve_home() -> None:
    import app as signet_app

    settings = runtime.usable_settings(creates=True)
    with server.claimed(settings) as listeners:
        workers.run(listeners, partial(_work, signet_app))


def _work(signet_app: ModuleType, role: Role) -> None:
    """Answer requests in this process until it is told to end; it does not return."""
    prepare = partial(migrate.of_laptop, is_locked=True)
    rt = runtime.from_env(prepare, creates=True) if role.leads else runtime.from_env()
    if role.leads and rt.settings.state == "sqlite":  # the server's lock is in the same directory
        rt = replace(rt, server=secrets.token_hex(8))
    logs.configure_server(
        rt.settings.log_level,
        rt.settings.data_path,
        sys.stderr,
        to_files=rt.settings.log == "files",
        most_bytes=int(rt.settings.log_file_megabytes) * 1_000_000,
        most=int(rt.settings.log_files),
    )
    if role.leads:
        access_keys.ensure_root_key(rt)
    signet_app.use_runtime(rt)

    def ready() -> None:
        role.ready()
        if role.instead_of:
            logs.log("worker_replaced", logging.WARNING, leads=role.leads, ended=role.instead_of)
        elif role.leads:
            _greet(rt)

    server.serve(rt, signet_app.app, role.listeners, ready, leads=role.leads)
    rt.audit.publish()
    if rt.settings.state == "sqlite":
        rt.store.table.close()  # type: ignore[attr-defined]  # the store over a table
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)  # see `server.run`


def _greet(rt: Runtime) -> None:
    if not rt.settings.has_journal_apart:
        with suppress(OSError):  # nobody may read it
            click.echo(_BESIDE, err=True)
    click.echo(_banner(rt, _link(rt) if sys.stdout.isatty() else ""))


def _link(rt: Runtime) -> str:
    """A link that signs in once, within a minute; empty if none can be made: the server starts all the same."""
    if rt.settings.state != "sqlite":
        return ""
    try:
        return console.make_link(rt)
    except (AuditError, StoreError, click.ClickException):
        return ""


def _banner(rt: Runtime, link: str) -> str:
    """What to do next.

    Args:
        rt: of the server.
        link: signs in; only for a terminal, because redirected output may end up in a file or a log.
    """
    settings = rt.settings
    is_found = Settings.from_env({}).data_path.absolute() == settings.data_path.absolute()
    variables = "".join(
        f"{name}={shlex.quote(value)} "
        for name, value, is_default in (
            ("SIGNET_DATA", settings.data, is_found),
            ("SIGNET_PORT", settings.port, settings.port == "8000"),
        )
        if not is_default
    )
    address, signet = endpoint(settings), _typed(sys.argv[0])
    lines = [
        f"Signet serves the API at {address} and the console at {address}/console.",
        *(
            [f"By https: {settings.tls_endpoint}; `signet trust root` prints the root to trust."]
            if settings.tls_port
            else []
        ),
        *([f"Sign in to the console, once and within a minute: {link}"] if link else []),
        "In another shell:",
        f"  {variables}{signet} console",
        f'  eval "$({variables}{signet} env)"',
        "  aws acm-pca list-certificate-authorities",
        f"  {variables}{signet} status",
    ]
    return "\n".join(lines)


def _typed(program: str) -> str:
    """Return what to type in another shell for this program: its name if the shell finds it, else its path."""
    found = shutil.which(Path(program).name)
    return shlex.quote(Path(program).name if found and Path(found).samefile(program) else program)
