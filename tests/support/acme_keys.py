"""Keys of ACME clients, and what they sign: well-formed requests, which tests then spoil."""

from __future__ import annotations

import hmac
import json
from functools import lru_cache
from typing import Any

from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from chalicelib import jose

URL = "https://ca.example.test/acme/web/new-order"
ACCOUNT_URL = "https://ca.example.test/acme/web/account/1"
NONCE = "oFvnlFP1wIhRlYS2jTaXbA"
CONTENT_TYPE = "application/jose+json"


class ClientKey:
    """A private key with its algorithm."""

    def __init__(self, alg: str, key: Key) -> None:
        self.alg, self._key = alg, key
        self.jwk: dict[str, Any] = {
            name: value
            for name, value in key.as_dict(private=False).items()
            if name in {"kty", "crv", "n", "e", "x", "y"}
        }

    @property
    def private_jwk(self) -> dict[str, Any]:
        return dict(self._key.as_dict(private=True))

    def signature(self, signing_input: bytes) -> bytes:
        return JWSRegistry.algorithms[self.alg].sign(signing_input, self._key)

    def jws(self, protected: dict[str, Any] | bytes, payload: Any) -> dict[str, str]:
        """Sign a payload as it is, or as JSON if it is not bytes."""
        header = protected if isinstance(protected, bytes) else json.dumps(protected).encode()
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        first, second = jose.encode(header), jose.encode(content)
        signature = jose.encode(self.signature(f"{first}.{second}".encode()))
        return {"protected": first, "payload": second, "signature": signature}

    def request(self, payload: Any = b"", *, url: str = URL, kid: str | None = None, **header: Any) -> dict[str, str]:
        """A well-formed request: by its key, or by the account's URL; `header` adds to it."""
        named = {"jwk": self.jwk} if kid is None else {"kid": kid}
        return self.jws({"alg": self.alg, "nonce": NONCE, "url": url, **named, **header}, payload)


@lru_cache(maxsize=16)
def key(alg: str = "ES256", name: str = "account") -> ClientKey:
    """A key of an algorithm; the same for the same name."""
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    if alg in curves:
        return ClientKey(alg, ECKey.generate_key(curves[alg]))
    return ClientKey(alg, RSAKey.generate_key(2048) if alg == "RS256" else OKPKey.generate_key("Ed25519"))


def imported(alg: str, jwk: dict[str, Any]) -> ClientKey:
    return ClientKey(alg, JWKRegistry.import_key(jwk))


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def mac_jws(secret: bytes, protected: dict[str, Any], payload: Any, digest: str = "sha256") -> dict[str, str]:
    """A JWS with a MAC, such as an externalAccountBinding."""
    first, second = jose.encode(json.dumps(protected).encode()), jose.encode(json.dumps(payload).encode())
    mac = hmac.digest(secret, f"{first}.{second}".encode(), digest)
    return {"protected": first, "payload": second, "signature": jose.encode(mac)}
