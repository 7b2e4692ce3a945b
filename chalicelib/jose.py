"""What OIDC and ACME share of JOSE: strict base64url and JSON, algorithms, public keys, signatures.

Everything here raises `ValueError` with a sentence that names the broken rule.

Source: RFC 7515 section 2; RFC 7517; RFC 7518 sections 3 and 6; RFC 7638; RFC 8037; RFC 8259; RFC 8725.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from joserfc.jwk import Key

MAX_DEPTH = 32
_MOST_DIGITS = 1000
# The key type and curve of each algorithm. No algorithm has octet keys, with which a verifier could also sign.
ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
MIN_RSA_BITS = 2048
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_COORDINATE_BYTES = {("EC", "P-256"): 32, ("EC", "P-384"): 48, ("EC", "P-521"): 66, ("OKP", "Ed25519"): 32}
_MOST_NUMBER = 1400  # characters: 8192 bits and some


# texts


def encode(content: bytes) -> str:
    """Write base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: Any) -> bytes:
    """Read base64url in its one spelling: no padding, no other characters, no bits left over."""
    if not isinstance(text, str) or _ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        raise ValueError("It is not base64url without padding.")
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(content) != text:
        raise ValueError("It is not the canonical base64url of any octets: its last character has bits left over.")
    return content


def json_object(content: bytes) -> dict[str, Any]:
    """Read a JSON object on which all readers agree, nested `MAX_DEPTH` deep at most."""
    try:
        found = _DECODER.decode(content.decode())
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise ValueError("It is not UTF-8.") from None
    except UnicodeEncodeError:
        raise ValueError("It contains half of a surrogate pair, which is no character.") from None
    except json.JSONDecodeError:
        raise ValueError("It is not JSON.") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if not isinstance(found, dict):
        raise ValueError("It is not a JSON object.")  # noqa: TRY004  one error for all documents
    _check_depth(found)
    return found


_TOO_DEEP = f"It is nested more than {MAX_DEPTH} deep."


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a member that appears twice: readers differ in which one they take."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("It has a member twice.")
    return dict(pairs)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON.")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"It has a number of more than {_MOST_DIGITS} digits.")
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("It has a number that is too large.")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse, parse_int=_integer, parse_float=_float)


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(MAX_DEPTH):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


# keys


def check_rsa(modulus: int, exponent: int, *, most_bits: int) -> None:
    """Refuse an RSA key that is weak, or slow to verify with."""
    if not MIN_RSA_BITS <= modulus.bit_length() <= most_bits:
        raise ValueError(f"The RSA modulus must have {MIN_RSA_BITS} to {most_bits} bits.")
    if not 3 <= exponent < 1 << 32 or exponent % 2 == 0:
        raise ValueError("The RSA exponent must be odd, at least 3 and less than 2^32.")


def public_members(jwk: Any, *, most_bits: int) -> dict[str, str]:
    """Check the form of a public JWK and reduce it to the members that make its thumbprint.

    `import_key` says whether its numbers are a key.

    Args:
        jwk: what somebody sent.
        most_bits: of an RSA modulus.
    """
    if not isinstance(jwk, dict):
        raise ValueError("A JWK must be a JSON object.")  # noqa: TRY004  one error for all keys
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _MEMBERS:
        raise ValueError(f"The kty of a key must be one of {', '.join(_MEMBERS)}.")
    if private := sorted(_PRIVATE & set(jwk)):
        raise ValueError(f"A public key must not have the member {private[0]}.")
    if jwk.get("use", "sig") != "sig":
        raise ValueError("The use of a key that signs must be sig.")
    members = {name: jwk.get(name) for name in _MEMBERS[kty]}
    if not all(isinstance(value, str) and len(value) <= _MOST_NUMBER for value in members.values()):
        raise ValueError(f"A key of kty {kty} must have the members {', '.join(members)}, each a text.")
    found = {name: str(value) for name, value in members.items()}
    if kty == "RSA":
        check_rsa(_number(found["n"], "n"), _number(found["e"], "e"), most_bits=most_bits)
    else:
        _check_point(kty, found)
    return {"kty": kty, **found}


def _number(text: str, name: str) -> int:
    octets = _decoded(text, name)
    if not octets or not octets[0]:
        raise ValueError(f"The member {name} of a key must be a number without leading zero octets.")
    return int.from_bytes(octets, "big")


def _decoded(text: str, name: str) -> bytes:
    try:
        return decode(text)
    except ValueError as error:
        raise ValueError(f"The member {name} of a key is malformed. {error}") from None


def _check_point(kty: str, members: dict[str, str]) -> None:
    size = _COORDINATE_BYTES.get((kty, members["crv"]))
    if size is None:
        curves = ", ".join(curve for kind, curve in _COORDINATE_BYTES if kind == kty)
        raise ValueError(f"The crv of a key of kty {kty} must be one of {curves}.")
    for name in ("x", "y") if kty == "EC" else ("x",):
        if len(_decoded(members[name], name)) != size:
            raise ValueError(f"The member {name} of a key must have {size} octets.")
    if kty == "OKP" and not _is_edwards_point(decode(members["x"])):
        raise ValueError("The member x of a key is not a point of the curve Ed25519 that a private key could have.")


_P = (1 << 255) - 19
_D = -121665 * pow(121666, -1, _P) % _P
_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _EIGHTH, _P - _EIGHTH})  # the y of the eight points of small order


def _is_edwards_point(octets: bytes) -> bool:
    """Tell whether octets encode a point as RFC 8032 section 5.1.3 wants it, and not one of small order."""
    y = int.from_bytes(octets, "little") & ((1 << 255) - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(square, (_P - 1) // 2, _P) == 1


def import_key(members: dict[str, Any]) -> Key:
    """Make a key from the members of a public JWK; for a point that is not on its curve, raise."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        return JWKRegistry.import_key(members)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        raise ValueError("The numbers of the key are not a key: a point may be off its curve.") from None


def thumbprint(members: dict[str, str]) -> str:
    """Return the SHA-256 thumbprint of what `public_members` returned (RFC 7638)."""
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(canonical.encode()).digest())


def thumbprint_of(key: PublicKeyTypes) -> str:
    """Return the thumbprint of a public key as a JWK; empty if no algorithm here takes its kind."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    kinds = {"RSA": RSAPublicKey, "EC": EllipticCurvePublicKey, "OKP": Ed25519PublicKey}
    kind = next((name for name, made in kinds.items() if isinstance(key, made)), "")
    try:
        found = JWKRegistry.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), kind)
        return found.thumbprint() if kind else ""
    except (JoseError, ValueError, KeyError):  # of a curve that JOSE does not know
        return ""


def verify(alg: str, key: Key, signing_input: bytes, signature: bytes) -> bool:
    """Tell whether a key made a signature; the caller has held the key against `ALGORITHMS`."""
    from joserfc.jws import JWSRegistry

    return bool(JWSRegistry.algorithms[alg].verify(signing_input, signature, key))
