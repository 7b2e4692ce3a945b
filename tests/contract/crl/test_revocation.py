"""RevokeCertificate: which serial numbers, states and reasons it takes (AWS Private CA User Guide)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib.crl.publication import publish_due_crls
from chalicelib.reconcile import reconcile
from tests.support.authority_steps import (
    activate_root,
    active_root,
    create,
    fetch,
    issue,
    own_certificate,
    serial_of,
    status,
)
from tests.support.refusals import refusal
from tests.support.revocations import published, revoke, serials

if TYPE_CHECKING:
    from collections.abc import Callable


REASONS = {
    "KEY_COMPROMISE": x509.ReasonFlags.key_compromise,
    "CERTIFICATE_AUTHORITY_COMPROMISE": x509.ReasonFlags.ca_compromise,
    "AFFILIATION_CHANGED": x509.ReasonFlags.affiliation_changed,
    "SUPERSEDED": x509.ReasonFlags.superseded,
    "CESSATION_OF_OPERATION": x509.ReasonFlags.cessation_of_operation,
    "PRIVILEGE_WITHDRAWN": x509.ReasonFlags.privilege_withdrawn,
    "A_A_COMPROMISE": x509.ReasonFlags.aa_compromise,
    "UNSPECIFIED": None,
}


@pytest.mark.parametrize("reason", REASONS)
def test_revocation_is_in_the_next_crl_with_its_reason_and_time(acm_pca: Any, rt: Any, clock: Any, reason: str) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    clock.forward(minutes=5)
    revoke(acm_pca, arn, issued, reason)
    clock.forward(seconds=30)
    publish_due_crls(rt, seconds=60)
    (entry,) = list(published(rt, arn))
    assert entry.serial_number == int(serial_of(issued), 16)
    assert entry.revocation_date_utc == clock() - timedelta(seconds=30)
    reasons = [each.value.reason for each in entry.extensions]
    assert reasons == ([] if REASONS[reason] is None else [REASONS[reason]])


SERIAL_FORMS: dict[str, Callable[[str], str]] = {
    "bare": lambda text: text,
    "upper": str.upper,
    "pairs": lambda text: ":".join(text[index : index + 2] for index in range(0, 32, 2)),
    "without-leading-zeros": lambda text: text.lstrip("0"),
}


@pytest.mark.parametrize("form", SERIAL_FORMS)
def test_serial_is_accepted_in_the_forms_that_clients_send(acm_pca: Any, rt: Any, form: str) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn,
        CertificateSerial=SERIAL_FORMS[form](serial_of(issued)),
        RevocationReason="SUPERSEDED",
    )
    assert rt.store.get_certificate(arn, int(serial_of(issued), 16)).revocation_reason == "SUPERSEDED"


@pytest.mark.parametrize("text", ["a:bc:de", "ab:cd:e", "abcde", "0a:bc:de", "00000000000000000000000000000abcde"])
def test_serial_without_its_leading_zero_is_the_same(acm_pca: Any, rt: Any, text: str) -> None:
    """Some clients leave it away before they set the colons."""
    from tests.support.client import client_for

    arn = active_root(acm_pca)
    issue(client_for(replace(rt, serial_number=lambda: 0xABCDE)), arn)
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=text, RevocationReason="SUPERSEDED")
    assert rt.store.get_certificate(arn, 0xABCDE).revocation_reason == "SUPERSEDED"


def test_revoking_twice_is_refused_and_keeps_the_first_reason(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    revoke(acm_pca, arn, issued, "KEY_COMPROMISE")
    with pytest.raises(acm_pca.exceptions.RequestAlreadyProcessedException):
        revoke(acm_pca, arn, issued, "SUPERSEDED")
    assert rt.store.get_certificate(arn, int(serial_of(issued), 16)).revocation_reason == "KEY_COMPROMISE"


BAD_SERIALS = {
    "unknown": ("01", "ResourceNotFoundException"),
    "not-hex": ("xyz", "InvalidRequestException"),
    "odd-pairs": ("1:2:3", "InvalidRequestException"),
    "negative": ("-1", "InvalidRequestException"),
    "space": ("01 02", "InvalidRequestException"),
    "unicode-digits": ("\u0661\u0662", "InvalidRequestException"),
    "too-big": ("f" * 128, "ResourceNotFoundException"),
    "too-long": ("f" * 129, "ValidationException"),
}


@pytest.mark.parametrize("case", BAD_SERIALS)
def test_revoking_a_serial_that_is_none_is_refused(acm_pca: Any, case: str) -> None:
    serial, code = BAD_SERIALS[case]
    arn = active_root(acm_pca)
    request = {"CertificateAuthorityArn": arn, "CertificateSerial": serial, "RevocationReason": "SUPERSEDED"}
    assert refusal(acm_pca.revoke_certificate, **request)[0] == code


def _waiting(_client: Any, _arn: str, _clock: Any) -> str:
    return "PENDING_CERTIFICATE"


def _installed(client: Any, arn: str, _clock: Any) -> str:
    activate_root(client, arn)
    return "ACTIVE"


def _disabled(client: Any, arn: str, clock: Any) -> str:
    _installed(client, arn, clock)
    client.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    return "DISABLED"


def _expired(client: Any, arn: str, clock: Any) -> str:
    _installed(client, arn, clock)
    clock.forward(days=3660)
    return "EXPIRED"


def _deleted(client: Any, arn: str, _clock: Any) -> str:
    client.delete_certificate_authority(CertificateAuthorityArn=arn)
    return "DELETED"


@pytest.mark.parametrize("bring", [_waiting, _installed, _disabled, _expired, _deleted])
def test_root_cannot_revoke_its_own_certificate_in_any_status(acm_pca: Any, clock: Any, bring: Any) -> None:
    """Terraform destroys roots that were never installed, and tolerates this text alone (acmpca/certificate.go)."""
    arn = create(acm_pca, "ROOT")
    own = own_certificate(acm_pca, arn)
    reached = bring(acm_pca, arn, clock)
    assert status(acm_pca, arn) == reached
    request = {"CertificateAuthorityArn": arn, "CertificateSerial": serial_of(own), "RevocationReason": "UNSPECIFIED"}
    expected = ("InvalidRequestException", "Self-signed certificate can not be revoked")
    assert refusal(acm_pca.revoke_certificate, **request) == expected
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    if installed := described.get("Serial"):
        assert refusal(acm_pca.revoke_certificate, **request | {"CertificateSerial": installed}) == expected


def test_status_is_judged_before_any_other_serial(acm_pca: Any) -> None:
    arn = create(acm_pca, "ROOT")
    request = {"CertificateAuthorityArn": arn, "CertificateSerial": "01", "RevocationReason": "UNSPECIFIED"}
    assert refusal(acm_pca.revoke_certificate, **request)[0] == "InvalidStateException"


def test_expired_certificate_cannot_be_revoked_and_terraform_can_still_destroy_it(acm_pca: Any, clock: Any) -> None:
    """Of the answers that Terraform tolerates this is the one that fits (acmpca/certificate.go)."""
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    clock.forward(days=31)
    with pytest.raises(acm_pca.exceptions.RequestAlreadyProcessedException, match="expired"):
        revoke(acm_pca, arn, issued)


def test_disabled_ca_revokes_and_publishes(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    revoke(acm_pca, arn, issued)
    publish_due_crls(rt, seconds=60)
    assert serials(published(rt, arn)) == {int(serial_of(issued), 16)}


def test_interrupted_issuance_can_be_revoked(acm_pca: Any, rt: Any, clock: Any) -> None:
    """The CA may have signed before it crashed: it owns that serial (Baseline Requirements 4.9.9 in spirit)."""
    from chalicelib.identities import ADMINISTRATOR
    from chalicelib.operations import certificates
    from chalicelib.runtime import Caller

    arn = active_root(acm_pca)

    class DyingKeys:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.keys, name)

        def private_key(self, key_id: str, ca_arn: str) -> Any:
            raise KeyboardInterrupt

    from tests.support.builders import csr

    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 30},
    }
    caller = Caller(account_id="000000000000", access_key_id="test", principal=ADMINISTRATOR)
    with pytest.raises(KeyboardInterrupt):
        certificates.issue_certificate(replace(rt, keys=DyingKeys()), caller, request)
    (pending,) = [each for each in rt.store.list_certificates(arn) if each.status == "PENDING"]
    with pytest.raises(acm_pca.exceptions.RequestInProgressException):
        acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=pending.arn)
    clock.forward(seconds=121)
    assert reconcile(rt).certificates_failed == 1
    with pytest.raises(acm_pca.exceptions.RequestFailedException):
        acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=pending.arn)
    revoke(acm_pca, arn, pending.arn)
    publish_due_crls(rt, seconds=60)
    assert pending.serial_number in serials(published(rt, arn))


def test_key_that_is_not_the_certificate_s_signs_nothing(acm_pca: Any, rt: Any) -> None:
    """A store whose record points to another key must not lead to a signature."""
    from botocore.exceptions import ClientError

    first, second = active_root(acm_pca), active_root(acm_pca)
    ca, other = rt.store.get_certificate_authority(first), rt.store.get_certificate_authority(second)
    rt.store.update_certificate_authority(ca, replace(ca, key_id=other.key_id))
    with pytest.raises(ClientError):
        issue(acm_pca, first)
    assert [each.status for each in rt.store.list_certificates(first) if each.status == "ISSUED"] == ["ISSUED"]


def test_leaf_fetched_after_revocation_is_still_there(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    revoke(acm_pca, arn, issued)
    assert fetch(acm_pca, arn, issued).serial_number == int(serial_of(issued), 16)
