"""Private keys that lie in AWS KMS, as private keys of cryptography's: hashed here, signed there.

Source: AWS KMS API, Sign; KMS Developer Guide, "Key spec reference"; FIPS 186-5 section 6.4.1; FIPS 204 section 6.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

if TYPE_CHECKING:
    from chalicelib.keystore import CaPrivateKey

# Takes what is to be signed, its `MessageType` and the `SigningAlgorithm` of KMS; gives the signature.
Sign = Callable[[bytes, str, str], bytes]
# What KMS signs with a curve: the algorithm, and the length of the digests that it takes.
_ECDSA: dict[str, tuple[str, int]] = {
    "secp256r1": ("ECDSA_SHA_256", 32),
    "secp384r1": ("ECDSA_SHA_384", 48),
    "secp521r1": ("ECDSA_SHA_512", 64),
}


class PrivateKeyInKmsError(TypeError):
    """The private key is asked for something else than a signature: it never leaves KMS."""


class _InKms:
    """What the keys of every kind have in common."""

    def __init__(self, public_key: Any, sign: Sign) -> None:
        self._public_key, self._sign = public_key, sign

    def public_key(self) -> Any:
        return self._public_key

    @property
    def key_size(self) -> int:
        return int(self._public_key.key_size)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise PrivateKeyInKmsError("The key lies in KMS: it signs, and does nothing else.")

    private_bytes = private_bytes_raw = private_numbers = decrypt = exchange = _refuse


class RsaKey(_InKms, rsa.RSAPrivateKey):
    """An RSA key; RSASSA-PSS has a salt as long as the hash, as KMS has it."""

    def sign(self, data: Any, padding_: Any, algorithm: Any) -> bytes:
        """Sign by PKCS #1 v1.5 or PSS."""
        scheme = "PSS" if isinstance(padding_, padding.PSS) else "PKCS1_V1_5"
        digest = _digest(bytes(data), algorithm)
        return self._sign(digest, "DIGEST", f"RSASSA_{scheme}_SHA_{8 * len(digest)}")


class EllipticCurveKey(_InKms, ec.EllipticCurvePrivateKey):
    """A key on P-256, P-384 or P-521, with any SHA-2.

    KMS takes only digests of the hash that it pairs with the curve. ECDSA signs a digest's leftmost bits as an integer,
    so one that is longer is cut, and one that is shorter gets zeros in front: the signature is the same.
    """

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve of the public key."""
        curve: ec.EllipticCurve = self._public_key.curve
        return curve

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign by ECDSA."""
        algorithm, length = _ECDSA[self.curve.name]
        digest = _digest(bytes(data), signature_algorithm.algorithm)
        return self._sign(digest[:length].rjust(length, b"\0"), "DIGEST", algorithm)


class _MlDsaKey(_InKms):
    """An ML-DSA key: what is signed is the message representative mu, which is computed here."""

    def sign(self, data: Any, context: Any = None) -> bytes:
        hasher = mldsa.MLDSAMuHasher(self._public_key, context)
        hasher.update(data)
        return self.sign_mu(hasher.finalize())

    def sign_mu(self, mu: Any) -> bytes:
        return self._sign(bytes(mu), "EXTERNAL_MU", "ML_DSA_SHAKE_256")


class MlDsa44Key(_MlDsaKey, mldsa.MLDSA44PrivateKey):
    """An ML-DSA-44 key."""


class MlDsa65Key(_MlDsaKey, mldsa.MLDSA65PrivateKey):
    """An ML-DSA-65 key."""


class MlDsa87Key(_MlDsaKey, mldsa.MLDSA87PrivateKey):
    """An ML-DSA-87 key."""


_KINDS: tuple[tuple[type[Any], type[Any]], ...] = (
    (rsa.RSAPublicKey, RsaKey),
    (ec.EllipticCurvePublicKey, EllipticCurveKey),
    (mldsa.MLDSA44PublicKey, MlDsa44Key),
    (mldsa.MLDSA65PublicKey, MlDsa65Key),
    (mldsa.MLDSA87PublicKey, MlDsa87Key),
)


def private_key(public_key: Any, sign: Sign) -> CaPrivateKey | None:
    """The private key to a public one, as an object that signs in KMS; None if keys of that kind do not sign here."""
    kind = next((key for public, key in _KINDS if isinstance(public_key, public)), None)
    found: CaPrivateKey | None = None if kind is None else kind(public_key, sign)
    return found


def _digest(data: bytes, algorithm: Any) -> bytes:
    if isinstance(algorithm, Prehashed):
        return data
    hasher = hashes.Hash(algorithm)
    hasher.update(data)
    return hasher.finalize()
