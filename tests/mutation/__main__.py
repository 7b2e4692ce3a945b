"""Apply each known change in a copy of the sources and see its test fail: `python -m tests.mutation`."""

from __future__ import annotations

import sys

from tests.mutation import tree
from tests.mutation.known import KNOWN


def main() -> int:
    """Print each change that no test notices; returns 1 if there is one."""
    survivors = 0
    with tree.copied() as root:
        if tree.fails(root, sorted({mutant.test for mutant in KNOWN})):
            print("The tests fail without any change.")
            return 1
        for mutant in KNOWN:
            path = root / mutant.path
            with tree.changed(path, mutant.applied(path.read_text())):
                survives = not tree.fails(root, [mutant.test])
            survivors += survives
            print(f"{'SURVIVES' if survives else 'killed':9}{mutant.name}", flush=True)
    print(f"{survivors} of {len(KNOWN)} survive")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
