"""Stylesheets and scripts of the console as the laptop home's server sends them (RFC 9110, 8.8.3 and 12.5.3)."""

from __future__ import annotations

import gzip
import http.client
from typing import TYPE_CHECKING

import pytest

from chalicelib.console import static_files
from chalicelib.local.compression import accepts_gzip

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]


def get(home: Home, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
    connection.request("GET", f"/console/{path}", headers={name.replace("_", "-"): headers[name] for name in headers})
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


@pytest.mark.parametrize("name", static_files.NAMES)
def test_static_file_is_compressed_for_who_accepts_that(home: Home, name: str) -> None:
    path, content = static_files.address(name), static_files.content(name)
    status, plain, body = get(home, path)
    assert (status, body) == (200, content)
    assert "content-encoding" not in plain
    status, packed, body = get(home, path, Accept_Encoding="gzip, deflate, br, zstd")
    assert (status, gzip.decompress(body)) == (200, content)
    assert len(body) < len(content)
    assert int(packed["content-length"]) == len(body)
    assert packed["content-encoding"] == "gzip"
    assert plain["vary"] == packed["vary"] == "Accept-Encoding"
    assert plain["content-type"] == packed["content-type"]
    assert plain["cache-control"] == packed["cache-control"] == "public, max-age=31536000, immutable"
    assert plain["etag"] != packed["etag"]
    assert not {plain["etag"][:2], packed["etag"][:2]} & {"W/"}


def test_known_representation_is_not_sent_again(home: Home) -> None:
    path = static_files.address("console.css")
    for accepted in ("identity", "gzip"):
        _, headers, _ = get(home, path, Accept_Encoding=accepted)
        status, again, body = get(home, path, Accept_Encoding=accepted, If_None_Match=headers["etag"])
        assert (status, body) == (304, b"")
        assert again["etag"] == headers["etag"]
    assert get(home, path, If_None_Match=headers["etag"])[0] == 200  # the tag of the other one


def test_pages_are_not_compressed(home: Home) -> None:
    """They hold the token of their forms beside text of others."""
    status, headers, body = get(home, "sign-in", Accept_Encoding="gzip")
    assert (status, headers.get("content-encoding"), body[:15]) == (200, None, b"<!DOCTYPE html>")
    assert get(home, "static/none.css", Accept_Encoding="gzip")[0] == 404


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("br , gzip ; q=1.000", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("br, gzip; q=0.000", False),
        ("x-gzip-x", False),
    ],
)
def test_who_accepts_gzip(accepted: str, expected: bool) -> None:
    assert accepts_gzip(accepted) is expected
