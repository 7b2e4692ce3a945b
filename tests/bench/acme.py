"""A whole ACME order with http-01 over loopback, Signet beside pebble under the same client.

What counts is the time in which the client waits for the server, from the new order to the certificate: answers, and
the pauses between polls. The client's own work, such as signing, does not count; what it answers to validation does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import shutil
import ssl
import statistics
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_csr

from tests.acme_clients.servers import running
from tests.bench.report import Row
from tests.support.builders import csr

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acme_clients.servers import Binding
    from tests.bench.sizes import Sizes
    from tests.support.challenge_responder import ChallengeResponder

# Each account stays within its request rate; its first order, for which the server may still be cold, does not count.
ACCOUNTS, ORDERS = 7, 10
_POLL_SECONDS = 0.002


def acme(work: Path, _sizes: Sizes) -> list[Row]:
    """Orders of each server in turn; the median of an order in milliseconds, and how many requests it took."""
    found: dict[str, list[float]] = {}
    requests = 0
    for name in ("signet", "pebble") if shutil.which("pebble") else ("signet",):
        folder = work / name
        folder.mkdir()
        with running(name, folder, answers_http=True) as server:
            for _ in range(ACCOUNTS):
                client = Client(server.binding(), server.ca_file, server.network.responder)
                times = [client.order(f"host-{number}.example.test") for number in range(ORDERS)]
                found[name] = found.get(name, []) + [1000 * each for each in times[1:]]
                requests = requests or client.requests // ORDERS
    signet = sorted(found.pop("signet"))
    return [
        Row(
            f"an ACME order with http-01, {requests} requests",
            statistics.median(signet),
            "ms",
            p50=statistics.median(signet),
            p99=signet[int(0.99 * len(signet))],
            peers={name: statistics.median(times) for name, times in found.items()},
            more_is_better=False,
        )
    ]


class Client:
    """An account of an ACME server, on one connection."""

    def __init__(self, binding: Binding, ca_file: Path, responder: ChallengeResponder) -> None:
        address = urlsplit(binding.directory)
        context = ssl.create_default_context(cafile=ca_file)
        self._connection = http.client.HTTPSConnection(address.netloc, context=context, timeout=20)
        self._responder, self.requests, self._waited, self._nonce = responder, 0, 0.0, ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        self._jwk = {"crv": "P-256", "kty": "EC", "x": _b64(numbers.x.to_bytes(32)), "y": _b64(numbers.y.to_bytes(32))}
        self._thumbprint = _b64(hashlib.sha256(_json(self._jwk)).digest())
        self._csr_key = ec.generate_private_key(ec.SECP256R1())
        self._identified: dict[str, Any] = {"jwk": self._jwk}
        self._directory = json.loads(self._exchange("GET", binding.directory)[1])
        self._exchange("HEAD", self._directory["newNonce"])
        headers, _ = self._post(
            self._directory["newAccount"],
            {"termsOfServiceAgreed": True, "externalAccountBinding": self._bound(binding)},
        )
        self._identified, self.requests = {"kid": headers["Location"]}, 0

    def order(self, name: str) -> float:
        """Order a certificate for a name; returns the seconds that the server took."""
        self._waited = 0.0
        headers, order = self._post(self._directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
        place = headers["Location"]
        _, authorization = self._post(order["authorizations"][0])
        challenge = next(each for each in authorization["challenges"] if each["type"] == "http-01")
        self._responder.set_http(challenge["token"], f"{challenge['token']}.{self._thumbprint}")
        self._post(challenge["url"], {})
        self._until(order["authorizations"][0], "valid")
        request = load_pem_x509_csr(csr(name, key=self._csr_key, dns_names=[name])).public_bytes(Encoding.DER)
        self._post(order["finalize"], {"csr": _b64(request)})
        finished = self._until(place, "valid")
        self._exchange("POST", finished["certificate"], self._signed(finished["certificate"], None))
        return self._waited

    def _until(self, url: str, status: str) -> Any:
        while (found := self._post(url)[1])["status"] != status:
            assert found["status"] in {"pending", "processing", "ready"}, found
            time.sleep(_POLL_SECONDS)
            self._waited += _POLL_SECONDS
        return found

    def _post(self, url: str, payload: Any = None) -> tuple[http.client.HTTPMessage, Any]:
        headers, body = self._exchange("POST", url, self._signed(url, payload))
        return headers, json.loads(body)

    def _exchange(self, method: str, url: str, body: bytes | None = None) -> tuple[http.client.HTTPMessage, bytes]:
        begun = time.perf_counter()
        kind = {"Content-Type": "application/jose+json"} if body else {}
        self._connection.request(method, urlsplit(url).path, body, kind)
        answer = self._connection.getresponse()
        content = answer.read()
        self._waited += time.perf_counter() - begun
        self.requests += 1
        assert answer.status < 300, content
        self._nonce = answer.headers.get("Replay-Nonce", self._nonce)
        return answer.headers, content

    def _signed(self, url: str, payload: Any) -> bytes:
        protected = _b64(_json({"alg": "ES256", "nonce": self._nonce, "url": url} | self._identified))
        encoded = "" if payload is None else _b64(_json(payload))
        r, s = decode_dss_signature(self._key.sign(f"{protected}.{encoded}".encode(), ec.ECDSA(hashes.SHA256())))
        signature = _b64(r.to_bytes(32) + s.to_bytes(32))
        return _json({"protected": protected, "payload": encoded, "signature": signature})

    def _bound(self, binding: Binding) -> dict[str, str]:
        protected = _b64(_json({"alg": "HS256", "kid": binding.kid, "url": self._directory["newAccount"]}))
        payload = _b64(_json(self._jwk))
        key = base64.urlsafe_b64decode(binding.hmac_key + "=" * (-len(binding.hmac_key) % 4))
        signature = _b64(hmac.digest(key, f"{protected}.{payload}".encode(), "sha256"))
        return {"protected": protected, "payload": payload, "signature": signature}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
