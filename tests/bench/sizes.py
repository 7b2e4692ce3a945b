"""How much is measured; `make bench CERTIFICATES=1000000` and the like choose otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """What fits into 15 minutes on two cores.

    Attributes:
        seconds: of a round of load.
        rounds: of which the median counts.
        certificates: of a large home.
        entries: of a CRL.
        cas: of a home with many CAs.
    """

    seconds: int = 3
    rounds: int = 3
    certificates: int = 20_000
    entries: int = 100_000
    cas: int = 100
