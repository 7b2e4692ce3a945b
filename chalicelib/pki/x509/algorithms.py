"""Key and signing algorithms of the API, and their forms in X.509.

Source: AWS Private CA API, CertificateAuthorityConfiguration; RFC 4055 sections 3.1 and 5, RFC 5758 section 3.2,
RFC 9881 section 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError, GateError, PkiError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.asn1.der import Element


@dataclass(frozen=True, slots=True)
class KeyAlgorithm:
    """A `KeyAlgorithm` of the API: the kind of its public keys, and an RSA size in bits or a curve."""

    family: str
    public_key: type[Any]
    bits: int = 0
    curve: type[ec.EllipticCurve] | None = None

    def fits(self, kind: type, bits: int, curve: type) -> bool:
        """Test that keys of a class, a size and a curve are of this algorithm."""
        if not issubclass(kind, self.public_key):
            return False
        return bits == self.bits if self.curve is None and self.bits else self.curve in {None, curve}


@dataclass(frozen=True, slots=True)
class SigningAlgorithm:
    """A `SigningAlgorithm` of the API.

    Attributes:
        identifier_der: the AlgorithmIdentifier. The parameters of PKCS #1 v1.5 are NULL, those of ECDSA and ML-DSA
            are absent.
        arguments: what a key's `sign` and `verify` take after the data.
        named_in_refusals: AWS's refusal names it among the valid algorithms.
    """

    family: str
    oid: str
    identifier_der: bytes
    arguments: tuple[Any, ...] = ()
    named_in_refusals: bool = True


_NULL = der.tlv(der.NULL)
_RSASSA_PSS, _MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"


def _pkcs1(oid: str, digest: hashes.HashAlgorithm) -> SigningAlgorithm:
    return SigningAlgorithm("RSA", oid, der.sequence(der.oid(oid), _NULL), (padding.PKCS1v15(), digest))


def _pss(hash_oid: str, digest: hashes.HashAlgorithm) -> SigningAlgorithm:
    """RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash (RFC 4055 section 3.1)."""
    hash_identifier = der.sequence(der.oid(hash_oid), _NULL)
    parameters = der.sequence(
        der.tlv(0xA0, hash_identifier),
        der.tlv(0xA1, der.sequence(der.oid(_MGF1), hash_identifier)),
        der.tlv(0xA2, der.integer(digest.digest_size)),
    )
    scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    identifier = der.sequence(der.oid(_RSASSA_PSS), parameters)
    return SigningAlgorithm("RSA", _RSASSA_PSS, identifier, (scheme, digest), named_in_refusals=False)


def _ecdsa(oid: str, digest: hashes.HashAlgorithm) -> SigningAlgorithm:
    return SigningAlgorithm("EC", oid, der.sequence(der.oid(oid)), (ec.ECDSA(digest),))


def _ml_dsa(family: str, oid: str) -> SigningAlgorithm:
    return SigningAlgorithm(family, oid, der.sequence(der.oid(oid)))


_CURVES = {"EC_prime256v1": 256, "EC_secp384r1": 384, "EC_secp521r1": 521}
KEY_ALGORITHMS: dict[str, KeyAlgorithm] = {
    "RSA_2048": KeyAlgorithm("RSA", rsa.RSAPublicKey, bits=2048),
    "RSA_3072": KeyAlgorithm("RSA", rsa.RSAPublicKey, bits=3072),
    "RSA_4096": KeyAlgorithm("RSA", rsa.RSAPublicKey, bits=4096),
    "EC_prime256v1": KeyAlgorithm("EC", ec.EllipticCurvePublicKey, curve=ec.SECP256R1),
    "EC_secp384r1": KeyAlgorithm("EC", ec.EllipticCurvePublicKey, curve=ec.SECP384R1),
    "EC_secp521r1": KeyAlgorithm("EC", ec.EllipticCurvePublicKey, curve=ec.SECP521R1),
    "ML_DSA_44": KeyAlgorithm("ML_DSA_44", mldsa.MLDSA44PublicKey),
    "ML_DSA_65": KeyAlgorithm("ML_DSA_65", mldsa.MLDSA65PublicKey),
    "ML_DSA_87": KeyAlgorithm("ML_DSA_87", mldsa.MLDSA87PublicKey),
}
SIGNING_ALGORITHMS: dict[str, SigningAlgorithm] = {
    "SHA256WITHRSA": _pkcs1("1.2.840.113549.1.1.11", hashes.SHA256()),
    "SHA384WITHRSA": _pkcs1("1.2.840.113549.1.1.12", hashes.SHA384()),
    "SHA512WITHRSA": _pkcs1("1.2.840.113549.1.1.13", hashes.SHA512()),
    "SHA256WITHRSA_PSS": _pss(oids.SHA256, hashes.SHA256()),
    "SHA384WITHRSA_PSS": _pss(oids.SHA384, hashes.SHA384()),
    "SHA512WITHRSA_PSS": _pss(oids.SHA512, hashes.SHA512()),
    "SHA256WITHECDSA": _ecdsa("1.2.840.10045.4.3.2", hashes.SHA256()),
    "SHA384WITHECDSA": _ecdsa("1.2.840.10045.4.3.3", hashes.SHA384()),
    "SHA512WITHECDSA": _ecdsa("1.2.840.10045.4.3.4", hashes.SHA512()),
    "ML_DSA_44": _ml_dsa("ML_DSA_44", "2.16.840.1.101.3.4.3.17"),
    "ML_DSA_65": _ml_dsa("ML_DSA_65", "2.16.840.1.101.3.4.3.18"),
    "ML_DSA_87": _ml_dsa("ML_DSA_87", "2.16.840.1.101.3.4.3.19"),
}
# The names that people read.
LABELS = {
    **{f"RSA_{bits}": f"RSA {bits}" for bits in (2048, 3072, 4096)},
    **{name: f"ECDSA P-{size}" for name, size in _CURVES.items()},
    **{f"ML_DSA_{number}": f"ML-DSA-{number}" for number in (44, 65, 87)},
    **{f"SHA{size}WITHRSA": f"SHA-{size} with RSA" for size in (256, 384, 512)},
    **{f"SHA{size}WITHRSA_PSS": f"SHA-{size} with RSA-PSS" for size in (256, 384, 512)},
    **{f"SHA{size}WITHECDSA": f"SHA-{size} with ECDSA" for size in (256, 384, 512)},
}
NAMES_BY_IDENTIFIER = {algorithm.identifier_der: name for name, algorithm in SIGNING_ALGORITHMS.items()}


@lru_cache(maxsize=len(KEY_ALGORITHMS))
def valid_signing_algorithms(key_algorithm: str) -> tuple[str, ...]:
    """The signing algorithms of a key's family."""
    family = KEY_ALGORITHMS[key_algorithm].family
    return tuple(name for name, algorithm in SIGNING_ALGORITHMS.items() if algorithm.family == family)


