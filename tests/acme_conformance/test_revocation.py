"""RFC 8555 section 7.6: revocation by an account, by authorizations and by the certificate's key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.acme import Account, at_once, ok, refused, statuses
from tests.acme_conformance.certificates import der, new_key, self_signed
from tests.acme_conformance.jose import Key, b64
from tests.acme_conformance.rfc import about, must
from tests.acme_conformance.steps import Issued, issue, make_ready

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Server
    from tests.acme_conformance.responder import Responder
    from tests.acme_conformance.wire import Answer

_ISSUER = must(
    "RFC 8555 7.6",
    "The server MUST consider at least the following accounts authorized for a given certificate: the account that issued the certificate.",
)
_HOLDER = must("RFC 8555 7.6", "an account that holds authorizations for all of the identifiers in the certificate.")
_KEY = must(
    "RFC 8555 7.6",
    "The server MUST also consider a revocation request valid if it is signed with the private key corresponding to the public key in the certificate.",
)
_BEFORE = must(
    "RFC 8555 7.6",
    "Before revoking a certificate, the server MUST verify that the key used to sign the request is authorized to revoke the certificate.",
)
_TWICE = must(
    "RFC 8555 7.6",
    'the server returns an error response with status code 400 (Bad Request) and type "urn:ietf:params:acme:error:alreadyRevoked".',
)
_REASON = must(
    "RFC 8555 7.6",
    'If a request contains a disallowed reasonCode, then the server MUST reject it with the error type "urn:ietf:params:acme:error:badRevocationReason".',
)
_FORM = must("RFC 8555 7.6", "The certificate to be revoked, in the base64url-encoded version of the DER format.")


@pytest.fixture
def issued(account: Account, responder: Responder) -> Issued:
    return issue(responder, account)


@pytest.fixture(scope="module")
def kept(account: Account, responder: Responder) -> Issued:
    """A certificate that no case revokes."""
    return issue(responder, account)


def revoke(account: Account, issued: Issued, **more: Any) -> Answer:
    return account.post(account.server.resource("revokeCert"), {"certificate": b64(der(issued.leaf))} | more)


def by_key(server: Server, key: Key, issued: Issued, **more: Any) -> Answer:
    return server.post(server.resource("revokeCert"), key, {"certificate": b64(der(issued.leaf))} | more)


def still_good(account: Account, issued: Issued) -> None:
    """Assert that nobody has revoked it: then the account that issued it can."""
    ok(revoke(account, issued))


@about(_ISSUER)
def test_account_revokes_its_certificate(account: Account, issued: Issued) -> None:
    ok(revoke(account, issued))


@about(_TWICE)
def test_certificate_is_revoked_once(account: Account, issued: Issued) -> None:
    ok(revoke(account, issued))
    refused(revoke(account, issued), "alreadyRevoked", status=400)


@about(_KEY)
def test_key_of_the_certificate_revokes_it(server: Server, account: Account, issued: Issued) -> None:
    ok(by_key(server, Key("ES256", issued.key), issued))
    refused(revoke(account, issued), "alreadyRevoked", status=400)


@about(_TWICE)
def test_key_revokes_once(server: Server, issued: Issued) -> None:
    ok(by_key(server, Key("ES256", issued.key), issued))
    refused(by_key(server, Key("ES256", issued.key), issued), "alreadyRevoked", status=400)


@about(_HOLDER)
def test_holder_of_the_authorizations_revokes(other: Account, responder: Responder, issued: Issued) -> None:
    make_ready(responder, other.order(*(each["value"] for each in issued.order.body["identifiers"])))
    ok(revoke(other, issued))


@about(_BEFORE)
def test_holder_of_some_authorizations_does_not_revoke(account: Account, other: Account, responder: Responder) -> None:
    names = account.server.name(), account.server.name()
    two = issue(responder, account, *names)
    make_ready(responder, other.order(names[0]))
    refused(revoke(other, two), "unauthorized")
    still_good(account, two)


@about(_BEFORE)
def test_other_account_does_not_revoke(account: Account, other: Account, issued: Issued) -> None:
    refused(revoke(other, issued), "unauthorized")
    still_good(account, issued)


@about(_BEFORE)
def test_other_key_does_not_revoke(server: Server, account: Account, issued: Issued) -> None:
    refused(by_key(server, Key("ES256", new_key()), issued))
    still_good(account, issued)


@about(_BEFORE)
def test_signature_of_another_key_does_not_revoke(server: Server, account: Account, issued: Issued) -> None:
    """The jwk is the certificate's, the signature is not."""
    payload = {"certificate": b64(der(issued.leaf))}
    request = server.request(server.resource("revokeCert"), Key("ES256", issued.key), payload)
    refused(server.send(replace(request, sign=account.key.sign)))
    still_good(account, issued)


