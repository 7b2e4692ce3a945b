"""What each operation does in each status of a CA, and how a CA gets from one to another."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance import material
from chalicelib.conformance.requests import GOOD, issuance
from chalicelib.conformance.sources import (
    ALCHEMY,
    TERRAFORM,
    Source,
    about,
    guide,
    inferred,
    model,
    observed,
    reference,
)

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target

STATES, DELETION, RESTORATION = guide("PcaUpdateStatus"), guide("PCADeleteCA"), guide("PCARestoreCA")
FIXTURES = {"PENDING_CERTIFICATE": "waiting", "ACTIVE": "issuer", "DISABLED": "disabled", "DELETED": "deleted"}
NO_STATE = "InvalidStateException"
WRONG_FOR_ISSUING = "The certificate authority is not in a valid state for issuing certificates"
WRONG_FOR_UPDATE = "The certificate authority must be in the ACTIVE or DISABLED state to be updated"
WRONG_FOR_DELETION = "The certificate authority is not in a valid state for deletion."
WRONG_FOR_RESTORATION = "The certificate authority is not in a valid state for restoration."
WRONG_FOR_CSR = "is not in the correct state to have a certificate signing request."
# Operation, status, the error or none, what its text has, and the source. None changes the CA.
Row = tuple[str, str, str, str, Source]
TABLE: list[Row] = [
    ("IssueCertificate", "PENDING_CERTIFICATE", NO_STATE, WRONG_FOR_ISSUING, TERRAFORM),
    ("IssueCertificate", "DISABLED", NO_STATE, WRONG_FOR_ISSUING, STATES),
    ("IssueCertificate", "DELETED", NO_STATE, "", STATES),
    ("GetCertificate", "DELETED", NO_STATE, "is not in the correct state to have issued certificates.", TERRAFORM),
    ("GetCertificateAuthorityCertificate", "PENDING_CERTIFICATE", NO_STATE, WRONG_FOR_CSR, TERRAFORM),
    ("GetCertificateAuthorityCertificate", "DISABLED", "", "", STATES),
    ("GetCertificateAuthorityCertificate", "DELETED", NO_STATE, "", TERRAFORM),
    ("GetCertificateAuthorityCsr", "PENDING_CERTIFICATE", "", "", STATES),
    ("GetCertificateAuthorityCsr", "ACTIVE", "", "", TERRAFORM),
    ("GetCertificateAuthorityCsr", "DISABLED", "", "", inferred("the table of what each status allows")),
    ("GetCertificateAuthorityCsr", "DELETED", NO_STATE, WRONG_FOR_CSR, TERRAFORM),
    ("RevokeCertificate", "PENDING_CERTIFICATE", NO_STATE, "", STATES),
    ("RevokeCertificate", "DELETED", NO_STATE, "", STATES),
    ("CreateCertificateAuthorityAuditReport", "PENDING_CERTIFICATE", NO_STATE, "", STATES),
    ("CreateCertificateAuthorityAuditReport", "DELETED", NO_STATE, "", STATES),
    ("UpdateCertificateAuthority", "PENDING_CERTIFICATE", NO_STATE, WRONG_FOR_UPDATE, TERRAFORM),
    ("UpdateCertificateAuthority", "DELETED", NO_STATE, "", STATES),
    ("DeleteCertificateAuthority", "ACTIVE", NO_STATE, WRONG_FOR_DELETION, DELETION),
    ("DeleteCertificateAuthority", "DELETED", NO_STATE, WRONG_FOR_DELETION, ALCHEMY),
    ("RestoreCertificateAuthority", "PENDING_CERTIFICATE", NO_STATE, WRONG_FOR_RESTORATION, RESTORATION),
    ("RestoreCertificateAuthority", "ACTIVE", NO_STATE, WRONG_FOR_RESTORATION, RESTORATION),
    ("RestoreCertificateAuthority", "DISABLED", NO_STATE, WRONG_FOR_RESTORATION, RESTORATION),
    ("ListTags", "PENDING_CERTIFICATE", "", "", ALCHEMY),
    ("ListTags", "ACTIVE", "", "", STATES),
    ("ListTags", "DISABLED", "", "", STATES),
    ("ListPermissions", "PENDING_CERTIFICATE", "", "", TERRAFORM),
    ("ListPermissions", "ACTIVE", "", "", STATES),
    ("ListPermissions", "DISABLED", "", "", STATES),
    ("ListPermissions", "DELETED", NO_STATE, "The certificate authority is in the DELETED state", TERRAFORM),
    ("DescribeCertificateAuthority", "PENDING_CERTIFICATE", "", "", STATES),
    ("DescribeCertificateAuthority", "ACTIVE", "", "", STATES),
    ("DescribeCertificateAuthority", "DISABLED", "", "", STATES),
    ("DescribeCertificateAuthority", "DELETED", "", "", TERRAFORM),
    ("ImportCertificateAuthorityCertificate", "DELETED", NO_STATE, "", STATES),
]


# A server that does what it should refuse must not spoil the CA of other probes.
CHANGING = {"UpdateCertificateAuthority", "DeleteCertificateAuthority", "ImportCertificateAuthorityCertificate"}


@pytest.fixture
def arn(request: pytest.FixtureRequest) -> str:
    """The CA of a fixture."""
    found: Any = request.getfixturevalue(request.param)
    return str(found if isinstance(found, str) else found[0].arn if isinstance(found, tuple) else found.arn)


@pytest.fixture
def own(target: Target, request: pytest.FixtureRequest) -> str:
    """A CA of the probe's own, in the status that the parameter names."""
    status = request.param
    if status in {"ACTIVE", "DISABLED"}:
        made = target.root().arn
        target.update(made, Status=status).accepted()
        return made
    made = target.create("SUBORDINATE")
    if status == "DELETED":
        target.delete(made).accepted()
    return made


