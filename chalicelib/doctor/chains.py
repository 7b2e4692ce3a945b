"""Checks of the two chains of this home, from their first record to their last: the audit record and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.doctor.findings import Finding
from chalicelib.journal import verification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.runtime import Runtime

_REMEDY = "find out who changed it, and restore it from a copy"


def audit(rt: Runtime) -> Iterator[Finding]:
    """Find records that were changed, moved or removed."""
    if (rt.settings.data_path / "audit").is_dir():
        for problem in rt.audit.verify(rt.now()).problems:
            yield Finding(f"The audit record is broken: {problem}", _REMEDY)


def journal(rt: Runtime) -> Iterator[Finding]:
    """Find entries of the journal that are missing, or not as they were signed."""
    for problem in verification.problems_of(rt.journal.log.published()[1]):
        yield Finding(problem, _REMEDY)
