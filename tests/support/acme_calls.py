"""An ACME client in the process of a test: signs requests and passes them to the protocol, as the app does."""

from __future__ import annotations

import ipaddress
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC

from chalicelib.acme import bindings, directories, protocol
from chalicelib.acme_records import AcmeBinding, AcmeDirectory
from chalicelib.api.sigv4 import WireRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.bindings import Made
    from chalicelib.runtime import Runtime

HOST = "127.0.0.1:8000"
BASE = f"http://{HOST}"


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
    }


def signed(key: ec.EllipticCurvePrivateKey, header: dict[str, Any], payload: Any) -> bytes:
    """Return a flattened JWS; a payload of None is that of POST-as-GET."""
    protected = b64(json.dumps({"alg": "ES256", **header}).encode())
    content = "" if payload is None else b64(json.dumps(payload).encode())
    r, s = decode_dss_signature(key.sign(f"{protected}.{content}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return json.dumps({"protected": protected, "payload": content, "signature": signature}).encode()


def external(made: Made, key: ec.EllipticCurvePrivateKey, url: str) -> dict[str, str]:
    """Return an external account binding."""
    protected = b64(json.dumps({"alg": "HS256", "kid": made.binding.name, "url": url}).encode())
    payload = b64(json.dumps(jwk(key)).encode())
    padded = made.hmac_key + "=" * (-len(made.hmac_key) % 4)
    mac = HMAC(urlsafe_b64decode(padded), hashes.SHA256())
    mac.update(f"{protected}.{payload}".encode())
    return {"protected": protected, "payload": payload, "signature": b64(mac.finalize())}


def csr(names: Sequence[str], key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Return a CSR for DNS names and addresses in DER."""

    def general(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=True)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def kind(self) -> str:
        """The type of a problem document, without its prefix."""
        return str(self.body["type"]).rpartition(":")[2]


@dataclass
class AcmeClient:
    """A client of one directory."""

    rt: Runtime
    directory: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    kid: str = ""
    source: str = ""  # its address

    def url(self, path: str) -> str:
        return f"{BASE}/acme/{self.directory}/{path}"

    def send(self, method: str, url: str, body: bytes = b"", content_type: str = "application/jose+json") -> Got:
        path, _, query = url.removeprefix(BASE).partition("?")
        headers = (("host", HOST), ("content-type", content_type), ("content-length", str(len(body))))
        request = WireRequest(method=method, path=path, query=query, headers=headers, body=body, source_ip=self.source)
        answer = protocol.answer(self.rt, request, tuple(path.removeprefix("/acme/").split("/")))
        return Got(answer.status, dict(answer.headers), answer.body)

    def get(self, path: str) -> Got:
        return self.send("GET", self.url(path))

    def nonce(self) -> str:
        return self.get("new-nonce").headers["Replay-Nonce"]

    def header(self, url: str) -> dict[str, Any]:
        who: dict[str, Any] = {"kid": self.kid} if self.kid else {"jwk": jwk(self.key)}
        return {"nonce": self.nonce(), "url": url, **who}

    def post(self, path_or_url: str, payload: Any = None) -> Got:
        url = path_or_url if path_or_url.startswith("http") else self.url(path_or_url)
        return self.send("POST", url, signed(self.key, self.header(url), payload))

    def register(self, made: Made | None = None, **members: Any) -> Got:
        bound = {"externalAccountBinding": external(made, self.key, self.url("new-account"))} if made else {}
        got = self.post("new-account", {"termsOfServiceAgreed": True, **bound, **members})
        if got.status < 300:
            self.kid = got.headers["Location"]
        return got

    def order(self, *names: str, **members: Any) -> Got:
        kinds = [{"type": "ip" if name.replace(".", "").isdigit() else "dns", "value": name} for name in names]
        return self.post("new-order", {"identifiers": kinds, **members})

    def finalize(self, order: Got, *names: str) -> Got:
        wanted = names or [each["value"] for each in order.body["identifiers"]]
        return self.post(order.body["finalize"], {"csr": b64(csr(wanted))})


def ordered(rt: Runtime, ca_arn: str, *names: str, name: str = "web") -> AcmeClient:
    """Create a directory with a binding, and get a certificate for names from it without a challenge."""
    directory = made_directory(rt, rt.settings.account_id, ca_arn, name)
    client = AcmeClient(rt, name)
    client.register(made_binding(rt, directory, *names, preauthorized=True))
    assert client.finalize(client.order(*names)).body["status"] == "valid"
    return client


def made_directory(rt: Runtime, owner: str, ca_arn: str, name: str = "test", **members: Any) -> AcmeDirectory:
    """Create a directory."""
    now = rt.now()
    directory = AcmeDirectory(
        name=name, owner=owner, directory_id="", ca_arn=ca_arn, profiles=(), created_at=now, changed_at=now
    )
    return directories.create(rt, replace(directory, **members))


def made_binding(rt: Runtime, directory: AcmeDirectory, *names: str, **members: Any) -> Made:
    """Create an external account binding for names."""
    now = rt.now()
    template = AcmeBinding(
        account_id=directory.owner,
        name="",
        directory="",
        directory_id="",
        principal="",
        names=names or ("*.example.test",),
        created_at=now,
        changed_at=now,
    )
    return bindings.create(rt, directory, replace(template, **members))
