"""GET of the API's own address: browsers go on to the console, in every home and behind every stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from tests.support.client import Context, gateway_event

if TYPE_CHECKING:
    from collections.abc import Mapping

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def get(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], str]:
    import app as signet_app

    event = gateway_event("GET", f"http://x{path}", list(headers.items()), b"")
    event["requestContext"]["resourcePath"] = "/"
    answer = signet_app.app(event, Context())
    return answer["statusCode"], answer["headers"], answer["body"]


@pytest.mark.parametrize("path", ["/", "/api", "/api/"])
@pytest.mark.parametrize("accept", [CHROMIUM, "text/html", "TEXT/HTML;q=0.1", "application/json, text/html"])
def test_browser_goes_to_the_console(acm_pca: Any, path: str, accept: str) -> None:
    status, headers, body = get(path, {"Accept": accept})
    assert (status, body) == (303, "")
    assert urljoin(f"http://x{path}", headers["Location"]) == f"http://x{path.rstrip('/')}/console"
    assert (headers["Vary"], headers["Cache-Control"]) == ("Accept", "no-store")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html;q=0", "text/html; q=0.0", "text/htmlx"])
def test_client_is_told_that_the_api_takes_post_alone(acm_pca: Any, accept: str) -> None:
    status, headers, body = get("/", {"Accept": accept} if accept else {})
    assert (status, headers["Allow"]) == (405, "POST")
    assert json.loads(body) == {
        "__type": "UnknownOperationException",
        "message": "This method is not supported here.",
    }
