"""The shim, built and preloaded into processes; faults are set while these run."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import struct
import subprocess
import time
from errno import EIO
from functools import cache
from mmap import mmap
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = Path(__file__).parent / "shim.c"
KINDS = {"read": 1, "write": 2, "sync": 4, "open": 8, "name": 16}
_FAULT = struct.Struct("<5i236s")
COMPILER = shutil.which("cc")


@cache
def library() -> Path:
    """Build the shim once for each process."""
    directory = mkdtemp(prefix="signet-shim-")
    atexit.register(shutil.rmtree, directory)
    built = Path(directory) / "shim.so"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O2", "-o", built, SOURCE, "-ldl", "-lpthread"], check=True)
    return built


def kill(processes: Sequence[int]) -> None:
    """Kill processes together, each between two of its calls.

    SIGKILL alone may cut off a write in the kernel: then half an entry would be in the record, before those of others.
    """
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    for process in processes:
        while not all(map(_is_stopped, Path(f"/proc/{process}/task").iterdir())):
            time.sleep(0.001)
    for process in processes:
        os.kill(process, signal.SIGKILL)


def _is_stopped(task: Path) -> bool:
    try:
        return (task / "stat").read_text().rpartition(") ")[2][0] in "TZX"
    except OSError:  # the thread has ended
        return True


class Shim:
    """What the processes of one home are started with.

    Attributes:
        record: what they did.
    """

    def __init__(self, root: Path, work: Path) -> None:
        self.root, self.record, self._fault = root, work / "record", work / "fault"
        self._fault.write_bytes(bytes(_FAULT.size))
        with self._fault.open("r+b") as file:
            self._mapped = mmap(file.fileno(), _FAULT.size)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of such a process."""
        return {
            "LD_PRELOAD": str(library()),
            "SHIM_ROOT": str(self.root),
            "SHIM_TRACE": str(self.record),
            "SHIM_FAULT": str(self._fault),
        }

    def position(self) -> int:
        """The size of the record: what happened until now is before it."""
        return self.record.stat().st_size

    def fail(self, kinds: Sequence[str], match: str, *, error: int = EIO, skip: int = 0, count: int = -1) -> None:
        """Let calls about paths with this text fail, after `skip` others; all from then on, or `count`."""
        self._mapped[:] = _FAULT.pack(sum(KINDS[kind] for kind in kinds), error, skip, count, 0, match.encode())

    def mend(self) -> int:
        """Let no call fail any more; returns how many did."""
        hits = int(_FAULT.unpack(self._mapped[:])[4])
        self._mapped[:] = bytes(_FAULT.size)
        return hits