def rows(*, changing: bool) -> list[Any]:
    """The rows of operations that change a CA, or of all others."""
    chosen = [row for row in TABLE if (row[0] in CHANGING) == changing]
    return [
        pytest.param(
            row[0],
            row[1] if changing else FIXTURES[row[1]],
            *row[2:4],
            id=f"{row[0]}-{row[1]}",
            marks=about(row[0], row[4], **{"cas": 1} if changing else {"shared": FIXTURES[row[1]]}),
        )
        for row in chosen
    ]


@pytest.mark.parametrize(("operation", "arn", "code", "text"), rows(changing=False), indirect=["arn"])
def test_operation_in_a_status(target: Target, arn: str, operation: str, code: str, text: str) -> None:
    answer = target.wire.call(operation, **GOOD[operation](arn))
    if code:
        answer.refused(code, text=text)
    else:
        answer.accepted()


@pytest.mark.parametrize(("operation", "own", "code", "text"), rows(changing=True), indirect=["own"])
def test_change_in_a_status(target: Target, own: str, operation: str, code: str, text: str) -> None:
    target.wire.call(operation, **GOOD[operation](own)).refused(code, text=text)


@pytest.mark.parametrize(
    ("arn", "status"),
    [
        pytest.param(fixture, name, id=name, marks=about("DescribeCertificateAuthority", STATES, shared=fixture))
        for name, fixture in FIXTURES.items()
    ],
    indirect=["arn"],
)
def test_status_is_told(target: Target, arn: str, status: str) -> None:
    assert target.describe(arn)["Status"] == status


@about("GetCertificate", STATES)
def test_certificate_of_a_disabled_ca_can_be_fetched(disabled: tuple[Authority, dict[str, str]]) -> None:
    authority, issued = disabled
    assert authority.got(issued["Arn"]).accepted()["Certificate"] == issued["Certificate"]


@about("RevokeCertificate", STATES)
def test_certificate_of_a_disabled_ca_can_be_revoked(disabled: tuple[Authority, dict[str, str]]) -> None:
    authority, issued = disabled
    authority.revoke(issued["Arn"].rpartition("/")[2]).accepted()


@about("IssueCertificate", TERRAFORM, certificates=1)
def test_waiting_root_issues_its_own_certificate_and_waits_on(target: Target, waiting_root: Authority) -> None:
    template = target.template("RootCACertificate")
    issued = waiting_root.issue(target.csr(waiting_root.arn).encode(), TemplateArn=template)
    assert material.read(issued["Certificate"]).subject == material.read(issued["Certificate"]).issuer
    assert target.describe(waiting_root.arn)["Status"] == "PENDING_CERTIFICATE"


@about("IssueCertificate", TERRAFORM)
def test_waiting_root_issues_nothing_else(target: Target, waiting_root: Authority) -> None:
    answer = target.wire.call("IssueCertificate", **issuance(waiting_root.arn))
    answer.refused(NO_STATE, text=WRONG_FOR_ISSUING)


@about("UpdateCertificateAuthority", STATES, cas=1)
def test_ca_is_disabled_and_enabled(target: Target) -> None:
    authority = target.root()
    for status in ("DISABLED", "DISABLED", "ACTIVE"):
        target.update(authority.arn, Status=status).accepted()
        assert target.describe(authority.arn)["Status"] == status
    assert authority.asked().accepted()["CertificateArn"]


@about("UpdateCertificateAuthority", observed("aws-cloudformation-resource-providers-acmpca, after its import"))
def test_active_ca_may_be_enabled(target: Target, issuer: Authority) -> None:
    target.update(issuer.arn, Status="ACTIVE").accepted()


@about("UpdateCertificateAuthority", TERRAFORM, cas=1)
def test_revocation_of_a_waiting_ca_can_be_configured(target: Target) -> None:
    arn = target.create()
    revocation = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}
    target.update(arn, RevocationConfiguration=revocation).accepted()
    assert target.describe(arn)["RevocationConfiguration"]["OcspConfiguration"] == revocation["OcspConfiguration"]


