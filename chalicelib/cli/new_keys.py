"""A new key, the CSR that it signs, and the files in which it is stored.

Source: RFC 2986 for CSRs, RFC 5958 for the key's file, RFC 7292 for PKCS #12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.x509 import general_names, names
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# By the API's names.
KEYS: dict[str, Callable[[], PrivateKey]] = {
    "EC_prime256v1": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC_secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EC_secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
    "RSA_2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA_3072": lambda: rsa.generate_private_key(65537, 3072),
    "RSA_4096": lambda: rsa.generate_private_key(65537, 4096),
}
# By the bits of a curve.
_DIGESTS: dict[int, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    521: hashes.SHA512(),
}
_MOST_COMMON_NAME = 64  # characters: ub-common-name, RFC 5280 appendix A.1
_P12_ROUNDS = 100_000  # .NET refuses files with more than 600,000 iterations in all; a file has three secrets
_KINDS = {
    "IpAddress": "an IP address",
    "UniformResourceIdentifier": "a URI",
    "Rfc822Name": "an email address",
    "DnsName": "a DNS name",
}


def alternative_names(name: str, others: Iterable[str], *, is_server: bool) -> list[bytes]:
    """Write the subject alternative names of a certificate, each as a GeneralName in DER.

    Args:
        name: becomes one of them, except a host in a certificate that is not for servers, and text that is no name.
        others: further names, each of the kind that its form suggests.
        is_server: the certificate is for servers.

    Raises:
        UsageError: a name is malformed.
    """
    kind = general_names.kind_of(name)
    is_alternative = kind != "DnsName" or (is_server and general_names.is_host_name(name.removeprefix("*.")))
    texts = dict.fromkeys((*((name,) if is_alternative else ()), *others))
    return list(map(_alternative_name, texts))


def _alternative_name(text: str) -> bytes:
    kind = general_names.kind_of(text)
    try:
        return general_names.general_name({kind: text})
    except ArgumentError as error:
        raise click.UsageError(f"'{printable(text)}' is refused as {_KINDS[kind]}. {error.reason}") from error


def csr(key: PrivateKey, name: str, alternatives: list[bytes]) -> bytes:
    """Sign a CSR in PEM; a name that is too long for a common name is only a subject alternative name.

    Raises:
        UsageError: the name cannot be a common name, or there is no other.
    """
    attributes = []
    if len(name) <= _MOST_COMMON_NAME or not alternatives:
        try:
            names.encode_subject({"CommonName": name})
        except ArgumentError as error:
            raise click.UsageError(f"'{printable(name)[:80]}' is refused as a common name. {error.reason}") from error
        attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if alternatives:
        oid = x509.ObjectIdentifier(oids.SUBJECT_ALTERNATIVE_NAME)
        extension = x509.UnrecognizedExtension(oid, der.sequence(*alternatives))
        builder = builder.add_extension(extension, critical=False)
    digest = _DIGESTS[key.curve.key_size] if isinstance(key, ec.EllipticCurvePrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def private_pem(key: PrivateKey) -> bytes:
    """Write the key as PKCS #8, without encryption: a server reads it when it starts."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def p12(key: PrivateKey, certificate_pem: str, chain_pem: str, name: str, password: str) -> bytes:
    """Write the key, its certificate and the CAs above as PKCS #12, encrypted with AES-256."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_P12_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    chain = x509.load_pem_x509_certificates(chain_pem.encode()) if chain_pem else []
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain, encryption)
