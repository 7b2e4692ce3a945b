"""Signed requests: one strict form of JWS, read before anything is looked up, and verified before anything is done.

A request's own form is checked first, then its nonce and URL by the caller, and its signature once the key is known.
Nested JWS (key change, external account binding) follow the same rules with other header parameters.

Source: RFC 7515 sections 3, 4 and 7.2.2; RFC 8555 sections 6.2 to 6.5, 7.3.4 and 7.3.5; RFC 8725.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from chalicelib import jose
from chalicelib.acme.problems import AcmeProblem
from chalicelib.pki.x509 import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

CONTENT_TYPE = "application/jose+json"
MAX_BYTES, _MOST_HEADER = 65_536, 8192
ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "EdDSA")
MAC_ALGORITHMS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_MOST_RSA_BITS = 4096
_MOST_TEXT = 2048  # characters of a URL, a kid or a nonce
MEMBERS = ("payload", "protected", "signature")
_OTHER_FORMS = frozenset({"header", "signatures"})  # unprotected, or of several signatures
# They name another key than jwk and kid do, or change what is signed; no client of ACME uses them.
_REFUSED = ("crit", "b64", "jku", "x5u", "x5c", "x5t", "x5t#S256")
_WRONG_MAC = "The externalAccountBinding has an unknown key identifier or a wrong MAC."


class Signed(NamedTuple):
    """A well-formed JWS whose signature is not yet verified.

    Attributes:
        payload: decoded; empty for POST-as-GET.
        signing_input: the bytes that the signature covers.
        jwk: the key as it was sent; `public_key` checks it. None: `kid` names the key.
        nonce: empty in nested JWS, which have none.
    """

    protected: dict[str, Any]
    payload: bytes
    signature: bytes
    signing_input: bytes
    jwk: dict[str, Any] | None
    kid: str | None
    nonce: str
    url: str

    @property
    def alg(self) -> str:
        """The algorithm, which is one of those accepted."""
        return str(self.protected["alg"])


def parse(content_type: str, body: bytes) -> Signed:
    """Read the body of a request.

    Raises:
        AcmeProblem: `malformed`, with the rule; `badSignatureAlgorithm`.
    """
    if content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise AcmeProblem("malformed", f"The Content-Type must be {CONTENT_TYPE}.", status=415)
    if len(body) > MAX_BYTES:
        raise AcmeProblem("malformed", f"The body must have at most {MAX_BYTES} bytes.", status=413)
    signed = _read(_object("The body", body), "JWS", ALGORITHMS)
    if not signed.nonce:
        raise AcmeProblem("badNonce", "The protected header must have a nonce; use the one in this answer.")
    if (signed.jwk is None) == (signed.kid is None):
        raise AcmeProblem("malformed", "The protected header must have either jwk or kid, not both.")
    return signed


def _object(what: str, content: bytes) -> dict[str, Any]:
    try:
        return jose.json_object(content)
    except ValueError as error:
        raise AcmeProblem("malformed", f"{what} is malformed. {error}") from None


def decoded(what: str, text: Any) -> bytes:
    """Decode a member in base64url; raises `AcmeProblem` if it is malformed."""
    try:
        return jose.decode(text)
    except ValueError as error:
        raise AcmeProblem("malformed", f"{what} is malformed. {error}") from None


def _read(document: Any, what: str, algorithms: tuple[str, ...]) -> Signed:
    """Read a flattened JWS with one protected header; the caller checks which of jwk, kid and nonce it must have.

    Members that RFC 7515 does not define are ignored, as its section 7.2.1 wants.
    """
    if not isinstance(document, dict) or not set(document) >= set(MEMBERS) or set(document) & _OTHER_FORMS:
        raise AcmeProblem(
            "malformed", f"The {what} must have the members protected, payload and signature, and no other of a JWS."
        )
    parts = {name: decoded(f"The {name} of the {what}", document[name]) for name in MEMBERS}
    if len(parts["protected"]) > _MOST_HEADER:
        raise AcmeProblem("malformed", f"The protected header of the {what} must have at most {_MOST_HEADER} bytes.")
    header = _object(f"The protected header of the {what}", parts["protected"])
    _check_algorithm(header.get("alg"), what, algorithms)
    if refused := next((name for name in _REFUSED if name in header), ""):
        raise AcmeProblem("malformed", f"The {what} must not have the header parameter {refused}.")
    jwk = header.get("jwk")
    if "jwk" in header and not isinstance(jwk, dict):
        raise AcmeProblem("malformed", f"The jwk of the {what} must be a JSON object.")
    kid, nonce, url = (_text(header, name, what) for name in ("kid", "nonce", "url"))
    if url is None:
        raise AcmeProblem("malformed", f"The {what} must have the header parameter url.")
    if nonce is not None:
        decoded("The nonce", nonce)
    signing_input = f"{document['protected']}.{document['payload']}".encode()
    return Signed(header, parts["payload"], parts["signature"], signing_input, jwk, kid, nonce or "", url)


def _check_algorithm(alg: Any, what: str, algorithms: tuple[str, ...]) -> None:
    if not isinstance(alg, str):
        raise AcmeProblem("malformed", f"The {what} must have the header parameter alg, as text.")
    if alg not in algorithms:
        raise AcmeProblem(
            "badSignatureAlgorithm", f"The alg must be one of {', '.join(algorithms)}.", algorithms=algorithms
        )


def _text(header: dict[str, Any], name: str, what: str) -> str | None:
    """Return a header parameter that is text; None if it is missing."""
    value = header.get(name)
    if name in header and not (isinstance(value, str) and 0 < len(value) <= _MOST_TEXT):
        raise AcmeProblem(
            "malformed", f"The header parameter {name} of the {what} must be text of 1 to {_MOST_TEXT} characters."
        )
    return value


def check_url(signed: Signed, url: str) -> None:
    """Refuse a request that was signed for another URL (RFC 8555 section 6.4)."""
    if signed.url != url:
        raise AcmeProblem("unauthorized", "The url of the protected header is not the URL of this request.")


def payload_object(signed: Signed) -> dict[str, Any]:
    """Read the payload of a request that is not a POST-as-GET."""
    if not signed.payload:
        raise AcmeProblem("malformed", "The payload must be a JSON object, but it is empty.")
    return _object("The payload", signed.payload)


# keys


def public_key(jwk: Any) -> dict[str, str]:
    """Check a public key at a bounded cost, and return its required members.

    Raises:
        AcmeProblem: `badPublicKey`, with the rule.
    """
    try:
        members = jose.public_members(jwk, most_bits=_MOST_RSA_BITS)
        key = _native(members)
        if members["kty"] == "RSA":
            keys.check_public_key(key)
    except ValueError as error:
        raise AcmeProblem("badPublicKey", str(error)) from None
    return members


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the thumbprint of a checked key (RFC 7638)."""
    return jose.thumbprint(jwk)


