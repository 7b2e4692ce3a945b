"""IssueCertificate, GetCertificate, Import and GetCertificateAuthorityCertificate through a real boto3 client."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib import errors
from chalicelib.operations import certificates
from tests.support.authority_steps import (
    DAYS_30,
    ROOT_TEMPLATE,
    active_root,
    active_subordinate,
    create,
    fetch,
    issue,
    serial_of,
    status,
)
from tests.support.builders import CALLER, GUIDE_CONFIGURATION, csr, name, pem, root_certificate
from tests.support.ports import Port
from tests.support.refusals import refusal

TEMPLATE = "arn:aws:acm-pca:::template/{}/V1"


def test_end_entity_certificate_has_exactly_what_the_template_says(acm_pca: Any, clock: Any, rt: Any) -> None:
    """User Guide, template definitions: BC, AKI, SKI, KU, EKU and the CDP; subject and SAN come from the CSR."""
    arn = active_subordinate(acm_pca, now=clock())
    issued = issue(acm_pca, arn, Csr=csr("leaf.example.com", dns_names=["leaf.example.com"]))
    leaf = fetch(acm_pca, arn, issued)
    ca = x509.load_pem_x509_certificate(
        acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"].encode()
    )
    extensions = {type(each.value): each for each in leaf.extensions}
    assert leaf.version is x509.Version.v3
    assert leaf.issuer.public_bytes() == ca.subject.public_bytes()
    leaf.verify_directly_issued_by(ca)
    assert leaf.subject == name("leaf.example.com")
    assert f"{leaf.serial_number:032x}" == serial_of(issued)
    assert extensions[x509.BasicConstraints].value == x509.BasicConstraints(ca=False, path_length=None)
    assert not extensions[x509.BasicConstraints].critical
    assert extensions[x509.KeyUsage].critical
    usage = extensions[x509.KeyUsage].value
    assert usage.digital_signature
    assert usage.key_encipherment
    assert not usage.key_cert_sign
    purposes = list(extensions[x509.ExtendedKeyUsage].value)
    assert purposes == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions[x509.ExtendedKeyUsage].critical
    ca_key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert extensions[x509.AuthorityKeyIdentifier].value.key_identifier == ca_key_id
    names = extensions[x509.SubjectAlternativeName].value.get_values_for_type(x509.DNSName)
    assert names == ["leaf.example.com"]
    ca_id = arn.rsplit("/", 1)[1]
    (point,) = extensions[x509.CRLDistributionPoints].value
    assert point.full_name[0].value == rt.buckets.object_url("crl-bucket", f"crl/{ca_id}.crl")
    assert len(extensions) == 7


def test_not_before_is_backdated_by_an_hour_and_days_count_from_issuance(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    assert leaf.not_valid_before_utc == clock() - timedelta(hours=1)
    assert leaf.not_valid_after_utc == clock() + timedelta(days=30)


VALIDITIES = {
    "end-date-13": ({"Type": "END_DATE", "Value": 300601123000}, datetime(2030, 6, 1, 12, 30, tzinfo=UTC)),
    "end-date-15": ({"Type": "END_DATE", "Value": 20300601123000}, datetime(2030, 6, 1, 12, 30, tzinfo=UTC)),
    "absolute": ({"Type": "ABSOLUTE", "Value": 1906547400}, datetime(2030, 6, 1, 12, 30, tzinfo=UTC)),
    "days": ({"Type": "DAYS", "Value": 1}, datetime(2030, 1, 2, 12, tzinfo=UTC)),
    "months": ({"Type": "MONTHS", "Value": 13}, datetime(2031, 2, 1, 12, tzinfo=UTC)),
    "years": ({"Type": "YEARS", "Value": 2}, datetime(2032, 1, 1, 12, tzinfo=UTC)),
}


@pytest.mark.parametrize("case", VALIDITIES)
def test_validity_types(acm_pca: Any, clock: Any, case: str) -> None:
    validity, not_after = VALIDITIES[case]
    assert clock() == datetime(2030, 1, 1, 12, tzinfo=UTC)
    arn = active_subordinate(acm_pca, now=clock())
    assert fetch(acm_pca, arn, issue(acm_pca, arn, Validity=validity)).not_valid_after_utc == not_after


def test_validity_not_before_is_taken_and_does_not_move_the_end(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    start = clock() + timedelta(days=2)
    not_before = {"Type": "ABSOLUTE", "Value": int(start.timestamp())}
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn, ValidityNotBefore=not_before))
    assert leaf.not_valid_before_utc == start
    assert leaf.not_valid_after_utc == clock() + timedelta(days=30)


BAD_ISSUES: dict[str, tuple[dict[str, Any], str, str]] = {
    "beyond-ca": (
        {"Validity": {"Type": "YEARS", "Value": 11}},
        "ValidationException",
        "The certificate validity specified exceeds the certificate authority validity",
    ),
    "value-0": (
        {"Validity": {"Type": "DAYS", "Value": 0}},
        "ValidationException",
        (
            "1 validation error detected: Value '0' at 'validity.value' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        ),
    ),
    "past": ({"Validity": {"Type": "ABSOLUTE", "Value": 1}}, "ValidationException", ""),
    "huge": ({"Validity": {"Type": "YEARS", "Value": 2**62}}, "ValidationException", ""),
    "no-date": ({"Validity": {"Type": "END_DATE", "Value": 20301399000000}}, "ValidationException", ""),
    "family": (
        {"SigningAlgorithm": "SHA384WITHRSA"},
        "InvalidArgsException",
        (
            "Signing algorithm SHA384WITHRSA cannot be used with key type EC_prime256v1. "
            "Valid signing algorithms are: SHA256WITHECDSA, SHA384WITHECDSA, SHA512WITHECDSA."
        ),
    ),
    "no-csr": ({"Csr": b"not a csr"}, "MalformedCSRException", ""),
    "certificate-as-csr": ({"Csr": pem(root_certificate())}, "MalformedCSRException", ""),
    "template": ({"TemplateArn": TEMPLATE.format("NoSuchTemplate")}, "InvalidArgsException", "NoSuchTemplate"),
    "template-v2": (
        {"TemplateArn": "arn:aws:acm-pca:::template/EndEntityCertificate/V2"},
        "InvalidArgsException",
        "V2",
    ),
    "template-is-ca": (
        {"TemplateArn": "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/x"},
        "InvalidArnException",
        "",
    ),
    "path-length": (
        {"TemplateArn": TEMPLATE.format("SubordinateCACertificate_PathLen0")},
        "ValidationException",
        "Path length check failed for CA",
    ),
}


@pytest.mark.parametrize("case", BAD_ISSUES)
def test_bad_issuance_is_refused_and_reserves_no_serial(acm_pca: Any, rt: Any, clock: Any, case: str) -> None:
    more, code, text = BAD_ISSUES[case]
    arn = active_subordinate(acm_pca, now=clock())
    request = {"CertificateAuthorityArn": arn, "Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": DAYS_30}
    found, message = refusal(acm_pca.issue_certificate, **request | more)
    assert found == code
    assert text in message
    assert list(rt.store.list_certificates(arn)) == []


def test_tampered_csr_is_refused(acm_pca: Any, clock: Any) -> None:
    """RFC 2986 section 4.2: the signature proves possession of the key."""
    from base64 import b64encode

    arn = active_subordinate(acm_pca, now=clock())
    der = bytearray(x509.load_pem_x509_csr(csr()).public_bytes(encoding=_DER))
    der[-1] ^= 1
    text = b"-----BEGIN CERTIFICATE REQUEST-----\n" + b64encode(der) + b"\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(acm_pca.exceptions.MalformedCSRException):
        issue(acm_pca, arn, Csr=text)


from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402  used only as a constant

_DER = Encoding.DER


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_subordinate_templates_set_the_path_length(acm_pca: Any, depth: int) -> None:
    root = active_root(acm_pca)
    template = TEMPLATE.format(f"SubordinateCACertificate_PathLen{depth}")
    certificate = fetch(acm_pca, root, issue(acm_pca, root, TemplateArn=template))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=depth)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert usage.value.digital_signature


def test_root_certificate_is_self_signed_without_aki_cdp_and_chain(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    answer = acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    root = x509.load_pem_x509_certificate(answer["Certificate"].encode())
    assert "CertificateChain" not in answer
    root.verify_directly_issued_by(root)
    order = [type(each.value) for each in root.extensions]
    assert order == [x509.BasicConstraints, x509.SubjectKeyIdentifier, x509.KeyUsage]
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert int(ca["Serial"].replace(":", ""), 16) == root.serial_number
    assert ca["NotBefore"] == root.not_valid_before_utc
    assert ca["NotAfter"] == root.not_valid_after_utc


def test_pending_root_issues_nothing_but_its_own_certificate(acm_pca: Any) -> None:
    arn = create(acm_pca, "ROOT")
    own = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    for more in ({}, {"TemplateArn": ROOT_TEMPLATE}, {"Csr": own}):
        with pytest.raises(acm_pca.exceptions.InvalidStateException):
            issue(acm_pca, arn, **more)
    assert status(acm_pca, arn) == "PENDING_CERTIFICATE"
    issued = issue(acm_pca, arn, Csr=own, TemplateArn=ROOT_TEMPLATE)
    answer = acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
    assert "CertificateChain" not in answer
    assert status(acm_pca, arn) == "PENDING_CERTIFICATE"


def test_chain_goes_from_the_issuing_ca_to_the_root(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    answer = acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issue(acm_pca, arn))
    subjects = [each.subject for each in x509.load_pem_x509_certificates(answer["CertificateChain"].encode())]
    assert subjects == [name("Test CA"), name("Offline Root")]
    assert not answer["Certificate"].endswith("\n")
    assert not answer["CertificateChain"].endswith("\n")


def test_get_certificate_of_what_the_ca_never_issued_is_not_found(acm_pca: Any) -> None:
    first, second = active_root(acm_pca), active_root(acm_pca)
    issued = issue(acm_pca, first)
    for arn in (first + "/certificate/" + "0" * 31 + "1", issued.replace(first, second)):
        code, _ = refusal(acm_pca.get_certificate, CertificateAuthorityArn=first, CertificateArn=arn)
        assert code == "ResourceNotFoundException"
    code, _ = refusal(acm_pca.get_certificate, CertificateAuthorityArn=second, CertificateArn=issued)
    assert code == "ResourceNotFoundException"
    code, _ = refusal(acm_pca.get_certificate, CertificateAuthorityArn=first, CertificateArn=first)
    assert code == "InvalidArnException"


def test_waiter_for_the_certificate_ends(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    acm_pca.get_waiter("certificate_issued").wait(CertificateAuthorityArn=arn, CertificateArn=issue(acm_pca, arn))


@pytest.mark.every_case
@pytest.mark.parametrize("signing_algorithm", ["SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA"])
def test_signing_algorithm_of_the_request_signs(acm_pca: Any, signing_algorithm: str) -> None:
    arn = create(acm_pca, "ROOT", CertificateAuthorityConfiguration=GUIDE_CONFIGURATION)
    from tests.support.authority_steps import activate_root

    activate_root(acm_pca, arn, signing_algorithm="SHA256WITHRSA")
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn, SigningAlgorithm=signing_algorithm))
    assert leaf.signature_hash_algorithm is not None
    assert leaf.signature_hash_algorithm.name.upper() == signing_algorithm[:6]


def test_certificate_that_is_not_as_its_ca_signed_it_is_not_given_out(acm_pca: Any, rt: Any) -> None:
    """A disk may change any octet of a record."""
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    record = rt.store.get_certificate(arn, int(serial_of(issued), 16))
    for position in (4, 10, 200, len(record.certificate_der) - 1):
        octets = bytearray(record.certificate_der)
        octets[position] ^= 1
        damaged: Any = Port(
            rt.store, get_certificate=lambda *_, der=bytes(octets): replace(record, certificate_der=der)
        )
        request: Any = {"CertificateAuthorityArn": arn, "CertificateArn": issued}
        with pytest.raises(errors.RequestFailedException, match="its signature does not verify"):
            certificates.get_certificate(replace(rt, store=damaged), CALLER, request)
