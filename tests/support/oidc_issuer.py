"""An OIDC issuer on this machine, with tokens like those of GitHub Actions; and tokens that nobody should believe."""

from __future__ import annotations

import hmac
import json
import threading
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

if TYPE_CHECKING:
    from datetime import datetime
    from ssl import SSLContext

    from joserfc.jwk import Key

AUDIENCE = "sts.amazonaws.com"
SUBJECT = "repo:org/repo:ref:refs/heads/main"
# One key of each kind; made once, because an RSA key takes long.
KEYS: dict[str, Key] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "p-256"}),
    "ES384": ECKey.generate_key("P-384", {"kid": "p-384"}),
    "ES512": ECKey.generate_key("P-521", {"kid": "p-521"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
KEYS |= dict.fromkeys(("RS384", "RS512"), KEYS["RS256"])
REGISTRY = jws.JWSRegistry(algorithms=list(jws.JWSRegistry.algorithms), strict_check_header=False)


def public(*keys: Key, **members: Any) -> str:
    """A set of public keys."""
    return json.dumps({"keys": [key.as_dict(private=False) | members for key in keys]})


ALL_KEYS = public(*{key.kid: key for key in KEYS.values()}.values())


class Issuer:
    """A server that answers with its configuration and its keys, and counts how often it is asked.

    Args:
        tls: speaks TLS, as localhost.
    """

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.answers: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                answer = issuer.answers.get(self.path, 404)
                status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.name = f"{'localhost' if tls else '127.0.0.1'}:{self._server.server_port}"
        self.url = f"{'https' if tls else 'http'}://{self.name}"
        self.serve(ALL_KEYS)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, keys: str, **configuration: Any) -> None:
        """Answer with these keys from now on."""
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | configuration
        self.answers = {"/.well-known/openid-configuration": json.dumps(found).encode(), "/keys": keys.encode()}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def claims(self, now: datetime, **more: Any) -> dict[str, Any]:
        """What GitHub Actions says of a job, with changes; None removes a claim."""
        moment = int(now.timestamp())
        given = {
            "jti": "6f1c1a5e", "iss": self.url, "aud": AUDIENCE, "sub": SUBJECT,
            "iat": moment - 5, "nbf": moment - 305, "exp": moment + 295,
            "repository": "org/repo", "ref": "refs/heads/main", "runner_environment": "github-hosted",
        } | more  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    def token(self, now: datetime, **more: Any) -> str:
        return sign(self.claims(now, **more))


def sign(claims: Any, *, alg: str = "RS256", key: Key | None = None, **header: Any) -> str:
    """A token; the header may say anything."""
    key = key or KEYS[alg]
    protected = {"typ": "JWT", "alg": alg, "kid": key.kid, "x5t": "abc"} | header
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(
        {name: value for name, value in protected.items() if value is not None}, payload, key, registry=REGISTRY
    )


def sign_eddsa(claims: Any) -> str:
    """A token of the algorithm's former name, with which joserfc would sign only under protest."""
    token = sign(claims, alg="Ed25519")
    header = {"alg": "EdDSA", "kid": "ed"}
    signed = f"{_part(header)}.{token.split('.')[1]}"
    key: Any = KEYS["Ed25519"].private_key
    return f"{signed}.{urlsafe_b64encode(key.sign(signed.encode())).decode().rstrip('=')}"


def by_hmac(claims: Any, secret: bytes) -> str:
    """A token of HS256 with what everybody knows as its secret, for which joserfc makes no key."""
    signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(claims)}"
    return f"{signed}.{urlsafe_b64encode(hmac.digest(secret, signed.encode(), 'sha256')).decode().rstrip('=')}"


def _part(content: Any) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
