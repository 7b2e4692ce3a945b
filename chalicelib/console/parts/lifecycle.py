"""What can be done with a CA in each state, and what deleting it means."""

from __future__ import annotations

from typing import NamedTuple


class Actions(NamedTuple):
    """What a CA's page offers; the operations decide in the end."""

    switch: str = ""  # the state that the CA can be put into
    delete: bool = False
    restore: bool = False
    csr: bool = False


_ACTIONS = {
    "CREATING": Actions(delete=True),
    "PENDING_CERTIFICATE": Actions(delete=True, csr=True),
    "ACTIVE": Actions(switch="DISABLED", csr=True),
    "DISABLED": Actions(switch="ACTIVE", delete=True, csr=True),
    "EXPIRED": Actions(delete=True, csr=True),
    "FAILED": Actions(delete=True),
    "DELETED": Actions(restore=True),
}
FIRST_DAY, LAST_DAY = 7, 30
_KEPT_UP = "Until then its CRLs are published and OCSP answers, and Restore brings it back as it is now."
_WAITS = "Until then Restore brings it back as it is now."
_GONE = (
    "After that there is no way back: its key is destroyed, and nothing says any more which of its certificates "
    "are revoked."
)
# What will happen, by the state that the CA has.
CONSEQUENCES = {
    "CREATING": ("It is gone at once, with its key: it cannot be restored.",),
    "FAILED": ("It is gone at once, and cannot be restored.",),
    "PENDING_CERTIFICATE": ("It can be restored within the period that you choose.", _WAITS, _GONE),
    "DISABLED": ("It issues nothing, and can be restored within the period that you choose.", _KEPT_UP, _GONE),
    "EXPIRED": ("It can be restored within the period that you choose.", _WAITS, _GONE),
}
# States of a root in which it signs its own certificate.
_SIGNING_ITSELF = ("PENDING_CERTIFICATE", "ACTIVE", "EXPIRED")
AT_ONCE = ("CREATING", "FAILED")  # deleted without a time in which they could be restored


def is_window(days: int) -> bool:
    """Whether a deleted CA can be kept for so many days."""
    return FIRST_DAY <= days <= LAST_DAY


def signs_itself(kind: str, status: str) -> bool:
    """Whether a CA is a root that can make its own certificate now."""
    return kind == "ROOT" and status in _SIGNING_ITSELF


def is_installable(kind: str, status: str) -> bool:
    """Whether there is a way to a new certificate of the CA: a root needs itself for it."""
    return signs_itself(kind, status) if kind == "ROOT" else actions_of(status).csr


def actions_of(status: str) -> Actions:
    """What can be done with a CA in this state."""
    return _ACTIONS.get(status, Actions())
