"""Installing a CA's certificate: what is refused, and renewal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authority_steps import active_subordinate, create, install_subordinate, status
from tests.support.builders import ROOT_KEY, csr, name, pem, root_certificate, sign_csr
from tests.support.refusals import refusal


def subordinate_with_csr(client: Any) -> tuple[str, str]:
    arn = create(client)
    return arn, client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]


def bad_imports(request: str, now: datetime) -> dict[str, tuple[dict[str, Any], set[str]]]:
    root = root_certificate(now=now)
    good = sign_csr(request, issuer=root, now=now)
    other_root = root_certificate(key=ec.generate_private_key(ec.SECP256R1()), now=now)
    other_key = sign_csr(csr("Test CA").decode(), issuer=root, now=now)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name("Test CA"))
        .issuer_name(root.subject)
        .public_key(x509.load_pem_x509_csr(request.encode()).public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(ROOT_KEY, hashes.SHA256())
    )
    malformed, mismatch = {"MalformedCertificateException"}, {"CertificateMismatchException"}
    chain = {"CertificateChain": pem(root)}
    return {
        "garbage": ({"Certificate": b"x", **chain}, malformed),
        "two-certificates": ({"Certificate": pem(good, root), **chain}, malformed),
        "no-chain": ({"Certificate": pem(good)}, {"InvalidRequestException"}),
        "foreign-root": ({"Certificate": pem(good), "CertificateChain": pem(other_root)}, mismatch),
        "chain-with-itself": ({"Certificate": pem(good), "CertificateChain": pem(good, root)}, mismatch),
        "another-key": ({"Certificate": pem(other_key), **chain}, mismatch),
        "not-a-ca": ({"Certificate": pem(leaf), **chain}, {"ValidationException", *malformed}),
        "expired": (
            {"Certificate": pem(sign_csr(request, issuer=root, now=now - timedelta(days=30), days=9)), **chain},
            {"ValidationException", "MalformedCertificateException", "CertificateMismatchException"},
        ),
    }


@pytest.mark.parametrize("case", list(bad_imports(csr().decode(), datetime(2030, 1, 1, tzinfo=UTC))))
def test_bad_import_is_refused_and_changes_nothing(acm_pca: Any, clock: Any, case: str) -> None:
    arn, request = subordinate_with_csr(acm_pca)
    given, codes = bad_imports(request, clock())[case]
    code, message = refusal(acm_pca.import_certificate_authority_certificate, CertificateAuthorityArn=arn, **given)
    assert code in codes
    assert message
    assert status(acm_pca, arn) == "PENDING_CERTIFICATE"


def test_renewal_replaces_serial_and_dates_and_keeps_the_rest(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    before = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    clock.forward(days=1)
    install_subordinate(acm_pca, arn, now=clock(), serial_number=0x77)
    after = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"Serial", "NotBefore", "NotAfter"}
    assert after["Serial"] == "77"
