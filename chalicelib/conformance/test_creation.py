"""CreateCertificateAuthority, what Describe says of it, and its CSR."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chalicelib.conformance import material
from chalicelib.conformance.authorities import TAG
from chalicelib.conformance.sources import (
    GUIDE_SAMPLE,
    TERRAFORM,
    about,
    guide,
    inferred,
    model,
    observed,
    reference,
)

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Target
    from chalicelib.conformance.wire import Answer

CREATE, CONFIGURATION = reference("CreateCertificateAuthority"), reference("CertificateAuthorityConfiguration")
EC, RSA = "1.2.840.10045.4.3.", "1.2.840.113549.1.1."
ML_DSA = "2.16.840.1.101.3.4.3."
# Key algorithm, signing algorithm, and the identifier of the CSR's signature (RFC 5758, RFC 8017, RFC 9881).
KEYS = [
    ("RSA_2048", "SHA256WITHRSA", f"{RSA}11"),
    ("RSA_2048", "SHA384WITHRSA", f"{RSA}12"),
    ("RSA_2048", "SHA512WITHRSA", f"{RSA}13"),
    ("RSA_3072", "SHA256WITHRSA", f"{RSA}11"),
    ("RSA_4096", "SHA512WITHRSA", f"{RSA}13"),
    ("EC_prime256v1", "SHA256WITHECDSA", f"{EC}2"),
    ("EC_secp384r1", "SHA384WITHECDSA", f"{EC}3"),
    ("EC_secp521r1", "SHA512WITHECDSA", f"{EC}4"),
    ("ML_DSA_44", "ML_DSA_44", f"{ML_DSA}17"),
    ("ML_DSA_65", "ML_DSA_65", f"{ML_DSA}18"),
    ("ML_DSA_87", "ML_DSA_87", f"{ML_DSA}19"),
]


def refused(target: Target, **more: Any) -> Answer:
    """The answer to a creation that is expected to be refused; a CA that it makes is deleted in the end."""
    answer = target.wire.call("CreateCertificateAuthority", **target.asked(**more))
    if answer.status == 200:
        target.created(answer)
    return answer


def request_of(target: Target, **more: Any) -> x509.CertificateSigningRequest:
    """The CSR of a new CA."""
    return x509.load_pem_x509_csr(target.csr(target.create(**more)).encode())


@about("CreateCertificateAuthority", CONFIGURATION, cas=1)
@pytest.mark.parametrize(("key", "signing", "oid"), KEYS)
def test_key_and_signature_are_those_of_the_configuration(target: Target, key: str, signing: str, oid: str) -> None:
    found = request_of(target, KeyAlgorithm=key, SigningAlgorithm=signing)
    assert found.signature_algorithm_oid.dotted_string == oid
    assert found.is_signature_valid
    public = found.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        assert f"RSA_{public.key_size}" == key
    elif isinstance(public, ec.EllipticCurvePublicKey):
        assert {"secp256r1": "EC_prime256v1"}.get(public.curve.name, f"EC_{public.curve.name}") == key


@about("CreateCertificateAuthority", CONFIGURATION)
@pytest.mark.parametrize(
    ("key", "signing"),
    [
        ("RSA_2048", "SHA256WITHECDSA"),
        ("RSA_4096", "ML_DSA_44"),
        ("EC_prime256v1", "SHA256WITHRSA"),
        ("EC_secp384r1", "ML_DSA_65"),
        ("ML_DSA_44", "ML_DSA_65"),
        ("ML_DSA_87", "SHA512WITHECDSA"),
    ],
)
def test_signing_algorithm_of_another_family_is_refused(target: Target, key: str, signing: str) -> None:
    refused(target, KeyAlgorithm=key, SigningAlgorithm=signing).refused("InvalidArgsException", "ValidationException")


@about("CreateCertificateAuthority", model("documentation of KeyStorageSecurityStandard"))
def test_security_standard_of_other_regions_is_refused(target: Target) -> None:
    standard = "FIPS_140_2_LEVEL_3_OR_HIGHER" if target.partition == "aws-cn" else "CCPC_LEVEL_1_OR_HIGHER"
    text = "A certificate authority cannot be created in this region with the specified security standard."
    refused(target, KeyStorageSecurityStandard=standard).refused("InvalidArgsException", text=text)


@about("CreateCertificateAuthority", CREATE)
def test_arn_has_partition_region_account_and_a_uuid(target: Target, waiting: str) -> None:
    head, _, tail = waiting.rpartition("/")
    assert head == target.missing().rpartition("/")[0]
    assert [len(part) for part in tail.split("-")] == [8, 4, 4, 4, 12]


@about("DescribeCertificateAuthority", reference("CertificateAuthority"), cas=1)
def test_description_has_what_was_asked_and_the_defaults(target: Target) -> None:
    configuration = target.asked()["CertificateAuthorityConfiguration"]
    found = target.describe(
        target.create("SUBORDINATE", UsageMode="GENERAL_PURPOSE", CertificateAuthorityConfiguration=configuration)
    )
    assert found["CertificateAuthorityConfiguration"] == configuration
    assert (found["Type"], found["Status"]) == ("SUBORDINATE", "PENDING_CERTIFICATE")
    assert found["KeyStorageSecurityStandard"] == "FIPS_140_2_LEVEL_3_OR_HIGHER"
    assert found["OwnerAccount"] == target.account


@about("DescribeCertificateAuthority", reference("CreateCertificateAuthority"), cas=1)
def test_usage_mode_is_general_by_default(target: Target) -> None:
    request = target.asked()
    del request["UsageMode"]
    arn = target.created(target.wire.call("CreateCertificateAuthority", **request))
    assert target.describe(arn)["UsageMode"] == "GENERAL_PURPOSE"


@about("DescribeCertificateAuthority", TERRAFORM)
def test_revocation_is_off_by_default(target: Target, waiting: str) -> None:
    found = target.describe(waiting)["RevocationConfiguration"]
    assert found == {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}


@about("DescribeCertificateAuthority", TERRAFORM)
@pytest.mark.parametrize("member", ["Serial", "NotBefore", "NotAfter", "RestorableUntil", "FailureReason"])
def test_member_that_has_no_value_yet_is_absent(target: Target, waiting: str, member: str) -> None:
    assert target.describe(waiting).get(member) is None


@about("DescribeCertificateAuthority", GUIDE_SAMPLE, cas=1)
def test_times_are_numbers_of_seconds(target: Target) -> None:
    before = time.time() - 90
    found = target.describe(target.create())
    assert before < found["CreatedAt"] < time.time() + 90
    assert found["LastStateChangeAt"] >= found["CreatedAt"]


@about("DescribeCertificateAuthority", reference("CertificateAuthority"))
def test_description_of_an_active_ca_has_the_times_of_its_certificate(target: Target, issuer: Any) -> None:
    found = target.describe(issuer.arn)
    assert found["Status"] == "ACTIVE"
    assert found["NotBefore"] == issuer.own.not_valid_before_utc.timestamp()
    assert found["NotAfter"] == issuer.own.not_valid_after_utc.timestamp()
    assert found["Serial"]


@about("CreateCertificateAuthority", model("IdempotencyToken of CreateCertificateAuthority"), cas=1)
def test_same_token_is_the_same_ca(target: Target, token: str) -> None:
    request = target.asked(IdempotencyToken=token)
    found = {target.created(target.wire.call("CreateCertificateAuthority", **request)) for _ in range(2)}
    assert len(found) == 1


@about("CreateCertificateAuthority", guide("Create-CA-CLI"), cas=1)
def test_same_token_with_other_tags_is_accepted(target: Target, token: str) -> None:
    request = target.asked(IdempotencyToken=token)
    for tags in ([TAG], [TAG, {"Key": "Name", "Value": "MyPCA"}]):
        target.created(target.wire.call("CreateCertificateAuthority", **request | {"Tags": tags}))


@about("CreateCertificateAuthority", model("IdempotencyToken of CreateCertificateAuthority"), cas=2)
def test_without_token_each_request_is_another_ca(target: Target) -> None:
    request = target.asked()
    found = {target.created(target.wire.call("CreateCertificateAuthority", **request)) for _ in range(2)}
    assert len(found) == 2


SUBJECT = {
    "Country": ("US", NameOID.COUNTRY_NAME),
    "Organization": ("Example Corp", NameOID.ORGANIZATION_NAME),
    "OrganizationalUnit": ("Sales", NameOID.ORGANIZATIONAL_UNIT_NAME),
    "DistinguishedNameQualifier": ("qualifier", NameOID.DN_QUALIFIER),
    "State": ("WA", NameOID.STATE_OR_PROVINCE_NAME),
    "CommonName": ("www.example.com", NameOID.COMMON_NAME),
    "SerialNumber": ("12345", NameOID.SERIAL_NUMBER),
    "Locality": ("Seattle", NameOID.LOCALITY_NAME),
    "Title": ("Engineer", NameOID.TITLE),
    "Surname": ("Doe", NameOID.SURNAME),
    "GivenName": ("John", NameOID.GIVEN_NAME),
    "Initials": ("JD", NameOID.INITIALS),
    "Pseudonym": ("johnny", NameOID.PSEUDONYM),
    "GenerationQualifier": ("3rd", NameOID.GENERATION_QUALIFIER),
}


@pytest.fixture(scope="module")
def full(target: Target) -> x509.CertificateSigningRequest:
    """The CSR of a CA whose subject has every member, and that wishes extensions."""
    extensions = {
        "KeyUsage": {"DigitalSignature": True, "KeyCertSign": True, "CRLSign": True},
        "SubjectInformationAccess": [
            {
                "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
                "AccessLocation": {"UniformResourceIdentifier": "https://example.com/repository"},
            }
        ],
    }
    subject = {name: value for name, (value, _) in SUBJECT.items()}
    return request_of(target, Subject=subject, CsrExtensions=extensions)


@about("GetCertificateAuthorityCsr", CONFIGURATION)
@pytest.mark.parametrize("member", SUBJECT)
def test_member_of_the_subject_is_in_the_csr(full: x509.CertificateSigningRequest, member: str) -> None:
    value, oid = SUBJECT[member]
    assert [each.value for each in full.subject.get_attributes_for_oid(oid)] == [value]


@about("GetCertificateAuthorityCsr", GUIDE_SAMPLE)
def test_subject_has_the_order_of_the_sample(full: x509.CertificateSigningRequest) -> None:
    in_sample = ["Country", "Organization", "OrganizationalUnit", "State", "CommonName", "Locality"]
    numbers = [SUBJECT[name][1] for name in in_sample]
    assert [each.oid for each in full.subject if each.oid in numbers] == numbers
    assert all(len(list(rdn)) == 1 for rdn in full.subject.rdns)


@about("GetCertificateAuthorityCsr", GUIDE_SAMPLE)
def test_country_is_a_printable_string_and_other_text_is_utf_8(full: x509.CertificateSigningRequest) -> None:
    name = full.subject.public_bytes()
    assert b"\x06\x03\x55\x04\x06\x13\x02US" in name
    assert b"\x06\x03\x55\x04\x0a\x0c\x0cExample Corp" in name
    assert b"\x06\x03\x55\x04\x03\x0c\x0fwww.example.com" in name


@about("GetCertificateAuthorityCsr", GUIDE_SAMPLE)
def test_csr_asks_for_a_ca_without_limit_to_its_path(full: x509.CertificateSigningRequest) -> None:
    assert material.extension(full, "2.5.29.19") == (True, bytes.fromhex("30030101ff"))


@about("GetCertificateAuthorityCsr", reference("CsrExtensions"))
def test_csr_has_the_key_usage_of_the_configuration(full: x509.CertificateSigningRequest) -> None:
    value = full.extensions.get_extension_for_class(x509.KeyUsage).value
    assert value == material.key_usage("DigitalSignature", "KeyCertSign", "CRLSign")


@about("GetCertificateAuthorityCsr", reference("AccessDescription"))
def test_csr_has_the_subject_information_access_of_the_configuration(full: x509.CertificateSigningRequest) -> None:
    (found,) = full.extensions.get_extension_for_class(x509.SubjectInformationAccess).value
    assert found.access_method.dotted_string == "1.3.6.1.5.5.7.48.5"
    assert found.access_location == x509.UniformResourceIdentifier("https://example.com/repository")


@about("GetCertificateAuthorityCsr", inferred("CsrExtensions of a CA are asked for, none are given"))
def test_csr_without_wishes_has_basic_constraints_alone(target: Target, waiting: str) -> None:
    found = x509.load_pem_x509_csr(target.csr(waiting).encode())
    assert material.oids(found.extensions) == ["2.5.29.19"]


@about("GetCertificateAuthorityCsr", inferred("a CSR is made once, with the CA"))
def test_csr_stays_the_same(target: Target, waiting: str) -> None:
    assert target.csr(waiting) == target.csr(waiting)


@about("GetCertificateAuthorityCsr", TERRAFORM)
def test_csr_of_an_active_ca_is_there_for_its_renewal(target: Target, issuer: Any) -> None:
    found = x509.load_pem_x509_csr(target.csr(issuer.arn).encode())
    assert found.public_key() == issuer.own.public_key()


@about("GetCertificateAuthorityCsr", observed("cert-manager/aws-privateca-issuer, which adds the line's end"))
def test_pem_of_a_csr_has_lines_of_64(target: Target, waiting: str) -> None:
    lines = target.csr(waiting).strip().split("\n")
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----")
    assert {len(line) for line in lines[1:-2]} == {64}


@about("CreateCertificateAuthority", reference("CustomAttribute"), cas=1)
def test_custom_attributes_keep_their_order(target: Target) -> None:
    attributes = [
        {"ObjectIdentifier": "2.5.4.3", "Value": "ACME Matter PAA"},
        {"ObjectIdentifier": "1.3.6.1.4.1.37244.2.1", "Value": "FFF1"},
        {"ObjectIdentifier": "0.9.2342.19200300.100.1.25", "Value": "example"},
    ]
    found = request_of(target, Subject={"CustomAttributes": attributes}).subject
    assert [{"ObjectIdentifier": each.oid.dotted_string, "Value": each.value} for each in found] == attributes


@about("CreateCertificateAuthority", reference("ASN1Subject"))
def test_custom_and_other_attributes_do_not_mix(target: Target) -> None:
    mixed = {"CommonName": "a", "CustomAttributes": [{"ObjectIdentifier": "2.5.4.3", "Value": "b"}]}
    refused(target, Subject=mixed).refused("InvalidArgsException", "ValidationException")


WISHES: dict[str, dict[str, Any]] = {
    "an access method of two kinds": {
        "AccessMethod": {"AccessMethodType": "CA_REPOSITORY", "CustomObjectIdentifier": "1.2.3.4"},
        "AccessLocation": {"DnsName": "example.com"},
    },
    "a name of two kinds": {
        "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
        "AccessLocation": {"DnsName": "example.com", "IpAddress": "192.0.2.1"},
    },
}


@about("CreateCertificateAuthority", reference("AccessMethod"))
@pytest.mark.parametrize("wish", WISHES)
def test_choice_of_two_is_refused(target: Target, wish: str) -> None:
    answer = refused(target, CsrExtensions={"SubjectInformationAccess": [WISHES[wish]]})
    answer.refused("InvalidArgsException")


@about("CreateCertificateAuthority", guide("PcaUpdateStatus"), cas=1)
@pytest.mark.parametrize("kind", ["ROOT", "SUBORDINATE"])
def test_ca_waits_for_its_certificate_once_it_is_created(target: Target, kind: str) -> None:
    found = target.describe(target.create(kind))
    assert (found["Type"], found["Status"]) == (kind, "PENDING_CERTIFICATE")


@about("CreateCertificateAuthority", reference("CreateCertificateAuthority"), cas=1)
def test_tags_of_the_creation_are_listed(target: Target) -> None:
    arn = target.create(Tags=[TAG, {"Key": "Name", "Value": "MyPCA"}])
    found = target.wire.call("ListTags", CertificateAuthorityArn=arn).accepted()["Tags"]
    assert {each["Key"]: each["Value"] for each in found} == {TAG["Key"]: TAG["Value"], "Name": "MyPCA"}
