"""`signet crl verify` on CRLs that are as recorded, and on others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.ca.iterate import every_authority
from chalicelib.crl.publication import publish_due_crls
from chalicelib.crl.verification import Verdict, verify_crls
from chalicelib.pki.crl import entries as crl_entries
from chalicelib.pki.crl import gate as crl_gate
from tests.support.authority_steps import active_root, issue
from tests.support.builders import CRL_CONFIGURATION
from tests.support.clock_steps import later
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.laptop


@pytest.fixture(params=["COMPLETE", "PARTITIONED"])
def arn(acm_pca: Any, rt: Any, clock: Any, request: pytest.FixtureRequest) -> str:
    """A CA with three revoked certificates of four in its CRL."""
    configuration = CRL_CONFIGURATION["CrlConfiguration"] | {"CrlType": request.param}
    arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": configuration})
    issued = [issue(acm_pca, arn) for _ in range(4)]
    for each, reason in zip(issued, ("UNSPECIFIED", "CESSATION_OF_OPERATION", "SUPERSEDED"), strict=False):
        clock.now += timedelta(seconds=30)
        revoke(acm_pca, arn, each, reason)
    clock.now += timedelta(seconds=30)
    publish_due_crls(rt, seconds=60)
    return arn


def verdict(rt: Any) -> Verdict:
    (found,) = verify_crls(rt)
    return found


def test_published_is_recorded(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    assert (verdict(rt).problem, verdict(rt).entries, verdict(rt).waiting) == ("", 3, 0)
    clock.now += timedelta(seconds=30)
    revoke(acm_pca, arn, issue(acm_pca, arn))
    assert (verdict(rt).problem, verdict(rt).entries, verdict(rt).waiting) == ("", 3, 1)
    clock.now += timedelta(seconds=30)
    publish_due_crls(rt, seconds=60)
    assert (verdict(rt).problem, verdict(rt).entries, verdict(rt).waiting) == ("", 4, 0)
    later(rt, clock, days=400)
    for _ in range(2):
        publish_due_crls(rt, seconds=60)
        later(rt, clock, days=4)
    publish_due_crls(rt, seconds=60)
    assert (verdict(rt).problem, verdict(rt).entries) == ("", 0)


def test_home_without_crls_has_nothing_to_verify(rt: Any, acm_pca: Any) -> None:
    active_root(acm_pca)
    assert list(verify_crls(rt)) == []


def test_spoiled_record_of_one_ca_is_its_problem_and_hides_no_other(rt: Any, acm_pca: Any, arn: str) -> None:
    others = [active_root(acm_pca) for _ in range(2)]
    for each in others:
        issue(acm_pca, each)
    ca = rt.store.get_certificate_authority(arn)
    without_certificate = replace(ca, certificate_der=b"\x30\x00")
    without_algorithm = replace(ca, configuration={})
    for spoiled in (without_certificate, without_algorithm):
        ca = rt.store.update_certificate_authority(ca, replace(spoiled, version=ca.version))
        found = {each.crl_arn: (each.object_name, each.problem) for each in verify_crls(rt)}
        assert set(found) == {arn, *others}
        assert found[arn][0] == arn
        assert found[arn][1]
        assert {found[each][1] for each in others} == {""}


def _without(records: list[Any]) -> list[Any]:
    return [replace(each, revoked_at=None) if each.revocation_reason == "SUPERSEDED" else each for each in records]


def _later(records: list[Any]) -> list[Any]:
    return [
        (each.revoked_at and replace(each, revoked_at=each.revoked_at + timedelta(seconds=1))) or each
        for each in records
    ]


def _more(records: list[Any]) -> list[Any]:
    when = min(each.revoked_at for each in records if each.revoked_at)
    return [each if each.revoked_at else replace(each, revoked_at=when) for each in records]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without, "which is not recorded as revoked"),
        (_later, "is not what is recorded"),
        (_more, "which is revoked"),
    ],
)
def test_difference_is_named(rt: Any, arn: str, change: Callable[[list[Any]], list[Any]], problem: str) -> None:
    class Other:
        def __getattr__(self, name: str) -> Any:
            return getattr(rt.store, name)

        def list_certificates(self, ca_arn: str) -> list[Any]:
            return change(list(rt.store.list_certificates(ca_arn)))

    assert problem in verdict(replace(rt, store=Other())).problem


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("none", "It is not published."),
        ("text", "It is not a CRL with a CRL number."),
        ("number", "Its number is 1, recorded is "),
        ("signature", "Its signature or its issuer is not the CA's."),
    ],
)
def test_object_that_is_not_the_crl_is_named(rt: Any, arn: str, case: str, problem: str) -> None:
    location = rt.store.get_certificate_authority(arn).distribution_points[0]
    stored = rt.buckets.get(location.bucket, location.key)
    real = x509.load_der_x509_crl(stored.body)
    from tests.support.builders import ROOT_KEY

    number = 1 if case == "number" else real.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    forged = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(real.issuer)
        .last_update(real.last_update_utc)
        .next_update(real.next_update_utc or real.last_update_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(ROOT_KEY, hashes.SHA256())
    )
    bodies = {"none": None, "text": b"no CRL"}
    body = bodies.get(case, forged.public_bytes(Encoding.DER))

    class Buckets:
        def get(self, *_: str) -> Any:
            return replace(stored, body=body) if body is not None else None

    assert verdict(replace(rt, buckets=Buckets())).problem.startswith(problem)


def test_damaged_segments_are_made_again_of_the_base_records(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    """The same entries, octet for octet; and a damaged segment never reaches a client."""
    (location,) = {(each.bucket, each.key) for ca in every_authority(rt) for each in ca.distribution_points}
    (crl_arn,) = {each.crl_arn for each in verify_crls(rt)}
    before = crl_gate.read(rt.buckets.get(*location).body)
    found = rt.store.get_crl_segments(crl_arn)
    (whole,) = found.segments
    broken = replace(whole, segment_id="broken", entries=whole.entries[:-1])
    rt.store.fold_revocations(found, replace(found, segments=(broken,)), [])
    clock.now += timedelta(days=4)
    (outcome,) = publish_due_crls(rt, seconds=60)
    assert (outcome.result, verdict(rt).problem) == ("failed", "")
    rt.store.forget_crl_segments(crl_arn)
    clock.now += timedelta(minutes=5)
    (outcome,) = publish_due_crls(rt, seconds=60)
    assert (outcome.result, outcome.entries, verdict(rt).problem) == ("published", 3, "")
    after = crl_gate.read(rt.buckets.get(*location).body)
    entries = [dict(crl_entries.split(each.entries)) for each in (before, after)]
    assert entries[0] == entries[1]


def test_expired_entries_leave_while_others_come(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    """RFC 5280 section 3.3: each has been in one CRL made after its certificate ended, and is in none from then on."""
    shown = []
    for _ in range(8):
        issued = issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 5})
        later(rt, clock, days=2)
        revoke(acm_pca, arn, issued)
        (outcome,) = publish_due_crls(rt, seconds=60)
        shown.append(outcome.entries - 3)
        assert verdict(rt).problem == ""
    assert shown == [1, 2, 3, 3, 3, 3, 3, 3]  # each is in two CRLs before its end, and in one after it
