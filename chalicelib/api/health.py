"""What monitoring may know: that the service answers, its version, and which adapters it runs on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib import __version__
from chalicelib.api.dispatch import WireResponse

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


def health(rt: Runtime) -> WireResponse:
    """Status 200 with version and adapters; nothing of it is secret."""
    settings = rt.settings
    adapters = {"state": settings.state, "buckets": settings.buckets, "keys": settings.keys}
    body = {"status": "ok", "version": __version__, "adapters": adapters}
    return WireResponse(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
