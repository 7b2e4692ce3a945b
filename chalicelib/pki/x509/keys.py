"""The rules for subject keys: weak keys are not certified.

Source: CA/Browser Forum Baseline Requirements 6.1.1.3 and 6.1.6;
Nemec et al., "The Return of Coppersmith's Attack" (ROCA).
"""

from __future__ import annotations

import hashlib
from math import isqrt, prod
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509.csr_gate import STRICT, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.pki.x509.csr_gate import Gate

    Rule = tuple[Callable[[int, int], bool], str]  # of a modulus and an exponent: whether they break it, and its name

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
LEAST_RSA_BITS = 1024  # below it libraries refuse to verify
MAX_TESTED_BITS = 4096
FERMAT_ROUNDS = 100
USUAL_EXPONENT = 65537
_USUAL = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_EVEN, _ODD = 0x02, 0x03  # how a compressed point says which y it has (SEC 1 section 2.3.3)
_CERTIFIED_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_ML_DSA = (mldsa.MLDSA44PublicKey, mldsa.MLDSA65PublicKey, mldsa.MLDSA87PublicKey)


def _primes(limit: int) -> list[int]:
    return [number for number in range(2, limit) if all(number % divisor for divisor in range(2, isqrt(number) + 1))]


_SMALL_PRIMES = _primes(752)
_SMALL_PRODUCT = prod(_SMALL_PRIMES)


def _powers(prime: int) -> frozenset[int]:
    """The subgroup that 65537 generates modulo a prime."""
    powers, value = set(), 1
    while value not in powers:
        powers.add(value)
        value = value * USUAL_EXPONENT % prime
    return frozenset(powers)


_ROCA = {prime: _powers(prime) for prime in _SMALL_PRIMES if 2 < prime <= 167}


class _Curve(NamedTuple):
    """A curve of the API: the prime of its field, and a SubjectPublicKeyInfo with an uncompressed point, up to x."""

    prime: int
    head: bytes


