"""`signet doctor`: what is wrong with this home, and what to do."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from chalicelib import doctor as checks
from chalicelib import runtime
from chalicelib.config import Settings, SettingsError

if TYPE_CHECKING:
    from chalicelib.doctor import Check
    from chalicelib.doctor.findings import Finding


@click.command()
@click.option("--fix", is_flag=True, help="Mend what is harmless to mend: permissions and leftover files.")
@click.option("--quick", is_flag=True, help="Make only the checks that the server makes at its start.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(*, fix: bool, quick: bool, as_json: bool) -> None:
    """Check this home: files, database, versions, clock, parts, journal, secrets, keys and CRLs.

    Each finding comes with its remedy. The exit code is 1 if one remains.
    """
    settings = Settings.from_env()
    if missing := runtime.without_home(settings):
        raise SettingsError(missing)
    rt = runtime.from_settings(settings)
    findings: list[tuple[Check, Finding, bool]] = []
    for check, found in checks.examine(rt, quick=quick):
        mended = [fix and _mend(finding) for finding in found]
        findings += [(check, finding, is_mended) for finding, is_mended in zip(found, mended, strict=True)]
        if not as_json:
            _print(check, found, mended)
    if as_json:
        click.echo(json.dumps([_row(*each) for each in findings], indent=2))
    if not all(is_mended for _, _, is_mended in findings):
        sys.exit(1)


def _mend(finding: Finding) -> bool:
    """Apply the remedy if it is harmless; True if that succeeded."""
    if finding.fix is None:
        return False
    try:
        finding.fix()
    except OSError as error:
        click.echo(f"{finding.remedy}: {error.strerror}.", err=True)
        return False
    return True


def _print(check: Check, findings: list[Finding], mended: list[bool]) -> None:
    click.echo(f"{check.name}: {'ok' if not findings else ''}".rstrip())
    for finding, is_mended in zip(findings, mended, strict=True):
        click.echo(f"  {finding.problem}")
        click.echo(f"  {'Done' if is_mended else 'Remedy'}: {finding.remedy}.")


def _row(check: Check, finding: Finding, is_mended: bool) -> dict[str, Any]:  # noqa: FBT001  a column
    return {"check": check.name, "problem": finding.problem, "remedy": finding.remedy, "mended": is_mended}
