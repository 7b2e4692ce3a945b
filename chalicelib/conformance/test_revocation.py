"""RevokeCertificate, CRLs in their bucket, and where certificates say that they are."""

from __future__ import annotations

import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chalicelib.conformance import material
from chalicelib.conformance.sources import (
    ALCHEMY,
    GUIDE_SAMPLE,
    TERRAFORM,
    Source,
    about,
    guide,
    inferred,
    reference,
)

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

REVOKE, CRL, PLANNING = reference("RevokeCertificate"), reference("CrlConfiguration"), guide("crl-planning")
REASONS = {
    "UNSPECIFIED": None,
    "CERTIFICATE_AUTHORITY_COMPROMISE": x509.ReasonFlags.ca_compromise,
    "AFFILIATION_CHANGED": x509.ReasonFlags.affiliation_changed,
    "SUPERSEDED": x509.ReasonFlags.superseded,
    "CESSATION_OF_OPERATION": x509.ReasonFlags.cessation_of_operation,
    "PRIVILEGE_WITHDRAWN": x509.ReasonFlags.privilege_withdrawn,
    "A_A_COMPROMISE": x509.ReasonFlags.aa_compromise,
}
NEAR = timedelta(seconds=90)


def serial(issued: dict[str, str]) -> str:
    return issued["Arn"].rpartition("/")[2]


def in_pairs(text: str) -> str:
    return ":".join(text[place : place + 2] for place in range(0, len(text), 2))


FORMS: dict[str, tuple[Any, Source]] = {
    "pairs with colons": (in_pairs, REVOKE),
    "digits in lower case": (str.lower, TERRAFORM),
    "digits in upper case": (str.upper, ALCHEMY),
}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(name, marks=about("RevokeCertificate", source, certificates=1))
        for name, (_, source) in FORMS.items()
    ],
)
def test_serial_number_has_several_forms(issuer: Authority, form: str) -> None:
    issuer.revoke(FORMS[form][0](serial(issuer.issue()))).accepted()


@about("RevokeCertificate", reference("RevokeCertificate"), certificates=1)
def test_certificate_is_revoked_once(issuer: Authority) -> None:
    number = serial(issuer.issue())
    issuer.revoke(number).accepted()
    issuer.revoke(number).refused("RequestAlreadyProcessedException")


@about("RevokeCertificate", inferred("no other modelled exception fits"))
def test_serial_number_of_nothing_is_not_found(issuer: Authority) -> None:
    issuer.revoke("ab" * 16).refused("ResourceNotFoundException")


@about("RevokeCertificate", reference("GetCertificate"), certificates=1)
def test_revoked_certificate_can_be_fetched(issuer: Authority) -> None:
    issued = issuer.issue()
    issuer.revoke(serial(issued)).accepted()
    assert issuer.got(issued["Arn"]).accepted()["Certificate"] == issued["Certificate"]


@about("RevokeCertificate", guide("PcaRevokeSelfSigned"))
def test_own_certificate_of_a_root_is_refused_in_aws_s_words(issuer: Authority) -> None:
    answer = issuer.revoke(f"{issuer.own.serial_number:032x}")
    answer.refused("InvalidRequestException", text="Self-signed certificate can not be revoked")


@about("RevokeCertificate", TERRAFORM, certificates=1)
def test_own_certificate_of_a_waiting_root_is_refused_in_aws_s_words(target: Target, waiting_root: Authority) -> None:
    template = target.template("RootCACertificate")
    issued = waiting_root.issue(target.csr(waiting_root.arn).encode(), TemplateArn=template)
    answer = waiting_root.revoke(serial(issued))
    answer.refused("InvalidRequestException", text="Self-signed certificate can not be revoked")


@about("RevokeCertificate", REVOKE, certificates=1)
@pytest.mark.parametrize("reason", [*REASONS, "KEY_COMPROMISE"])
def test_reason_is_taken(issuer: Authority, reason: str) -> None:
    own = material.new_key()  # a service may refuse a key for good that was compromised
    issuer.revoke(serial(issuer.issue(material.csr(own=own))), reason).accepted()


@about("RevokeCertificate", REVOKE, certificates=1)
def test_certificate_of_a_ca_can_be_revoked(target: Target, issuer: Authority) -> None:
    template = target.template("SubordinateCACertificate_PathLen0")
    issued = issuer.issue(material.csr(own=material.new_key()), TemplateArn=template)
    issuer.revoke(serial(issued)).accepted()


