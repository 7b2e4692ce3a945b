"""The URL under which a client reaches the service: the laptop home's, API Gateway's, LocalStack's, behind a proxy."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Request

from chalicelib import errors
from chalicelib.api import chalice_requests
from chalicelib.api.base_url import base_url
from chalicelib.local.gateway import HttpRequest, to_wire
from tests.support.client import gateway_event

_API = "abc123.execute-api.us-east-1.amazonaws.com"
_GATEWAY = {"apiId": "abc123", "stage": "api"}
ARRIVED: dict[str, tuple[str, dict[str, str], dict[str, str], str]] = {  # URL of the path, headers, context, base
    "HTTP listener": ("/healthz", {"host": "127.0.0.1:8000"}, {}, "http://127.0.0.1:8000"),
    "TLS listener": ("/healthz", {"host": "localhost:8443"}, {"scheme": "https"}, "https://localhost:8443"),
    "TLS listener, whatever a client reports": (
        "/healthz",
        {"host": "localhost:8443", "x-forwarded-proto": "http"},
        {"scheme": "https"},
        "https://localhost:8443",
    ),
    "IPv6, and letters of any case": ("/healthz", {"host": "[::1]:8000"}, {}, "http://[::1]:8000"),
    "case": ("/healthz", {"host": "Pki.Example.TEST"}, {}, "http://pki.example.test"),
    "proxy that ends TLS": (
        "/healthz",
        {"host": "pki.example.test", "x-forwarded-proto": "https"},
        {},
        "https://pki.example.test",
    ),
    "API Gateway": ("/api/healthz", {"host": _API, "x-forwarded-proto": "https"}, _GATEWAY, f"https://{_API}/api"),
    "custom domain": (
        "/pki/healthz",
        {"host": "pki.example.test", "x-forwarded-proto": "https"},
        _GATEWAY,
        "https://pki.example.test/pki",
    ),
    "LocalStack, by host": (
        "/api/healthz",
        {"host": "abc123.execute-api.localhost.localstack.cloud:4566"},
        _GATEWAY,
        "http://abc123.execute-api.localhost.localstack.cloud:4566/api",
    ),
    "LocalStack, by path": (
        "/api/healthz",
        {"host": "localhost:4566"},
        _GATEWAY,
        "http://localhost:4566/_aws/execute-api/abc123/api",
    ),
}


@pytest.mark.parametrize("case", ARRIVED)
def test_base_is_the_clients(case: str) -> None:
    path, headers, context, expected = ARRIVED[case]
    event = gateway_event("GET", f"http://x{path}", list(headers.items()), b"")
    event |= {"path": "/healthz", "requestContext": event["requestContext"] | context}
    assert base_url(chalice_requests.wire_request(Request(event, None))) == expected


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_both_listeners_tell_without_the_gateway(scheme: str, secure: bool) -> None:
    request = to_wire(HttpRequest("GET", "/", "", (("host", "localhost:1"),), b"", scheme=scheme))
    assert (base_url(request), request.secure_transport) == (f"{scheme}://localhost:1", secure)


@pytest.mark.parametrize(
    "hosts", [[], ["a.test", "a.test"], [""], ["a.test/x"], ["a@b.test"], ["a.test:80:80"], ["a b"], ["a.test:999999"]]
)
def test_a_host_that_is_none_is_refused(hosts: list[str]) -> None:
    headers: tuple[Any, ...] = tuple(("host", host) for host in hosts)
    with pytest.raises(errors.ValidationException, match="one Host header"):
        base_url(to_wire(HttpRequest("GET", "/", "", headers, b"")))
