"""Algorithms, and the gate against weak keys (CA/Browser Forum Baseline Requirements 6.1.1.3 and 6.1.6)."""

from __future__ import annotations

import hashlib
import random
from functools import partial
from math import factorial, gcd, prod
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.pki.errors import ArgumentError, PkiError
from chalicelib.pki.x509 import algorithms, keys, signed
from tests.support.pki_forge import key, with_unused_bit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_SMALL = prod(number for number in range(2, 752) if all(number % divisor for divisor in range(2, int(number**0.5) + 1)))
_ROCA_PRIMES = [each for each in range(3, 168) if all(each % divisor for divisor in range(2, int(each**0.5) + 1))]


def _coprime(value: int) -> int:
    """The next odd number without a factor below 752."""
    value |= 1
    while gcd(value, _SMALL) > 1:
        value += 2
    return value


def _of_bits(bits: int, seed: int) -> int:
    return _coprime(random.Random(seed).getrandbits(bits) | 3 << bits - 2)


def _prime() -> int:
    """The prime of ffdhe2048 (RFC 7919 appendix A.1)."""
    bits = 1918
    e = sum((1 << bits + 64) // factorial(k) for k in range(400)) >> 64
    return 2**2048 - 2**1984 + (e + 560316) * 2**64 - 1


def _roca() -> int:
    """Factors of the form k * M + 65537^a mod M, as the broken generator made them; their primality plays no role."""
    modulus = prod(_ROCA_PRIMES)
    source = random.Random(4)
    while True:
        first, second = (
            source.randrange(3 << 1022, 1 << 1024) // modulus * modulus + pow(65537, source.getrandbits(32), modulus)
            for _ in range(2)
        )
        if gcd(first * second, _SMALL) == 1:
            return first * second


_HALF = _of_bits(1024, 1)
WEAK: dict[str, tuple[Callable[[], tuple[int, int]], str]] = {
    "1024 bits": (lambda: (_of_bits(1024, 2), 65537), "fewer than 2048"),
    "2047 bits": (lambda: (_of_bits(2047, 2), 65537), "fewer than 2048"),
    "2052 bits": (lambda: (_of_bits(2052, 2), 65537), "multiple of 8"),
    "8200 bits": (lambda: (_of_bits(8200, 2), 65537), "more than 8192"),
    "exponent too large": (lambda: (_of_bits(1024, 2) * _of_bits(1024, 3), (1 << 256) + 1), "2\\^256 or more"),
    "factor 751": (lambda: (751 * _of_bits(2038, 5), 65537), "factor below 752"),
    "square": (lambda: (_HALF * _HALF, 65537), "too close"),
    "neighbours": (lambda: (_HALF * _coprime(_HALF + 2), 65537), "too close"),
    "cube": (lambda: (_coprime(int(1.5 * 2**682)) ** 3, 65537), "perfect power"),
    "prime": (lambda: (_prime(), 65537), "a prime"),
    "roca": (lambda: (_roca(), 65537), "ROCA"),
}


def _check(public_key: PublicKeyTypes) -> None:
    """What the key of a CSR passes."""
    keys.check_public_key(public_key)
    keys.check_factors(public_key)


@pytest.mark.parametrize("case", WEAK)
def test_subject_key_weak_rsa_is_refused(case: str) -> None:
    build, rule = WEAK[case]
    n, e = build()
    with pytest.raises(PkiError, match=rule):
        _check(rsa.RSAPublicNumbers(e, n).public_key())


@pytest.mark.parametrize("e", [3, 65537, (1 << 256) - 1])
def test_subject_key_good_rsa_passes(e: int) -> None:
    n = key("RSA-2048").public_key().public_numbers().n
    _check(rsa.RSAPublicNumbers(e, n).public_key())


def test_subject_key_above_the_tested_size_is_not_held_up_by_arithmetic() -> None:
    """Fermat's test of 8192 bits takes seconds: whoever sends CSRs must not make us spend them."""
    assert keys.MAX_TESTED_BITS < keys.MAX_RSA_BITS
    n = _of_bits(4096, 6) * _of_bits(4096, 7)
    _check(rsa.RSAPublicNumbers(65537, n).public_key())


@pytest.mark.parametrize("kind", ["K-256", "Ed25519", "DSA"])
def test_subject_key_other_kind_is_refused(kind: str) -> None:
    with pytest.raises(PkiError, match="refused"):
        _check(key(kind).public_key())


# one hash of a key


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP256K1])
def test_key_sha256_is_that_of_the_point_with_an_even_y(curve: type[ec.EllipticCurve]) -> None:
    ys = set()
    for secret in range(2, 12):
        made = ec.derive_private_key(secret, curve()).public_key()
        numbers = made.public_numbers()
        x = numbers.x.to_bytes(-(-made.curve.key_size // 8))
        even = ec.EllipticCurvePublicKey.from_encoded_point(curve(), b"\x02" + x)
        wanted = hashlib.sha256(_encoded(even)).hexdigest()
        assert keys.key_sha256(made) == wanted
        for encoding in keys.encodings(made):
            assert keys.key_sha256(made, encoding) == wanted
        ys.add(numbers.y % 2)
    assert ys == {0, 1}


@pytest.mark.parametrize("kind", ["RSA-2048", "ML-DSA-44"])
def test_key_sha256_of_other_keys_is_that_of_their_encoding(kind: str) -> None:
    public_key = key(kind).public_key()
    encoded = _encoded(public_key)
    assert keys.key_sha256(public_key) == keys.key_sha256(public_key, encoded) == hashlib.sha256(encoded).hexdigest()


def _encoded(public_key: PublicKeyTypes) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# algorithms

NAMES = {"RSA-2048": "RSA_2048", "RSA-3072": "RSA_3072", "P-256": "EC_prime256v1", "P-384": "EC_secp384r1"} | {
    "P-521": "EC_secp521r1",
    "ML-DSA-44": "ML_DSA_44",
    "ML-DSA-65": "ML_DSA_65",
    "ML-DSA-87": "ML_DSA_87",
    "RSA-1024": None,
    "K-256": None,
    "Ed25519": None,
}


@pytest.mark.parametrize("kind", NAMES)
def test_key_algorithm_of_public_key_is_the_api_s_name(kind: str) -> None:
    assert algorithms.key_algorithm_of(key(kind).public_key()) == NAMES[kind]


def test_require_compatible_refuses_in_aws_s_words() -> None:
    with pytest.raises(ArgumentError) as refusal:
        algorithms.require_compatible("SHA384WITHECDSA", "RSA_2048")
    assert str(refusal.value) == (
        "Signing algorithm SHA384WITHECDSA cannot be used with key type RSA_2048. "
        "Valid signing algorithms are: SHA256WITHRSA, SHA384WITHRSA, SHA512WITHRSA."
    )


def test_require_compatible_refuses_a_key_of_no_algorithm() -> None:
    with pytest.raises(ArgumentError, match="no algorithm"):
        algorithms.require_compatible("SHA256WITHRSA", None)


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_sign_every_algorithm_of_the_key_verifies(kind: str) -> None:
    name = algorithms.key_algorithm_of(key(kind).public_key())
    for algorithm in algorithms.valid_signing_algorithms(name or ""):
        made = signed.sign(b"\x30\x00", key(kind), algorithm)
        assert made.startswith(b"\x30")
        assert algorithms.SIGNING_ALGORITHMS[algorithm].identifier_der in made


def test_verifies_key_of_another_kind_verifies_nothing() -> None:
    assert not signed.verifies(key("Ed25519").public_key(), b"", b"", "SHA256WITHRSA")


def test_certificate_whose_signature_has_an_unused_bit_does_not_verify() -> None:
    made = with_unused_bit(partial(signed.sign, b"\x30\x00", key(), "SHA256WITHECDSA"))
    assert not signed.verifies_certificate(key().public_key(), made)
