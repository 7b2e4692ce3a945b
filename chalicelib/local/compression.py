"""Compression of the console's stylesheets and scripts in the laptop home.

Pages are not compressed: they contain form tokens next to text from others, so that compressed lengths could reveal the
tokens. Behind API Gateway nothing is compressed, because a compressed body is binary, and browsers that do not name its
type first in Accept would get it as base64.

Source: RFC 9110 sections 8.8.3 and 12.5.3; https://www.breachattack.com/.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.local.gateway import HttpRequest, HttpResponse

STATIC = "/console/static/"


def compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Compress a static file, with its own entity tag, if the client accepts gzip; return other responses unchanged."""
    if not request.path.startswith(STATIC) or response.status != 200:
        return response
    headers = dict(response.headers) | {"Vary": "Accept-Encoding"}
    request_headers = dict(request.headers)
    if not response.body or not accepts_gzip(request_headers.get("accept-encoding", "")):
        return response._replace(headers=tuple(headers.items()))
    tag = f'{headers["ETag"][:-1]}-gzip"'
    headers |= {"ETag": tag, "Content-Encoding": "gzip"}
    if tag == request_headers.get("if-none-match"):
        return response._replace(status=304, headers=tuple(headers.items()), body=b"")
    return response._replace(headers=tuple(headers.items()), body=_gzip(response.body))


def accepts_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding header accepts gzip."""
    for entry in accepted.lower().split(","):
        coding, _, weight = entry.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return weight.strip("0.") != "" if weight else True
    return False


@lru_cache(maxsize=16)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
