"""After crashes, lost races and broken objects: what reconciliation closes, what the publisher refuses or repairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from chalicelib import errors
from chalicelib.access import access_keys
from chalicelib.ca import find
from chalicelib.crl import publication
from chalicelib.keystore import KeyStoreError
from chalicelib.operations import creation
from chalicelib.reconcile import Reconciled, reconcile
from chalicelib.store import ConflictError
from tests.support.authority_steps import active_root, active_subordinate, create, issue, serial_of, status
from tests.support.builders import CALLER, CREATE
from tests.support.ports import Port, fail
from tests.support.refusals import refusal

# creations


def test_creation_that_died_is_given_up_and_its_key_destroyed(acm_pca: Any, rt: Any, clock: Any, traces: Any) -> None:
    dying = replace(rt, keys=Port(rt.keys, private_key=fail(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        creation.create_certificate_authority(dying, CALLER, CREATE)
    (ca,) = acm_pca.list_certificate_authorities()["CertificateAuthorities"]
    assert ca["Status"] == "CREATING"
    named = {"CertificateAuthorityArn": ca["Arn"]}
    assert refusal(acm_pca.get_certificate_authority_csr, **named)[0] == "RequestInProgressException"
    assert refusal(acm_pca.get_certificate_authority_certificate, **named)[0] == "InvalidStateException"
    assert reconcile(rt) == Reconciled()
    clock.forward(seconds=121)
    assert reconcile(rt) == Reconciled(creations_failed=1)
    found = acm_pca.describe_certificate_authority(**named)["CertificateAuthority"]
    assert (found["Status"], found["FailureReason"]) == ("FAILED", "REQUEST_TIMED_OUT")
    assert not traces.ca_keys()
    assert refusal(acm_pca.get_certificate_authority_csr, **named)[0] == "InvalidStateException"
    acm_pca.delete_certificate_authority(**named)
    assert refusal(acm_pca.describe_certificate_authority, **named)[0] == "ResourceNotFoundException"


def test_creation_that_fails_leaves_no_trace(acm_pca: Any, rt: Any, traces: Any) -> None:
    broken = replace(rt, keys=Port(rt.keys, private_key=fail(KeyStoreError("no"))))
    with pytest.raises(KeyStoreError):
        creation.create_certificate_authority(broken, CALLER, CREATE)
    assert acm_pca.list_certificate_authorities()["CertificateAuthorities"] == []
    assert not traces.ca_keys()


def test_creation_whose_undoing_fails_too_still_tells_the_first_failure(rt: Any) -> None:
    store = Port(rt.store, purge_certificate_authority=fail(ConflictError("no")))
    broken = replace(rt, store=store, keys=Port(rt.keys, private_key=fail(KeyStoreError("first"))))
    with pytest.raises(KeyStoreError, match="first"):
        creation.create_certificate_authority(broken, CALLER, CREATE)


def test_tags_set_during_a_creation_are_kept(rt: Any) -> None:
    def tagging(*arguments: Any, **named: Any) -> Any:
        for ca in rt.store.list_certificate_authorities("000000000000", limit=9):
            rt.store.update_certificate_authority(ca, replace(ca, tags=(("a", "b"),)))
        return rt.keys.create_key(*arguments, **named)

    arn = creation.create_certificate_authority(replace(rt, keys=Port(rt.keys, create_key=tagging)), CALLER, CREATE)[
        "CertificateAuthorityArn"
    ]
    ca = rt.store.get_certificate_authority(arn)
    assert (ca.status, ca.tags) == ("PENDING_CERTIFICATE", (("a", "b"),))


def test_creation_that_was_given_up_meanwhile_is_not_finished(rt: Any, clock: Any) -> None:
    def slow(*arguments: Any, **named: Any) -> Any:
        clock.forward(seconds=300)
        reconcile(rt)
        return rt.keys.create_key(*arguments, **named)

    with pytest.raises(errors.ServiceUnavailable, match="given up"):
        creation.create_certificate_authority(replace(rt, keys=Port(rt.keys, create_key=slow)), CALLER, CREATE)


def test_record_that_cannot_be_closed_does_not_stop_the_others(acm_pca: Any, rt: Any, clock: Any) -> None:
    for _ in range(2):
        arn = create(acm_pca)
        acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    clock.forward(days=8)
    first = rt.store.list_due("PURGE", now=clock(), limit=1)[0]

    def delete(key_id: str, ca_arn: str) -> None:
        if ca_arn == first:
            raise KeyStoreError("no")
        rt.keys.delete_key(key_id, ca_arn)

    broken = replace(rt, keys=Port(rt.keys, delete_key=delete))
    assert reconcile(broken) == Reconciled(authorities_purged=1, errors=1)
    assert reconcile(rt) == Reconciled(authorities_purged=1)


def test_records_that_changed_meanwhile_are_left_alone(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    kept = create(acm_pca)
    lists = {
        "SESSION": ["gone"],
        "DRAFT": ["DRAFTS#000000000000#ops#gone"],
        "PENDING": [issued],
        "CREATING": [arn, kept],
        "PURGE": [arn, arn[:-12] + "000000000000"],
    }
    stale = replace(rt, store=Port(rt.store, list_due=lambda kind, **_: lists[kind]))
    assert reconcile(stale) == Reconciled()
    assert status(acm_pca, arn) == "ACTIVE"


def test_lost_races_of_reconciliation_are_no_errors(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = create(acm_pca)
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    clock.forward(days=8)
    racing = replace(rt, store=Port(rt.store, update_certificate_authority=fail(ConflictError("lost"))))
    assert reconcile(racing) == Reconciled()
    assert reconcile(rt).authorities_purged == 1


def test_update_that_never_wins_is_told_to_try_again(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    losing = replace(rt, store=Port(rt.store, update_certificate_authority=fail(ConflictError("lost"))))
    with pytest.raises(errors.ConcurrentModificationException):
        find.modify(losing, CALLER, arn, lambda ca: replace(ca, tags=(("a", "b"),)))


def test_root_key_is_one_for_all_who_start_together(rt: Any) -> None:
    first = access_keys.ensure_root_key(rt)
    seen: list[str] = []

    def late(access_key_id: str) -> Any:
        seen.append(access_key_id)
        return None if len(seen) == 1 else rt.store.get_access_key(access_key_id)

    assert access_keys.ensure_root_key(replace(rt, store=Port(rt.store, get_access_key=late))) == first
    with pytest.raises(ConflictError):
        access_keys.ensure_root_key(replace(rt, store=Port(rt.store, get_access_key=lambda _: None)))


# issuance


def test_issuance_whose_signature_fails_closes_its_record(acm_pca: Any, rt: Any) -> None:
    from chalicelib.operations import certificates
    from tests.support.builders import csr

    arn = active_root(acm_pca)
    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
        "IdempotencyToken": "token",
    }
    broken = replace(rt, keys=Port(rt.keys, private_key=fail(KeyStoreError("no"))))
    with pytest.raises(KeyStoreError):
        certificates.issue_certificate(broken, CALLER, request)
    assert sorted(each.status for each in rt.store.list_certificates(arn)) == ["FAILED", "ISSUED"]
    issued = certificates.issue_certificate(rt, CALLER, request)["CertificateArn"]
    answer = acm_pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
    assert answer["Certificate"]


def test_certificate_signed_after_it_was_given_up_is_given_to_nobody(acm_pca: Any, rt: Any, clock: Any) -> None:
    from chalicelib.operations import certificates
    from tests.support.builders import csr

    arn = active_root(acm_pca)

    def slow(*arguments: Any) -> Any:
        clock.forward(seconds=300)
        reconcile(rt)
        return rt.keys.private_key(*arguments)

    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
    }
    late = replace(rt, keys=Port(rt.keys, private_key=slow))
    issued = certificates.issue_certificate(late, CALLER, request)["CertificateArn"]
    record = rt.store.get_certificate(arn, int(serial_of(issued), 16))
    assert (record.status, record.certificate_der) == ("FAILED", None)


def test_serial_that_is_taken_is_replaced_by_another(acm_pca: Any, rt: Any) -> None:
    from tests.support.client import client_for

    arn = active_root(acm_pca)
    numbers = iter([7, 7, 7, 8])
    client = client_for(replace(rt, serial_number=lambda: next(numbers)))
    assert [int(serial_of(issue(client, arn)), 16) for _ in range(2)] == [7, 8]


def test_ca_that_keeps_changing_is_told_to_try_again(acm_pca: Any, rt: Any) -> None:
    from chalicelib.operations import certificates
    from tests.support.builders import csr

    arn = active_root(acm_pca)
    losing = replace(rt, store=Port(rt.store, reserve_certificate=fail(ConflictError("lost"))))
    request: Any = {
        "CertificateAuthorityArn": arn,
        "Csr": csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "DAYS", "Value": 1},
    }
    with pytest.raises(errors.ThrottlingException):
        certificates.issue_certificate(losing, CALLER, request)


# publication


def published(rt: Any, arn: str) -> x509.CertificateRevocationList:
    location = rt.store.get_certificate_authority(arn).distribution_points[-1]
    return x509.load_der_x509_crl(rt.buckets.get(location.bucket, location.key).body)


def overwrite(rt: Any, arn: str, body: bytes) -> None:
    location = rt.store.get_certificate_authority(arn).distribution_points[-1]
    etag = rt.buckets.get(location.bucket, location.key).etag
    rt.buckets.put(location.bucket, location.key, body, expected_etag=etag, content_type="x")


@pytest.mark.every_case
@pytest.mark.parametrize("body", [b"", b"garbage", b"\x30\x03\x02\x01\x00"])
def test_object_that_is_no_crl_is_replaced(acm_pca: Any, rt: Any, clock: Any, body: bytes) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    overwrite(rt, arn, body)
    clock.forward(days=3.5)
    assert [each.result for each in publication.publish_due_crls(rt, seconds=60)] == ["published"]
    assert published(rt, arn).next_update_utc == clock() + timedelta(days=7)


def test_object_that_changes_during_the_run_is_looked_at_again(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(days=3.5)
    calls: list[str] = []

    def put(bucket: str, key: str, body: bytes, **conditions: Any) -> str:
        if not calls:
            overwrite(rt, arn, b"somebody else")
        calls.append(key)
        return str(rt.buckets.put(bucket, key, body, **conditions))

    racing = replace(rt, buckets=Port(rt.buckets, put=put))
    (outcome,) = publication.publish_due_crls(racing, seconds=60)
    assert (outcome.result, len(calls)) == ("published", 2)
    assert published(rt, arn).next_update_utc == clock() + timedelta(days=7)


def test_run_without_time_left_publishes_nothing(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(days=4)
    assert publication.publish_due_crls(rt, seconds=0) == []


def test_second_run_leaves_a_leased_crl_alone(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(days=4)
    rt.store.reserve_crl(arn, number=1, now=clock(), lease_until=clock() + timedelta(seconds=45))
    assert publication.publish_crl(rt, arn) == publication.Outcome(arn, "skipped")
    clock.forward(seconds=45)
    assert publication.publish_crl(rt, arn).result == "published"


def test_run_that_died_a_day_ahead_holds_no_crl(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    revoked = issue(acm_pca, arn)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(revoked), RevocationReason="SUPERSEDED"
    )
    ahead = clock() + timedelta(days=1)
    assert rt.store.reserve_crl(arn, number=1, now=ahead, lease_until=ahead + timedelta(seconds=45)) is not None
    clock.forward(minutes=1)
    assert publication.publish_crl(rt, arn).result == "published"


def test_expired_ca_s_crl_is_not_published_until_it_is_renewed(acm_pca: Any, rt: Any, clock: Any) -> None:
    from tests.support.authority_steps import install_subordinate

    arn = active_subordinate(acm_pca, now=clock(), days=10)
    issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 5})
    clock.forward(days=11)
    assert [each.result for each in publication.publish_due_crls(rt, seconds=60)] == ["skipped"]
    install_subordinate(acm_pca, arn, now=clock(), serial_number=3)
    assert [each.result for each in publication.publish_due_crls(rt, seconds=60)] == ["published"]


def test_store_that_fails_during_a_run_is_an_outcome_not_an_exception(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(days=4)
    broken = replace(rt, store=Port(rt.store, reserve_crl=fail(KeyStoreError("no"))))
    (outcome,) = publication.publish_due_crls(broken, seconds=60)
    assert (outcome.result, outcome.error) == ("failed", "KeyStoreError: no")


def test_what_the_gate_refuses_is_not_published_and_stays_due(acm_pca: Any, rt: Any, clock: Any) -> None:
    """A store that answers without a revocation that clients have seen, and a build that loses it, publish nothing."""
    arn = active_root(acm_pca)
    serial = serial_of(issue(acm_pca, arn))
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    publication.publish_due_crls(rt, seconds=60)
    key = f"crl/{arn.rsplit('/', 1)[1]}.crl"
    before = rt.buckets.get("crl-bucket", key).body
    clock.forward(days=4)

    serial = serial_of(issue(acm_pca, arn))
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    broken = replace(rt, store=Port(rt.store, fold_revocations=lambda old, *_: old))
    (outcome,) = publication.publish_due_crls(broken, seconds=60)
    assert outcome.result == "failed"
    assert f"It lacks the revoked serial number {int(serial.replace(':', ''), 16):032x}." in outcome.error
    assert rt.buckets.get("crl-bucket", key).body == before
    clock.forward(seconds=30)
    (outcome,) = publication.publish_due_crls(rt, seconds=60)
    assert (outcome.result, outcome.entries) == ("published", 2)


def test_revocation_that_only_clients_remember_stays_in_the_crl(acm_pca: Any, rt: Any, clock: Any) -> None:
    """As after the restoration of an older copy of the store."""
    arn = active_root(acm_pca)
    for reason in ("CESSATION_OF_OPERATION", "UNSPECIFIED"):
        serial = serial_of(issue(acm_pca, arn))
        acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason=reason)
    publication.publish_due_crls(rt, seconds=60)
    key = f"crl/{arn.rsplit('/', 1)[1]}.crl"
    before = shown(rt, key)
    clock.forward(days=4)
    rt.store.forget_crl_segments(arn)
    forgetful = replace(rt, store=Port(rt.store, list_revocations=lambda _: iter(())))
    (outcome,) = publication.publish_due_crls(forgetful, seconds=60)
    assert (outcome.result, outcome.entries) == ("published", 2)
    assert shown(rt, key) == before


def shown(rt: Any, key: str) -> dict[int, list[Any]]:
    crl = x509.load_der_x509_crl(rt.buckets.get("crl-bucket", key).body)
    return {each.serial_number: [each.revocation_date_utc, *(one.value for one in each.extensions)] for each in crl}
