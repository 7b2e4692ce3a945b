"""Fetching what clients fetch, and what the monitor reports of it."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from chalicelib.crl.freshness import WORDS

FETCH_SECONDS = 5
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a client gets from a distribution point or an OCSP URL now.

    Attributes:
        url: the ARN of the CA, if the CA itself could not be read.
        life_used: how much of its validity the CRL has behind it, in percent.
        freshness: one of the words of `crl.freshness`; of OCSP always "fresh", for a late answer is a problem.
        problem: the first thing that is wrong with it; empty if nothing is.
    """

    ca_arn: str
    url: str
    crl_number: int = 0
    life_used: float = 0.0
    freshness: str = WORDS["FRESH"]
    problem: str = ""


def unread(ca_arn: str, problem: str) -> Sighting:
    """The sighting of a CA whose record could not be read."""
    return Sighting(ca_arn, ca_arn, problem=problem)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Refuse: a certificate names the URL itself."""


def fetch(url: str, body: bytes | None = None, content_type: str = "") -> bytes:
    """Fetch a URL as any client does, by POST if there is a body; redirects are not followed.

    Raises:
        OSError: there was no answer, or none with status 200.
        ValueError: the answer is longer than 256 MiB.
    """
    headers = {"User-Agent": "signet-monitor"} | ({"Content-Type": content_type} if content_type else {})
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  it begins with http
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(request, timeout=FETCH_SECONDS) as response:
        answer: bytes = response.read(_MOST_BYTES + 1)
    if len(answer) > _MOST_BYTES:
        raise ValueError(f"It is longer than {_MOST_BYTES} bytes.")
    return answer


def problem_of(error: Exception) -> str:
    """Why a URL could not be fetched, or its answer not be read, in words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"The URL answers with {error.code}."
    return f"{type(error).__name__}: {error}"[:200]
