"""The keys of OIDC issuers: fetched rarely and from nowhere else, or given by the operator."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.access import oidc_providers, roles
from tests.support.oidc_issuer import ALL_KEYS, KEYS, Issuer, public, sign
from tests.support.oidc_steps import INVALID, STRANGER, believe, outcome, trusts
from tests.support.roles import OWNER, make_role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop


def test_keys_are_fetched_when_they_are_old_or_unknown_and_rarely(rt: Runtime, ready: Issuer, clock: Any) -> None:
    both = ["/.well-known/openid-configuration", "/keys"]
    for _ in range(3):
        assert outcome(rt, ready.token(clock())) == ("", "")
    assert ready.asked == both
    for number in range(20):  # tokens that anybody makes up
        assert outcome(rt, sign(ready.claims(clock()), key=STRANGER, kid=f"k{number}"))[0] == INVALID
        clock.forward(seconds=1)
    assert ready.asked == both
    clock.forward(seconds=10)
    ready.serve(public(STRANGER))  # the issuer has another key
    for number in range(20):
        outcome(rt, sign(ready.claims(clock()), key=STRANGER, kid=f"k{number}"))
    assert ready.asked == both * 2
    assert outcome(rt, sign(ready.claims(clock()), key=STRANGER)) == ("", "")
    assert outcome(rt, ready.token(clock()))[0] == INVALID
    clock.forward(minutes=10)
    assert outcome(rt, sign(ready.claims(clock()), key=STRANGER)) == ("", "")
    assert ready.asked == both * 3


def test_issuer_that_is_out_is_done_without_for_an_hour(rt: Runtime, ready: Issuer, clock: Any) -> None:
    assert outcome(rt, ready.token(clock())) == ("", "")
    ready.answers = {}
    for _ in range(5):
        clock.forward(minutes=11)
        assert outcome(rt, ready.token(clock())) == ("", "")
    clock.forward(minutes=6)
    assert outcome(rt, ready.token(clock()))[0] == "IDPCommunicationError"
    asked = len(ready.asked)
    assert outcome(rt, ready.token(clock()))[0] == "IDPCommunicationError"
    assert len(ready.asked) == asked
    ready.serve(ALL_KEYS)
    clock.forward(seconds=30)
    assert outcome(rt, ready.token(clock())) == ("", "")


BROKEN: dict[str, Callable[[Issuer], None]] = {
    "no configuration": lambda o: o.answers.clear(),
    "configuration of another": lambda o: o.serve(ALL_KEYS, issuer="https://other.example"),
    "no address of keys": lambda o: o.serve(ALL_KEYS, jwks_uri=None),
    "keys elsewhere by http": lambda o: o.serve(ALL_KEYS, jwks_uri="http://127.0.0.1:9/keys"),
    "keys in a file": lambda o: o.serve(ALL_KEYS, jwks_uri="file:///etc/passwd"),
    "keys at a metadata service": lambda o: o.serve(ALL_KEYS, jwks_uri="https://169.254.169.254/keys"),
    "keys at another port": lambda o: o.serve(ALL_KEYS, jwks_uri="https://127.0.0.1:9/keys"),
    "no keys": lambda o: o.serve("{}"),
    "keys that are no list": lambda o: o.serve('{"keys": {}}'),
    "too many keys": lambda o: o.serve(json.dumps({"keys": [{}] * 101})),
    "no JSON": lambda o: o.serve("<html>"),
    "deep JSON": lambda o: o.serve("[" * 100_000),
    "long": lambda o: o.serve(json.dumps({"keys": [], "x": "y" * 300_000})),
    "redirect": lambda o: o.answers.update({"/keys": 302}),
}


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_keys_that_cannot_be_fetched_are_told_of(rt: Runtime, ready: Issuer, clock: Any, break_it: Any) -> None:
    break_it(ready)
    code, text = outcome(rt, ready.token(clock()))
    assert code == "IDPCommunicationError"
    assert "could not be fetched" in text
    assert "169.254" not in text


USELESS: dict[str, str] = {
    "for encryption": public(KEYS["RS256"], use="enc"),
    "for another algorithm": public(KEYS["RS256"], alg="RS512"),
    "of another id": public(KEYS["RS256"], kid="x"),
    "twice": public(KEYS["RS256"], KEYS["RS256"]),
    "private": json.dumps({"keys": [KEYS["RS256"].as_dict(private=True)]}),
    "octets": json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "rsa"}]}),
    "damaged": json.dumps({"keys": [KEYS["RS256"].as_dict(private=False) | {"n": "?"}]}),
    "without modulus": json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "kid": "rsa"}]}),
    "exponent 1": json.dumps({"keys": [KEYS["RS256"].as_dict(private=False) | {"e": "AQ"}]}),
    "huge exponent": json.dumps({"keys": [KEYS["RS256"].as_dict(private=False) | {"e": "A" * 300}]}),
    "short": json.dumps({"keys": [KEYS["RS256"].as_dict(private=False) | {"n": "x" * 171}]}),
    "numbers": '{"keys": [1, null, "x", [], {"kty": ["RSA"]}, {"kty": "RSA", "n": 1, "e": 2, "kid": "rsa"}]}',
}


@pytest.mark.parametrize("keys", USELESS.values(), ids=USELESS)
def test_key_that_is_of_no_use_verifies_nothing(rt: Runtime, ready: Issuer, clock: Any, keys: str) -> None:
    ready.serve(keys)
    assert outcome(rt, ready.token(clock()))[0] == INVALID


def test_keys_that_were_given_are_not_fetched(rt: Runtime, acm_pca: Any, issuer: Issuer, clock: Any) -> None:
    believe(rt, issuer, jwks=ALL_KEYS)
    make_role(rt, "ci", trusts=trusts(issuer))
    assert outcome(rt, issuer.token(clock())) == ("", "")
    assert outcome(rt, sign(issuer.claims(clock()), key=STRANGER))[0] == INVALID
    assert issuer.asked == []


def certificate_of_localhost(path: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context with a self-signed certificate, and that certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    file = path / "server.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, pem.decode()


def test_server_of_an_issuer_is_authenticated(rt: Runtime, acm_pca: Any, clock: Any, tmp_path: Path) -> None:
    context, pem = certificate_of_localhost(tmp_path)
    other = certificate_of_localhost(tmp_path)[1]
    issuer = Issuer(context)
    codes = []
    for ca_pem in ("", other, pem):
        provider = believe(rt, issuer, ca_pem=ca_pem)
        make_role(rt, "ci", trusts=trusts(issuer))
        codes.append(outcome(rt, issuer.token(clock()))[0])
        oidc_providers.delete(rt, OWNER, provider.name)
        roles.delete(rt, OWNER, "ci")
    issuer.stop()
    assert codes == ["IDPCommunicationError", "IDPCommunicationError", ""]