@about("DeleteCertificateAuthority", DELETION, cas=1)
@pytest.mark.parametrize("days", [7, 30])
def test_deleted_ca_can_be_restored_for_as_long_as_was_asked(target: Target, days: int) -> None:
    arn = target.create("SUBORDINATE")
    before = time.time()
    target.delete(arn, days).accepted()
    found = target.describe(arn)
    assert found["Status"] == "DELETED"
    assert abs(found["RestorableUntil"] - before - days * 86_400) < 86_400


@about("DeleteCertificateAuthority", model("PermanentDeletionTimeInDays of DeleteCertificateAuthority"), cas=1)
def test_deleted_ca_can_be_restored_for_thirty_days_by_default(target: Target) -> None:
    arn = target.create("SUBORDINATE")
    target.wire.call("DeleteCertificateAuthority", CertificateAuthorityArn=arn).accepted()
    assert abs(target.describe(arn)["RestorableUntil"] - time.time() - 30 * 86_400) < 86_400


@about("RestoreCertificateAuthority", RESTORATION, cas=1)
@pytest.mark.parametrize("status", ["PENDING_CERTIFICATE", "DISABLED"])
def test_restored_ca_has_the_status_of_before(target: Target, status: str) -> None:
    arn = target.create("SUBORDINATE") if status == "PENDING_CERTIFICATE" else target.root().arn
    target.update(arn, Status="DISABLED")
    target.delete(arn).accepted()
    target.wire.call("RestoreCertificateAuthority", CertificateAuthorityArn=arn).accepted()
    found = target.describe(arn)
    assert (found["Status"], found.get("RestorableUntil")) == (status, None)


@about("ImportCertificateAuthorityCertificate", STATES, cas=1)
def test_import_makes_a_waiting_ca_active(target: Target) -> None:
    assert target.describe(target.root().arn)["Status"] == "ACTIVE"


@about("DescribeCertificateAuthority", model("LastStateChangeAt of CertificateAuthority"), cas=1)
def test_change_of_the_status_has_its_time(target: Target) -> None:
    authority = target.root()
    before = target.describe(authority.arn)["LastStateChangeAt"]
    target.update(authority.arn, Status="DISABLED").accepted()
    assert target.describe(authority.arn)["LastStateChangeAt"] > before


@pytest.fixture(scope="module")
def expired(target: Target) -> Authority:
    """A root whose certificate has expired, for which the fixture waits."""
    arn = target.create("SUBORDINATE")
    outside = material.Outside()
    certificate = outside.sign(target.csr(arn), until=timedelta(seconds=5))
    target.install(arn, material.pem(certificate), outside.pem)
    authority = target.authority(arn, certificate)
    authority.issue(Validity={"Type": "ABSOLUTE", "Value": int(certificate.not_valid_after_utc.timestamp())})
    time.sleep(max(0.0, certificate.not_valid_after_utc.timestamp() - time.time() + 1.5))
    return authority


EXPIRED = [
    ("IssueCertificate", NO_STATE, STATES),
    ("CreateCertificateAuthorityAuditReport", NO_STATE, STATES),
    ("UpdateCertificateAuthority", NO_STATE, STATES),
    ("GetCertificateAuthorityCsr", "", inferred("the renewal of an expired CA needs its CSR")),
    ("GetCertificateAuthorityCertificate", "", inferred("the certificate is still there")),
    ("ListTags", "", inferred("tags have nothing to do with the certificate")),
]


@pytest.mark.waits
@pytest.mark.parametrize(
    ("operation", "code"), [pytest.param(*row[:2], id=row[0], marks=about(row[0], row[2])) for row in EXPIRED]
)
def test_operation_of_an_expired_ca(target: Target, expired: Authority, operation: str, code: str) -> None:
    answer = target.wire.call(operation, **GOOD[operation](expired.arn))
    if code:
        answer.refused(code)
    else:
        answer.accepted()


@pytest.mark.waits
@about("DescribeCertificateAuthority", STATES)
def test_ca_whose_certificate_has_expired_is_expired(target: Target, expired: Authority) -> None:
    assert target.describe(expired.arn)["Status"] == "EXPIRED"
    listed = target.wire.call("ListCertificateAuthorities", MaxResults=1000).accepted()["CertificateAuthorities"]
    assert [each["Status"] for each in listed if each["Arn"] == expired.arn] in ([], ["EXPIRED"])


@pytest.mark.waits
@about("ImportCertificateAuthorityCertificate", reference("ImportCertificateAuthorityCertificate"))
def test_new_certificate_makes_an_expired_ca_active(target: Target, expired: Authority) -> None:
    """The last probe of this CA."""
    outside = material.Outside()
    target.install(expired.arn, material.pem(outside.sign(target.csr(expired.arn))), outside.pem)
    assert target.describe(expired.arn)["Status"] == "ACTIVE"
