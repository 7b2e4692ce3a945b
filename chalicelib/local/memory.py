"""Memory that the server has freed goes back to the system.

By default glibc gives up to eight heaps a core to the threads of a process. Once a large buffer has been freed, it
allocates the next ones of that size within those heaps, where a small block behind a buffer keeps its pages in the
process. Each thread that has ever read or built a CRL would thus keep several times its size.

Source: mallopt(3), M_MMAP_THRESHOLD and M_ARENA_MAX.
"""

from __future__ import annotations

import ctypes
import platform

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BYTES = 128 * 1024  # glibc's own first value, which stays what it is once it has been set
_HEAPS = 2


def return_what_is_freed() -> None:
    """Let each large buffer be a mapping of its own, which ends when it is freed; call it before threads start."""
    if platform.libc_ver()[0] == "glibc":  # others have no such heaps
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        allocator.mallopt(_M_ARENA_MAX, _HEAPS)
