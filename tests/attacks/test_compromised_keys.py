"""A key that was compromised is not certified again, by any CA of the account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.operations import explain
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import CALLER, LEAF_KEY, csr, negated, with_exponent
from tests.support.refusals import refusal

COMPROMISES = ("KEY_COMPROMISE", "CERTIFICATE_AUTHORITY_COMPROMISE", "A_A_COMPROMISE")
REFUSED = ("MalformedCSRException", "The CSR is refused. A certificate with its key was revoked because the key was")


def revoke(client: Any, arn: str, certificate_arn: str, reason: str) -> None:
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(certificate_arn), RevocationReason=reason
    )


def refused(client: Any, arn: str, **more: Any) -> bool:
    code, text = refusal(lambda **request: issue(client, arn, **request), **more)
    return code == REFUSED[0] and text.startswith(REFUSED[1])


@pytest.mark.every_case
@pytest.mark.parametrize("reason", COMPROMISES)
def test_compromised_key_is_refused_by_every_ca_of_the_account(acm_pca: Any, reason: str) -> None:
    arn, other = active_root(acm_pca), active_root(acm_pca)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com")), reason)
    for ca in (arn, other):
        assert refused(acm_pca, ca, Csr=csr("b.example.com"))
    assert issue(acm_pca, arn, Csr=csr("b.example.com", key=ec.generate_private_key(ec.SECP256R1())))


def test_key_of_a_superseded_certificate_is_certified_again(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com")), "SUPERSEDED")
    assert issue(acm_pca, arn, Csr=csr("a.example.com"))


def test_retry_after_the_compromise_gets_the_certificate_of_the_first_request(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    first = issue(acm_pca, arn, Csr=csr("a.example.com"), IdempotencyToken="1")
    revoke(acm_pca, arn, first, "KEY_COMPROMISE")
    assert issue(acm_pca, arn, Csr=csr("a.example.com"), IdempotencyToken="1") == first
    assert refused(acm_pca, arn, Csr=csr("a.example.com"), IdempotencyToken="2")


def test_nothing_of_a_refused_request_is_recorded(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com")), "KEY_COMPROMISE")
    before = [record.serial_number for record in rt.store.list_certificates(arn)]
    assert refused(acm_pca, arn, Csr=csr("b.example.com", key=LEAF_KEY))
    assert [record.serial_number for record in rt.store.list_certificates(arn)] == before


def test_modulus_of_a_compromised_key_is_refused_with_every_exponent(acm_pca: Any) -> None:
    """Whoever knows the factors knows the private key of every exponent."""
    arn = active_root(acm_pca)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = with_exponent(key, 65539)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com", key=key)), "KEY_COMPROMISE")
    assert refused(acm_pca, arn, Csr=csr("b.example.com", key=other))


def test_compromised_point_is_refused_with_the_other_sign(acm_pca: Any) -> None:
    """Whoever knows a private key of an elliptic curve knows that of the negated point, too."""
    arn = active_root(acm_pca)
    key = ec.generate_private_key(ec.SECP256R1())
    other = negated(key)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com", key=key)), "KEY_COMPROMISE")
    assert refused(acm_pca, arn, Csr=csr("b.example.com", key=other))


def test_explain_and_the_preview_refuse_it_as_well(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    revoke(acm_pca, arn, issue(acm_pca, arn, Csr=csr("a.example.com")), "KEY_COMPROMISE")
    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr("b.example.com"),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
    }
    answer = explain.explain(rt, replace(CALLER, operation="IssueCertificate"), request)
    assert (answer["WouldIssue"], answer["Refusal"]["Code"]) == (False, REFUSED[0])
    assert answer["Refusal"]["Message"].startswith(REFUSED[1])
