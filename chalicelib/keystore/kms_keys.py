"""Private keys in AWS KMS, as private keys of the `cryptography` package: hashing is local, signing remote.

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

# Takes the bytes to sign, KMS's `MessageType` and `SigningAlgorithm`; returns the signature.
Sign = Callable[[bytes, str, str], bytes]
# KMS's signing algorithm for each curve, and the length of its digests in bytes.
_ECDSA: dict[str, tuple[str, int]] = {
    "secp256r1": ("ECDSA_SHA_256", 32),
    "secp384r1": ("ECDSA_SHA_384", 48),
    "secp521r1": ("ECDSA_SHA_512", 64),
}


class PrivateKeyInKmsError(TypeError):
    """A private key in KMS was used for something other than a signature: it never leaves KMS."""


class _InKms:
    """Common base of keys of all types."""

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
        raise PrivateKeyInKmsError("The key is in KMS and can only sign.")

    private_bytes = private_bytes_raw = private_numbers = decrypt = exchange = _refuse


class RsaKey(_InKms, rsa.RSAPrivateKey):
    """An RSA key; KMS's RSASSA-PSS uses a salt as long as the hash."""

    def sign(self, data: Any, padding_: Any, algorithm: Any) -> bytes:
        """Sign by PKCS #1 v1.5 or PSS."""
        scheme = "PSS" if isinstance(padding_, padding.PSS) else "PKCS1_V1_5"
        digest = _digest(bytes(data), algorithm)
        return self._sign(digest, "DIGEST", f"RSASSA_{scheme}_SHA_{8 * len(digest)}")


class EllipticCurveKey(_InKms, ec.EllipticCurvePrivateKey):
    """A key on P-256, P-384 or P-521, with any hash of SHA-2.

    KMS accepts only digests of the length that it pairs with the curve. ECDSA signs the leftmost bits of a digest as an
    integer, so cutting a longer digest and padding a shorter one with leading zeros gives the same signature.
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
    """An ML-DSA key: KMS signs the message representative mu, which is computed here."""

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
    """Return the private key for a public key, as an object that signs in KMS; None if its type is not supported."""
    kind = next((key for public, key in _KINDS if isinstance(public_key, public)), None)
    key: CaPrivateKey | None = None if kind is None else kind(public_key, sign)
    return key


def _digest(data: bytes, algorithm: Any) -> bytes:
    if isinstance(algorithm, Prehashed):
        return data
    hasher = hashes.Hash(algorithm)
    hasher.update(data)
    return hasher.finalize()
