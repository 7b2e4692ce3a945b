"""What the monitor reports of what it fetched."""

from __future__ import annotations

import http.client

from chalicelib.crl.freshness import WORDS
from chalicelib.fetching import FetchError
from chalicelib.frozen import dataclass


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


def problem_of(error: Exception) -> str:
    """Why a URL could not be fetched, or its answer not be read, in words."""
    if isinstance(error, FetchError | TimeoutError):
        words = str(error) if str(error).endswith(".") else "There was no answer in time."
    elif isinstance(error, OSError):
        words = f"No connection: {error.strerror or error}."
    elif isinstance(error, http.client.HTTPException):
        words = f"The answer is no HTTP response: {type(error).__name__}."
    else:
        words = f"The answer cannot be read: {error}."
    return words[:200]
