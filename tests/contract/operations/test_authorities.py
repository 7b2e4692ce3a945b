"""CAs from creation to deletion, through a real boto3 client (AWS Private CA API and User Guide)."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from tests.support.authority_steps import MISSING, active_root, create, status
from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION, GUIDE_CONFIGURATION
from tests.support.refusals import refusal

KEYS = [
    ("RSA_2048", "SHA256WITHRSA"),
    ("RSA_3072", "SHA384WITHRSA"),
    ("RSA_4096", "SHA512WITHRSA"),
    ("EC_prime256v1", "SHA256WITHECDSA"),
    ("EC_secp384r1", "SHA384WITHECDSA"),
    ("EC_secp521r1", "SHA512WITHECDSA"),
    *(pytest.param(each, each, marks=pytest.mark.laptop) for each in ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87")),
]


@pytest.mark.every_case
@pytest.mark.wide
@pytest.mark.parametrize(("key_algorithm", "signing_algorithm"), KEYS)
def test_create_of_each_key_algorithm_gives_a_csr_that_verifies(
    acm_pca: Any, key_algorithm: str, signing_algorithm: str
) -> None:
    configuration = EC_CONFIGURATION | {"KeyAlgorithm": key_algorithm, "SigningAlgorithm": signing_algorithm}
    arn = create(acm_pca, CertificateAuthorityConfiguration=configuration)
    request = x509.load_pem_x509_csr(acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode())
    assert request.is_signature_valid
    constraints = request.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)


def test_create_with_the_guide_s_input_describes_what_was_given(acm_pca: Any, clock: Any) -> None:
    revocation = {
        "CrlConfiguration": {
            "Enabled": True,
            "ExpirationInDays": 7,
            "CustomCname": "some_name.crl",
            "S3BucketName": "your-bucket-name",
        }
    }
    arn = create(
        acm_pca,
        CertificateAuthorityConfiguration=GUIDE_CONFIGURATION,
        RevocationConfiguration=revocation,
        IdempotencyToken="98256344",
        Tags=[{"Key": "Name", "Value": "MyPCA"}],
    )
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert ca["Arn"] == arn
    assert ca["OwnerAccount"] == "000000000000"
    assert ca["Type"] == "SUBORDINATE"
    assert ca["Status"] == "PENDING_CERTIFICATE"
    assert ca["CreatedAt"] == ca["LastStateChangeAt"] == clock()
    assert ca["CertificateAuthorityConfiguration"] == GUIDE_CONFIGURATION
    crl = revocation["CrlConfiguration"] | {"S3ObjectAcl": "PUBLIC_READ"}
    assert ca["RevocationConfiguration"] == {"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": False}}
    assert ca["KeyStorageSecurityStandard"] == "FIPS_140_2_LEVEL_3_OR_HIGHER"
    assert ca["UsageMode"] == "GENERAL_PURPOSE"
    assert not ca.keys() & {"Serial", "NotBefore", "NotAfter", "FailureReason", "RestorableUntil"}
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == [{"Key": "Name", "Value": "MyPCA"}]


def test_csr_subject_has_aws_s_order_and_string_types(acm_pca: Any) -> None:
    """User Guide sample: C, O, OU, ST, CN, L; the country is a PrintableString, the rest UTF8String."""
    arn = create(acm_pca, CertificateAuthorityConfiguration=GUIDE_CONFIGURATION)
    pem = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    request = x509.load_pem_x509_csr(pem.encode())
    attributes = [(each.rfc4514_attribute_name, each._type.name) for each in request.subject]
    assert attributes == [
        ("C", "PrintableString"),
        ("O", "UTF8String"),
        ("OU", "UTF8String"),
        ("ST", "UTF8String"),
        ("CN", "UTF8String"),
        ("L", "UTF8String"),
    ]
    assert not pem.endswith("\n")
    assert pem == acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]


def test_create_without_revocation_shows_both_parts_off(acm_pca: Any) -> None:
    arn = create(acm_pca)
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    off = {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}
    assert ca["RevocationConfiguration"] == off


def crl(**members: Any) -> dict[str, Any]:
    return {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | members}


BAD_CREATES: dict[str, tuple[dict[str, Any], str]] = {
    "families": (
        {"CertificateAuthorityConfiguration": EC_CONFIGURATION | {"SigningAlgorithm": "SHA256WITHRSA"}},
        "InvalidArgsException",
    ),
    "sm2": (
        {
            "CertificateAuthorityConfiguration": EC_CONFIGURATION
            | {"KeyAlgorithm": "SM2", "SigningAlgorithm": "SM3WITHSM2"}
        },
        "InvalidArgsException",
    ),
    "custom-and-standard-subject": (
        {
            "CertificateAuthorityConfiguration": EC_CONFIGURATION
            | {"Subject": {"CommonName": "x", "CustomAttributes": [{"ObjectIdentifier": "2.5.4.3", "Value": "y"}]}}
        },
        "InvalidArgsException",
    ),
    "standard": ({"KeyStorageSecurityStandard": "CCPC_LEVEL_1_OR_HIGHER"}, "InvalidArgsException"),
    "off-with-bucket": ({"RevocationConfiguration": crl(Enabled=False)}, "InvalidArgsException"),
    "ocsp-off-with-cname": (
        {"RevocationConfiguration": {"OcspConfiguration": {"Enabled": False, "OcspCustomCname": "a.example"}}},
        "InvalidArgsException",
    ),
    "no-bucket": ({"RevocationConfiguration": {"CrlConfiguration": {"Enabled": True}}}, "InvalidArgsException"),
    "cname-with-scheme": ({"RevocationConfiguration": crl(CustomCname="http://x.example")}, "InvalidArgsException"),
    "cname-with-port-beyond": ({"RevocationConfiguration": crl(CustomCname="x.example:99999")}, "InvalidArgsException"),
    "cname-with-port-0": ({"RevocationConfiguration": crl(CustomCname="x.example:0")}, "InvalidArgsException"),
    "cname-with-path": ({"RevocationConfiguration": crl(CustomCname="x.example/y")}, "InvalidArgsException"),
    "cname-and-omit": (
        {
            "RevocationConfiguration": crl(
                CustomCname="x.example", CrlDistributionPointExtensionConfiguration={"OmitExtension": True}
            )
        },
        "InvalidArgsException",
    ),
    "bucket-name": ({"RevocationConfiguration": crl(S3BucketName="Not..A/Bucket")}, "ValidationException"),
    "days-0": ({"RevocationConfiguration": crl(ExpirationInDays=5001)}, "ValidationException"),
    "reserved-tag": ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidTagException"),
    "tag-twice": ({"Tags": [{"Key": "x", "Value": "y"}, {"Key": "x", "Value": "z"}]}, "InvalidTagException"),
}


@pytest.mark.parametrize("case", BAD_CREATES)
def test_create_with_bad_input_is_refused_and_leaves_no_trace(acm_pca: Any, traces: Any, case: str) -> None:
    more, code = BAD_CREATES[case]
    request = {"CertificateAuthorityConfiguration": EC_CONFIGURATION, "CertificateAuthorityType": "SUBORDINATE"}
    assert refusal(acm_pca.create_certificate_authority, **request | more)[0] == code
    assert acm_pca.list_certificate_authorities()["CertificateAuthorities"] == []
    assert not traces.ca_keys()
    assert not traces.objects()


def test_create_with_one_token_gives_one_ca(acm_pca: Any, clock: Any) -> None:
    first = create(acm_pca, IdempotencyToken="token")
    assert create(acm_pca, IdempotencyToken="token") == first
    clock.forward(seconds=301)
    assert create(acm_pca, IdempotencyToken="token") != first


def test_create_with_one_token_and_other_parameters_is_refused(acm_pca: Any) -> None:
    create(acm_pca, IdempotencyToken="token")
    other = {"CertificateAuthorityConfiguration": GUIDE_CONFIGURATION, "CertificateAuthorityType": "ROOT"}
    code, message = refusal(acm_pca.create_certificate_authority, IdempotencyToken="token", **other)
    assert code == "InvalidArgsException"
    assert "token" in message


NOT_FOUND = {
    "missing": (MISSING, "ResourceNotFoundException"),
    "other-account": (MISSING.replace("000000000000", "111111111111"), "AccessDeniedException"),
    "other-region": (MISSING.replace("us-east-1", "eu-west-1"), "ResourceNotFoundException"),
    "not-a-uuid": (MISSING[:-12] + "x", "ResourceNotFoundException"),
    "certificate": (MISSING + "/certificate/" + "0" * 32, "InvalidArnException"),
    "template": ("arn:aws:acm-pca:::template/EndEntityCertificate/V1", "InvalidArnException"),
    "not-an-arn": ("arn:aws:acm:us-east-1:000000000000:certificate/x", "ValidationException"),
}


@pytest.mark.parametrize("case", NOT_FOUND)
def test_describe_of_what_is_not_the_caller_s_ca_is_refused(acm_pca: Any, case: str) -> None:
    arn, code = NOT_FOUND[case]
    assert refusal(acm_pca.describe_certificate_authority, CertificateAuthorityArn=arn)[0] == code


def test_list_pages_through_all_cas_once(acm_pca: Any) -> None:
    made = {create(acm_pca) for _ in range(5)}
    pages = list(acm_pca.get_paginator("list_certificate_authorities").paginate(PaginationConfig={"PageSize": 2}))
    sizes = [len(page["CertificateAuthorities"]) for page in pages]
    assert sizes == [2, 2, 1]
    listed = [ca["Arn"] for page in pages for ca in page["CertificateAuthorities"]]
    assert sorted(listed) == sorted(made)


def test_list_with_an_altered_token_is_refused(acm_pca: Any) -> None:
    for _ in range(2):
        create(acm_pca)
    token = acm_pca.list_certificate_authorities(MaxResults=1)["NextToken"]
    altered = token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")
    for bad in (altered, "x", token[:-4]):
        assert refusal(acm_pca.list_certificate_authorities, NextToken=bad)[0] == "InvalidNextTokenException"


def test_list_of_other_accounts_is_empty(acm_pca: Any) -> None:
    create(acm_pca)
    assert acm_pca.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"] == []


def test_waiter_for_the_csr_ends(acm_pca: Any) -> None:
    arn = create(acm_pca)
    acm_pca.get_waiter("certificate_authority_csr_created").wait(CertificateAuthorityArn=arn)


# updates


def test_update_of_the_revocation_configuration_works_while_pending(acm_pca: Any) -> None:
    arn = create(acm_pca)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=CRL_CONFIGURATION)
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert ca["RevocationConfiguration"]["CrlConfiguration"]["S3BucketName"] == "crl-bucket"


def test_update_of_one_part_keeps_the_other(acm_pca: Any) -> None:
    arn = create(acm_pca, RevocationConfiguration=CRL_CONFIGURATION)
    ocsp = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=ocsp)
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert ca["RevocationConfiguration"]["CrlConfiguration"]["Enabled"]
    assert ca["RevocationConfiguration"]["OcspConfiguration"] == ocsp["OcspConfiguration"]


def test_update_to_the_same_status_is_accepted_and_changes_nothing(acm_pca: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    before = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    clock.forward(minutes=1)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE")
    assert acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"] == before


@pytest.mark.parametrize("wanted", ["CREATING", "PENDING_CERTIFICATE", "DELETED", "EXPIRED", "FAILED"])
def test_update_to_a_status_that_is_not_the_caller_s_to_set_is_refused(acm_pca: Any, wanted: str) -> None:
    arn = active_root(acm_pca)
    code, _ = refusal(acm_pca.update_certificate_authority, CertificateAuthorityArn=arn, Status=wanted)
    assert code == "InvalidArgsException"
    assert status(acm_pca, arn) == "ACTIVE"


def test_update_of_nothing_is_refused(acm_pca: Any) -> None:
    assert refusal(acm_pca.update_certificate_authority, CertificateAuthorityArn=create(acm_pca))[0] == (
        "InvalidArgsException"
    )
