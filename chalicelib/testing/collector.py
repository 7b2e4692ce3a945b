"""The garbage collector while Signet is imported and made."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through what is made, which stays: that takes a fifth of the time.

    At the end all objects are old to it, as if it had looked at them. What the process has frozen itself stays frozen,
    and then its collector works as always.
    """
    if not gc.isenabled() or gc.get_freeze_count():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.enable()
