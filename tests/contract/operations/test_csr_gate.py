"""The CSR gate: what SIGNET_CSR_GATE=aws takes as AWS does, and what it never takes (docs/csr-gate.md)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.pki.asn1 import der, pem
from chalicelib.pki.x509.reading import subject_of
from tests.support.authority_steps import DAYS_30, active_root, create, fetch
from tests.support.builders import csr as plain_csr
from tests.support.builders import root_certificate, sign_csr
from tests.support.client import client_for
from tests.support.hostile_csrs import HOSTILE, SHA1_RSA
from tests.support.pki_forge import key
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = Path(__file__).parents[3] / "docs" / "csr-gate.md"
HINT = "SIGNET_CSR_GATE=aws does not have this rule."
# The CSRs that each row of the document lets through, by the names that `hostile_csrs` gives them.
TAKEN: dict[str, tuple[str, ...]] = {
    "DNS names": (
        *("san-dns-space", "san-dns-trailing-dot", "san-dns-leading-dot", "san-dns-empty-label", "san-dns-long-label"),
        *("san-dns-254", "san-dns-254-with-wildcard", "san-dns-hyphen-first", "san-dns-hyphen-last"),
        *("san-dns-star-alone", "san-dns-star-middle", "san-dns-star-partial", "san-dns-two-stars", "san-dns-ip"),
        *("san-dns-url", "san-dns-markup"),
    ),
    "email addresses": ("san-mail-no-at", "san-mail-two-at", "san-mail-name"),
    "URIs": ("san-uri-relative", "san-uri-no-host", "san-uri-no-host-path", "san-uri-space", "san-uri-bad-percent"),
    "country": ("dn-country-3", "dn-country-digits"),
    "lengths of attributes": ("dn-65-characters",),
    "string types of attributes": ("dn-country-utf8",),
    "size of RSA keys": ("rsa-1024",),
    "factors of RSA keys": ("rsa-close-factors",),
    "elliptic curves": ("ec-secp256k1",),
    "kinds of keys": ("key-dsa", "key-ed25519"),
    "hash of the CSR's signature": ("signature-sha1", "signature-md5", "signature-sha224", "signature-pss-sha224"),
}
IMPORTED = "hash of a root's own signature, when it is imported"


def _next_prime(number: int) -> int:
    number += 2
    while any(number % divisor == 0 for divisor in range(3, 2000, 2)) or pow(2, number - 1, number) != 1:
        number += 2
    return number


@cache
def _close_factors() -> bytes:
    """A CSR for an RSA key whose second prime is the one after the first."""
    p = key("RSA-2048").private_numbers().p
    q = _next_prime(p)
    d = pow(65537, -1, (p - 1) * (q - 1))
    crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    numbers = rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(65537, p * q))
    return plain_csr(key=numbers.private_key())


CSRS: dict[str, Callable[[], bytes]] = {**HOSTILE, "rsa-close-factors": _close_factors}


def aws(rt: Any) -> Any:
    """A client of the same home with the setting."""
    return client_for(replace(rt, settings=replace(rt.settings, csr_gate="aws")))


def request(arn: str, name: str, **more: Any) -> dict[str, Any]:
    members = {"CertificateAuthorityArn": arn, "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}
    return members | {"Csr": CSRS[name]()} | more


def test_document_has_a_row_for_each_relaxation() -> None:
    rows = re.findall(r"^\| ([^|`]+) \| [^|]+ \| [^|]+ \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [row for row in rows if row not in {"rule", "---"}] == [*TAKEN, IMPORTED]


@pytest.mark.parametrize("row", TAKEN)
def test_what_aws_copies_is_taken_by_the_setting_and_named_in_the_refusal(acm_pca: Any, rt: Any, row: str) -> None:
    arn = active_root(acm_pca)
    for name in TAKEN[row]:
        code, text = refusal(acm_pca.issue_certificate, **request(arn, name))
        assert (code, text.endswith(HINT)) == ("MalformedCSRException", True), name
    client = aws(rt)  # from here on, for the application has one runtime
    for name in TAKEN[row]:
        asked = request(arn, name)
        certificate = fetch(client, arn, client.issue_certificate(**asked)["CertificateArn"])
        _, subject, spki, *_ = der.read(pem.blocks(asked["Csr"])[0][1]).children()[0].children()
        assert subject_of(certificate.public_bytes(Encoding.DER)) == subject.der
        assert spki.der in certificate.tbs_certificate_bytes


def test_what_breaks_parsing_or_a_signature_is_never_taken(acm_pca: Any, rt: Any) -> None:
    arn, client = active_root(acm_pca), aws(rt)
    taken = {name for names in TAKEN.values() for name in names}
    for name in CSRS.keys() - taken:
        found = refusal(client.issue_certificate, **request(arn, name))
        assert found[0] in {"MalformedCSRException", "ValidationException"}, (name, found)
        assert "SIGNET_CSR_GATE" not in found[1]


def test_compromised_key_is_refused_through_either_gate(acm_pca: Any, rt: Any) -> None:
    arn, client = active_root(acm_pca), aws(rt)
    issued = client.issue_certificate(**request(arn, "rsa-1024"))["CertificateArn"]
    serial = issued.rsplit("/", 1)[1]
    client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="KEY_COMPROMISE")
    assert refusal(client.issue_certificate, **request(arn, "rsa-1024"))[0] == "MalformedCSRException"


def test_certificate_of_a_ca_is_held_to_everything(acm_pca: Any, rt: Any) -> None:
    arn, client = active_root(acm_pca), aws(rt)
    template = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
    for name, *_ in TAKEN.values():
        found = refusal(client.issue_certificate, **request(arn, name, TemplateArn=template))
        assert found[0] == "MalformedCSRException", name


def test_below_name_constraints_every_name_is_held_to_everything(acm_pca: Any, rt: Any) -> None:
    arn, client = create(acm_pca), aws(rt)
    offline = root_certificate(now=rt.now())
    constraints = x509.NameConstraints(None, [x509.DNSName("evil.example")])
    asked = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    certificate = sign_csr(asked, issuer=offline, now=rt.now(), extensions=[(constraints, True)])
    acm_pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn,
        Certificate=certificate.public_bytes(Encoding.PEM),
        CertificateChain=offline.public_bytes(Encoding.PEM),
    )
    for row in ("DNS names", "email addresses", "URIs", "country", "lengths of attributes"):
        for name in TAKEN[row]:
            code, text = refusal(client.issue_certificate, **request(arn, name))
            assert (code, "name constraints" in text) == ("ValidationException", True), name


def _with_sha1(root: x509.Certificate, signer: rsa.RSAPrivateKey) -> bytes:
    tbs, _, _ = der.read(root.public_bytes(Encoding.DER)).children()
    fields = [each.der for each in tbs.children()]
    fields[2] = SHA1_RSA
    signature = signer.sign(der.sequence(*fields), padding.PKCS1v15(), hashes.SHA1())
    return pem.encode(der.sequence(der.sequence(*fields), SHA1_RSA, der.bit_string(signature))).encode()


def test_root_with_sha1_is_imported_by_the_setting_alone(acm_pca: Any, rt: Any) -> None:
    signer = key("RSA-2048")
    arn, root = create(acm_pca), root_certificate(key=signer, now=rt.now())
    asked = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    certificate = sign_csr(asked, issuer=root, issuer_key=signer, now=rt.now())
    members = {
        "CertificateAuthorityArn": arn,
        "Certificate": certificate.public_bytes(Encoding.PEM),
        "CertificateChain": _with_sha1(root, signer),
    }
    code, text = refusal(acm_pca.import_certificate_authority_certificate, **members)
    assert code == "MalformedCertificateException"
    assert text.endswith(HINT)
    weak = members | {"Certificate": _with_sha1(certificate, signer)}
    assert refusal(aws(rt).import_certificate_authority_certificate, **weak)[0] == "MalformedCertificateException"
    aws(rt).import_certificate_authority_certificate(**members)
    issued = acm_pca.issue_certificate(
        CertificateAuthorityArn=arn, Csr=plain_csr(), SigningAlgorithm="SHA256WITHECDSA", Validity=DAYS_30
    )["CertificateArn"]
    assert acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["CertificateChain"]
