"""Cookies of a request, read in linear time.

The library's reader understands quotes and escapes, which no cookie of ours has, and takes quadratic time over
backslashes in releases before 3.12.6 (CVE-2024-7592).

Source: RFC 6265 sections 4.2.1 and 5.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def values(headers: Iterable[tuple[str, str]], cookie: str) -> Iterator[str]:
    """The values of a cookie, as often as a request has it."""
    for header, text in headers:
        if header == "cookie":
            for pair in text.split(";"):
                name, _, value = pair.partition("=")
                if name.strip(" \t") == cookie:
                    yield value.strip(" \t")
