from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Each of 16 threads frees a buffer of 4 MB behind which it has allocated a small block, as one that publishes a CRL
# does; all the threads stay. Printed: the resident memory that is left of the buffers, in MB.
_BUFFERS_IN_THREADS = """
import sys, threading
from pathlib import Path

from chalicelib.local import memory

def resident():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024

def work():
    buffer = b"x" * (4 << 20)
    blocks.append(b"y" * 1000)
    del buffer
    freed.wait()
    over.wait()

if sys.argv[1] == "returned":
    memory.return_what_is_freed()
blocks, freed, over = [], threading.Barrier(17), threading.Event()
first = b"x" * (8 << 20)
del first
before = resident()
for _ in range(16):
    threading.Thread(target=work, daemon=True).start()
freed.wait()
print(resident() - before)
over.set()
"""


def left(how: str) -> float:
    ended = subprocess.run(
        [sys.executable, "-c", _BUFFERS_IN_THREADS, how], capture_output=True, text=True, check=True, timeout=60
    )
    return float(ended.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heaps of threads are glibc's")
def test_large_buffers_of_threads_go_back_to_the_system() -> None:
    assert left("returned") < 4
    assert left("kept by default") > 16
