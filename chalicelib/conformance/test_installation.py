"""ImportCertificateAuthorityCertificate: which certificates and chains a CA takes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from chalicelib.conformance import material
from chalicelib.conformance.sources import TERRAFORM, about, guide, inferred, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

IMPORT, RFC = reference("ImportCertificateAuthorityCertificate"), guide("RFC-compliance")
MISMATCH, MALFORMED = "CertificateMismatchException", "MalformedCertificateException"
REFUSED = (MISMATCH, MALFORMED, "InvalidRequestException", "ValidationException", "InvalidArgsException")


@pytest.fixture(scope="module")
def candidate(target: Target) -> str:
    """The subordinate CA that every refused import is tried on."""
    return target.create("SUBORDINATE")


@pytest.fixture(scope="module")
def candidate_root(target: Target) -> Authority:
    """The root that refused imports are tried on."""
    return target.authority(target.create("ROOT"))


@pytest.fixture(scope="module")
def csr(target: Target, candidate: str) -> str:
    """The candidate's CSR."""
    return target.csr(candidate)


@about("ImportCertificateAuthorityCertificate", IMPORT)
@pytest.mark.parametrize(
    "text",
    [b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ids=["no PEM", "no certificate in the PEM"],
)
def test_text_that_is_no_certificate_is_malformed(
    target: Target, candidate: str, outside: material.Outside, text: bytes
) -> None:
    target.imported(candidate, text, outside.pem).refused(MALFORMED)


@about("ImportCertificateAuthorityCertificate", reference("ImportCertificateAuthorityCertificate"))
def test_chain_that_is_no_certificate_is_malformed(
    target: Target, candidate: str, outside: material.Outside, csr: str
) -> None:
    target.imported(candidate, material.pem(outside.sign(csr)), b"x").refused(MALFORMED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_key_of_another_is_refused(target: Target, candidate: str, outside: material.Outside, csr: str) -> None:
    certificate = outside.sign(csr, public_key=material.key("EC_prime256v1").public_key())
    target.imported(candidate, material.pem(certificate), outside.pem).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_subject_of_another_is_refused(target: Target, candidate: str, outside: material.Outside, csr: str) -> None:
    certificate = outside.sign(csr, subject=material.common_name("Somebody else"))
    target.imported(candidate, material.pem(certificate), outside.pem).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_subordinate_needs_its_chain(target: Target, candidate: str, outside: material.Outside, csr: str) -> None:
    target.imported(candidate, material.pem(outside.sign(csr))).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_chain_that_has_not_signed_the_certificate_is_refused(
    target: Target, candidate: str, outside: material.Outside, csr: str
) -> None:
    target.imported(candidate, material.pem(outside.sign(csr)), material.Outside().pem).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_chain_must_not_have_the_certificate_itself(
    target: Target, candidate: str, outside: material.Outside, csr: str
) -> None:
    certificate = outside.sign(csr)
    chain = material.pem(certificate, outside.certificate)
    target.imported(candidate, material.pem(certificate), chain).refused(*REFUSED)


CA_USAGE = (material.key_usage("KeyCertSign", "CRLSign"), True)
CONSTRAINTS = x509.BasicConstraints(ca=True, path_length=None)
PLACE = x509.DistributionPoint([x509.UniformResourceIdentifier("http://example.com/a.crl")], None, None, None)
ACCESS = x509.AccessDescription(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1"), x509.UniformResourceIdentifier("http://ocsp.example.com")
)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.7"), b"\x05\x00")
EXTENSIONS: dict[str, tuple[material.Extensions, bool]] = {
    "no basic constraints": ((CA_USAGE,), False),
    "basic constraints that are not critical": (((CONSTRAINTS, False), CA_USAGE), False),
    "basic constraints of no CA": (((x509.BasicConstraints(ca=False, path_length=None), True), CA_USAGE), False),
    "a critical CRL distribution point": (((CONSTRAINTS, True), (x509.CRLDistributionPoints([PLACE]), True)), False),
    "a critical authority information access": (
        ((CONSTRAINTS, True), (x509.AuthorityInformationAccess([ACCESS]), True)),
        False,
    ),
    "critical policy constraints": (
        ((CONSTRAINTS, True), (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True)),
        False,
    ),
    "a critical extension that nobody knows": (((CONSTRAINTS, True), (UNKNOWN, True)), False),
    "an extension that nobody knows": (((CONSTRAINTS, True), CA_USAGE, (UNKNOWN, False)), True),
    "a CRL distribution point": (((CONSTRAINTS, True), CA_USAGE, (x509.CRLDistributionPoints([PLACE]), False)), True),
    "critical name constraints": (
        ((CONSTRAINTS, True), CA_USAGE, (x509.NameConstraints([x509.DNSName("example.com")], None), True)),
        True,
    ),
    "a critical extended key usage": (
        ((CONSTRAINTS, True), CA_USAGE, (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), True)),
        True,
    ),
    "a critical inhibit any policy": (((CONSTRAINTS, True), CA_USAGE, (x509.InhibitAnyPolicy(0), True)), True),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(name, marks=about("ImportCertificateAuthorityCertificate", IMPORT, cas=int(taken)))
        for name, (_, taken) in EXTENSIONS.items()
    ],
)
def test_extension_of_the_ca_certificate(target: Target, candidate: str, outside: material.Outside, case: str) -> None:
    extensions, taken = EXTENSIONS[case]
    arn = target.create("SUBORDINATE") if taken else candidate
    certificate = outside.sign(target.csr(arn), extensions)
    answer = target.imported(arn, material.pem(certificate), outside.pem)
    if taken:
        answer.accepted()
    else:
        answer.refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", RFC)