def thumbprint_of(key: PublicKeyTypes) -> str:
    """Return the thumbprint that a public key has as a JWK; empty for a key that no account can have."""
    return jose.thumbprint_of(key)


def key_sha256(jwk: dict[str, str]) -> str:
    """Return the hash of a checked key as `pki.x509.keys.key_sha256` computes it for certificates and CSRs."""
    return keys.key_sha256(_native(jwk))


def _native(members: dict[str, str]) -> PublicKeyTypes:
    return cast("PublicKeyTypes", jose.import_key(members).get_op_key("verify"))


def verify(signed: Signed, jwk: dict[str, str]) -> None:
    """Verify a signature with a checked key.

    Raises:
        AcmeProblem: `badSignatureAlgorithm`: the algorithm is not the key's; `malformed`: it does not verify.
    """
    kind = jwk["kty"], jwk.get("crv", "")
    if jose.ALGORITHMS[signed.alg] != kind:
        fitting = tuple(alg for alg in ALGORITHMS if jose.ALGORITHMS[alg] == kind)
        raise AcmeProblem(
            "badSignatureAlgorithm",
            f"The alg {signed.alg} does not fit the key, which signs with {', '.join(fitting)}.",
            algorithms=fitting,
        )
    if not jose.verify(signed.alg, jose.import_key(jwk), signed.signing_input, signed.signature):
        raise AcmeProblem("malformed", "The signature does not verify.")


# nested JWS


def key_change(payload: dict[str, Any], *, url: str, account_url: str, account_key: dict[str, str]) -> dict[str, str]:
    """Verify a change of an account's key, and return the new key (RFC 8555 section 7.3.5).

    Args:
        payload: of the outer JWS, which the account's key has signed.
        url: of the outer JWS.
        account_url: the kid of the outer JWS.
        account_key: the present key, checked.

    Raises:
        AcmeProblem: `malformed`, `badPublicKey` or `badSignatureAlgorithm`.
    """
    inner = _read(payload, "inner JWS", ALGORITHMS)
    if inner.jwk is None or inner.kid is not None:
        raise AcmeProblem("malformed", "The inner JWS must have jwk, the new key, and no kid.")
    _check_nested(inner, "inner JWS", url)
    new_key = public_key(inner.jwk)
    verify(inner, new_key)
    change = _object("The payload of the inner JWS", inner.payload)
    if change.get("account") != account_url:
        raise AcmeProblem("malformed", "The account of the inner JWS must be the kid of the outer one.")
    if public_key(change.get("oldKey")) != account_key:
        raise AcmeProblem("malformed", "The oldKey of the inner JWS must be the present key of the account.")
    return new_key


def external_account(
    binding: Any, *, url: str, account_key: dict[str, str], mac_key: Callable[[str], bytes | None]
) -> str:
    """Verify the external account binding of a new account, and return its key identifier (RFC 8555 section 7.3.4).

    Args:
        binding: the member `externalAccountBinding`.
        url: of the outer JWS.
        account_key: the jwk of the outer JWS, checked.
        mac_key: returns the MAC key of a key identifier; None if unknown, which is answered as a wrong MAC is.

    Raises:
        AcmeProblem: `malformed`; `unauthorized`: the MAC is wrong; `badSignatureAlgorithm`.
    """
    what = "externalAccountBinding"
    signed = _read(binding, what, tuple(MAC_ALGORITHMS))
    if signed.kid is None or signed.jwk is not None:
        raise AcmeProblem("malformed", f"The {what} must have kid, and no jwk.")
    _check_nested(signed, what, url)
    if public_key(_object(f"The payload of the {what}", signed.payload)) != account_key:
        raise AcmeProblem("malformed", f"The payload of the {what} must be the key of the request.")
    key = mac_key(signed.kid) or secrets.token_bytes(32)
    mac = hmac.digest(key, signed.signing_input, MAC_ALGORITHMS[signed.alg])
    if not hmac.compare_digest(mac, signed.signature):
        raise AcmeProblem("unauthorized", _WRONG_MAC)
    return signed.kid


def _check_nested(signed: Signed, what: str, url: str) -> None:
    if signed.nonce:
        raise AcmeProblem("malformed", f"The {what} must not have a nonce.")
    if signed.url != url:
        raise AcmeProblem("malformed", f"The url of the {what} must be that of the request.")
