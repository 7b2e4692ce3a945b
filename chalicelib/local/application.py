"""The server's way with a request: head, body, lane, answer, in this order.

The head alone determines how long the body may be, so that a body that is not allowed is refused before it is read.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from chalicelib import endpoint
from chalicelib.api import dispatch, health, ocsp_http, protocols, signet_endpoints, sigv4, sts
from chalicelib.console.forms import body as forms
from chalicelib.local import bodies, console_fallback, host_names, lanes
from chalicelib.local.compression import compressed
from chalicelib.local.crl_and_ocsp import crl_or_ocsp, recent_ocsp
from chalicelib.local.gateway import HttpRequest, HttpResponse, from_wire, refusal, to_wire
from chalicelib.monitor import health as parts
from chalicelib.pki import ocsp

if TYPE_CHECKING:
    from chalicelib.local.gateway import Gateway
    from chalicelib.runtime import Runtime

FOR_EVERYBODY: frozenset[lanes.Kind] = frozenset({"ocsp", "crl"})  # under any host name
_TRY_LATER = ocsp.error("tryLater")


class Application:
    """An RSGI application that answers requests.

    Source: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md.
    """

    def __init__(self, rt: Runtime, gateway: Gateway) -> None:
        self._rt, self._gateway = rt, gateway
        self._lanes = {name: lanes.Lane(name, width) for name, width in lanes.WIDTHS.items()}
        self._bodies = bodies.Bodies()
        self._names = host_names.names_of(rt.settings)
        self._answering, self._idle = 0, asyncio.Event()
        self._idle.set()

    def stop(self) -> None:
        """Stop waiting for bodies."""
        self._bodies.stop()

    async def drained(self) -> None:
        """Wait until every request that has arrived is answered."""
        await self._idle.wait()

    def close(self) -> None:
        """Wait for the requests that are being answered."""
        for lane in self._lanes.values():
            lane.close()

    async def __call__(self, scope: Any, protocol: Any) -> None:
        """Answer a request that came without TLS."""
        await self.answer(scope, protocol, scope.client.rpartition(":")[0], "http")

    async def answer(self, scope: Any, protocol: Any, source: str, scheme: str) -> None:
        """Answer a request from an IP address."""
        if scope.proto != "http":
            return
        self._answering += 1
        self._idle.clear()
        try:
            await self._handle(scope, protocol, source, scheme)
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    async def _handle(self, scope: Any, protocol: Any, source: str, scheme: str) -> None:
        headers = tuple([(name.lower(), value) for name, value in scope.headers.items()])
        try:
            response = await self._answer(
                HttpRequest(scope.method, scope.path, scope.query_string, headers, b"", source, scheme),
                protocol,
            )
        except bodies.BodyRefusedError as error:
            response = refusal(error.status, (("Connection", "close"),))
        _send(protocol, _without_hsts(response) if scheme == "https" else response)

    async def _answer(self, head: HttpRequest, protocol: Any) -> HttpResponse:
        headers = head.headers
        if dispatch.head_bytes(headers, head.path, head.query) > dispatch.MAX_HEADER_BYTES:
            return refusal(431, (("Connection", "close"),))
        kind = lanes.kind_of(head)
        if (
            kind == "console"
            and head.method == "POST"
            and lanes.is_of_stranger(head)
            and not forms.is_urlencoded(head.header("content-type"))
        ):
            return refusal(415, (("Connection", "close"),))
        by_name, most = dict(headers), lanes.most_body_bytes(kind, head)
        with self._bodies.reserved(bodies.declared_bytes(by_name, most)):
            if kind not in FOR_EVERYBODY and not host_names.is_named(self._names, head.all("host")):
                return refusal(421, (("Connection", "close"),))
            if kind == "api" and (refused := self._unsigned(head)):
                return refused
            request = head._replace(body=await self._bodies.read(protocol, by_name, most))
            return self._at_once(kind, request) or await self._in_lane(kind, request)

    def _unsigned(self, head: HttpRequest) -> HttpResponse | None:
        """Refuse a request whose head alone shows that it is not signed as it has to be; its body is not read."""
        request = to_wire(head)
        service, regions = protocols.service_of(request), self._rt.settings.regions_served
        if service == sts.SERVICE:
            plausible = sts.is_plausible(self._rt, request)
        else:
            plausible = sigv4.is_plausible(request, regions=regions, now=self._rt.now(), service=service)
        if plausible:
            return None
        if head.path.startswith(lanes.EXTENSIONS):
            answer = signet_endpoints.explain_issuance(self._rt, request, "")
        else:
            answer = endpoint.handle(self._rt, request)
        return from_wire(head.method, replace(answer, headers=answer.headers | {"Connection": "close"}))

    def _at_once(self, kind: lanes.Kind, request: HttpRequest) -> HttpResponse | None:
        """Answer a request that needs no I/O, and therefore no thread."""
        if (request.method, request.path) == ("GET", "/healthz"):
            return from_wire(request.method, health.health(self._rt, parts.seen(self._rt)))
        return recent_ocsp(self._rt, request) if kind == "ocsp" else None

    async def _in_lane(self, kind: lanes.Kind, request: HttpRequest) -> HttpResponse:
        lane = lanes.lane_of(self._rt, kind, request)
        response = await self._lanes[lane].run(partial(self._in_thread, kind), request)
        if response is None and lane.startswith("ocsp"):
            return HttpResponse(200, (("Content-Type", ocsp_http.RESPONSE_TYPE),), _TRY_LATER)
        return response or refusal(503, (("Retry-After", "1"),))

    def _in_thread(self, kind: lanes.Kind, request: HttpRequest) -> HttpResponse:
        if kind in FOR_EVERYBODY:  # so that it leads to nothing else
            return crl_or_ocsp(self._rt, request) or refusal(404)
        direct = console_fallback.answer(self._rt, request)
        return direct or compressed(request, self._gateway.answer(request))


def _without_hsts(response: HttpResponse) -> HttpResponse:
    """A response that leaves http to others: at localhost, a browser would ask every server for https alone."""
    kept = tuple(header for header in response.headers if header[0] != "Strict-Transport-Security")
    return response._replace(headers=kept)


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _send(protocol: Any, response: HttpResponse) -> None:
    second = int(time.time())  # noqa: TID251  of the machine, as that of every server
    headers = [("date", _http_date(second)), *[(name.lower(), value) for name, value in response.headers]]
    if response.file is not None:
        protocol.response_file(response.status, headers, str(response.file))
    elif response.body:
        protocol.response_bytes(response.status, headers, response.body)
    else:
        protocol.response_empty(response.status, headers)
