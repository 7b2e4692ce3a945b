"""A hierarchy of two CAs that both are the endpoint's: from the root to a host's certificate that a client trusts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from chalicelib.conformance import material
from chalicelib.conformance.sources import about, guide, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

INSTALLATION = guide("PCACertInstall")


@pytest.fixture(scope="module")
def below(target: Target, issuer: Authority) -> Authority:
    """A subordinate CA whose certificate the issuer has issued."""
    arn = target.create("SUBORDINATE")
    template = target.template("SubordinateCACertificate_PathLen0")
    issued = issuer.issue(target.csr(arn).encode(), days=7, TemplateArn=template)
    target.install(arn, issued["Certificate"].encode(), issued["CertificateChain"].encode())
    return target.authority(arn, material.read(issued["Certificate"]))


@about("ImportCertificateAuthorityCertificate", INSTALLATION)
def test_subordinate_takes_certificate_and_chain_as_they_were_issued(target: Target, below: Authority) -> None:
    found = target.describe(below.arn)
    assert (found["Status"], found["NotAfter"]) == ("ACTIVE", below.own.not_valid_after_utc.timestamp())


@about("IssueCertificate", INSTALLATION)
def test_certificate_of_the_subordinate_is_signed_by_the_root(issuer: Authority, below: Authority) -> None:
    below.own.verify_directly_issued_by(issuer.own)
    assert material.extension(below.own, "2.5.29.19") == (True, bytes.fromhex("30060101ff020100"))


@about("GetCertificate", reference("GetCertificate"), certificates=1)
def test_client_trusts_a_host_by_certificate_and_chain_alone(issuer: Authority, below: Authority) -> None:
    names = material.alternative_names("host.example.com")
    issued = below.issue(material.csr("host.example.com", ((names, False),)), days=1)
    chain = x509.load_pem_x509_certificates(issued["CertificateChain"].encode())
    assert chain == [below.own, issuer.own]
    certificate = material.read(issued["Certificate"])
    now = certificate.not_valid_before_utc + timedelta(hours=2)
    builder = PolicyBuilder().store(Store([issuer.own])).time(now)
    verified = builder.build_server_verifier(x509.DNSName("host.example.com")).verify(certificate, chain[:1])
    assert verified == [certificate, below.own, issuer.own]


@about("IssueCertificate", guide("RFC-compliance"))
def test_subordinate_issues_nothing_that_outlives_it(below: Authority) -> None:
    text = "The certificate validity specified exceeds the certificate authority validity"
    end = int((below.own.not_valid_after_utc + timedelta(hours=1)).timestamp())
    below.asked(Validity={"Type": "ABSOLUTE", "Value": end}).refused("ValidationException", text=text)


@about("RevokeCertificate", reference("RevokeCertificate"))
def test_certificate_of_the_root_is_not_the_subordinate_s_to_revoke(issuer: Authority, below: Authority) -> None:
    number = f"{below.own.serial_number:032x}"
    assert below.revoke(number).status == 400
    issuer.revoke(number).accepted()
