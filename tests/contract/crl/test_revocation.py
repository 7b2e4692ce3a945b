"""RevokeCertificate and the CRLs that the schedule publishes (AWS Private CA User Guide; RFC 5280 section 5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.crl.publication import Outcome, publish_due_crls
from chalicelib.reconcile import reconcile
from tests.support.authority_steps import active_root, active_subordinate, create, fetch, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.refusals import refusal
from tests.support.revocations import number, published, revoke, serials

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
    revoke(acm_pca, arn, issued)
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


def test_root_cannot_revoke_itself(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    serial = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Serial"]
    request = {"CertificateAuthorityArn": arn, "CertificateSerial": serial, "RevocationReason": "SUPERSEDED"}
    code, message = refusal(acm_pca.revoke_certificate, **request)
    assert (code, message) == ("InvalidRequestException", "Self-signed certificate can not be revoked")


def test_expired_certificate_cannot_be_revoked(acm_pca: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    clock.forward(days=31)
    with pytest.raises(acm_pca.exceptions.InvalidRequestException, match="expired"):
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
    caller = Caller(account_id="000000000000", access_key_id="test")
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


# the published CRL


def test_crl_appears_with_the_first_certificate_and_has_aws_s_profile(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    key = f"crl/{arn.rsplit('/', 1)[1]}.crl"
    publish_due_crls(rt, seconds=60)
    assert rt.buckets.get("crl-bucket", key) is None
    issue(acm_pca, arn)
    crl = published(rt, arn)
    ca = x509.load_pem_x509_certificate(
        acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"].encode()
    )
    public_key: Any = ca.public_key()
    assert crl.is_signature_valid(public_key)
    assert crl.issuer.public_bytes() == ca.subject.public_bytes()
    assert crl.last_update_utc == clock() - timedelta(hours=1)
    assert crl.next_update_utc == clock() + timedelta(days=7)
    assert number(crl) == int(clock().timestamp() * 1000)
    assert [type(each.value) for each in crl.extensions] == [x509.AuthorityKeyIdentifier, x509.CRLNumber]
    key_id = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert key_id == ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert list(crl) == []


def test_first_crl_is_started_though_another_process_changed_the_ca(acm_pca: Any, rt: Any) -> None:
    """A process that has the CA in memory must notice that its copy is old before a certificate points to a CRL."""
    from chalicelib.runtime import from_settings
    from tests.support.client import client_for

    arn = active_root(acm_pca)
    other = client_for(replace(from_settings(rt.settings), now=rt.now))
    other.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    issue(client_for(rt), arn)
    assert len(rt.store.get_certificate_authority(arn).distribution_points) == 1
    assert number(published(rt, arn)) > 0


def test_crl_is_regenerated_at_the_midpoint_and_never_older_than_half_its_life(
    acm_pca: Any, rt: Any, clock: Any
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    first = number(published(rt, arn))
    clock.forward(days=3.4)
    assert publish_due_crls(rt, seconds=60) == []
    clock.forward(days=0.1)
    assert [each.result for each in publish_due_crls(rt, seconds=60)] == ["published"]
    assert number(published(rt, arn)) > first
    for _ in range(14 * 24 * 4):
        clock.forward(minutes=15)
        publish_due_crls(rt, seconds=60)
        crl = published(rt, arn)
        assert clock() - (crl.last_update_utc + timedelta(hours=1)) <= timedelta(days=3.5)


def test_revoked_certificate_stays_until_one_crl_after_its_expiry(acm_pca: Any, rt: Any, clock: Any) -> None:
    """RFC 5280 section 3.3."""
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 5})
    serial = int(serial_of(issued), 16)
    revoke(acm_pca, arn, issued)
    seen = []
    for _ in range(4):
        publish_due_crls(rt, seconds=60)
        seen.append(
            (published(rt, arn).last_update_utc > clock() - timedelta(days=1), serial in serials(published(rt, arn)))
        )
        clock.forward(days=3.5)
    # at 0 and 3.5 days it is valid; at 7 days it has expired and is shown once more; at 10.5 days it is gone
    assert seen == [(True, True), (True, True), (True, True), (True, False)]


def test_publishing_twice_with_a_clock_that_stands_still_gives_growing_numbers(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    numbers = []
    for _ in range(3):
        revoke(acm_pca, arn, issue(acm_pca, arn))
        publish_due_crls(rt, seconds=60)
        numbers.append(number(published(rt, arn)))
    assert numbers == sorted(set(numbers))


def test_clock_that_jumps_back_never_moves_number_or_this_update_back(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    before = published(rt, arn)
    clock.forward(hours=-2)
    late = issue(acm_pca, arn)
    revoke(acm_pca, arn, late)
    publish_due_crls(rt, seconds=60)
    after = published(rt, arn)
    assert number(after) > number(before)
    assert after.last_update_utc >= before.last_update_utc
    assert serials(after) == {int(serial_of(late), 16)}


def times(rt: Any, arn: str) -> tuple[Any, Any]:
    crl = published(rt, arn)
    return crl.last_update_utc, crl.next_update_utc


def test_after_a_clock_that_was_ahead_next_update_stays_after_this_update(acm_pca: Any, rt: Any, clock: Any) -> None:
    """thisUpdate never goes back, and its CRL lives as long as any other; the schedule is of the right clock."""
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 300})
    clock.forward(days=30)
    publish_due_crls(rt, seconds=60)
    ahead = clock() - timedelta(hours=1), clock() + timedelta(days=7)
    clock.forward(days=-30)
    revoke(acm_pca, arn, issued)
    made = publish_due_crls(rt, seconds=60)
    assert [each.result for each in made] == ["published"]
    assert times(rt, arn) == ahead
    assert serials(published(rt, arn)) == {int(serial_of(issued), 16)}
    clock.forward(days=3.5)
    assert [each.result for each in publish_due_crls(rt, seconds=60)] == ["published"]
    off = {"CrlConfiguration": {"Enabled": False}}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=off)
    for _ in range(8):
        clock.forward(days=3.5)
        publish_due_crls(rt, seconds=60)
    assert times(rt, arn) == (clock() - timedelta(hours=1), clock() + timedelta(days=7))


@pytest.mark.parametrize("runs", [1, 2])
def test_certificate_that_ends_while_the_clock_is_ahead_stays_revoked(
    acm_pca: Any, rt: Any, clock: Any, runs: int
) -> None:
    arn = active_root(acm_pca)
    short, other = (issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": days}) for days in (20, 300))
    revoke(acm_pca, arn, short)
    publish_due_crls(rt, seconds=60)
    for _ in range(runs):
        clock.forward(days=30)
        publish_due_crls(rt, seconds=60)
    clock.forward(days=-30 * runs)
    revoke(acm_pca, arn, other)
    publish_due_crls(rt, seconds=60)
    assert serials(published(rt, arn)) == {int(serial_of(short), 16), int(serial_of(other), 16)}


@pytest.mark.laptop  # where the test can take the object away
def test_crl_of_a_clock_that_was_ahead_is_replaced_once_it_is_taken_away(acm_pca: Any, rt: Any, clock: Any) -> None:
    """What the runbook says; runs that were ahead have even forgotten the stored entry."""
    arn = active_root(acm_pca)
    short, _ = (issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": days}) for days in (20, 300))
    revoke(acm_pca, arn, short)
    for _ in range(3):
        clock.forward(days=30)
        rt.store.schedule_crl(arn, due_at=clock())
        publish_due_crls(rt, seconds=60)
    clock.forward(days=-90)
    last = published(rt, arn)
    assert serials(last) == set()
    ca = rt.store.get_certificate_authority(arn)
    (Path(rt.settings.data) / "buckets" / "crl-bucket" / ca.distribution_points[-1].key).unlink()
    rt.store.forget_crl_segments(arn)  # as `signet crl rebuild`
    rt.store.schedule_crl(arn, due_at=clock())
    publish_due_crls(rt, seconds=60)
    assert number(published(rt, arn)) > number(last)
    assert times(rt, arn) == (clock() - timedelta(hours=1), clock() + timedelta(days=7))
    assert serials(published(rt, arn)) == {int(serial_of(short), 16)}


def test_number_jumps_past_a_published_crl_that_the_store_does_not_know(acm_pca: Any, rt: Any, clock: Any) -> None:
    """After a restore from an old backup the bucket may be ahead of the store."""
    from chalicelib.ca import signing
    from chalicelib.ca import state as ca_state
    from chalicelib.pki.crl import tbs as crls

    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    ca = rt.store.get_certificate_authority(arn)
    location = ca.distribution_points[-1]
    ahead = int(clock().timestamp() * 1000) + 10**9
    tbs = crls.build_crl_tbs(
        issuer=ca_state.issuer_of(ca),
        signing_algorithm="SHA256WITHECDSA",
        crl_number=ahead,
        this_update=clock() - timedelta(hours=1),
        next_update=clock() + timedelta(days=7),
        entries=[],
    )
    der = signing.sign(rt, ca, "CRL", tbs, "SHA256WITHECDSA")
    etag = rt.buckets.get(location.bucket, location.key).etag
    rt.buckets.put(location.bucket, location.key, der, expected_etag=etag, content_type="application/pkix-crl")
    revoke(acm_pca, arn, issue(acm_pca, arn))
    publish_due_crls(rt, seconds=60)
    assert number(published(rt, arn)) == ahead + 1


def test_change_of_bucket_keeps_the_old_address_alive(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    moved = {"CrlConfiguration": CRL_CONFIGURATION["CrlConfiguration"] | {"S3BucketName": "second-bucket"}}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=moved)
    issue(acm_pca, arn)
    revoke(acm_pca, arn, issued)
    publish_due_crls(rt, seconds=60)
    assert published(rt, arn).public_bytes(Encoding.DER) == published(rt, arn, "second-bucket").public_bytes(
        Encoding.DER
    )
    assert serials(published(rt, arn)) == {int(serial_of(issued), 16)}


def test_crls_that_are_switched_off_go_on_for_certificates_that_name_them(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    off = {"CrlConfiguration": {"Enabled": False}}
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=off)
    revoke(acm_pca, arn, issued)
    clock.forward(days=4)
    publish_due_crls(rt, seconds=60)
    crl = published(rt, arn)
    assert serials(crl) == {int(serial_of(issued), 16)}
    assert crl.next_update_utc == clock() + timedelta(days=7)


def test_crls_switched_on_later_list_what_was_revoked_before(acm_pca: Any, rt: Any) -> None:
    arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}})
    issued = issue(acm_pca, arn)
    revoke(acm_pca, arn, issued)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=CRL_CONFIGURATION)
    issue(acm_pca, arn)
    assert serials(published(rt, arn)) == {int(serial_of(issued), 16)}


def test_poisoned_ca_never_blocks_the_others(acm_pca: Any, rt: Any, clock: Any) -> None:
    arns = [active_root(acm_pca) for _ in range(3)]
    for arn in arns:
        issue(acm_pca, arn)
    poisoned = rt.store.get_certificate_authority(arns[0])
    rt.keys.delete_key(poisoned.key_id, poisoned.arn)
    clock.forward(days=3.5)
    outcomes = {each.crl_arn: each.result for each in publish_due_crls(rt, seconds=60)}
    assert outcomes == {arns[0]: "failed", arns[1]: "published", arns[2]: "published"}
    state = rt.store.get_crl_state(arns[0])
    assert state.failures == 1
    assert "KeyNotFoundError" in state.last_error
    assert publish_due_crls(rt, seconds=60) == []
    clock.forward(seconds=16)
    assert [(each.crl_arn, each.result) for each in publish_due_crls(rt, seconds=60)] == [(arns[0], "failed")]


def test_failed_publication_succeeds_after_repair_and_clears_its_error(acm_pca: Any, rt: Any, clock: Any) -> None:
    from chalicelib.buckets import BucketError

    class BrokenBuckets:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.buckets, name)

        def put(self, *args: Any, **kwargs: Any) -> str:
            raise BucketError("no space", misconfigured=True)

    arn = active_root(acm_pca)
    revoked = issue(acm_pca, arn)
    revoke(acm_pca, arn, revoked)
    (outcome,) = publish_due_crls(replace(rt, buckets=BrokenBuckets()), seconds=60)
    assert isinstance(outcome, Outcome)
    assert (outcome.result, outcome.error) == ("failed", "BucketError: no space")
    clock.forward(seconds=60)
    publish_due_crls(rt, seconds=60)
    assert serials(published(rt, arn)) == {int(serial_of(revoked), 16)}
    state = rt.store.get_crl_state(arn)
    assert (state.failures, state.last_error) == (0, None)


def test_deleted_ca_s_crl_is_kept_up_until_its_window_ends(acm_pca: Any, rt: Any, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    first = number(published(rt, arn))
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    clock.forward(days=3.5)
    publish_due_crls(rt, seconds=60)
    assert number(published(rt, arn)) > first


def test_pending_ca_has_no_crl(acm_pca: Any, rt: Any) -> None:
    arn = create(acm_pca, RevocationConfiguration=CRL_CONFIGURATION)
    publish_due_crls(rt, seconds=60)
    assert rt.store.get_crl_state(arn) is None


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
