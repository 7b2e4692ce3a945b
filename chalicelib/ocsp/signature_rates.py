"""How many OCSP answers a process signs in a second, by what asks for them: nobody can spend the share of others.

An answer about one certificate of the CA, without a nonce, is signed once in hours whoever asks. A nonce, several
certificates in one request, or a serial number that was never issued ask for a signature each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from chalicelib import logs, rates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.pki.ocsp import Request, Status
    from chalicelib.runtime import Runtime

Kind = Literal["known", "varied", "unknown"]
_SHARES: dict[Kind, float] = {"known": 0.5, "varied": 0.4, "unknown": 0.1}
_BURST_SECONDS = 2.0


class OverspentError(Exception):
    """No more answers of this kind are signed in this second."""


def kind_of(request: Request, statuses: Iterable[Status]) -> Kind:
    """Say what a request asks a signature for."""
    if any(status.kind == "unknown" for status in statuses):
        return "unknown"
    return "known" if request.nonce is None and len(request.cert_ids) == 1 else "varied"


def spend(rt: Runtime, kind: Kind) -> None:
    """Take one signature of a kind.

    Raises:
        OverspentError: there is none left in this second.
    """
    rate = max(1.0, int(rt.settings.ocsp_signatures) * _SHARES[kind])
    if not rates.take(rt.rate_tokens, ("ocsp", kind), rate=rate, most=rate * _BURST_SECONDS, now=rt.now()):
        if rates.take(rt.rate_tokens, ("ocsp-log", kind), rate=1 / 60, most=1, now=rt.now()):
            logs.log("ocsp_signatures_refused", kind=kind, a_second=rate)
        raise OverspentError(kind)