def test_path_length_of_the_chain_is_kept(target: Target, candidate: str, csr: str) -> None:
    strict = material.Outside(material.ca_extensions(0))
    middle = material.Outside(material.ca_extensions(0))
    between = strict.sign_for(middle)
    chain = material.pem(between, strict.certificate)
    target.imported(candidate, material.pem(middle.sign(csr)), chain).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", RFC)
def test_name_constraints_of_the_chain_are_kept(target: Target, candidate: str, csr: str) -> None:
    other = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody else")])
    constraints = x509.NameConstraints([x509.DirectoryName(other)], None)
    strict = material.Outside((*material.ca_extensions(), (constraints, True)))
    middle = material.Outside()
    chain = material.pem(strict.sign_for(middle), strict.certificate)
    target.imported(candidate, material.pem(middle.sign(csr)), chain).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", inferred("a CA could issue nothing with it"))
@pytest.mark.parametrize(
    ("since", "until"),
    [(timedelta(days=-9), timedelta(days=-2)), (timedelta(days=2), timedelta(days=9))],
    ids=["expired", "not valid yet"],
)
def test_certificate_that_is_not_valid_now_is_refused(
    target: Target, candidate: str, outside: material.Outside, *, csr: str, since: timedelta, until: timedelta
) -> None:
    certificate = outside.sign(csr, since=since, until=until)
    target.imported(candidate, material.pem(certificate), outside.pem).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT, certificates=1)
def test_root_takes_no_chain(target: Target, candidate_root: Authority) -> None:
    template = target.template("RootCACertificate")
    own = candidate_root.issue(target.csr(candidate_root.arn).encode(), TemplateArn=template)["Certificate"].encode()
    target.imported(candidate_root.arn, own, own).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT)
def test_root_takes_no_certificate_of_another_issuer(
    target: Target, candidate_root: Authority, outside: material.Outside
) -> None:
    certificate = outside.sign(target.csr(candidate_root.arn))
    target.imported(candidate_root.arn, material.pem(certificate)).refused(*REFUSED)


@about("ImportCertificateAuthorityCertificate", IMPORT, cas=1)
def test_refused_import_leaves_the_ca_waiting(target: Target) -> None:
    arn = target.create("SUBORDINATE")
    target.imported(arn, b"x", b"x").refused(MALFORMED)
    assert target.describe(arn)["Status"] == "PENDING_CERTIFICATE"


@about("ImportCertificateAuthorityCertificate", IMPORT, cas=1)
def test_chain_of_three_is_taken_issuer_first(target: Target) -> None:
    root, middle = material.Outside(), material.Outside()
    arn = target.create("SUBORDINATE")
    certificate, between = middle.sign(target.csr(arn)), root.sign_for(middle)
    target.install(arn, material.pem(certificate), material.pem(between, root.certificate))
    named: Any = {"CertificateAuthorityArn": arn}
    answer = target.wire.call("GetCertificateAuthorityCertificate", **named).accepted()
    found = x509.load_pem_x509_certificates(answer["CertificateChain"].encode())
    assert found == [between, root.certificate]


@about("ImportCertificateAuthorityCertificate", TERRAFORM, cas=1)
def test_renewal_keeps_key_and_tells_the_new_times(target: Target, outside: material.Outside) -> None:
    authority = target.subordinate(outside, until=timedelta(days=10))
    renewed = outside.sign(target.csr(authority.arn), until=timedelta(days=15))
    target.install(authority.arn, material.pem(renewed), outside.pem)
    found = target.describe(authority.arn)
    assert (found["Status"], found["NotAfter"]) == ("ACTIVE", renewed.not_valid_after_utc.timestamp())
    assert renewed.public_key() == authority.own.public_key()


@about("ImportCertificateAuthorityCertificate", RFC, cas=1)
def test_ca_certificate_may_have_no_subject_key_identifier(target: Target, outside: material.Outside) -> None:
    arn = target.create("SUBORDINATE")
    certificate = outside.sign(target.csr(arn), identified=False)
    target.install(arn, material.pem(certificate), outside.pem)
    found = target.authority(arn, certificate).certificate_of()
    identifier = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == material.identifier(certificate.public_key()).digest
