"""The states of a CA, and what each of them allows (User Guide, "Private CA lifecycle")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.authority_steps import (
    MISSING,
    activate_root,
    active_root,
    active_subordinate,
    create,
    install_subordinate,
    issue,
    status,
)
from tests.support.refusals import refusal


def test_lifecycle_of_a_root(acm_pca: Any, clock: Any) -> None:
    arn = create(acm_pca, "ROOT")
    activate_root(acm_pca, arn)
    assert status(acm_pca, arn) == "ACTIVE"
    code, message = refusal(acm_pca.delete_certificate_authority, CertificateAuthorityArn=arn)
    assert (code, message) == (
        "InvalidStateException",
        "The certificate authority is not in a valid state for deletion.",
    )
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert ca["Status"] == "DELETED"
    assert ca["RestorableUntil"] == clock() + timedelta(days=7)
    assert refusal(acm_pca.delete_certificate_authority, CertificateAuthorityArn=arn)[0] == "InvalidStateException"
    acm_pca.restore_certificate_authority(CertificateAuthorityArn=arn)
    ca = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert ca["Status"] == "DISABLED"
    assert "RestorableUntil" not in ca
    code, message = refusal(acm_pca.restore_certificate_authority, CertificateAuthorityArn=arn)
    assert message == "The certificate authority is not in a valid state for restoration."


def test_deleted_ca_past_its_window_is_gone_with_its_key(acm_pca: Any, clock: Any, rt: Any, traces: Any) -> None:
    from chalicelib.reconcile import reconcile

    arn = create(acm_pca)
    assert len(traces.ca_keys()) == 1
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    clock.forward(days=7)
    assert (
        refusal(acm_pca.describe_certificate_authority, CertificateAuthorityArn=arn)[0] == "ResourceNotFoundException"
    )
    assert acm_pca.list_certificate_authorities()["CertificateAuthorities"] == []
    assert len(traces.ca_keys()) == 1
    assert reconcile(rt).authorities_purged == 1
    assert not traces.ca_keys()


def test_expired_is_what_the_clock_shows(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock(), days=10)
    clock.forward(days=11)
    assert status(acm_pca, arn) == "EXPIRED"
    code, _ = refusal(acm_pca.update_certificate_authority, CertificateAuthorityArn=arn, Status="DISABLED")
    assert code == "InvalidStateException"
    install_subordinate(acm_pca, arn, now=clock(), serial_number=3)
    assert status(acm_pca, arn) == "ACTIVE"


def test_disabled_before_it_expired_stays_disabled_after_renewal(acm_pca: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock(), days=10)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    clock.forward(days=11)
    assert status(acm_pca, arn) == "EXPIRED"
    install_subordinate(acm_pca, arn, now=clock(), serial_number=3)
    assert status(acm_pca, arn) == "DISABLED"


PENDING_REFUSALS = {
    "update_status": ("update_certificate_authority", {"Status": "ACTIVE"}, "must be in the ACTIVE or DISABLED state"),
    "restore": ("restore_certificate_authority", {}, "not in a valid state for restoration."),
    "certificate": (
        "get_certificate_authority_certificate",
        {},
        "is not in the correct state to have a certificate signing request.",
    ),
    "revoke": (
        "revoke_certificate",
        {"CertificateSerial": "01", "RevocationReason": "SUPERSEDED"},
        "is not in a valid state for revoking",
    ),
}


@pytest.mark.parametrize("case", PENDING_REFUSALS)
def test_pending_ca_refuses_what_needs_a_certificate(acm_pca: Any, case: str) -> None:
    method, more, text = PENDING_REFUSALS[case]
    code, message = refusal(getattr(acm_pca, method), CertificateAuthorityArn=create(acm_pca), **more)
    assert code == "InvalidStateException"
    assert text in message


DELETED_REFUSALS: dict[str, dict[str, Any]] = {
    "get_certificate_authority_csr": {},
    "get_certificate_authority_certificate": {},
    "get_certificate": {"CertificateArn": MISSING + "/certificate/" + "0" * 32},
    "update_certificate_authority": {"Status": "ACTIVE"},
    "delete_certificate_authority": {},
    "revoke_certificate": {"CertificateSerial": "01", "RevocationReason": "SUPERSEDED"},
    "tag_certificate_authority": {"Tags": [{"Key": "x", "Value": "y"}]},
    "untag_certificate_authority": {"Tags": [{"Key": "x"}]},
    "list_tags": {},
}


@pytest.mark.parametrize("method", DELETED_REFUSALS)
def test_deleted_ca_refuses_everything_but_describe_and_restore(acm_pca: Any, method: str) -> None:
    arn = create(acm_pca)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    call = getattr(acm_pca, method)
    assert refusal(call, CertificateAuthorityArn=arn, **DELETED_REFUSALS[method])[0] == "InvalidStateException"


def test_disabled_ca_issues_nothing(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    with pytest.raises(acm_pca.exceptions.InvalidStateException, match="not in a valid state for issuing certificates"):
        issue(acm_pca, arn)
