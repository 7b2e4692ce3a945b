"""Key and signing algorithms of the API, and what belongs to each in X.509.

Source: AWS Private CA API, CertificateAuthorityConfiguration; RFC 4055 section 5, RFC 5758 section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.pki import der
from chalicelib.pki.errors import ArgumentError, PkiError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.der import Element


@dataclass(frozen=True, slots=True)
class KeyAlgorithm:
    """A `KeyAlgorithm` of the API: an RSA size in bits, or a curve."""

    family: str
    bits: int = 0
    curve: type[ec.EllipticCurve] | None = None


@dataclass(frozen=True, slots=True)
class SigningAlgorithm:
    """A `SigningAlgorithm` of the API."""

    family: str
    hash: type[hashes.HashAlgorithm]
    oid: str

    @property
    def identifier_der(self) -> bytes:
        """The AlgorithmIdentifier; RSA's parameters are NULL, ECDSA's are absent."""
        return der.sequence(der.oid(self.oid), der.tlv(der.NULL) if self.family == "RSA" else b"")


KEY_ALGORITHMS: dict[str, KeyAlgorithm] = {
    "RSA_2048": KeyAlgorithm("RSA", bits=2048),
    "RSA_3072": KeyAlgorithm("RSA", bits=3072),
    "RSA_4096": KeyAlgorithm("RSA", bits=4096),
    "EC_prime256v1": KeyAlgorithm("EC", curve=ec.SECP256R1),
    "EC_secp384r1": KeyAlgorithm("EC", curve=ec.SECP384R1),
    "EC_secp521r1": KeyAlgorithm("EC", curve=ec.SECP521R1),
}
SIGNING_ALGORITHMS: dict[str, SigningAlgorithm] = {
    "SHA256WITHRSA": SigningAlgorithm("RSA", hashes.SHA256, "1.2.840.113549.1.1.11"),
    "SHA384WITHRSA": SigningAlgorithm("RSA", hashes.SHA384, "1.2.840.113549.1.1.12"),
    "SHA512WITHRSA": SigningAlgorithm("RSA", hashes.SHA512, "1.2.840.113549.1.1.13"),
    "SHA256WITHECDSA": SigningAlgorithm("EC", hashes.SHA256, "1.2.840.10045.4.3.2"),
    "SHA384WITHECDSA": SigningAlgorithm("EC", hashes.SHA384, "1.2.840.10045.4.3.3"),
    "SHA512WITHECDSA": SigningAlgorithm("EC", hashes.SHA512, "1.2.840.10045.4.3.4"),
}


def valid_signing_algorithms(key_algorithm: str) -> tuple[str, ...]:
    """The signing algorithms of a key's family."""
    family = KEY_ALGORITHMS[key_algorithm].family
    return tuple(name for name, each in SIGNING_ALGORITHMS.items() if each.family == family)


def require_compatible(signing_algorithm: str, key_algorithm: str | None) -> None:
    """Raise `ArgumentError`, in AWS's words, unless the key can sign so."""
    if key_algorithm is None:
        raise ArgumentError("The key of the certificate authority is of no algorithm that it can sign with.")
    valid = valid_signing_algorithms(key_algorithm)
    if signing_algorithm not in valid:
        raise ArgumentError(
            f"Signing algorithm {signing_algorithm} cannot be used with key type {key_algorithm}. "
            f"Valid signing algorithms are: {', '.join(valid)}."
        )


_BY_OID = {algorithm.oid: algorithm for algorithm in SIGNING_ALGORITHMS.values()}
_RSASSA_PSS = "1.2.840.113549.1.1.10"
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def check_foreign_algorithm(identifier: Element) -> None:
    """Check the AlgorithmIdentifier of a signature that others made: RSA (also PSS) or ECDSA with SHA-2.

    Which hash RSASSA-PSS uses is for the caller to check.

    Raises:
        PkiError: it is another algorithm, or its parameters are not what RFC 4055 and RFC 5758 say.
    """
    parts = list(identifier.expect(der.SEQUENCE, "A signature algorithm").children())
    oid = der.oid_text(parts[0]) if parts else ""
    if oid == _RSASSA_PSS:
        return
    algorithm = _BY_OID.get(oid)
    if algorithm is None:
        raise PkiError(f"The signature algorithm {oid} is neither RSA nor ECDSA with SHA-256, SHA-384 or SHA-512.")
    parameters = [part.der for part in parts[1:]]
    if parameters and (algorithm.family != "RSA" or parameters != [der.tlv(der.NULL)]):
        raise PkiError(f"The signature algorithm {oid} has parameters that it must not have.")


def key_algorithm_of(public_key: PublicKeyTypes) -> str | None:
    """The API's name for a public key's algorithm; None if the API has none."""
    for name, algorithm in KEY_ALGORITHMS.items():
        if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size == algorithm.bits:
            return name
        if (
            isinstance(public_key, ec.EllipticCurvePublicKey)
            and algorithm.curve is not None
            and isinstance(public_key.curve, algorithm.curve)
        ):
            return name
    return None
