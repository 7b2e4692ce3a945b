"""The one address of the API: requests of AWS Private CA, of AWS STS, and of AWS Certificate Manager for ACME."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import dispatch, model, protocols

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Runtime


def handle(rt: Runtime, request: WireRequest) -> WireResponse:
    """Answer a request of one of the services; never raises."""
    service = protocols.service_of(request)
    if service == protocols.STS:
        from chalicelib.api import sts

        return sts.handle(rt, request)
    if service == model.ACM:
        from chalicelib.acme.management import service as acm

        return acm.handle(rt, request)
    return dispatch.handle(rt, request)
