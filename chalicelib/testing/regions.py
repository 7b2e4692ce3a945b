"""The homes of a test: one for each region, with temporary state, and all of what they have to do by a time."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from chalicelib import clock as clocks
from chalicelib import files
from chalicelib.access import access_keys
from chalicelib.config import Settings, SettingsError
from chalicelib.keystore.software import SoftwareKeyStore
from chalicelib.records import DueKind
from chalicelib.runtime import from_settings, system_clock
from chalicelib.testing import faults as test_faults
from chalicelib.testing.collector import uncollected
from chalicelib.testing.seeded import Seeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.runtime import Runtime
    from chalicelib.testing.clock import Clock
    from chalicelib.testing.faults import Faults

_MEMORY, _MEMORY_BYTES = Path("/dev/shm"), 256 << 20  # noqa: S108  a commit waits for a disk, and not for memory
_USUAL = "/tmp"  # noqa: S108  what tempfile finds on its own
_PREFIX, _OWNER = "signet-test-", "owner"
_STEP = clocks.JUMP - timedelta(hours=1)  # of the clock at most: more would put it in doubt
_SECONDS = 3600.0  # as long as it takes


class Regions:
    """A home for each region that is asked for, until `close`.

    The settings `buckets` and `events` may name those of an AWS, which then is one for tests, such as LocalStack.

    Args:
        settings: of each home, but for its region and its directory.
        clock: of all homes.
        faults: of all homes.
        seed: makes serial numbers, ids and CA keys; None: they are random.
        directory: where the homes are; None: a temporary directory.
    """

    def __init__(
        self, settings: Settings, clock: Clock, faults: Faults, seed: int | None = None, directory: Path | None = None
    ) -> None:
        self._settings, self._clock, self._faults, self._seed = settings, clock, faults, seed
        self._lock, self._running = threading.Lock(), threading.RLock()
        self._homes: dict[str, Runtime] = {}
        self._directory = directory or Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_place()))
        self._owned = (self._directory / _OWNER).open("wb")
        files.claim(self._owned)
        for database in self._directory.glob("*/signet.db"):
            self.home(database.parent.name)  # what is due there is done, whether anybody asks for it or not

    def home(self, region: str) -> Runtime:
        """Return the home of a region; that of the default region if there can be no region of that name."""
        with self._lock:
            if region not in self._homes:
                settings = replace(self._settings, region=region, data=str(self._directory / region))
                try:
                    settings.check()
                except SettingsError:
                    region = self._settings.region
                    settings = replace(self._settings, data=str(self._directory / region))
                if region not in self._homes:
                    self._homes[region] = self._made(settings)
            return self._homes[region]

    def all(self) -> list[Runtime]:
        """Every home that has been asked for."""
        with self._lock:
            return list(self._homes.values())

    def _made(self, settings: Settings) -> Runtime:
        with uncollected():
            rt = from_settings(replace(settings, buckets="directory", events="log"))
        if self._seed is not None:
            rt = _seeded(rt, Seeded(self._seed, settings.region))
        if settings.test_access_key_id:
            fixed = access_keys.Credential(settings.test_access_key_id, settings.test_secret_access_key)
            access_keys.adopt_access_key(rt, fixed, "test")
        buckets, events = rt.buckets, rt.events
        if settings.buckets == "s3" or _is_moto_active():
            from chalicelib.buckets.s3 import S3Buckets

            buckets = S3Buckets(settings.region, base_url=settings.public_url.rstrip("/"))
        if settings.events == "eventbridge":
            from chalicelib.testing.bus import Buses

            events = Buses(settings.region)
        return replace(
            rt,
            now=self._clock,
            events=events,
            buckets=test_faults.failing_buckets(self._faults, buckets),
            keys=test_faults.failing_keys(self._faults, rt.keys),
        )

    def advance(self, by: timedelta) -> None:
        """Move the clock ahead; whatever is due on the way is done, in the order of its times."""
        with self._running:
            target = self._clock() + by
            self.run_due()
            while (now := self._clock()) < target:
                times = [min(now + _STEP, target), *self._due_after(now)]
                self._clock.move_to(min(times))
                self.run_due()
            for rt in self.all():
                rt.journal.run(rt.now())

    def _due_after(self, now: datetime) -> Iterator[datetime]:
        for rt in self.all():
            for kind in get_args(DueKind):
                if (due := rt.store.due_after(kind, now)) is not None:
                    yield due

    def run_due(self) -> None:
        """Do what the schedules do: CRLs, reconciliation, audit reports, reminders."""
        from chalicelib import reconcile
        from chalicelib.crl import publication
        from chalicelib.expiry import reminders
        from chalicelib.reports import audit_report_writer

        with self._running:
            for rt in self.all():
                clocks.look(rt)
                if not self._faults.has("crls"):
                    publication.publish_due_crls(rt, seconds=_SECONDS)
                reconcile.reconcile(rt)
                audit_report_writer.write_due_reports(rt)
                reminders.run(rt, seconds=_SECONDS)

    def close(self, *, keeps: bool = False) -> None:
        """Close the homes, and remove all that they have unless it is kept."""
        with self._running, self._lock:
            for rt in self._homes.values():
                rt.store.table.close()  # type: ignore[attr-defined]  # the store over a table
            self._homes.clear()
            self._owned.close()
            if not keeps:
                shutil.rmtree(self._directory, ignore_errors=True)


def _seeded(rt: Runtime, seeded: Seeded) -> Runtime:
    settings = rt.settings
    keys = SoftwareKeyStore(settings.data_path / "keys", passphrase=settings.key_passphrase, generate=seeded.key)
    return replace(rt, keys=keys, serial_number=seeded.serial_number, new_id=seeded.new_id)


def sweep() -> None:
    """Remove the directories of processes that were killed."""
    places = {_place() or tempfile.gettempdir(), tempfile.gettempdir()}
    owners = [owner for place in places for owner in Path(place).glob(f"{_PREFIX}*/{_OWNER}")]
    files.sweep(owners, system_clock(), lambda owner: shutil.rmtree(owner.parent))


def _place() -> str | None:
    """Return the memory as the place of the homes, if there is plenty, and TMPDIR names no other place."""
    with suppress(OSError):
        if tempfile.gettempdir() == _USUAL and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES:
            return str(_MEMORY)
    return None


def _is_moto_active() -> bool:
    models = sys.modules.get("moto.core.models")
    return models is not None and bool(models.MockAWS._mocks_active)  # noqa: SLF001  moto says so nowhere else
