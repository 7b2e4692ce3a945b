"""The certificates that a directory answers for: those of its CA and of its former ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509

from chalicelib.acme import ari
from chalicelib.acme_records import Identifier
from chalicelib.ca import find, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime


def certificate_of(rt: Runtime, directory: AcmeDirectory, certificate_id: str) -> Certificate | None:
    """Return the issued certificate that ARI's identifier names, of the directory's CA or a former one.

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
    for arn in (directory.ca_arn, *directory.former):
        ca = find.at(rt, arn).store.get_certificate_authority(arn, cached=True)
        if ca is not None and ca.certificate_der is not None:
            yield ca


def identifiers_of(certificate: Certificate) -> tuple[Identifier, ...]:
    """Return the identifiers of a certificate: its DNS names and addresses; none if it has a name of another kind."""
    parsed = x509.load_der_x509_certificate(certificate.certificate_der or b"")
    try:
        names: Any = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found: list[Identifier] = []
    for name in names:
        if isinstance(name, x509.DNSName):
            found.append(Identifier("dns", name.value.lower()))
        elif isinstance(name, x509.IPAddress):
            found.append(Identifier("ip", str(name.value)))
        else:
            return ()
    return tuple(dict.fromkeys(found))
