"""Health check for monitoring: version and adapters of the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib import __version__
from chalicelib.api.dispatch import WireResponse

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def health(rt: Runtime) -> WireResponse:
    """Answer with status 200, version and adapters, none of which is secret."""
    settings = rt.settings
    adapters = {"state": settings.state, "buckets": settings.buckets, "keys": settings.keys}
    body = {"status": "ok", "version": __version__, "adapters": adapters}
    return WireResponse(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
