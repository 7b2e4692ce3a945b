"""Health check for load balancers and monitoring: version, adapters, and the parts that cannot do their work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib import __version__, clock
from chalicelib.api.dispatch import WireResponse
from chalicelib.monitor.health import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.monitor.health import Problem
    from chalicelib.runtime import Runtime


def health(rt: Runtime, problems: Sequence[Problem]) -> WireResponse:
    """Answer with version, adapters and failing parts, none of which is secret: status 200, or 503 if a part fails.

    Reasons and remedies have paths and names of tables; they are in the log and in `signet status`. The head of the
    journal and a clock that jumped are information: as far as this process has noticed, without any I/O.
    """
    settings = rt.settings
    body = {
        "status": "failing" if problems else "ok",
        "version": __version__,
        "adapters": {"state": settings.state, "buckets": settings.buckets, "keys": settings.keys},
        "failing": [problem.part for problem in problems],
        "journal": rt.known.get(JOURNAL, (None, None))[0],
        "clock": clock.noticed(rt),
    }
    return WireResponse(503 if problems else 200, json.dumps(body).encode(), {"Content-Type": "application/json"})
