"""The one address of the API: requests of AWS Private CA, and those of AWS STS, which are forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import dispatch, protocols

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Runtime


def handle(rt: Runtime, request: WireRequest) -> WireResponse:
    """Answer a request of either service; never raises."""
    if protocols.is_query(request):
        from chalicelib.api import sts

        return sts.handle(rt, request)
    return dispatch.handle(rt, request)
