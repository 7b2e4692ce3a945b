"""Pure builders for tests: each test states only how its case deviates.

Nothing here touches a clock, a file or the network.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chalicelib.identities import ADMINISTRATOR
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEAF_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT_KEY = ec.generate_private_key(ec.SECP256R1())

GUIDE_CONFIGURATION: dict[str, Any] = {
    "KeyAlgorithm": "RSA_2048",
    "SigningAlgorithm": "SHA256WITHRSA",
    "Subject": {
        "Country": "US",
        "Organization": "Example Corp",
        "OrganizationalUnit": "Sales",
        "State": "WA",
        "Locality": "Seattle",
        "CommonName": "www.example.com",
    },
}
EC_CONFIGURATION: dict[str, Any] = {
    "KeyAlgorithm": "EC_prime256v1",
    "SigningAlgorithm": "SHA256WITHECDSA",
    "Subject": {"CommonName": "Test CA"},
}
CRL_CONFIGURATION: dict[str, Any] = {
    "CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "crl-bucket"}
}
CREATE: Any = {"CertificateAuthorityConfiguration": EC_CONFIGURATION, "CertificateAuthorityType": "ROOT"}
CALLER = Caller(account_id="000000000000", access_key_id="test", principal=ADMINISTRATOR)


def name(common_name: str) -> x509.Name:
    """A name of one attribute."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def csr(
    common_name: str = "leaf.example.com",
    *,
    key: Any = LEAF_KEY,
    dns_names: Iterable[str] = (),
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A CSR in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name))
    if names := [x509.DNSName(each) for each in dns_names]:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def with_exponent(key: rsa.RSAPrivateKey, exponent: int) -> rsa.RSAPrivateKey:
    """The key of the same modulus with another exponent."""
    numbers = key.private_numbers()
    p, q, n = numbers.p, numbers.q, numbers.public_numbers.n
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, n)
    crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *crt, public).private_key()


def negated(key: ec.EllipticCurvePrivateKey) -> ec.EllipticCurvePrivateKey:
    """The key of the same curve P-256 whose point has the other sign."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return ec.derive_private_key(order - key.private_numbers().private_value, ec.SECP256R1())


def root_certificate(
    *, key: CertificateIssuerPrivateKeyTypes = ROOT_KEY, common_name: str = "Offline Root", now: datetime = START
) -> x509.Certificate:
    """A self-signed root that lies outside of Signet."""
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7300))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def sign_csr(
    csr_pem: str,
    *,
    issuer: x509.Certificate,
    issuer_key: CertificateIssuerPrivateKeyTypes = ROOT_KEY,
    now: datetime = START,
    days: float = 3650,
    path_length: int | None = 0,
    serial_number: int = 2,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    """A CA certificate for a CSR, as an offline root would sign it."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer.subject)
        .public_key(request.public_key())
        .serial_number(serial_number)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates in PEM, one after the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
