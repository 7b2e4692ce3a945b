"""The contents of a certificate that no template fixes: number, names, identifiers, order, signature, and its chain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from chalicelib.conformance import material
from chalicelib.conformance.sources import GUIDE_SAMPLE, TERRAFORM, about, guide, inferred, model, observed, reference

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

ISSUE = reference("IssueCertificate")
RFC = guide("RFC-compliance")


@pytest.fixture(scope="module")
def issued(issuer: Authority) -> dict[str, str]:
    """A certificate by the default template."""
    return issuer.issue(material.csr("contents.example.com", ((material.alternative_names("a.example.com"), False),)))


@pytest.fixture(scope="module")
def certificate(issued: dict[str, str]) -> x509.Certificate:
    return material.read(issued["Certificate"])


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
def test_certificate_is_of_version_3(certificate: x509.Certificate) -> None:
    assert certificate.version == x509.Version.v3


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
def test_arn_ends_in_the_serial_number_in_32_hexadecimal_digits(
    issuer: Authority, issued: dict[str, str], certificate: x509.Certificate
) -> None:
    assert issued["Arn"] == f"{issuer.arn}/certificate/{certificate.serial_number:032x}"


@about("IssueCertificate", GUIDE_SAMPLE, certificates=4)
def test_serial_numbers_have_128_random_bits(issuer: Authority) -> None:
    found = [issuer.certificate_of().serial_number for _ in range(4)]
    assert len(set(found)) == 4
    assert max(found).bit_length() > 100
    assert max(found).bit_length() <= 128


@about("IssueCertificate", RFC, certificates=1)
def test_issuer_is_the_subject_of_the_ca_byte_for_byte(issuer: Authority, certificate: x509.Certificate) -> None:
    assert certificate.issuer.public_bytes() == issuer.own.subject.public_bytes()


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
def test_subject_key_identifier_is_sha_1_of_the_key(certificate: x509.Certificate) -> None:
    found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found == material.identifier(material.key().public_key())


@about("IssueCertificate", RFC, certificates=1)
def test_authority_key_identifier_has_the_key_identifier_alone(certificate: x509.Certificate) -> None:
    found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.authority_cert_issuer is None
    assert found.authority_cert_serial_number is None


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
def test_extensions_are_in_the_order_of_the_samples(certificate: x509.Certificate) -> None:
    numbered = ["2.5.29.19", "2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.37"]
    assert [each for each in material.oids(certificate.extensions) if each in numbered] == numbered


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
def test_extensions_of_a_root_are_in_the_order_of_the_sample(target: Target, waiting_root: Authority) -> None:
    template = target.template("RootCACertificate")
    found = waiting_root.certificate_of(target.csr(waiting_root.arn).encode(), TemplateArn=template)
    assert material.oids(found.extensions) == ["2.5.29.19", "2.5.29.14", "2.5.29.15"]


@about("IssueCertificate", RFC, certificates=1)
def test_subject_alternative_name_is_that_of_the_csr(certificate: x509.Certificate) -> None:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.value == material.alternative_names("a.example.com")


@about("IssueCertificate", RFC, certificates=1)
def test_subject_of_the_csr_keeps_order_and_string_types(issuer: Authority) -> None:
    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, "order.example.com"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
    ]
    name = x509.Name(attributes)
    assert issuer.certificate_of(material.csr(name)).subject.public_bytes() == name.public_bytes()


@about("IssueCertificate", RFC, certificates=1)
@pytest.mark.parametrize(
    "names",
    [
        [x509.DNSName("*.example.com")],
        [x509.DNSName(f"host-{number}.example.com") for number in range(50)],
        [x509.RFC822Name("someone@example.com")],
        [x509.UniformResourceIdentifier("spiffe://example.com/service")],
        [x509.DirectoryName(material.common_name("inner"))],
        [x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4"))],
        [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x04user")],
    ],
    ids=["wildcard", "fifty names", "email", "URI", "directory name", "registered id", "other name"],
)
def test_subject_alternative_name_of_any_kind_is_copied(issuer: Authority, names: list[x509.GeneralName]) -> None:
    value = x509.SubjectAlternativeName(names)
    found = issuer.certificate_of(material.csr(extensions=((value, False),)))
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == value


@about("IssueCertificate", RFC, certificates=1)
@pytest.mark.parametrize("name", ["RSA_2048", "RSA_3072", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"])
def test_public_key_of_any_kind_is_copied(issuer: Authority, name: str) -> None:
    own = material.key(name)
    found = issuer.certificate_of(material.csr(own=own))
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert found.public_key().public_bytes(*form) == own.public_key().public_bytes(*form)


SIGNATURES = {
    "SHA256WITHECDSA": "1.2.840.10045.4.3.2",
    "SHA384WITHECDSA": "1.2.840.10045.4.3.3",
    "SHA512WITHECDSA": "1.2.840.10045.4.3.4",
}


@about("IssueCertificate", ISSUE, certificates=1)
@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_signing_algorithm_is_that_of_the_request(issuer: Authority, algorithm: str) -> None:
    found = issuer.certificate_of(SigningAlgorithm=algorithm)
    assert found.signature_algorithm_oid.dotted_string == SIGNATURES[algorithm]
    found.verify_directly_issued_by(issuer.own)


@pytest.fixture(scope="module")
def rsa_issuer(target: Target) -> Authority:
    """An ACTIVE root with an RSA key."""
    return target.root(KeyAlgorithm="RSA_2048")


@about("IssueCertificate", observed("cert-manager/aws-privateca-issuer #22"))
def test_signing_algorithm_of_another_family_is_refused_in_aws_s_words(rsa_issuer: Authority) -> None:
    text = (
        "Signing algorithm SHA384WITHECDSA cannot be used with key type RSA_2048. "
        "Valid signing algorithms are: SHA256WITHRSA, SHA384WITHRSA, SHA512WITHRSA."
    )
    rsa_issuer.asked(SigningAlgorithm="SHA384WITHECDSA").refused("InvalidArgsException", text=text)


@about("IssueCertificate", ISSUE)
@pytest.mark.parametrize("algorithm", ["SHA256WITHRSA", "SHA512WITHRSA", "ML_DSA_65"])
def test_signing_algorithm_of_another_family_is_refused(issuer: Authority, algorithm: str) -> None:
    issuer.asked(SigningAlgorithm=algorithm).refused("InvalidArgsException")


RSA_SIGNATURES = {"SHA256WITHRSA": "11", "SHA384WITHRSA": "12", "SHA512WITHRSA": "13"}


@about("IssueCertificate", ISSUE, certificates=1)
@pytest.mark.parametrize("algorithm", RSA_SIGNATURES)
def test_signing_algorithm_of_an_rsa_ca_is_that_of_the_request(rsa_issuer: Authority, algorithm: str) -> None:
    found = rsa_issuer.certificate_of(SigningAlgorithm=algorithm)
    assert found.signature_algorithm_oid.dotted_string == f"1.2.840.113549.1.1.{RSA_SIGNATURES[algorithm]}"
    found.verify_directly_issued_by(rsa_issuer.own)


@about("IssueCertificate", ISSUE, certificates=1, cas=1)
@pytest.mark.parametrize(("algorithm", "last"), [("ML_DSA_44", "17"), ("ML_DSA_65", "18"), ("ML_DSA_87", "19")])
def test_ca_signs_with_ml_dsa(target: Target, algorithm: str, last: str) -> None:
    found = target.root(KeyAlgorithm=algorithm).certificate_of()
    assert found.signature_algorithm_oid.dotted_string == f"2.16.840.1.101.3.4.3.{last}"


CSRS: dict[str, bytes] = {
    "no PEM": b"x",
    "no CSR in the PEM": b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    "a certificate": material.Outside().pem,
    "a signature that does not fit": material.broken_csr(),
}


@about("IssueCertificate", reference("IssueCertificate"))
@pytest.mark.parametrize("case", CSRS)
def test_csr_that_cannot_be_read_or_verified_is_malformed(issuer: Authority, case: str) -> None:
    issuer.asked(CSRS[case]).refused("MalformedCSRException")


@about("IssueCertificate", ISSUE)
def test_csr_with_neither_subject_nor_subject_alternative_name_is_refused(issuer: Authority) -> None:
    assert issuer.asked(material.csr(material.NOBODY)).status == 400


@about("IssueCertificate", ISSUE, certificates=1)
def test_csr_with_a_subject_alternative_name_needs_no_subject(issuer: Authority) -> None:
    names = material.alternative_names("alone.example.com")
    found = issuer.certificate_of(material.csr(material.NOBODY, ((names, True),)))
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names


@about("IssueCertificate", guide("UsingTemplates"), certificates=2)
def test_template_is_that_of_end_entities_if_none_is_named(target: Target, issuer: Authority) -> None:
    named = issuer.certificate_of(TemplateArn=target.template("EndEntityCertificate"))
    values = [material.extension(each, "2.5.29.37") for each in (named, issuer.certificate_of())]
    assert values[0] == values[1]


@about("IssueCertificate", guide("template-definitions"), certificates=1)
def test_base_template_drops_the_extensions_of_the_csr(issuer: Authority) -> None:
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])
    found = issuer.certificate_of(material.csr(extensions=((policies, False), (material.key_usage("CRLSign"), True))))
    assert material.extension(found, "2.5.29.32") is None
    assert material.extension(found, "2.5.29.15") == (True, bytes.fromhex("030205a0"))


@about("IssueCertificate", model("IdempotencyToken of IssueCertificate"), certificates=1)
def test_same_token_is_the_same_certificate(issuer: Authority, token: str) -> None:
    request = material.csr()
    found = {issuer.asked(request, IdempotencyToken=token).accepted()["CertificateArn"] for _ in range(2)}
    assert len(found) == 1


@about("IssueCertificate", model("IdempotencyToken of IssueCertificate"), certificates=2)
def test_other_token_is_another_certificate(issuer: Authority, token: str) -> None:
    request = material.csr()
    found = {
        issuer.asked(request, IdempotencyToken=each).accepted()["CertificateArn"] for each in (token, f"{token}-2")
    }
    assert len(found) == 2


@about("IssueCertificate", model("IdempotencyToken of IssueCertificate"), certificates=2)
def test_without_token_each_request_is_another_certificate(issuer: Authority) -> None:
    request = material.csr()
    assert len({issuer.asked(request).accepted()["CertificateArn"] for _ in range(2)}) == 2


@about("GetCertificate", observed("cert-manager/aws-privateca-issuer, which adds the line's end"), certificates=1)
def test_pem_of_a_certificate_has_lines_of_64_and_no_end_of_the_last(issued: dict[str, str]) -> None:
    lines = issued["Certificate"].split("\n")
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    assert {len(line) for line in lines[1:-2]} == {64}


@about("GetCertificate", reference("GetCertificate"), certificates=1)
def test_chain_of_a_certificate_of_a_root_is_the_root(issuer: Authority, issued: dict[str, str]) -> None:
    assert chain(issued) == [issuer.own]


@about(
    "GetCertificate", observed("cert-manager/aws-privateca-issuer, which takes the last one as root"), certificates=1
)
def test_chain_of_a_certificate_goes_up_to_the_root(subordinate: Authority, outside: Any) -> None:
    assert chain(subordinate.issue()) == [subordinate.own, outside.certificate]


@about("GetCertificate", TERRAFORM, certificates=1)
def test_certificate_of_a_root_has_no_chain(target: Target, waiting_root: Authority) -> None:
    template = target.template("RootCACertificate")
    found = waiting_root.issue(target.csr(waiting_root.arn).encode(), TemplateArn=template)
    assert not found.get("CertificateChain")


@about("GetCertificate", inferred("an ARN of the right form names a certificate that is not there"))
def test_unknown_certificate_is_not_found(issuer: Authority) -> None:
    issuer.got(f"{issuer.arn}/certificate/{'ab' * 16}").refused("ResourceNotFoundException")


@about("GetCertificate", reference("GetCertificate"), certificates=1)
def test_certificate_stays_the_same(issuer: Authority, issued: dict[str, str]) -> None:
    assert issuer.got(issued["Arn"]).accepted()["Certificate"] == issued["Certificate"]


@about("GetCertificateAuthorityCertificate", reference("GetCertificateAuthorityCertificate"))
def test_certificate_of_a_root_ca_has_no_chain(target: Target, issuer: Authority) -> None:
    named = {"CertificateAuthorityArn": issuer.arn}
    answer = target.wire.call("GetCertificateAuthorityCertificate", **named).accepted()
    assert material.read(answer["Certificate"]) == issuer.own
    assert not answer.get("CertificateChain")


@about("GetCertificateAuthorityCertificate", reference("GetCertificateAuthorityCertificate"))
def test_chain_of_a_ca_is_without_its_own_certificate(target: Target, subordinate: Authority, outside: Any) -> None:
    named = {"CertificateAuthorityArn": subordinate.arn}
    answer = target.wire.call("GetCertificateAuthorityCertificate", **named).accepted()
    assert material.read(answer["Certificate"]) == subordinate.own
    assert chain(answer) == [outside.certificate]


def chain(answer: dict[str, Any]) -> list[x509.Certificate]:
    """The certificates of a CertificateChain."""
    assert not re.search(r"\s\Z", answer["CertificateChain"])
    return x509.load_pem_x509_certificates(answer["CertificateChain"].encode())


def odd_name(*names: str) -> material.Extensions:
    return ((x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False),)


COPIED: dict[str, material.Extensions] = {
    "an IP address as DNS name": odd_name("192.0.2.1"),
    "a final dot": odd_name("www.example.com."),
    "a label of 64 characters": odd_name(f"{'a' * 64}.example.com"),
    "a wildcard inside": odd_name("www.*.example.com"),
    "a space": odd_name("two words"),
    "an email address without a host": ((x509.SubjectAlternativeName([x509.RFC822Name("nobody")]), False),),
    "a URI that is relative": ((x509.SubjectAlternativeName([x509.UniformResourceIdentifier("a/b")]), False),),
}
UNCHECKED = inferred('guide RFC-compliance: the extension is copied "without validation"; nobody has published a trial')


@about("IssueCertificate", UNCHECKED, certificates=1)
@pytest.mark.parametrize("case", COPIED)
def test_subject_alternative_name_is_copied_without_validation(issuer: Authority, case: str) -> None:
    ((value, _),) = COPIED[case]
    found = issuer.certificate_of(material.csr(extensions=COPIED[case]))
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == value


@about("IssueCertificate", UNCHECKED, certificates=1)
@pytest.mark.parametrize("kind", ["RSA of 1024 bits", "P-224", "Ed25519"])
def test_key_is_copied_without_validation(issuer: Authority, kind: str) -> None:
    own = material.odd_key(kind)
    found = issuer.certificate_of(material.csr(own=own))
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert found.public_key().public_bytes(*form) == own.public_key().public_bytes(*form)
