"""The gate: how much is taken of what others wrote, in CSRs and in a root's own certificate.

`strict` refuses what careful clients refuse. `aws` takes what AWS copies without validation, and nothing that breaks
parsing, a signature or a CA. docs/csr-gate.md has one row for each rule that `aws` leaves out.

Source: AWS Private CA User Guide, "RFC compliance".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.pki.errors import GateError

if TYPE_CHECKING:
    from chalicelib.pki.errors import PkiError

Gate = str  # one of the two, as the setting SIGNET_CSR_GATE has it
STRICT: Gate = "strict"
AWS: Gate = "aws"
HINT = "SIGNET_CSR_GATE=aws does not have this rule."


def require(gate: Gate, text: str, *, holds: bool, reason: str = "") -> None:
    """Raise `GateError` with this text where a rule of the strict gate does not hold."""
    if gate == STRICT and not holds:
        raise GateError(text, reason=reason)


def is_the_gates(error: PkiError) -> bool:
    """Tell whether it is the strict gate alone that refuses."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, GateError):
        cause = cause.__cause__
    return cause is not None
