"""What a home makes at random, made from a seed instead: serial numbers, ids, and the keys of CAs.

Who knows the seed knows the keys: nothing but a Signet for tests uses this.
"""

from __future__ import annotations

import math
import random
import uuid
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.keystore import CaPrivateKey

_EXPONENT = 65537


class Seeded:
    """The serial numbers, ids and keys of a region; the same seed makes the same ones, in the same order of calls."""

    def __init__(self, seed: int, region: str) -> None:
        self._seed, self._random = seed, random.Random(f"signet/{seed}/{region}")  # noqa: S311  to be the same again

    def serial_number(self) -> int:
        """Return a serial number of 128 bits, never zero."""
        return self._random.getrandbits(128) or self.serial_number()

    def new_id(self) -> str:
        """Return a UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def key(self, key_algorithm: str, ca_arn: str) -> CaPrivateKey:
        """Return the key of a CA, which follows from the seed and its ARN alone."""
        return _KEYS[key_algorithm](random.Random(f"signet/{self._seed}/{ca_arn}"))  # noqa: S311  to be the same again


def _on_curve(curve: ec.EllipticCurve) -> Callable[[random.Random], ec.EllipticCurvePrivateKey]:
    # A number that is a bit shorter than the curve's order is below it.
    return lambda bits: ec.derive_private_key(bits.getrandbits(curve.key_size - 1) or 1, curve)


def _rsa(size: int) -> Callable[[random.Random], rsa.RSAPrivateKey]:
    def made(bits: random.Random) -> rsa.RSAPrivateKey:
        p, q = _prime(bits, size // 2), _prime(bits, size // 2)
        d = pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))
        crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
        return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(_EXPONENT, p * q)).private_key()

    return made


def _prime(bits: random.Random, size: int) -> int:
    """Return a prime whose two highest bits are set; `cryptography` checks it again."""
    while True:
        found = bits.getrandbits(size) | 3 << (size - 2) | 1
        if math.gcd(found, _small_primes()) == 1 and found % _EXPONENT != 1 and pow(2, found - 1, found) == 1:
            return found


@cache
def _small_primes() -> int:
    """Return the product of the primes below 2,000: division by them is cheaper than a test of Fermat's."""
    return math.prod(number for number in range(2, 2000) if all(number % other for other in range(2, number)))


_KEYS: dict[str, Callable[[random.Random], CaPrivateKey]] = {
    "RSA_2048": _rsa(2048),
    "RSA_3072": _rsa(3072),
    "RSA_4096": _rsa(4096),
    "EC_prime256v1": _on_curve(ec.SECP256R1()),
    "EC_secp384r1": _on_curve(ec.SECP384R1()),
    "EC_secp521r1": _on_curve(ec.SECP521R1()),
    "ML_DSA_44": lambda bits: mldsa.MLDSA44PrivateKey.from_seed_bytes(bits.randbytes(32)),
    "ML_DSA_65": lambda bits: mldsa.MLDSA65PrivateKey.from_seed_bytes(bits.randbytes(32)),
    "ML_DSA_87": lambda bits: mldsa.MLDSA87PrivateKey.from_seed_bytes(bits.randbytes(32)),
}
