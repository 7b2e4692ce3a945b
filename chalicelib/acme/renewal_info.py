"""Renewal information (ARI): when to renew a certificate, and which certificate an order replaces.

Source: RFC 9773 sections 4 and 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.acme import ari, issued
from chalicelib.acme.problems import AcmeProblem, not_found
from chalicelib.acme.visit import Answer, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import Identifier

POLL_SECONDS = 6 * 3600
POLL_SOON_SECONDS = 3600


def show(visit: Visit) -> Answer:
    """Show the window in which a certificate should be renewed."""
    rt, directory = visit.rt, visit.directory
    certificate = issued.certificate_of(rt, directory, visit.ids[0])
    if certificate is None:
        raise not_found("No certificate of this directory has this identifier.")
    is_urgent = certificate.revoked_at is not None or certificate.ca_arn in directory.compromised
    start, end = ari.suggested_window(
        certificate.not_before, certificate.not_after, now=rt.now(), replaced_by_incident=is_urgent
    )
    window = {"start": time_text(start), "end": time_text(end)}
    seconds = POLL_SOON_SECONDS if is_urgent else POLL_SECONDS
    return Answer(200, {"suggestedWindow": window}, {"Retry-After": str(seconds)})


def replaced(visit: Visit, payload: dict[str, Any], wanted: Sequence[Identifier]) -> str:
    """Return the identifier of the certificate that a new order replaces; empty for none.

    Raises:
        AcmeProblem: `malformed`: it is no certificate of the account with one of the order's names.
    """
    given = payload.get("replaces")
    if given is None:
        return ""
    if not isinstance(given, str):
        raise AcmeProblem("malformed", "The member replaces must be the identifier of a certificate.")
    certificate = issued.certificate_of(visit.rt, visit.directory, given)
    if certificate is None or certificate.requested_by != visit.owner.requested_by:
        raise AcmeProblem("malformed", "The certificate that the order replaces does not belong to this account.")
    if not set(issued.identifiers_of(certificate)) & set(wanted):
        raise AcmeProblem("malformed", "The certificate that the order replaces has none of the order's identifiers.")
    return ari.certificate_id(*ari.parse_certificate_id(given))  # some clients spell it otherwise
