"""Certificate paths for the installation of a CA certificate: right ones, from which a test deviates."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import NameOID

from chalicelib.pki import installation
from chalicelib.pki.x509 import csr, signed
from tests.support.builders import START, pem
from tests.support.pki_forge import key

if TYPE_CHECKING:
    from collections.abc import Sequence


SUBJECT = {"Country": "US", "Organization": "Example Corp", "CommonName": "Sub"}
CA = x509.BasicConstraints(ca=True, path_length=None)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


OWN = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Corp"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Sub"),
    ]
)


@cache
def _own_csr() -> bytes:
    """The CSR of the CA under test."""
    tbs_der = csr.build_ca_csr_tbs({"Subject": SUBJECT}, key("P-256").public_key())
    return signed.sign(tbs_der, key("P-256"), "SHA256WITHECDSA")


def certificate(
    subject: x509.Name | str = OWN,
    issuer: x509.Name | str = "Root",
    *,
    kind: str = "P-256",
    signer: str = "P-384",
    constraints: x509.BasicConstraints | None = CA,
    critical: bool = True,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=365),
    algorithm: Any = None,
    **options: Any,
) -> x509.Certificate:
    """A CA certificate; by default the CA's own, signed by the root."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject) if isinstance(subject, str) else subject)
        .issuer_name(named(issuer) if isinstance(issuer, str) else issuer)
        .public_key(key(kind).public_key())
        .serial_number(7)
        .not_valid_before(START + begins)
        .not_valid_after(START + ends)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=critical)
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(key(signer), algorithm or hashes.SHA256(), **options)


def root(**more: Any) -> x509.Certificate:
    return certificate("Root", "Root", **{"kind": "P-384", **more})


def middle(**more: Any) -> x509.Certificate:
    return certificate("Middle", "Root", **{"kind": "P-521", **more})


def check(
    own: x509.Certificate | bytes,
    *above: x509.Certificate,
    ca_type: str = "SUBORDINATE",
    chain_pem: bytes | None = None,
) -> installation.ImportedCertificate:
    return installation.check_import(
        certificate_pem=own if isinstance(own, bytes) else pem(own),
        chain_pem=pem(*above) if chain_pem is None and above else chain_pem,
        ca_type=ca_type,
        csr_der=_own_csr(),
        now=START,
    )


def own_root(**more: Any) -> x509.Certificate:
    return certificate(OWN, OWN, signer="P-256", **more)


def below(**more: Any) -> x509.Certificate:
    """The CA's own certificate, signed by the one in the middle."""
    return certificate(OWN, "Middle", signer="P-521", **more)


def usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def limited(*permitted: x509.GeneralName) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.NameConstraints(list(permitted), None), True)]


def san(*found: x509.GeneralName) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.SubjectAlternativeName(list(found)), False)]


def pss() -> dict[str, Any]:
    return {"rsa_padding": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)}


HELD_DIRECTORY = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "us")]))
