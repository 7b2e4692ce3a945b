"""Seven clients, four kinds of certificate, three ways of revocation: each cell right, or a limit that is written down.

Prints the table; exits with 1 when a cell is neither. The clients are Debian's packages; missing ones are installed
where that is allowed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.clients.judges import COMMANDS
from tests.clients.pki import KINDS, WAYS, make_cases
from tests.clients.servers import Servers
from tests.support import debian
from tests.support.home import Home

# The file that shows that a client is there, and its Debian package.
_PACKAGES = {
    "openssl": "openssl",
    "curl": "curl",
    "nginx": "nginx-light",
    "certtool": "gnutls-bin",
    "vfychain": "libnss3-tools",
    "java": "openjdk-17-jdk-headless",
    "pki": "strongswan-pki",
    "/usr/lib/ipsec/plugins/libstrongswan-openssl.so": "libstrongswan-standard-plugins",
    "/usr/lib/ipsec/plugins/libstrongswan-curl.so": "libstrongswan-extra-plugins",
}
# What a client answers for a reason of its own: (client, way, kind) → its answer; why, is in docs/compatibility.md.
LIMITS = {("NSS", "partitioned", "good"): "revoked"}


def main() -> int:
    """Run the matrix; the exit code."""
    os.environ["PATH"] += ":/usr/sbin"
    debian.install(_PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "data")
        home.start()
        try:
            verdicts = _verdicts(home, Path(folder))
        finally:
            home.stop()
    return _report(verdicts)


def _verdicts(home: Home, folder: Path) -> dict[tuple[str, str, str], str]:
    work = folder / "cases"
    work.mkdir()
    cases = make_cases(home, work)
    with Servers(cases, folder / "nginx").running() as served:
        judges = COMMANDS | served
        return {(name, case.way, case.kind): judge(case) for name, judge in judges.items() for case in cases}


def _report(verdicts: dict[tuple[str, str, str], str]) -> int:
    """Print the table, and the cells that are wrong; 1 when there are any."""
    clients = list(dict.fromkeys(name for name, _, _ in verdicts))
    print(f"{'':28}" + "".join(f"{name:>12}" for name in clients))
    wrong: list[str] = []
    for way in WAYS:
        for kind in KINDS:
            cells = {name: _cell(name, way, kind, verdicts[name, way, kind]) for name in clients}
            print(f"{way:14}{kind:14}" + "".join(f"{cell:>12}" for cell in cells.values()))
            wrong += [
                f"{name}, {way}, {kind}: {verdicts[name, way, kind]}" for name in clients if cells[name] == "WRONG"
            ]
    print(*wrong, sep="\n")
    print(f"{len(verdicts)} cells, {len(wrong)} wrong, {len(LIMITS)} limits of clients (docs/compatibility.md)")
    return int(bool(wrong))


def _cell(name: str, way: str, kind: str, verdict: str) -> str:
    limit = LIMITS.get((name, way, kind))
    if limit is not None:
        return "limit" if verdict == limit else "WRONG"
    return "right" if verdict == kind else "WRONG"


if __name__ == "__main__":
    sys.exit(main())
