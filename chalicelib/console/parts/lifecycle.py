"""The actions that each status of a CA allows, and the consequences of deleting it."""

from __future__ import annotations

from typing import NamedTuple


class Actions(NamedTuple):
    """The actions of a CA's page; the operations have the last word."""

    switch: str = ""  # the status that the CA can be switched to
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
_STATUS_SERVICE = "Until then its CRLs are published, OCSP answers, and you can restore it as it is now."
_RESTORABLE = "Until then you can restore it as it is now."
_GONE = (
    "After that you cannot restore it: its key is destroyed, and clients can no longer find out which of its "
    "certificates are revoked."
)
# The consequences, by the status of the CA.
CONSEQUENCES = {
    "CREATING": ("It is deleted at once, with its key. You cannot restore it.",),
    "FAILED": ("It is deleted at once. You cannot restore it.",),
    "PENDING_CERTIFICATE": ("It stays deleted for the period that you choose.", _RESTORABLE, _GONE),
    "DISABLED": ("It issues nothing and stays deleted for the period that you choose.", _STATUS_SERVICE, _GONE),
    "EXPIRED": ("It stays deleted for the period that you choose.", _RESTORABLE, _GONE),
}
# The statuses in which a root can sign its own certificate.
_SIGNING_ITSELF = ("PENDING_CERTIFICATE", "ACTIVE", "EXPIRED")
_RENEWABLE = ("ACTIVE", "DISABLED", "EXPIRED")
AT_ONCE = ("CREATING", "FAILED")  # deleted without a time in which they can be restored


def signs_itself(kind: str, status: str) -> bool:
    """Tell whether a CA is a root that can sign its own certificate now."""
    return kind == "ROOT" and status in _SIGNING_ITSELF


def is_installable(kind: str, status: str) -> bool:
    """Tell whether a new certificate can be installed; a root has to be able to sign it."""
    return signs_itself(kind, status) if kind == "ROOT" else actions_of(status).csr


def is_renewable(status: str) -> bool:
    """Tell whether a CA has a certificate that another one can replace."""
    return status in _RENEWABLE


def actions_of(status: str) -> Actions:
    """The actions of a CA with this status."""
    return _ACTIONS.get(status, Actions())
