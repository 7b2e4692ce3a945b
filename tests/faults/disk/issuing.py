"""A process that issues in a store by several threads, two for each idempotency token, and says what was answered.

`python -m tests.faults.disk.issuing DATABASE RECORD NUMBER` prints for each answer the size of the shim's record by
then, the number of the token, the certificate's serial number, and whether it was issued by then. Processes with other
numbers use the same tokens.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from chalicelib.store import ConflictError, StoreError, ThrottledError
from chalicelib.store.sqlite import open_store
from tests.support.builders import START
from tests.support.store_records import authority, certificate, token

PAIRS, STEP = 2, 10**6
DER = bytes(900)


def main(database: Path, record: Path, process: int) -> None:
    """Issue until killed."""
    store, turn = open_store(database), threading.Lock()
    with suppress(ConflictError):  # of a process before
        store.reserve_certificate_authority(authority(), None, now=START)

    def issue(thread: int) -> None:
        for number in count():
            named = f"{thread // 2}-{number}"
            serial_number = 1 + (process * 2 * PAIRS + thread) * STEP + number
            intent = replace(certificate(authority(), serial_number), tbs_der=DER)
            try:
                found, is_new = store.reserve_certificate(
                    intent, authority(), token(named), now=START, terms=[("san", named)], durable=False
                )
                if is_new:
                    store.complete_certificate(found, DER, issued_at=START)
            except (StoreError, ThrottledError):
                continue
            with turn:
                sys.stdout.write(f"{record.stat().st_size} {named} {found.serial_number} {int(is_new)}\n")
                sys.stdout.flush()

    for thread in range(2 * PAIRS):
        threading.Thread(target=issue, args=(thread,)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
