"""Certificates of ACME accounts: download with alternate chains, and revocation.

Source: RFC 8555 sections 7.4.2 and 7.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.acme import authorizations, bindings, issued, issuing, jws
from chalicelib.acme.problems import AcmeProblem, not_found
from chalicelib.acme.visit import Answer
from chalicelib.ca import find
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import Identifier
    from chalicelib.records import Certificate

# The reasons that a subscriber may give (RFC 5280 section 5.3.1), as RevokeCertificate names them.
REASONS = {
    0: "UNSPECIFIED",
    1: "KEY_COMPROMISE",
    3: "AFFILIATION_CHANGED",
    4: "SUPERSEDED",
    5: "CESSATION_OF_OPERATION",
}
_KEY_COMPROMISE = 1
_MOST_BYTES = 32 * 1024
_CHAIN = "application/pem-certificate-chain"


def download(visit: Visit) -> Answer:
    """Return a certificate with its chain; the alternate chain has the root as well."""
    visit.reads_only()
    certificate = _own(visit, visit.ids[0])
    chains = _chains(visit, certificate)
    number = visit.ids[1] if len(visit.ids) > 1 else "0"
    if number not in map(str, range(len(chains))):
        raise not_found("The certificate has no such alternate chain.")
    url = visit.url(f"certificate/{visit.ids[0]}")
    paths = [url if each == 0 else f"{url}/{each}" for each in range(len(chains)) if str(each) != number]
    body = pem.encode_all((certificate.certificate_der or b"", *chains[int(number)])).encode() + b"\n"
    return Answer(200, body, content_type=_CHAIN, links=tuple(f'<{path}>;rel="alternate"' for path in paths))


def _chains(visit: Visit, certificate: Certificate) -> list[tuple[bytes, ...]]:
    """Return the chains above a certificate: without the root, which clients must trust, and with it.

    A CA that is a root itself is in both: some clients take no certificate without a chain.
    """
    ca = find.at(visit.rt, certificate.ca_arn).store.get_certificate_authority(certificate.ca_arn)
    if ca is None or ca.certificate_der is None:
        raise not_found("The certificate authority no longer exists.")
    whole = (ca.certificate_der, *ca.chain_der)
    last = x509.load_der_x509_certificate(whole[-1])
    return [whole[:-1], whole] if len(whole) > 1 and last.subject == last.issuer else [whole]


def _own(visit: Visit, serial: str) -> Certificate:
    """Return an issued certificate of the account."""
    for ca in issued.authorities(visit.rt, visit.directory):
        found = visit.rt.store.get_certificate(ca.arn, _serial(serial))
        if found is not None and found.requested_by == visit.owner.requested_by and found.certificate_der:
            return found
    raise not_found("The account has no such certificate.")


def _serial(text: str) -> int:
    try:
        return min(arns.parse_serial(text[:64]), 1 << 160)
    except ValueError:
        raise not_found("The account has no such certificate.") from None


def revoke(visit: Visit) -> Answer:
    """Revoke a certificate for its account, for whoever has its key, or for an account authorized for all its names."""
    payload = visit.content()
    encoded = jws.decoded("certificate", payload.get("certificate"))
    reason = payload.get("reason", 0)
    if not isinstance(reason, int) or isinstance(reason, bool) or reason not in REASONS:
        known = ", ".join(map(str, REASONS))
        raise AcmeProblem("badRevocationReason", f"The reason must be one of {known}.")
    certificate = _certificate(visit, encoded)
    actor = _entitled(visit, certificate, reason)
    visit.use_nonce()
    if certificate.revoked_at is not None:
        raise AcmeProblem("alreadyRevoked", "The certificate is already revoked.")
    try:
        issuing.revoke(visit.rt, visit.directory, actor, certificate, REASONS[reason])
    except errors.RequestAlreadyProcessedException as error:
        raise AcmeProblem("alreadyRevoked", error.message) from error
    return Answer(200)


def _certificate(visit: Visit, encoded: bytes) -> Certificate:
    """Return the record of a certificate that a client sent, byte by byte."""
    try:
        parsed = x509.load_der_x509_certificate(encoded[:_MOST_BYTES])
        serial_number = parsed.serial_number
    except ValueError:
        raise AcmeProblem("malformed", "The certificate must be a DER-encoded certificate.") from None
    for ca in issued.authorities(visit.rt, visit.directory):
        found = visit.rt.store.get_certificate(ca.arn, serial_number) if 0 < serial_number < 1 << 160 else None
        if found is not None and found.certificate_der == encoded:
            return found
    raise not_found("The certificate does not belong to this directory.")


def _entitled(visit: Visit, certificate: Certificate, reason: int) -> str:
    """Return who revokes; raises `AcmeProblem` if the request has no right to."""
    parsed = x509.load_der_x509_certificate(certificate.certificate_der or b"")
    if _is_of_ca(parsed):
        raise AcmeProblem("unauthorized", "ACME issues no certificates of CAs, and revokes none.")
    if visit.key is not None:
        if jws.key_sha256(visit.key) == keys.key_sha256(parsed.public_key()):
            return "key"
        raise AcmeProblem("unauthorized", "The key that signed the request is not the certificate's.")
    if certificate.requested_by == visit.owner.requested_by:
        return visit.owner.acme_id
    if not _is_authorized(visit, issued.identifiers_of(certificate)):
        raise AcmeProblem("unauthorized", "The account is not authorized for all names of the certificate.")
    if reason == _KEY_COMPROMISE:  # it bars the key from the account's CAs
        text = "Only the certificate's account or its key can give the reason keyCompromise."
        raise AcmeProblem("unauthorized", text)
    return visit.owner.acme_id


def _is_of_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _is_authorized(visit: Visit, named: Sequence[Identifier]) -> bool:
    """Tell whether an account may have all these names now: its binding grants them, and its authorizations are valid.

    Raises:
        AcmeProblem: its binding has ended.
    """
    binding = visit.binding()
    if not all(bindings.grants(visit.directory, binding, each) for each in named):
        return False
    names = [authorizations.split(each) for each in named]
    found = visit.rt.store.acme_authorizations_for(visit.owner.acme_id, names)
    now = visit.rt.now()
    return bool(named) and all(each and authorizations.status_of(each, now) == "valid" for each in found)
