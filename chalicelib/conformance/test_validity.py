"""When a certificate begins and ends, and how deep a chain may be."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.conformance import material
from chalicelib.conformance.sources import GUIDE_SAMPLE, TERRAFORM, about, guide, inferred, observed, reference

if TYPE_CHECKING:
    from cryptography import x509

    from chalicelib.conformance.authorities import Authority, Target

VALIDITY = reference("Validity")
HOUR = timedelta(hours=1)
NEAR = timedelta(seconds=90)  # between the clocks of the endpoint and of this machine


def lasts(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


def seconds_ahead(**time_ahead: int) -> int:
    return int(time.time() + timedelta(**time_ahead).total_seconds())


def moment(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)


@about("IssueCertificate", GUIDE_SAMPLE, certificates=1)
@pytest.mark.parametrize("days", [1, 3, 7])
def test_days_count_from_the_issuance_and_begin_an_hour_before(issuer: Authority, days: int) -> None:
    assert lasts(issuer.certificate_of(days=days)) == timedelta(days=days) + HOUR


@about("IssueCertificate", reference("IssueCertificate"), certificates=1)
def test_certificate_begins_sixty_minutes_before_its_issuance(issuer: Authority) -> None:
    found = issuer.certificate_of()
    assert abs(datetime.now(UTC) - HOUR - found.not_valid_before_utc) < NEAR


@about("IssueCertificate", VALIDITY, certificates=1)
@pytest.mark.parametrize(("kind", "low", "high"), [("MONTHS", 28, 31), ("YEARS", 365, 366)])
def test_months_and_years_are_those_of_the_calendar(revoking: Authority, kind: str, low: int, high: int) -> None:
    found = lasts(revoking.certificate_of(Validity={"Type": kind, "Value": 1})) - HOUR
    assert timedelta(days=low) <= found <= timedelta(days=high)


@about("IssueCertificate", VALIDITY, certificates=1)
def test_absolute_is_in_seconds_of_the_epoch(issuer: Authority) -> None:
    end = seconds_ahead(days=2)
    found = issuer.certificate_of(Validity={"Type": "ABSOLUTE", "Value": end})
    assert found.not_valid_after_utc == moment(end)


@about("IssueCertificate", VALIDITY, certificates=1)
@pytest.mark.parametrize("form", ["%Y%m%d%H%M%S", "%y%m%d%H%M%S"], ids=["four digits of the year", "two digits"])
def test_end_date_is_in_digits_and_utc(issuer: Authority, form: str) -> None:
    end = moment(seconds_ahead(days=2))
    found = issuer.certificate_of(Validity={"Type": "END_DATE", "Value": int(end.strftime(form))})
    assert found.not_valid_after_utc == end


@about("IssueCertificate", reference("IssueCertificate"), certificates=1)
def test_beginning_may_be_chosen_and_moves_no_end(issuer: Authority) -> None:
    begin = seconds_ahead(hours=10)
    not_before = {"Type": "ABSOLUTE", "Value": begin}
    found = issuer.certificate_of(days=2, ValidityNotBefore=not_before)
    assert found.not_valid_before_utc == moment(begin)
    assert abs(datetime.now(UTC) + timedelta(days=2) - found.not_valid_after_utc) < NEAR


@about("IssueCertificate", observed("cert-manager/istio-csr #83"))
@pytest.mark.parametrize("kind", ["DAYS", "ABSOLUTE", "END_DATE"])
def test_value_of_zero_is_refused_in_aws_s_words(issuer: Authority, kind: str) -> None:
    text = (
        "1 validation error detected: Value '0' at 'validity.value' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )
    issuer.asked(Validity={"Type": kind, "Value": 0}).refused("ValidationException", text=text)


@about("IssueCertificate", observed("ava-labs/avalanche-ops"))
def test_end_after_the_ca_s_is_refused_in_aws_s_words(revoking: Authority) -> None:
    text = "The certificate validity specified exceeds the certificate authority validity"
    revoking.asked(Validity={"Type": "YEARS", "Value": 20}).refused("ValidationException", text=text)


@about("IssueCertificate", guide("RFC-compliance"), certificates=1)
def test_end_of_the_ca_is_an_end_that_is_allowed(target: Target, subordinate: Authority) -> None:
    end = subordinate.own.not_valid_after_utc
    if end - datetime.now(UTC) > timedelta(days=7):
        subordinate = target.subordinate(material.Outside(), until=timedelta(days=3))
        end = subordinate.own.not_valid_after_utc
    found = subordinate.certificate_of(Validity={"Type": "ABSOLUTE", "Value": int(end.timestamp())})
    assert found.not_valid_after_utc == end


@about("IssueCertificate", guide("short-lived-certificates"))
@pytest.mark.parametrize("validity", [{"Type": "DAYS", "Value": 8}, {"Type": "MONTHS", "Value": 1}], ids=str)
def test_ca_of_short_lived_certificates_refuses_more_than_seven_days(issuer: Authority, validity: Any) -> None:
    assert issuer.asked(Validity=validity).status == 400


@about("IssueCertificate", TERRAFORM, certificates=1)
def test_root_of_short_lived_certificates_may_live_longer(target: Target, waiting_root: Authority) -> None:
    request, template = target.csr(waiting_root.arn).encode(), target.template("RootCACertificate")
    found = waiting_root.certificate_of(request, TemplateArn=template, Validity={"Type": "YEARS", "Value": 1})
    assert lasts(found) >= timedelta(days=365)


@about("IssueCertificate", guide("RFC-compliance"), certificates=1)
def test_certificate_without_end_ends_with_the_year_9999(target: Target, waiting_root: Authority) -> None:
    request, template = target.csr(waiting_root.arn).encode(), target.template("RootCACertificate")
    validity = {"Type": "END_DATE", "Value": 99991231235959}
    found = waiting_root.certificate_of(request, TemplateArn=template, Validity=validity)
    assert found.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@about("IssueCertificate", inferred("RFC 5280 section 4.1.2.5, which AWS says it follows"), certificates=1)
@pytest.mark.parametrize(("year", "form"), [("2049", b"\x17\x0d491231235959Z"), ("2050", b"\x18\x0f20501231235959Z")])
def test_time_has_four_digits_of_the_year_from_2050_on(
    target: Target, waiting_root: Authority, year: str, form: bytes
) -> None:
    request, template = target.csr(waiting_root.arn).encode(), target.template("RootCACertificate")
    validity = {"Type": "END_DATE", "Value": int(f"{year}1231235959")}
    found = waiting_root.certificate_of(request, TemplateArn=template, Validity=validity)
    assert form in found.public_bytes(Encoding.DER)


@about("IssueCertificate", observed("re:Post questions on subordinate CAs that quote the message"), certificates=1)
@pytest.mark.parametrize("depth", range(4))
def test_certificate_of_a_ca_must_not_reach_as_deep_as_its_issuer(
    limited: Authority, target: Target, depth: int
) -> None:
    """The issuer's path length is 1."""
    template = target.template(f"SubordinateCACertificate_PathLen{depth}")
    answer = limited.asked(material.csr("below.example.com"), days=1, TemplateArn=template)
    if depth == 0:
        assert answer.accepted()["CertificateArn"]
    else:
        answer.refused("ValidationException", text="Path length check failed for CA")


@pytest.fixture(scope="module")
def limited(target: Target) -> Authority:
    """A subordinate CA whose path length is 1."""
    return target.subordinate(material.Outside(), extensions=material.ca_extensions(1))


@about("IssueCertificate", guide("RFC-compliance"), cas=1)
def test_ca_of_path_length_0_issues_no_certificate_of_a_ca(target: Target) -> None:
    lowest = target.subordinate(material.Outside(), extensions=material.ca_extensions(0))
    template = target.template("SubordinateCACertificate_PathLen0")
    lowest.asked(material.csr("below.example.com"), days=1, TemplateArn=template).refused("ValidationException")
    assert lowest.issue()["Certificate"]