def _curve(oid: str, bits: int, prime: int) -> tuple[int, _Curve]:
    """A curve, by the length of its keys."""
    point = bytes(2 * -(-bits // 8))
    algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(oid))
    spki_der = der.sequence(algorithm, der.bit_string(b"\x04" + point))
    return len(spki_der), _Curve(prime, spki_der[: -len(point)])


# FIPS 186-4 appendix D.1.2; SEC 1 section 2.3.3 for points.
_CURVES = dict(
    (
        _curve("1.2.840.10045.3.1.7", 256, 2**256 - 2**224 + 2**192 + 2**96 - 1),
        _curve("1.3.132.0.34", 384, 2**384 - 2**128 - 2**96 + 2**32 - 1),
        _curve("1.3.132.0.35", 521, 2**521 - 1),
    )
)


def _curve_of(spki_der: bytes) -> _Curve | None:
    """The curve of a key, if it is one of the API's and the point is not compressed."""
    curve = _CURVES.get(len(spki_der))
    return curve if curve is not None and spki_der.startswith(curve.head) else None


def key_sha256(public_key: PublicKeyTypes, spki_der: bytes = b"") -> str:
    """Return the SHA-256 of a key in its usual encoding, in hex: the same however a certificate encodes the key.

    Keys have one hash where whoever knows one private key knows them all: RSA keys of one modulus have that of the
    exponent 65537, and a point of an elliptic curve and its negative have that of the one with an even y. `spki_der` is
    the key as a CSR has it, if that is at hand: it need not be encoded again.
    """
    usual = spki_der if _curve_of(spki_der) else public_key.public_bytes(*_USUAL)
    if curve := _curve_of(usual):
        usual = _with_even_y(usual, curve)
    elif isinstance(public_key, rsa.RSAPublicKey):
        numbers = public_key.public_numbers()
        if numbers.e != USUAL_EXPONENT:
            usual = rsa.RSAPublicNumbers(USUAL_EXPONENT, numbers.n).public_key().public_bytes(*_USUAL)
    elif isinstance(public_key, ec.EllipticCurvePublicKey):  # another curve, which the gate aws takes
        sign, *x = public_key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        if sign == _ODD:
            even = ec.EllipticCurvePublicKey.from_encoded_point(public_key.curve, bytes((_EVEN, *x)))
            usual = even.public_bytes(*_USUAL)
    return hashlib.sha256(usual).hexdigest()


def _with_even_y(spki_der: bytes, curve: _Curve) -> bytes:
    """The key whose point is this one or its negative, whichever has an even y."""
    if not spki_der[-1] & 1:
        return spki_der
    size = (len(spki_der) - len(curve.head)) // 2
    y = curve.prime - int.from_bytes(spki_der[-size:])
    return spki_der[:-size] + y.to_bytes(size)


def is_encoding(spki_der: bytes, public_key: PublicKeyTypes) -> bool:
    """Test that bytes which were read as this key are its usual encoding, or have a compressed point at most."""
    return _curve_of(spki_der) is not None or spki_der in encodings(public_key)


def encodings(public_key: PublicKeyTypes) -> Iterator[bytes]:
    """Yield the SubjectPublicKeyInfo of a key, and of an elliptic curve also that with a compressed point."""
    usual = public_key.public_bytes(*_USUAL)
    yield usual
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        algorithm, _ = der.read(usual).children()
        point = public_key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        yield der.sequence(algorithm.der, der.bit_string(point))


def check_public_key(public_key: PublicKeyTypes, gate: Gate = STRICT) -> None:
    """Refuse a key that must not be used, by the rules that cost next to nothing.

    Raises:
        PkiError: it breaks a rule.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        if refusal := _broken_rule(public_key, _SIZES):
            raise PkiError(refusal)
        refusal = _broken_rule(public_key, _CHEAP_RSA_RULES) if gate == STRICT else ""
        require(gate, refusal, holds=not refusal)
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        if not isinstance(public_key.curve, _CERTIFIED_CURVES):
            refusal = f"The curve {public_key.curve.name} is refused: only P-256, P-384 and P-521 are certified."
            require(gate, refusal, holds=False)
    else:
        refusal = "The key is refused: only RSA, elliptic-curve and ML-DSA keys are certified."
        require(gate, refusal, holds=isinstance(public_key, _ML_DSA))


def check_factors(public_key: PublicKeyTypes, gate: Gate = STRICT) -> None:
    """Refuse an RSA modulus that is a prime or a perfect power: for subscribers' keys, once their holder is proved.

    Raises:
        PkiError: which rule it breaks.
    """
    if isinstance(public_key, rsa.RSAPublicKey) and gate == STRICT:
        refusal = _broken_rule(public_key, _COSTLY_RSA_RULES)
        require(gate, refusal, holds=not refusal)


def _broken_rule(public_key: rsa.RSAPublicKey, rules: tuple[Rule, ...]) -> str:
    """The refusal of the first rule that a key breaks; empty if it breaks none."""
    numbers = public_key.public_numbers()
    return next((f"The RSA key is refused: {rule}." for breaks, rule in rules if breaks(numbers.n, numbers.e)), "")


def _has_small_factor(modulus: int) -> bool:
    remainder = modulus % _SMALL_PRODUCT
    return any(remainder % prime == 0 for prime in _SMALL_PRIMES)


def _is_probable_prime(modulus: int) -> bool:
    """Fermat's test. Its cost grows with the cube of the size, so it stops at MAX_TESTED_BITS."""
    return modulus.bit_length() <= MAX_TESTED_BITS and pow(2, modulus - 1, modulus) == 1


def _has_close_factors(modulus: int) -> bool:
    """Fermat's factorization, and a perfect square as its first step."""
    candidate = isqrt(modulus)
    if candidate * candidate == modulus:
        return True
    for step in range(1, FERMAT_ROUNDS + 1):
        square = (candidate + step) ** 2 - modulus
        if isqrt(square) ** 2 == square:
            return True
    return False


def _is_perfect_power(modulus: int) -> bool:
    """Test for p^k with a prime k above 2; no factor is below 752."""
    exponents = [prime for prime in _SMALL_PRIMES if 2 < prime <= modulus.bit_length() // 9]
    return any(_root(modulus, exponent) ** exponent == modulus for exponent in exponents)


def _root(value: int, degree: int) -> int:
    """The integer part of a root, by Newton's method from above."""
    guess = 1 << -(-value.bit_length() // degree)
    while (better := ((degree - 1) * guess + value // guess ** (degree - 1)) // degree) < guess:
        guess = better
    return guess


def _is_roca(modulus: int) -> bool:
    return all(modulus % prime in powers for prime, powers in _ROCA.items())


# Sizes come first, so that a huge modulus or exponent never reaches the arithmetic, whatever the gate.
_SIZES: tuple[Rule, ...] = (
    (lambda n, _e: n.bit_length() < LEAST_RSA_BITS, f"its modulus has fewer than {LEAST_RSA_BITS} bits"),
    (lambda n, _e: n.bit_length() > MAX_RSA_BITS, f"its modulus has more than {MAX_RSA_BITS} bits"),
    (lambda _n, e: e < 3 or e % 2 == 0, "its exponent is even or below 3"),
    (lambda _n, e: e >= 1 << 256, "its exponent is 2^256 or more"),
)
_CHEAP_RSA_RULES: tuple[Rule, ...] = (
    (lambda n, _e: n.bit_length() < MIN_RSA_BITS, f"its modulus has fewer than {MIN_RSA_BITS} bits"),
    (lambda n, _e: n.bit_length() % 8 != 0, "the size of its modulus is not a multiple of 8 bits"),
    (lambda n, _e: _has_small_factor(n), "its modulus has a factor below 752"),
    (lambda n, _e: _has_close_factors(n), "its factors are too close together"),
    (lambda n, _e: _is_roca(n), "its modulus has the pattern of a weak generator (ROCA)"),
)
_COSTLY_RSA_RULES: tuple[Rule, ...] = (
    (lambda n, _e: _is_perfect_power(n), "its modulus is a perfect power"),
    (lambda n, _e: _is_probable_prime(n), "its modulus is a prime"),
)
