"""Orders from names to a certificate, by an ACME client in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chalicelib.acme import bindings, directories
from tests.support.acme_calls import AcmeClient, b64, csr, made_binding, made_directory
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


@pytest.fixture
def ca_arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


@pytest.fixture
def client(rt: Runtime, ca_arn: str) -> AcmeClient:
    """A client with an account that needs no challenge for names below example.test."""
    directory = made_directory(rt, rt.settings.account_id, ca_arn)
    client = AcmeClient(rt, directory.name)
    got = client.register(made_binding(rt, directory, "*.example.test", "10.0.0.0/8", preauthorized=True))
    assert got.status == 201, got.body
    return client


def test_granted_names_need_no_challenge(client: AcmeClient) -> None:
    order = client.order("a.example.test", "*.b.example.test", "10.0.0.7")
    assert (order.status, order.body["status"]) == (201, "ready"), order.body
    done = client.finalize(order)
    assert (done.status, done.body["status"]) == (200, "valid"), done.body
    got = client.post(done.body["certificate"])
    leaf, root = x509.load_pem_x509_certificates(got.raw)
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == ["*.b.example.test", "a.example.test"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]


def test_second_finalization_is_refused(client: AcmeClient) -> None:
    order = client.order("a.example.test")
    assert client.finalize(order).status == 200
    again = client.finalize(order)
    assert (again.status, again.kind) == (403, "orderNotReady")


def test_csr_with_other_names_leaves_the_order_ready(client: AcmeClient) -> None:
    order = client.order("a.example.test")
    refused = client.post(order.body["finalize"], {"csr": b64(csr(["b.example.test"]))})
    assert (refused.status, refused.kind) == (400, "badCSR")
    assert client.post(order.headers["Location"]).body["status"] == "ready"
    assert client.finalize(order).body["status"] == "valid"


def test_name_in_the_common_name_alone_becomes_a_subject_alternative_name(client: AcmeClient) -> None:
    order = client.order("a.example.test")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example.test")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    done = client.post(order.body["finalize"], {"csr": b64(request.public_bytes(Encoding.DER))})
    assert done.body["status"] == "valid", done.body
    leaf = x509.load_pem_x509_certificates(client.post(done.body["certificate"]).raw)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example.test"]


@pytest.mark.parametrize("names", [["a.example.test"], []])
def test_other_attributes_of_a_subject_are_not_copied(client: AcmeClient, names: list[str]) -> None:
    order = client.order("a.example.test")
    common = [x509.NameAttribute(NameOID.COMMON_NAME, "a.example.test")] if not names else []
    subject = x509.Name([*common, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody else")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    done = client.post(order.body["finalize"], {"csr": b64(request.public_bytes(Encoding.DER))})
    assert done.body["status"] == "valid", done.body
    leaf = x509.load_pem_x509_certificates(client.post(done.body["certificate"]).raw)[0]
    assert leaf.subject.rfc4514_string() == "CN=a.example.test"


def test_key_of_another_account_is_refused_in_a_csr(rt: Runtime, client: AcmeClient) -> None:
    directory = directories.find(rt, rt.settings.account_id, client.directory)
    other = AcmeClient(rt, client.directory)
    assert other.register(made_binding(rt, directory)).status == 201
    order = client.order("a.example.test")
    for key in (other.key, client.key):
        refused = client.post(order.body["finalize"], {"csr": b64(csr(["a.example.test"], key))})
        assert (refused.status, refused.kind) == (400, "badCSR")


def test_directory_and_nonce_are_read_by_post_as_get_too(client: AcmeClient) -> None:
    assert client.post("directory").body == client.get("directory").body
    assert client.post("new-nonce").status == 204


def test_ids_that_no_key_of_the_table_could_hold_are_not_found(client: AcmeClient) -> None:
    for path in ("order", "authorization", "certificate", "renewal-info"):
        got = client.post(f"{path}/{'a' * 3000}") if path != "renewal-info" else client.get(f"{path}/{'a' * 3000}")
        assert (got.status, got.kind) == (404, "malformed")
    assert client.post(f"account/{client.kid.rpartition('/')[2]}/orders?cursor={'~' * 1500}").body == {"orders": []}


def test_account_without_a_binding_is_refused(rt: Runtime, client: AcmeClient) -> None:
    refused = AcmeClient(rt, client.directory).register()
    assert (refused.status, refused.kind) == (403, "externalAccountRequired")


def test_revoked_binding_orders_nothing(rt: Runtime, client: AcmeClient) -> None:
    directory = directories.find(rt, rt.settings.account_id, client.directory)
    order = client.order("a.example.test")
    (binding,) = bindings.of_directory(rt, directory)
    bindings.revoke(rt, directory, binding.name)
    for refused in (client.order("b.example.test"), client.finalize(order)):
        assert (refused.status, refused.kind) == (403, "unauthorized")
