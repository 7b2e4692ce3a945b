"""Validation of ACME challenges: HTTP, DNS and TLS, as a client of the servers that respond to them.

A name is resolved once for each connection; every address of the answer is checked, and the connection goes to one that
was checked. Time, redirects, aliases, queries and bytes have limits.

Source: RFC 8555 section 8, RFC 8737, RFC 8738.
"""

from __future__ import annotations

from chalicelib.acme.validation.outcome import (
    Attempt,
    Challenge,
    ChallengeError,
    Outcome,
    Vantage,
    challenge_kinds,
    vantage,
)

__all__ = ["Challenge", "Outcome", "Vantage", "challenge_kinds", "validate", "vantage"]


def validate(challenge: Challenge, vantage: Vantage) -> Outcome:
    """Validate a challenge in at most 10 seconds.

    Raises:
        ValueError: challenges of this kind do not exist for the type of identifier.
    """
    from chalicelib.acme.validation import dns_01, http_01, tls_alpn_01  # they import dnspython, which takes long

    if challenge.kind not in challenge_kinds(challenge.identifier_type, wildcard=False):
        raise ValueError(f"There is no {challenge.kind} for identifiers of type {challenge.identifier_type}.")
    check = {"http-01": http_01.check, "dns-01": dns_01.check, "tls-alpn-01": tls_alpn_01.check}[challenge.kind]
    attempt, problem = Attempt(vantage), ""
    try:
        reason = check(challenge, attempt)
    except ChallengeError as error:
        problem, reason = error.problem, str(error)
    detail = f"{challenge.kind} for {challenge.value}: {reason}."
    return Outcome(not problem, problem, detail, tuple(attempt.steps))
