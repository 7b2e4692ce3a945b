"""Signing: one path for CSRs, certificates, CRLs and OCSP answers.

Source: RFC 5280 sections 4.1.1 and 5.1.1; RFC 2986 section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import DerError, SignatureError
from chalicelib.pki.x509 import algorithms

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes


def sign(
    tbs_der: bytes, private_key: PrivateKeyTypes, signing_algorithm: str, public_key: PublicKeyTypes | None = None
) -> bytes:
    """Make SEQUENCE { tbs, algorithm, signature }, and verify the signature.

    `public_key` is that of the private key, where the caller has it.

    Raises:
        SignatureError: the key gave a signature that does not verify.
    """
    algorithm = algorithms.SIGNING_ALGORITHMS[signing_algorithm]
    make: Callable[..., bytes] = private_key.sign  # type: ignore[union-attr]  # every key of the API has it
    signature = make(tbs_der, *algorithm.arguments)
    if not verifies(public_key or private_key.public_key(), signature, tbs_der, signing_algorithm):
        raise SignatureError("The key made a signature that does not verify.")
    return der.sequence(tbs_der, algorithm.identifier_der, der.bit_string(signature))


def verifies(public_key: PublicKeyTypes, signature: bytes, data: bytes | memoryview, signing_algorithm: str) -> bool:
    """Verify a signature over data; a key that the API has no name for verifies nothing."""
    if not fits(public_key, signing_algorithm):
        return False
    verify: Callable[..., None] = public_key.verify  # type: ignore[union-attr]  # every key of the API has it
    try:
        verify(signature, data, *algorithms.SIGNING_ALGORITHMS[signing_algorithm].arguments)
    except InvalidSignature:
        return False
    return True


def fits(public_key: PublicKeyTypes, signing_algorithm: str) -> bool:
    """Test that the key is one of the API's, and of the family of a signing algorithm."""
    key_algorithm = algorithms.key_algorithm_of(public_key)
    return key_algorithm is not None and signing_algorithm in algorithms.valid_signing_algorithms(key_algorithm)


def verifies_weakly(
    public_key: PublicKeyTypes, digest: hashes.HashAlgorithm | None, signature: bytes, data: bytes
) -> bool:
    """Verify a signature with SHA-1 or MD5, which the library does not take in CSRs and certificates."""
    if not isinstance(digest, hashes.SHA1 | hashes.MD5):
        return False
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, data, padding.PKCS1v15(), digest)
        elif isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, data, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def verifies_certificate(public_key: PublicKeyTypes, certificate_der: bytes) -> bool:
    """Verify the signature of a certificate that a key of the API should have signed."""
    kinds = (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
    try:
        tbs, identifier, bits = der.fields(der.parse(certificate_der), "A certificate", *kinds)
        signature = der.octets(bits, "The signature")
    except DerError:
        return False
    name = algorithms.NAMES_BY_IDENTIFIER.get(identifier.der)
    return name is not None and verifies(public_key, signature, tbs.der, name)
