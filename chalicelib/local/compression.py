"""Compression of the console's stylesheets and scripts in the laptop home.

Pages stay as they are: they hold the token of their forms beside text of others, which compression would let somebody
guess from lengths. Behind API Gateway nothing is compressed: a compressed body is a binary one, which it gives as
base64 to every browser that does not name its type first in Accept.

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
    """A static file by gzip for who accepts that, under an entity tag of its own; every other answer as it is."""
    if not request.path.startswith(STATIC) or response.status != 200:
        return response
    headers = dict(response.headers) | {"Vary": "Accept-Encoding"}
    asked = dict(request.headers)
    if not response.body or not accepts_gzip(asked.get("accept-encoding", "")):
        return response._replace(headers=tuple(headers.items()))
    tag = f'{headers["ETag"][:-1]}-gzip"'
    headers |= {"ETag": tag, "Content-Encoding": "gzip"}
    if tag == asked.get("if-none-match"):
        return response._replace(status=304, headers=tuple(headers.items()), body=b"")
    return response._replace(headers=tuple(headers.items()), body=_gzip(response.body))


def accepts_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not to refuse it."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return weight.strip("0.") != "" if weight else True
    return False


@lru_cache(maxsize=16)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
