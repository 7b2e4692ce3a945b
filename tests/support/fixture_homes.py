"""What tests of the fixtures ask of a Signet in their process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from chalicelib.testing.authorities import Issued
    from chalicelib.testing.signet import Signet


def crl_of(signet: Signet, issued: Issued) -> x509.CertificateRevocationList:
    """The CRL at the distribution point of a certificate."""
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (name,) = next(iter(points)).full_name or []
    return x509.load_der_x509_crl(signet.fetch(name.value))
