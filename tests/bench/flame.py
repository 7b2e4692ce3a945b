"""Draw where the time of IssueCertificate goes: `python -m tests.bench.flame` renews docs/images/issuing.svg.

py-spy samples the server of a laptop home while four clients issue. Widths are shares of the samples in which a thread
of Signet's computes or waits for the disk; calls go upwards. The picture has
no scripts and no paths of the machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import load, over_http
from tests.bench.report import ROOT
from tests.support.builders import CRL_CONFIGURATION
from tests.support.home import BIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PICTURE = ROOT / "docs" / "images" / "issuing.svg"
SECONDS, RATE = 15, 250
WIDTH, HEIGHT, LEAST, LETTER = 1200, 17, 0.004, 6.6  # pixels; the least share that is drawn
_COLOURS = (
    (("chalicelib/", "app.py"), "#f2a65a"),
    (("chalice/", "granian/", "botocore/"), "#8fb8de"),
    (("cryptography/", "sqlite3/"), "#9bc995"),
)
_WAITING = ("wait (threading.py)", "select (selectors.py)")
_BEGINS = re.compile(r"\(chalicelib/(?!cli/|local/server)")  # the first function of a request or of a schedule
_ABOVE = re.compile(r"^.*(site-packages/|lib/python\d\.\d+/)")
_OTHER = "#d9d2c5"  # Python's library


@dataclass(slots=True)
class Frame:
    """A function called by the one below it, and in how many samples it ran."""

    samples: int = 0
    above: dict[str, Frame] = field(default_factory=dict)


def tree(lines: Iterable[str]) -> Frame:
    """The tree of py-spy's lines `outermost;...;innermost COUNT`, without threads that wait for work."""
    root = Frame()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        names = [short(name) for name in stack.split(";")]
        if names[-1].endswith(_WAITING):
            continue
        begin = next((number for number, name in enumerate(names) if _BEGINS.search(name)), len(names))
        frame = root
        for name in names[begin:]:
            frame = frame.above.setdefault(name, Frame())
            frame.samples += int(count)
    root.samples = sum(frame.samples for frame in root.above.values())
    return root


def short(name: str) -> str:
    """A frame without the line and without the path of the machine: `write (chalicelib/store/sqlite.py)`."""
    function, _, where = name.partition(" (")
    path = re.sub(r":\d+\)?$", "", where).rstrip(")")
    return f"{function} ({_ABOVE.sub('', path.removeprefix(f'{ROOT}/'))})"


def picture(root: Frame) -> str:
    """The tree as an SVG."""
    boxes = list(_boxes(root, 0.0, 0, root.samples))
    height = HEIGHT * (1 + max(level for *_, level in boxes))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        "<style>text { font: 11px monospace }</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for name, left, share, level in boxes:
        x, y, width = WIDTH * left, height - HEIGHT * (level + 1), WIDTH * share
        colour = next((colour for paths, colour in _COLOURS if any(f"({path}" in name for path in paths)), _OTHER)
        text = escape(name[: int((width - 4) / LETTER)]) if width > 30 else ""
        parts.append(
            f'<g><title>{escape(name)}: {100 * share:.1f} %</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" '
            f'height="{HEIGHT - 1}" fill="{colour}" stroke="#fff" stroke-width=".5"/>'
            f'<text x="{x + 2:.1f}" y="{y + 12}">{text}</text></g>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _boxes(frame: Frame, left: float, level: int, whole: int) -> Iterator[tuple[str, float, float, int]]:
    """Yield name, left edge, share and level of each frame that is wide enough."""
    for name, above in sorted(frame.above.items()):
        share = above.samples / whole
        if share >= LEAST:
            yield name, left, share, level
            yield from _boxes(above, left, level + 1, whole)
        left += share


def sampled() -> str:
    """The samples of a server under load, as py-spy writes them."""
    with tempfile.TemporaryDirectory() as work, over_http.running(Path(work)) as home:
        arn = over_http.root_of(home.client(), "P-256", CRL_CONFIGURATION)
        server = over_http.signet_at(home, over_http.orders(arn, over_http.csrs(), "P-256"))
        load.run(server, clients=4, seconds=2)
        loading = threading.Thread(target=lambda: load.run(server, clients=4, seconds=SECONDS + 4))
        loading.start()
        raw = Path(work, "raw")
        options = ("--format", "raw", "--full-filenames", "--rate", str(RATE), "--duration", str(SECONDS))
        words = [_py_spy(), "record", *options, "--subprocesses", "--pid", str(server.process), "--output", str(raw)]
        subprocess.run(words, check=True, capture_output=True)
        loading.join()
        return raw.read_text()


def _py_spy() -> str:
    found = shutil.which("py-spy", path=f"{BIN}:/usr/bin:/usr/local/bin")
    if found is None:
        raise SystemExit("The flame graph needs py-spy, which has no wheel for this platform.")
    return found


def main() -> None:
    """Renew the picture."""
    PICTURE.write_text(picture(tree(sampled().splitlines())))


if __name__ == "__main__":
    main()
