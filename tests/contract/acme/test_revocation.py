"""Revocation by the account, by an account with authorizations, and by the certificate's key.

Source: RFC 8555 section 7.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.acme import bindings, certificates
from tests.support.acme_calls import AcmeClient, b64, csr
from tests.support.acme_steps import issued, revoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.records import Certificate
    from chalicelib.runtime import Runtime


@pytest.fixture
def record(rt: Runtime, ca_arn: str) -> Callable[[x509.Certificate], Certificate]:
    def find(leaf: x509.Certificate) -> Certificate:
        found = rt.store.get_certificate(ca_arn, leaf.serial_number)
        assert found is not None
        return found

    return find


@pytest.mark.parametrize(("reason", "name"), certificates.REASONS.items())
def test_account_revokes_its_certificate_with_a_reason(
    client: AcmeClient, record: Callable[[x509.Certificate], Certificate], reason: int, name: str
) -> None:
    leaf = issued(client, "a.example.test")
    assert revoke(client, leaf, reason=reason).status == 200
    assert record(leaf).revocation_reason == name
    again = revoke(client, leaf)
    assert (again.status, again.kind) == (400, "alreadyRevoked")


@pytest.mark.parametrize("reason", [2, 6, 7, 8, 9, 10, 11, -1, "1", True, None, 1.0])
def test_other_reasons_are_refused(
    client: AcmeClient, record: Callable[[x509.Certificate], Certificate], reason: Any
) -> None:
    leaf = issued(client, "a.example.test")
    refused = revoke(client, leaf, reason=reason)
    assert (refused.status, refused.kind) == (400, "badRevocationReason")
    assert record(leaf).revoked_at is None


def test_key_of_the_certificate_revokes_it_without_an_account(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient, record: Callable[[x509.Certificate], Certificate]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = issued(client, "a.example.test", key=key)
    stranger = revoke(AcmeClient(rt, directory.name), leaf)
    assert (stranger.status, stranger.kind) == (403, "unauthorized")
    holder = AcmeClient(rt, directory.name, key=key)
    assert revoke(holder, leaf, reason=1).status == 200
    assert record(leaf).revocation_reason == "KEY_COMPROMISE"
    order = client.order("a.example.test")
    barred = client.post(order.body["finalize"], {"csr": b64(csr(["a.example.test"], key))})
    assert (barred.status, barred.kind) == (400, "badCSR")


def test_key_of_another_account_does_not_revoke_as_a_key(client: AcmeClient) -> None:
    """An account's key is no certificate's key: signing with `jwk` gives it no right."""
    leaf = issued(client, "a.example.test")
    client.kid = ""
    assert revoke(client, leaf).kind == "unauthorized"


def test_account_with_authorizations_for_all_names_revokes(
    registered: Callable[..., AcmeClient], record: Callable[[x509.Certificate], Certificate]
) -> None:
    owner, other = registered(), registered()
    leaf = issued(owner, "a.example.test", "b.example.test")
    assert revoke(other, leaf).kind == "unauthorized"
    other.order("a.example.test")
    assert revoke(other, leaf).kind == "unauthorized"
    other.order("b.example.test")
    refused = revoke(other, leaf, reason=1)
    assert (refused.status, refused.kind) == (403, "unauthorized")  # it would bar the owner's key
    assert revoke(other, leaf, reason=4).status == 200
    assert record(leaf).revocation_reason == "SUPERSEDED"


def test_authorization_for_a_name_revokes_no_wildcard(registered: Callable[..., AcmeClient]) -> None:
    owner, other = registered(), registered()
    leaf = issued(owner, "*.a.example.test")
    other.order("a.example.test")
    assert revoke(other, leaf).kind == "unauthorized"


def test_authorization_that_ended_revokes_nothing(registered: Callable[..., AcmeClient]) -> None:
    owner, other = registered(), registered()
    leaf = issued(owner, "a.example.test")
    order = other.order("a.example.test")
    other.post(order.body["authorizations"][0], {"status": "deactivated"})
    assert revoke(other, leaf).kind == "unauthorized"


def test_account_of_a_revoked_binding_may_still_revoke(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient, record: Callable[[x509.Certificate], Certificate]
) -> None:
    leaf = issued(client, "a.example.test")
    (binding,) = bindings.of_directory(rt, directory)
    bindings.revoke(rt, directory, binding.name)
    assert revoke(client, leaf).status == 200
    assert record(leaf).revoked_at is not None


@pytest.mark.parametrize("encoded", ["", "MAA", "!", 7, None, "A" * 20_000])
def test_what_is_no_certificate_of_the_directory_is_refused(client: AcmeClient, encoded: Any) -> None:
    assert client.post("revoke-cert", {"certificate": encoded}).status == 400


def test_certificate_that_acme_did_not_order_needs_its_key_or_its_names(
    rt: Runtime, client: AcmeClient, acm_pca: Any, ca_arn: str
) -> None:
    """The CA's other certificates have no account; who proves to control their names may revoke them."""
    request = x509.load_der_x509_csr(csr(["c.example.test"]))
    arn = acm_pca.issue_certificate(
        CertificateAuthorityArn=ca_arn,
        Csr=request.public_bytes(Encoding.PEM),
        SigningAlgorithm="SHA256WITHECDSA",
        Validity={"Type": "DAYS", "Value": 3},
    )["CertificateArn"]
    body = acm_pca.get_certificate(CertificateAuthorityArn=ca_arn, CertificateArn=arn)["Certificate"]
    leaf = x509.load_pem_x509_certificate(body.encode())
    assert revoke(client, leaf).kind == "unauthorized"
    client.order("c.example.test")
    assert revoke(client, leaf).status == 200