@about(must("RFC 8555 6.2", "Servers MUST reject requests that contain both."))
def test_key_and_account_together_are_refused(server: Server, account: Account, kept: Issued) -> None:
    payload = {"certificate": b64(der(kept.leaf))}
    request = server.request(server.resource("revokeCert"), Key("ES256", kept.key), payload)
    refused(server.send(request.but(kid=account.url)))


@pytest.mark.parametrize("reason", [0, 1, 3, 4, 5])
@about(_REASON)
def test_reason_is_taken_or_refused_by_name(account: Account, issued: Issued, reason: int) -> None:
    answer = revoke(account, issued, reason=reason)
    if answer.status != 200:
        refused(answer, "badRevocationReason")


@pytest.mark.parametrize("reason", [-1, 7, 8, 11, 99, 10**30])
@about(_REASON)
def test_reason_that_does_not_exist_is_refused(account: Account, kept: Issued, reason: int) -> None:
    refused(revoke(account, kept, reason=reason), "badRevocationReason", "malformed")


@pytest.mark.parametrize("reason", ["1", 1.5, [1], {}, True], ids=["text", "fraction", "array", "object", "true"])
@about(_FORM)
def test_reason_of_another_type_is_refused(account: Account, kept: Issued, reason: Any) -> None:
    refused(revoke(account, kept, reason=reason), "badRevocationReason", "malformed")


_CERTIFICATES: dict[str, Any] = {
    "missing": lambda leaf: {},
    "null": lambda leaf: {"certificate": None},
    "number": lambda leaf: {"certificate": 1},
    "empty": lambda leaf: {"certificate": ""},
    "not-der": lambda leaf: {"certificate": b64(b"not a certificate")},
    "truncated": lambda leaf: {"certificate": b64(leaf[:-1])},
    "trailing-bytes": lambda leaf: {"certificate": b64(leaf + b"\0")},
    "padded": lambda leaf: {"certificate": b64(leaf) + "=" * (-len(b64(leaf)) % 4 or 4)},
    "other-signature": lambda leaf: {"certificate": b64(leaf[:-1] + bytes([leaf[-1] ^ 1]))},
    "self-signed": lambda leaf: {"certificate": b64(der(self_signed("a.example.test")[1]))},
}


@pytest.mark.parametrize("name", _CERTIFICATES)
@about(_FORM)
def test_what_is_no_certificate_of_the_ca_is_refused(account: Account, kept: Issued, name: str) -> None:
    refused(account.post(account.server.resource("revokeCert"), _CERTIFICATES[name](der(kept.leaf))))


@about(_BEFORE)
def test_key_of_a_certificate_of_another_ca_is_refused(server: Server) -> None:
    key, certificate = self_signed("a.example.test")
    payload = {"certificate": b64(der(certificate))}
    refused(server.post(server.resource("revokeCert"), Key("ES256", key), payload))


@about(_BEFORE)
def test_certificate_of_the_ca_itself_is_not_revoked(account: Account, kept: Issued) -> None:
    payload = {"certificate": b64(der(kept.chain[1]))}
    refused(account.post(account.server.resource("revokeCert"), payload))


@about(must("RFC 8555 7.3.6", "the server MUST NOT accept further requests authorized by that account's key."))
def test_deactivated_account_does_not_revoke(own: Account, responder: Responder) -> None:
    made = issue(responder, own)
    ok(own.post(own.url, {"status": "deactivated"}))
    refused(revoke(own, made), "unauthorized", status=401)


@about(_TWICE)
def test_revocations_at_once_are_one(own: Account, server: Server, responder: Responder) -> None:
    issued = issue(responder, own)
    payload = {"certificate": b64(der(issued.leaf))}
    requests = [own.request(server.resource("revokeCert"), payload) for _ in range(6)]
    answers = at_once(server, requests)
    assert statuses(answers) == [200] + [400] * 5, [str(each) for each in answers]
