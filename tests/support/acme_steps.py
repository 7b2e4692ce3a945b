"""What ACME clients do in several requests, and what they look at afterwards."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.acme import ari
from tests.support.acme_calls import b64, csr, jwk, signed

if TYPE_CHECKING:
    from tests.support.acme_calls import AcmeClient, Got


def issued(
    client: AcmeClient, *names: str, key: ec.EllipticCurvePrivateKey | None = None, **members: Any
) -> x509.Certificate:
    """Order, finalize and download a certificate for names that need no challenge."""
    order = client.order(*names, **members)
    assert (order.status, order.body["status"]) == (201, "ready"), order.body
    done = client.post(order.body["finalize"], {"csr": b64(csr(names, key))})
    assert done.body["status"] == "valid", done.body
    return downloaded(client, done)


def downloaded(client: AcmeClient, order: Got) -> x509.Certificate:
    """Return the certificate of a valid order."""
    got = client.post(order.body["certificate"])
    assert got.status == 200, got.body
    return x509.load_pem_x509_certificates(got.raw)[0]


def certificate_id(leaf: x509.Certificate) -> str:
    """Return ARI's identifier of a certificate."""
    key = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return ari.certificate_id(key or b"", leaf.serial_number)


def window(client: AcmeClient, leaf: x509.Certificate) -> tuple[datetime, datetime]:
    """Return in which time the server suggests to renew a certificate."""
    got = client.get(f"renewal-info/{certificate_id(leaf)}")
    assert got.status == 200, got.body
    assert int(got.headers["Retry-After"]) > 0
    start, end = (datetime.fromisoformat(got.body["suggestedWindow"][name]) for name in ("start", "end"))
    assert start < end
    return start, end


def revoke(client: AcmeClient, leaf: x509.Certificate, **members: Any) -> Got:
    """Ask for the revocation of a certificate, by the account or, if the client has none, by its key."""
    return client.post("revoke-cert", {"certificate": b64(leaf.public_bytes(Encoding.DER)), **members})


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def change_key(client: AcmeClient, new: ec.EllipticCurvePrivateKey, **inner: Any) -> Got:
    """Ask for another key; `inner` replaces members of the inner JWS's payload."""
    url = client.url("key-change")
    payload = {"account": client.kid, "oldKey": jwk(client.key), **inner}
    return client.post(url, json.loads(signed(new, {"jwk": jwk(new), "url": url}, payload)))
