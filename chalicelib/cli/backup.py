"""`signet backup` and `signet restore`: the laptop home in one encrypted file."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from chalicelib import reconcile, runtime
from chalicelib.backup import archive, places, verification
from chalicelib.backup.locks import lock_of
from chalicelib.cli.recorded import recorded, recording_it
from chalicelib.config import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.backup.verification import Report


class _FileOrVerify(click.Group):
    """Takes a word that is not a subcommand for the file of `create`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the subcommand."""
        if args and args[0] not in self.commands:
            args = ["create", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_FileOrVerify, subcommand_metavar="FILE | verify FILE")
def backup() -> None:
    """Back this home up to FILE while it is served, or verify such a file.

    FILE may be an object in S3, s3://bucket/key. SIGNET_BACKUP_PASSPHRASE or the key of KMS SIGNET_BACKUP_KMS_KEY
    encrypts it. Without that, nobody opens the backup.
    """


@backup.command(hidden=True)
@click.argument("place", metavar="FILE")
@recorded("CreateBackup", "place")
def create(place: str) -> None:
    """Write the backup."""
    rt = runtime.from_env()
    lock = lock_of(rt.settings)
    total = sum(path.stat().st_size for path in rt.settings.data_path.rglob("*") if path.is_file())
    with places.written(place, rt.settings) as file:
        with _progress("Backing up", total) as progress:
            manifest = archive.write(rt, file, lock, progress)
        size = file.stat().st_size
    click.echo(f"Wrote {place}: {len(manifest['files'])} files, {size:,} bytes.")


@backup.command()
@click.argument("place", metavar="FILE")
def verify(place: str) -> None:
    """Open a backup in a scratch directory, and check all that it holds; exit code 1 if something is wrong."""
    settings = Settings.from_env()
    with places.read(place, settings) as file, _progress("Verifying", _size_of(file)) as progress:
        report = verification.verify(file, settings, lock_of(settings), progress)
    _print(report)
    for problem in report.problems:
        click.echo(problem, err=True)
    if report.problems:
        sys.exit(1)


@click.command()
@click.argument("place", metavar="FILE")
@click.option(
    "--journal",
    type=click.Path(exists=True, file_okay=False),
    help="The journal of the lost home, which is newer than that in the backup; without it SIGNET_JOURNAL is used.",
)
def restore(place: str, journal: str | None) -> None:
    """Restore a backup as the data directory (SIGNET_DATA), which must not exist or must be empty.

    What the journal has and the backup has not is known afterwards: revocations, serial numbers, what was deleted.
    """
    settings = Settings.from_env()
    if journal is not None and settings.has_journal_apart:
        raise click.UsageError("SIGNET_JOURNAL names the journal already: give --journal without it.")
    with places.read(place, settings) as file, _progress("Restoring", _size_of(file)) as progress:
        report = verification.restore(file, settings, lock_of(settings), progress)
    _print(report)
    if journal is not None:
        shutil.rmtree(settings.journal_path, ignore_errors=True)
        shutil.copytree(journal, settings.journal_path)
    rt = runtime.from_env()
    with recording_it(rt, "RestoreBackup", settings.account_id, {"created_at": report.manifest["created_at"]}):
        known = reconcile.bring_forward(rt).entries  # after the first record of the restored home
    click.echo(f"Restored {settings.data_path} as of {report.manifest['created_at']}.")
    click.echo(f"The journal had {known} later entries." if known else "What was issued since then is unknown here.")


def _print(report: Report) -> None:
    click.echo(
        f"Backup of {report.manifest['created_at']} by Signet {report.manifest['version']}: "
        f"{report.authorities} CAs, {report.access_keys} access keys, {report.crls} CRLs."
    )
    for variable, value in report.manifest.get("settings", {}).items():
        click.echo(f"  {variable}={value}")


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


@contextmanager
def _progress(label: str, total: int) -> Iterator[archive.Progress]:
    """A bar on a terminal; nothing elsewhere."""
    with click.progressbar(length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update
