"""What many cases do on the way: fulfil a challenge, and have a certificate issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from tests.acme_conformance.acme import Account, Order, challenge, ok
from tests.acme_conformance.certificates import csr, new_key, self_signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.acme_conformance.responder import Responder


def key_authorization(account: Account, found: dict[str, Any]) -> str:
    return f"{found['token']}.{account.key.thumbprint}"


def provision(responder: Responder, account: Account, authorization: dict[str, Any], kind: str) -> dict[str, Any]:
    """Put what a challenge asks for, and return the challenge."""
    found = challenge(authorization, kind)
    text, name = key_authorization(account, found), authorization["identifier"]["value"]
    if kind == "http-01":
        responder.put_page(found["token"], text.encode())
    elif kind == "dns-01":
        responder.put_txt(name, text)
    else:
        responder.put_certificate(name, *self_signed(name, authorization=text))
    return found


def respond(account: Account, url: str, found: dict[str, Any], *until: str) -> dict[str, Any]:
    """Tell the server that a challenge is ready, and return the authorization once it has a status."""
    ok(account.post(found["url"], {}))
    return account.wait(url, *(until or ("valid", "invalid")))


def attempt(account: Account, url: str, found: dict[str, Any]) -> dict[str, Any]:
    """Respond to a challenge, and return how it ended."""
    authorization = respond(account, url, found)
    return challenge(authorization, found["type"])


def make_ready(responder: Responder, order: Order, kind: str = "http-01") -> Order:
    """Fulfil the challenges of an order."""
    for url, authorization in order.authorizations():
        if authorization["status"] == "pending":
            found = provision(responder, order.account, authorization, kind)
            done = respond(order.account, url, found)
            assert done["status"] == "valid", done
    order.account.wait(order.url, "ready")
    return order


@dataclass
class Issued:
    """A certificate with its key and chain."""

    order: Order
    key: ec.EllipticCurvePrivateKey
    url: str
    chain: list[x509.Certificate]

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]


def finish(order: Order, *names: str) -> Issued:
    """Finalize an order that is ready, and fetch the certificate."""
    key = new_key()
    wanted = names or tuple(each["value"] for each in order.body["identifiers"])
    ok(order.finalize(csr(*wanted, key=key)))
    done = order.account.wait(order.url, "valid", "invalid")
    assert done["status"] == "valid", done
    answer = ok(order.account.fetch(done["certificate"]))
    return Issued(order, key, done["certificate"], x509.load_pem_x509_certificates(answer.body))


def issue(responder: Responder, account: Account, *names: str, **more: Any) -> Issued:
    """Order, validate by http-01, finalize and fetch."""
    return finish(make_ready(responder, account.order(*names, **more)))


def ip_order(account: Account) -> Order:
    """Return an order of the IP address; skip if the server issues none for it."""
    answer = account.ask(identifiers=[{"type": "ip", "value": account.server.ip}])
    if answer.error in {"rejectedIdentifier", "unsupportedIdentifier"}:
        pytest.skip(f"the server does not issue for {account.server.ip}: {answer.error}")
    return Order(account, ok(answer, 201).header("Location"), answer.json, answer)
