"""Signing: the one path for CSRs, certificates and CRLs.

Source: RFC 5280 sections 4.1.1 and 5.1.1; RFC 2986 section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from chalicelib.pki import der
from chalicelib.pki.algorithms import SIGNING_ALGORITHMS
from chalicelib.pki.errors import SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


def sign(tbs_der: bytes, private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, signing_algorithm: str) -> bytes:
    """SEQUENCE { tbs, algorithm, signature }; the signature is verified before it is given out.

    Raises:
        SignatureError: the key gave a signature that does not verify.
    """
    algorithm = SIGNING_ALGORITHMS[signing_algorithm]
    if isinstance(private_key, rsa.RSAPrivateKey):
        signature = private_key.sign(tbs_der, padding.PKCS1v15(), algorithm.hash())
    else:
        signature = private_key.sign(tbs_der, ec.ECDSA(algorithm.hash()))
    if not verifies(private_key.public_key(), signature, tbs_der, signing_algorithm):
        raise SignatureError("The key made a signature that does not verify.")
    return der.sequence(tbs_der, algorithm.identifier_der, der.bit_string(signature))


def verifies(public_key: PublicKeyTypes, signature: bytes, data: bytes, signing_algorithm: str) -> bool:
    """Whether the signature over the data is the key's."""
    algorithm = SIGNING_ALGORITHMS[signing_algorithm]
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, data, padding.PKCS1v15(), algorithm.hash())
        elif isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, data, ec.ECDSA(algorithm.hash()))
        else:
            return False
    except InvalidSignature:
        return False
    return True
