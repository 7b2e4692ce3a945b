"""Plans of certificates: every template with every key, by an independent linter."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509.issuer import root_in_making
from chalicelib.pki.x509.reading import parse_certificate
from tests.support.builders import csr
from tests.support.pkilint_judge import findings
from tests.support.planned_certificates import KEYS, der_of, extension, issued, planned

# What AWS compatibility forces: its end-entity templates set keyEncipherment on every key.
ALLOWED_FINDINGS = {"pkix.key_usage_value_prohibited_for_ec"}


def _own(template: str, key: Any) -> x509.Certificate:
    """A root's own certificate."""
    request = csr("Root", key=key)
    root = root_in_making(csrs.parse_csr(request))
    algorithm = "SHA256WITHRSA" if isinstance(key, rsa.RSAPrivateKey) else "SHA256WITHECDSA"
    return issued(template, request, key=key, issuer=root, signing_algorithm=algorithm)


@pytest.mark.wide
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_certificate_of_each_template_and_key_passes_an_independent_linter(template: str, key: str) -> None:
    row = TEMPLATES[template]
    found = (
        _own(template, KEYS[key])
        if row.is_root
        else issued(template, csr("Sub", key=KEYS[key], dns_names=["a.example"]))
    )
    constraints = extension(found, x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=row.is_ca, path_length=row.path_length)
    assert found.version is x509.Version.v3
    codes = findings(der_of(found))
    if row.is_ca and not row.key_usage:
        codes -= {"pkix.ca_certificate_no_ku_extension"}  # AWS's blank templates leave it to whoever asks
    assert codes <= ALLOWED_FINDINGS


def test_order_of_extensions_is_aws_s() -> None:
    order = [type(each.value) for each in issued(ocsp_url="http://ocsp.example.com").extensions]
    assert order == [
        x509.BasicConstraints,
        x509.AuthorityKeyIdentifier,
        x509.SubjectKeyIdentifier,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.CRLDistributionPoints,
        x509.AuthorityInformationAccess,
        x509.SubjectAlternativeName,
    ]


def test_plan_is_the_same_for_the_same_arguments() -> None:
    request = csr()
    assert planned(request=request) == planned(request=request)


def test_subject_and_key_go_in_byte_for_byte() -> None:
    parsed = csrs.parse_csr(csr())
    found = issued(request=csr())
    members = parse_certificate(der_of(found))
    assert members.subject_der == parsed.subject_der
    assert members.spki_der == parsed.spki_der


def test_plan_with_other_serial_differs() -> None:
    request = csr()
    assert planned(request=request).tbs_sha256 != planned(request=request, serial_number=2).tbs_sha256
