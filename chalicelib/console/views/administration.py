"""The home for its administrator: the settings in force, and the health of its parts and schedules. Read-only."""

from __future__ import annotations

import shutil
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import __version__, clock, schedules
from chalicelib.backup import schedule as backups
from chalicelib.config import Settings
from chalicelib.console import render
from chalicelib.expiry import channels, reminders
from chalicelib.monitor import health

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.runtime import Runtime

_PARTS = (
    ("state", "State"),
    ("keys", "Keys"),
    ("buckets", "Buckets"),
    ("disk", "Disk"),
    ("journal", "Journal"),
)
_GB = 10**9


class Row(NamedTuple):
    """A setting: its variable, the value in force ("set" or "not set" if it is secret), and its help."""

    variable: str
    value: str
    default: str
    changed: bool
    secret: bool
    help: str


class Backups(NamedTuple):
    """Backups that the schedule makes; `due_at` None: none was made yet, or there is no schedule."""

    directory: str
    number: int
    last_at: datetime | None
    due_at: datetime | None


class Disk(NamedTuple):
    """The file system of the data directory, in GB."""

    path: str
    free: float
    total: float


def show_settings(visit: Visit) -> WireResponse:
    """Every setting with the value in force; secrets are never shown."""
    return render.page(
        visit,
        "settings.html",
        title="Settings",
        section="settings",
        rows=[_row(visit.rt.settings, name) for name in (entry.name for entry in fields(Settings))],
    )


def _row(settings: Settings, name: str) -> Row:
    metadata = next(entry.metadata for entry in fields(Settings) if entry.name == name)
    value, default = str(getattr(settings, name)), str(metadata["default"])
    shown = ("set" if value else "not set") if metadata["secret"] else value
    return Row(
        variable=str(metadata["variable"]),
        value=shown,
        default="" if metadata["secret"] else default,
        changed=value != default,
        secret=bool(metadata["secret"]),
        help=str(metadata["help"]),
    )


def show_health(visit: Visit) -> WireResponse:
    """Show parts, schedules, journal, backups and disk, as of now."""
    rt = visit.rt
    problems = {problem.part: problem for problem in health.recent(rt)}
    return render.page(
        visit,
        "health.html",
        title="Health",
        section="health",
        version=__version__,
        settings=rt.settings,
        parts=[(label, problems.get(part)) for part, label in _PARTS],
        schedules=schedules.seen(rt),
        noted_every=schedules.NOTED_EVERY // timedelta(minutes=1),
        journal=rt.store.journal_head(),
        verification=rt.store.get_journal_verification(),
        backups=_backups(rt),
        reminders=reminders.states(rt, visit.caller.account_id),
        channels=list(channels.chosen(rt.settings)) if rt.settings.reminder_days else [],
        disk=_disk(rt),
        clock=clock.notice(rt),
    )


def _backups(rt: Runtime) -> Backups | None:
    if not rt.settings.backups:
        return None
    made = backups.made(rt.settings)
    last = made[-1].at if made else None
    every = timedelta(hours=int(rt.settings.backup_hours))
    return Backups(rt.settings.backups, len(made), last, last + every if last else None)


def _disk(rt: Runtime) -> Disk | None:
    """None where the home has no data directory of its own, as on AWS."""
    data = rt.settings.data_path
    if rt.settings.state != "sqlite" or not data.is_dir():
        return None
    usage = shutil.disk_usage(data)
    return Disk(str(data.resolve()), usage.free / _GB, usage.total / _GB)
