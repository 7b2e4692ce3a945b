"""The CRLs that the schedule publishes: their profile, numbers, times, entries and addresses (RFC 5280 section 5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.crl import publication
from chalicelib.crl.publication import Outcome, publish_due_crls
from tests.support.authority_steps import active_root, active_subordinate, create, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION
from tests.support.clock_steps import later
from tests.support.revocations import number, published, revoke, serials


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
        later(rt, clock, days=3.5)
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


def test_clock_that_goes_back_an_hour_never_moves_number_or_this_update_back(acm_pca: Any, rt: Any, clock: Any) -> None:
    """A CRL is backdated by an hour: the published one is valid by either clock."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    before = published(rt, arn)
    clock.forward(hours=-1)
    late = issue(acm_pca, arn)
    revoke(acm_pca, arn, late)
    publish_due_crls(rt, seconds=60)
    after = published(rt, arn)
    assert number(after) > number(before)
    assert after.last_update_utc >= before.last_update_utc
    assert serials(after) == {int(serial_of(late), 16)}


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


def test_revocation_does_not_wait_for_all_that_is_overdue(acm_pca: Any, rt: Any, clock: Any, monkeypatch: Any) -> None:
    *arns, last = [active_root(acm_pca) for _ in range(4)]
    issued = [issue(acm_pca, arn) for arn in (*arns, last)]
    clock.forward(days=3)
    for arn in arns:
        clock.forward(minutes=5)
        rt.store.schedule_crl(arn, due_at=clock())
    clock.forward(minutes=5)
    publish_crl = publication.publish_crl

    def publish(rt: Any, arn: str) -> Any:
        if arn == arns[0]:
            clock.forward(seconds=20)
            revoke(acm_pca, last, issued[-1])
        return publish_crl(rt, arn)

    monkeypatch.setattr(publication, "publish_crl", publish)
    monkeypatch.setattr(publication, "_BATCH", 1)
    assert [each.crl_arn for each in publish_due_crls(rt, seconds=60)] == [arns[0], last, *arns[1:]]


def test_failed_run_is_repeated_after_a_delay_that_doubles_up_to_four_minutes(
    acm_pca: Any, rt: Any, clock: Any
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    ca = rt.store.get_certificate_authority(arn)
    rt.keys.delete_key(ca.key_id, ca.arn)
    clock.forward(days=3.5)
    delays = []
    for _ in range(7):
        assert [each.result for each in publish_due_crls(rt, seconds=60)] == ["failed"]
        delays.append((rt.store.get_crl_state(arn).next_crl_at - clock()).total_seconds())
        clock.forward(seconds=delays[-1])
    assert delays == [15, 30, 60, 120, 240, 240, 240]


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
