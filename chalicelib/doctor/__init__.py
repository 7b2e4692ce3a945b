"""Checks of a home: is each of its parts there, whole, and what the others say of it?

`CHECKS` is the table. A check yields findings; one that fails is a finding itself. The server makes the quick ones at
each start and logs what they find; a damaged database stops it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import logs
from chalicelib.doctor import chains, files, integrity, records
from chalicelib.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.runtime import Runtime


class Check(NamedTuple):
    """A check: its name, what finds its findings, and whether it takes milliseconds in any home."""

    name: str
    find: Callable[[Runtime], Iterator[Finding]]
    is_quick: bool = False


CHECKS = (
    Check("permissions", files.permissions, is_quick=True),
    Check("files", files.losses, is_quick=True),
    Check("versions", records.versions, is_quick=True),
    Check("database", integrity.quick, is_quick=True),
    Check("leftovers", files.leftovers, is_quick=True),
    Check("clock", records.clock_on_record, is_quick=True),
    Check("parts", records.parts, is_quick=True),
    Check("journal", records.journal, is_quick=True),
    Check("backups", records.backups, is_quick=True),
    Check("database pages", integrity.whole),
    Check("audit record", chains.audit),
    Check("journal entries", chains.journal),
    Check("time of others", records.clock_of_others),
    Check("secrets", records.secrets),
    Check("TLS listener", records.tls_listener),
    Check("CA keys", records.ca_keys),
    Check("CRLs", records.crls),
)
_STOPPING = frozenset({"database"})  # to serve from it would answer by what is not true


def examine(rt: Runtime, *, quick: bool = False) -> Iterator[tuple[Check, list[Finding]]]:
    """Make the checks, or the quick ones, and yield each with its findings."""
    for check in CHECKS:
        if check.is_quick or not quick:
            yield check, _findings(check, rt)


def at_start(rt: Runtime) -> str:
    """Make the quick checks and log their findings; returns why the home cannot be served, empty if it can."""
    stopping = ""
    for check, findings in examine(rt, quick=True):
        for finding in findings:
            logs.log("doctor_finds", logging.WARNING, check=check.name, problem=finding.problem, remedy=finding.remedy)
            if check.name in _STOPPING:
                stopping = stopping or f"{finding.problem} Remedy: {finding.remedy}."
    return stopping


def _findings(check: Check, rt: Runtime) -> list[Finding]:
    """List the findings of a check."""
    try:
        return list(check.find(rt))
    except Exception as error:  # noqa: BLE001  the other checks go on
        logs.log_exception("doctor_failed", check=check.name)
        return [Finding(f"This cannot be checked: {error}", "see the other findings first")]
