"""`make bench-crl`: CRLs of a million entries, beside OpenSSL's in the same run; rows in build/bench.json."""

from __future__ import annotations

from tests.bench import run

ENTRIES = 1_000_000

if __name__ == "__main__":
    run.report(lambda work: run.crl_rows(work, ENTRIES))