def configured(target: Target, authority: Authority, **revocation: Any) -> x509.Certificate:
    """A certificate that a CA issues after its revocation is configured."""
    target.update(authority.arn, RevocationConfiguration=revocation).accepted()
    return authority.certificate_of()


def places(certificate: x509.Certificate) -> list[str]:
    """The URLs of the CRL distribution points."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    assert not points.critical
    assert all(point.reasons is None and point.crl_issuer is None for point in points.value)
    return [name.value for point in points.value for name in point.full_name or []]


@pytest.fixture(scope="module")
def variable(target: Target) -> Authority:
    """A root whose revocation configuration the probes change."""
    return target.root()


def crl(bucket: str, **more: Any) -> dict[str, Any]:
    return {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": bucket} | more


@about("IssueCertificate", PLANNING, certificates=1)
def test_certificate_names_the_crl_of_its_ca(revoking: Authority, bucket: str) -> None:
    (found,) = places(revoking.certificate_of(days=3))
    assert found.startswith("http")
    assert found.endswith(f"/crl/{revoking.arn.rpartition('/')[2]}.crl")
    assert bucket in found


@about("IssueCertificate", PLANNING, certificates=1)
def test_custom_name_is_the_host_of_the_distribution_point(target: Target, variable: Authority, bucket: str) -> None:
    found = configured(target, variable, CrlConfiguration=crl(bucket, CustomCname="crl.example.com"))
    assert places(found) == [f"http://crl.example.com/crl/{variable.arn.rpartition('/')[2]}.crl"]


@about("IssueCertificate", PLANNING, certificates=1)
def test_partition_has_a_name_of_its_own_below_the_custom_path(
    target: Target, variable: Authority, bucket: str
) -> None:
    more = {"CrlType": "PARTITIONED", "CustomCname": "crl.example.com", "CustomPath": "some/where"}
    (found,) = places(configured(target, variable, CrlConfiguration=crl(bucket, **more)))
    head, _, name = found.rpartition("/")
    assert head == "http://crl.example.com/some/where"
    assert [len(part) for part in name.removesuffix(".crl").split("-")] == [8, 4, 4, 4, 12]


@about("IssueCertificate", CRL, certificates=1)
def test_distribution_point_is_omitted_if_asked(target: Target, variable: Authority, bucket: str) -> None:
    more = {"CrlDistributionPointExtensionConfiguration": {"OmitExtension": True}}
    found = configured(target, variable, CrlConfiguration=crl(bucket, **more))
    assert material.extension(found, "2.5.29.31") is None


@about("IssueCertificate", CRL, certificates=1)
def test_ca_without_crl_names_none(target: Target, variable: Authority) -> None:
    found = configured(target, variable, CrlConfiguration={"Enabled": False})
    assert material.extension(found, "2.5.29.31") is None


def responders(certificate: x509.Certificate) -> list[tuple[str, str]]:
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert not access.critical
    return [(each.access_method.dotted_string, each.access_location.value) for each in access.value]


@about("IssueCertificate", guide("ocsp-customize"), certificates=1)
def test_custom_name_is_the_address_of_ocsp(target: Target, variable: Authority) -> None:
    asked = {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}
    found = configured(target, variable, OcspConfiguration=asked)
    assert responders(found) == [("1.3.6.1.5.5.7.48.1", "http://ocsp.example.com")]


@about("IssueCertificate", reference("OcspConfiguration"), certificates=1)
def test_ca_with_ocsp_names_a_responder_and_no_issuer(revoking: Authority) -> None:
    (found,) = responders(revoking.certificate_of())
    assert found[0] == "1.3.6.1.5.5.7.48.1"
    assert found[1].startswith("http://")


@about("IssueCertificate", reference("OcspConfiguration"), certificates=1)
def test_ca_without_ocsp_names_no_responder(target: Target, variable: Authority) -> None:
    found = configured(target, variable, OcspConfiguration={"Enabled": False})
    assert material.extension(found, "1.3.6.1.5.5.7.1.1") is None


WRONG: dict[str, dict[str, Any]] = {
    "a CRL that is off with a name": {"CrlConfiguration": {"Enabled": False, "CustomCname": "crl.example.com"}},
    "a CRL that is off with days": {"CrlConfiguration": {"Enabled": False, "ExpirationInDays": 7}},
    "OCSP that is off with a name": {"OcspConfiguration": {"Enabled": False, "OcspCustomCname": "a.example.com"}},
    "a CRL's name with its protocol": {"CrlConfiguration": crl("some-bucket", CustomCname="http://crl.example.com")},
    "OCSP's name with its protocol": {
        "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "http://a.example.com"}
    },
    "a name for a point that is omitted": {
        "CrlConfiguration": crl(
            "some-bucket",
            CustomCname="crl.example.com",
            CrlDistributionPointExtensionConfiguration={"OmitExtension": True},
        )
    },
    "a path that begins with a slash": {"CrlConfiguration": crl("some-bucket", CustomPath="/a", CrlType="PARTITIONED")},
    "a bucket that S3 could not have": {"CrlConfiguration": crl("Some_Bucket")},
}


@about("UpdateCertificateAuthority", CRL)
@pytest.mark.parametrize("case", WRONG)
def test_configuration_that_contradicts_itself_is_refused(target: Target, variable: Authority, case: str) -> None:
    answer = target.update(variable.arn, RevocationConfiguration=WRONG[case])
    answer.refused("ValidationException", "InvalidArgsException")


@about("CreateCertificateAuthority", CRL)
@pytest.mark.parametrize("case", WRONG)
def test_ca_with_a_configuration_that_contradicts_itself_is_not_created(target: Target, case: str) -> None:
    answer = target.wire.call("CreateCertificateAuthority", **target.asked(RevocationConfiguration=WRONG[case]))
    if answer.status == 200:
        target.created(answer)
    answer.refused("ValidationException", "InvalidArgsException")


@about("DescribeCertificateAuthority", TERRAFORM)
def test_acl_of_a_crl_is_public_by_default(target: Target, revoking: Authority) -> None:
    assert target.describe(revoking.arn)["RevocationConfiguration"]["CrlConfiguration"]["S3ObjectAcl"] == "PUBLIC_READ"


@about("UpdateCertificateAuthority", reference("UpdateCertificateAuthority"), certificates=1)
def test_update_of_the_status_leaves_the_revocation_as_it_is(target: Target, variable: Authority) -> None:
    asked = {"Enabled": True, "OcspCustomCname": "stays.example.com"}
    target.update(variable.arn, RevocationConfiguration={"OcspConfiguration": asked}).accepted()
    target.update(variable.arn, Status="ACTIVE").accepted()
    assert target.describe(variable.arn)["RevocationConfiguration"]["OcspConfiguration"] == asked


@pytest.fixture(scope="module")
def revoked(revoking: Authority) -> dict[str, dict[str, str]]:
    """A revoked certificate for each reason."""
    made = {reason: revoking.issue(material.csr(own=material.new_key())) for reason in REASONS}
    for reason, issued in made.items():
        revoking.revoke(serial(issued), reason).accepted()
    return made


@pytest.fixture(scope="module")
def published(target: Target, revoked: dict[str, dict[str, str]]) -> tuple[x509.CertificateRevocationList, float]:
    """The CRL that has all of them, and when it was there."""
    return awaited(target, [material.read(each["Certificate"]) for each in revoked.values()])


def awaited(target: Target, issued: list[x509.Certificate]) -> tuple[x509.CertificateRevocationList, float]:
    """The CRL that has all these certificates, found where the first one says, and when it was there."""
    (place,) = places(issued[0])
    deadline = time.monotonic() + target.patience
    while True:
        found = fetched(target, place)
        if found and all(found.get_revoked_certificate_by_serial_number(each.serial_number) for each in issued):
            return found, time.time()
        assert time.monotonic() < deadline, f"{place} has no CRL with the revoked certificates"
        time.sleep(0.5)


def fetched(target: Target, place: str) -> x509.CertificateRevocationList | None:
    try:
        with urllib.request.urlopen(place, timeout=20) as answer:
            return x509.load_der_x509_crl(answer.read())
    except OSError:
        body = target.read_object(f"crl/{place.rpartition('/')[2]}")
        return x509.load_der_x509_crl(body) if body else None


Published = tuple[x509.CertificateRevocationList, float]


def number(found: x509.CertificateRevocationList, issued: dict[str, str]) -> Any:
    return found.get_revoked_certificate_by_serial_number(material.read(issued["Certificate"]).serial_number)


@pytest.mark.waits
@about("RevokeCertificate", REVOKE)
@pytest.mark.parametrize("reason", REASONS)
def test_crl_has_the_revoked_certificate_with_its_reason(
    published: Published, revoked: dict[str, dict[str, str]], reason: str
) -> None:
    entry = number(published[0], revoked[reason])
    assert entry is not None
    assert abs(entry.revocation_date_utc.timestamp() - published[1]) < 3600
    if REASONS[reason]:
        assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == REASONS[reason]


@pytest.mark.waits
@about("RevokeCertificate", reference("CrlConfiguration"))
def test_crl_is_signed_by_the_ca_with_its_algorithm(published: Published, revoking: Authority) -> None:
    found = published[0]
    assert found.issuer.public_bytes() == revoking.own.subject.public_bytes()
    assert found.signature_algorithm_oid.dotted_string == "1.2.840.10045.4.3.2"
    public: Any = revoking.own.public_key()
    assert found.is_signature_valid(public)


@pytest.mark.waits
@about("RevokeCertificate", PLANNING)
def test_crl_has_a_number_and_the_key_of_its_issuer(published: Published, revoking: Authority) -> None:
    found = published[0].extensions
    assert material.oids(found) in (["2.5.29.35", "2.5.29.20"], ["2.5.29.20", "2.5.29.35"])
    identifier = found.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == material.identifier(revoking.own.public_key()).digest


@pytest.mark.waits
@about("RevokeCertificate", GUIDE_SAMPLE)
def test_number_of_a_crl_is_its_time_in_milliseconds(published: Published) -> None:
    value = published[0].extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert abs(value / 1000 - published[1]) < 3600


@pytest.mark.waits
@about("RevokeCertificate", GUIDE_SAMPLE)
def test_crl_begins_an_hour_early_and_lasts_as_configured(published: Published) -> None:
    found = published[0]
    assert found.next_update_utc is not None
    assert found.next_update_utc - found.last_update_utc == timedelta(days=7, hours=1)
    made = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number / 1000
    assert abs(datetime.fromtimestamp(made, UTC) - timedelta(hours=1) - found.last_update_utc) < NEAR


@pytest.fixture(scope="module")
def partitioned(target: Target, bucket: str) -> tuple[x509.CertificateRevocationList, x509.Certificate]:
    """The partition of a CRL that has a revoked certificate, and the certificate."""
    configuration = {"CrlConfiguration": crl(bucket, CrlType="PARTITIONED")}
    authority = target.root(days=3650, RevocationConfiguration=configuration, UsageMode="GENERAL_PURPOSE")
    issued = authority.issue(material.csr(own=material.new_key()))
    authority.revoke(serial(issued)).accepted()
    certificate = material.read(issued["Certificate"])
    return awaited(target, [certificate])[0], certificate


@pytest.mark.waits
@about("RevokeCertificate", PLANNING)
def test_partition_names_its_own_distribution_point(
    partitioned: tuple[x509.CertificateRevocationList, x509.Certificate],
) -> None:
    found = partitioned[0].extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert found.critical
    assert [name.value for name in found.value.full_name or []] == places(partitioned[1])


@pytest.mark.waits
@about("RevokeCertificate", reference("OcspConfiguration"), certificates=2)
@pytest.mark.parametrize("state", ["good", "revoked"])
def test_ocsp_says_whether_a_certificate_is_revoked(target: Target, revoking: Authority, state: str) -> None:
    issued = revoking.issue(material.csr(own=material.new_key()))
    if state == "revoked":
        revoking.revoke(serial(issued)).accepted()
    certificate = material.read(issued["Certificate"])
    expected = ocsp.OCSPCertStatus.REVOKED if state == "revoked" else ocsp.OCSPCertStatus.GOOD
    deadline = time.monotonic() + target.patience
    while (found := status(certificate, revoking.own)) != expected:
        assert time.monotonic() < deadline, f"OCSP says {found}"
        time.sleep(0.5)


def status(certificate: x509.Certificate, issuer: x509.Certificate) -> ocsp.OCSPCertStatus | None:
    """What the responder in the certificate says; None while it knows nothing."""
    ((_, place),) = responders(certificate)
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303  RFC 5019
    body = asked.public_bytes(Encoding.DER)
    request = urllib.request.Request(place, body, {"Content-Type": "application/ocsp-request"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        found = ocsp.load_der_ocsp_response(answer.read())
    successful = found.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL
    return found.certificate_status if successful else None
