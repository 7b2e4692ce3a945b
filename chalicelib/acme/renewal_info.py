"""Renewal information (ARI): when to renew a certificate, and which certificate an order replaces.

Source: RFC 9773 sections 4 and 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.acme import ari
from chalicelib.acme.problems import AcmeProblem, not_found
from chalicelib.acme.visit import Answer
from chalicelib.ca import find, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import AcmeDirectory, AcmeOrder, Identifier
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime

POLL_SECONDS = 6 * 3600
POLL_SOON_SECONDS = 3600
_REPLACEABLE = frozenset({"ACTIVE"})


def show(visit: Visit) -> Answer:
    """Show in which time a certificate should be renewed."""
    rt, directory = visit.rt, visit.directory
    certificate = certificate_of(rt, directory, visit.ids[0])
    if certificate is None:
        raise not_found("No certificate of this directory has this identifier.")
    is_urgent = certificate.revoked_at is not None or certificate.ca_arn in directory.compromised
    start, end = ari.suggested_window(
        certificate.not_before, certificate.not_after, now=rt.now(), replaced_by_incident=is_urgent
    )
    window = {"start": _time(start), "end": _time(end)}
    seconds = POLL_SOON_SECONDS if is_urgent else POLL_SECONDS
    return Answer(200, {"suggestedWindow": window}, {"Retry-After": str(seconds)})


def certificate_of(rt: Runtime, directory: AcmeDirectory, certificate_id: str) -> Certificate | None:
    """Return the issued certificate that ARI's identifier names, of the directory's CA or a compromised one.

    Raises:
        AcmeProblem: the identifier is malformed.
    """
    key_identifier, serial_number = ari.parse_certificate_id(certificate_id)
    for ca in authorities(rt, directory):
        if state.issuer_of(ca).key_identifier == key_identifier:
            found = rt.store.get_certificate(ca.arn, serial_number)
            if found is not None and found.status == "ISSUED":
                return found
    return None


def authorities(rt: Runtime, directory: AcmeDirectory) -> Iterator[CertificateAuthority]:
    """Yield the CAs with a certificate whose certificates a directory answers for."""
    for arn in (directory.ca_arn, *directory.compromised):
        ca = find.at(rt, arn).store.get_certificate_authority(arn, cached=True)
        if ca is not None and ca.certificate_der is not None:
            yield ca


def replaced(visit: Visit, payload: dict[str, Any], wanted: Sequence[Identifier]) -> tuple[str, AcmeOrder | None]:
    """Return the identifier of the certificate that a new order replaces, and an invalid order that did before.

    Raises:
        AcmeProblem: `malformed`: it is no certificate of the account with one of the order's names; `alreadyReplaced`.
    """
    given = payload.get("replaces")
    if given is None:
        return "", None
    if not isinstance(given, str):
        raise AcmeProblem("malformed", "The member replaces must be the identifier of a certificate.")
    certificate = certificate_of(visit.rt, visit.directory, given)
    if certificate is None or certificate.requested_by != visit.owner.requested_by:
        raise AcmeProblem("malformed", "The certificate that the order replaces is none of this account.")
    from chalicelib.acme import certificates  # it imports this module

    if not set(certificates.identifiers_of(certificate)) & set(wanted):
        raise AcmeProblem("malformed", "The certificate that the order replaces has none of the order's identifiers.")
    before = visit.rt.store.order_replacing(visit.directory.directory_id, given)
    if before is not None and before.status != "invalid":
        raise AcmeProblem("alreadyReplaced", "Another order replaces the certificate.")
    return given, before


def _time(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
