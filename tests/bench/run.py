"""`make bench`: measure Signet and its peers, print one table, and write build/bench.json.

`python -m tests.bench.run [MEASURE...] [--certificates N] [--entries N] [--cas N] [--seconds N] [--rounds N]`. What is
not measured again keeps its figures in build/bench.json. Nothing is asserted: the ratios are the result.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import (
    acme,
    backup,
    console_pages,
    crl_load,
    floor,
    lambda_handler,
    large_home,
    load,
    many_authorities,
    ocsp_load,
    over_http,
    report,
    testing,
)
from tests.bench.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    Measure = Callable[[Path, Sizes], list[report.Row]]

MEASURES: dict[str, Measure] = {
    "issuing": over_http.issuing,
    "floor": floor.floor,
    "operations": over_http.other_operations,
    "lambda": lambda_handler.lambda_handler,
    "ocsp": ocsp_load.ocsp,
    "crl": crl_load.crl,
    "large-home": large_home.large_home,
    "cas": many_authorities.many_authorities,
    "console": console_pages.console,
    "backup": backup.backup,
    "testing": testing.testing,
    "acme": acme.acme,
}


def main() -> int:
    """Measure, and print the table; 1 if a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run")
    parser.add_argument("measure", nargs="*", choices=[*MEASURES, []], default=[])
    for each in dataclasses.fields(Sizes):
        parser.add_argument(f"--{each.name}", type=int, default=each.default)
    given = vars(parser.parse_args())
    chosen: list[str] = given.pop("measure") or list(MEASURES)
    if sentence := load.missing():
        print(sentence, file=sys.stderr)
        return 1
    measures: dict[str, Any] = {}
    load_before = report.conditions()["load"]  # later on it is that of the measures before
    for name in chosen:
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        begun, under = time.perf_counter(), report.conditions() | {"load": load_before}
        with tempfile.TemporaryDirectory() as work:
            report.keep(name, under, MEASURES[name](Path(work), Sizes(**given)))
        measures[name] = report.kept()[name]
        print(f"{time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    print(report.table(measures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