def require_compatible(signing_algorithm: str, key_algorithm: str | None) -> None:
    """Raise `ArgumentError`, in AWS's words, unless the key can sign so."""
    if key_algorithm is None:
        raise ArgumentError("The key of the certificate authority is of no algorithm that it can sign with.")
    valid = valid_signing_algorithms(key_algorithm)
    if signing_algorithm not in valid:
        named = (name for name in valid if SIGNING_ALGORITHMS[name].named_in_refusals)
        raise ArgumentError(
            f"Signing algorithm {signing_algorithm} cannot be used with key type {key_algorithm}. "
            f"Valid signing algorithms are: {', '.join(named)}.",
            member=("SigningAlgorithm",),
        )


_BY_OID = {algorithm.oid: algorithm for algorithm in SIGNING_ALGORITHMS.values()}
_WITH_SHA1 = frozenset({"1.2.840.113549.1.1.5", "1.2.840.10045.4.1"})
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def is_strong(signature_hash: hashes.HashAlgorithm | None) -> bool:
    """Test that the signature of a checked algorithm uses SHA-2; None: the algorithm has its own hash (ML-DSA)."""
    return signature_hash is None or isinstance(signature_hash, _HASHES)


def check_foreign_algorithm(identifier: Element, *, takes_weak: bool = False) -> None:
    """Check the AlgorithmIdentifier of a signature that others made: RSA (also PSS) or ECDSA with SHA-2, or ML-DSA.

    The caller checks the hash of RSASSA-PSS, and with `takes_weak`, which takes RSA and ECDSA with SHA-1, that of all.

    Raises:
        PkiError: it is another algorithm, or its parameters are not what RFC 4055, RFC 5758 and RFC 9881 say.
    """
    parts = identifier.expect(der.SEQUENCE, "A signature algorithm").children()
    oid = der.oid_text(parts[0]) if parts else ""
    if oid == _RSASSA_PSS or (takes_weak and oid in _WITH_SHA1):
        return
    algorithm = _BY_OID.get(oid)
    if algorithm is None:
        raise GateError(
            f"The signature algorithm {oid} is neither RSA nor ECDSA with SHA-256, SHA-384 or SHA-512, nor ML-DSA."
        )
    parameters = [part.der for part in parts[1:]]
    if parameters and (algorithm.family != "RSA" or parameters != [_NULL]):
        raise PkiError(f"The signature algorithm {oid} has parameters that it must not have.")


def key_algorithm_of(public_key: PublicKeyTypes) -> str | None:
    """The API's name for a public key's algorithm; None if the API has none."""
    curve: type = type(getattr(public_key, "curve", None))
    return _name_of(type(public_key), getattr(public_key, "key_size", 0), curve)


@lru_cache(maxsize=64)
def _name_of(kind: type, bits: int, curve: type) -> str | None:
    return next((name for name, algorithm in KEY_ALGORITHMS.items() if algorithm.fits(kind, bits, curve)), None)
