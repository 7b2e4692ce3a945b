"""What people look at: the overview with what needs attention, the hierarchy, a CA's activity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib import errors
from chalicelib.ca import state as ca_state
from chalicelib.crl.publication import publish_due_crls
from chalicelib.identities import ADMINISTRATOR
from chalicelib.records import AuditReport
from chalicelib.reports import audit_report_writer
from chalicelib.reports.activity import activity
from chalicelib.reports.hierarchy import EXTERNAL, Node, hierarchy
from chalicelib.reports.overview import overview
from chalicelib.runtime import Caller
from chalicelib.store.table_store import TableStore
from tests.support.authority_steps import (
    active_below,
    active_root,
    active_subordinate,
    create,
    install_subordinate,
    issue,
)
from tests.support.builders import EC_CONFIGURATION, START, csr, root_certificate, sign_csr
from tests.support.clock_steps import later
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Iterable

WEEK = {"Type": "DAYS", "Value": 6}


@pytest.fixture
def caller(rt: Any) -> Caller:
    return Caller(account_id=rt.settings.account_id, access_key_id="AKIATEST", principal=ADMINISTRATOR)


def named(common_name: str) -> dict[str, Any]:
    return EC_CONFIGURATION | {"Subject": {"CommonName": common_name}}


# overview


def test_overview_of_nothing_is_empty(rt: Any, caller: Caller, clock: Any) -> None:
    found = overview(rt, caller, clock())
    assert (found.authorities, found.attention) == (0, ())
    assert [len(series) for series in (found.issued, found.revoked, found.expiring)] == [30, 30, 12]
    assert not any(bar.number for bar in (*found.issued, *found.revoked, *found.expiring))


def test_certificates_are_counted_on_their_day_and_in_their_week(
    acm_pca: Any, rt: Any, caller: Caller, clock: Any
) -> None:
    first, second = active_root(acm_pca), active_root(acm_pca)
    leaves = [issue(acm_pca, first), issue(acm_pca, second, Validity=WEEK)]
    clock.forward(days=1)
    leaves += [issue(acm_pca, first)]
    revoke(acm_pca, first, leaves[0])
    clock.forward(days=2)
    found = overview(rt, caller, clock())
    midnight = clock().replace(hour=0, minute=0, second=0)
    assert [bar.begins for bar in found.issued][-2:] == [midnight - timedelta(days=1), midnight]
    assert [bar.number for bar in found.issued][-5:] == [0, 4, 1, 0, 0]  # with the two roots' own
    assert [bar.number for bar in found.revoked][-5:] == [0, 0, 1, 0, 0]
    assert [bar.number for bar in found.expiring][:5] == [1, 0, 0, 1, 1]  # in 3, 27 and 28 days
    assert [bar.begins for bar in found.expiring][:2] == [clock(), clock() + timedelta(weeks=1)]
    assert sum(bar.number for bar in (*found.issued, *found.revoked, *found.expiring)) == 5 + 1 + 3


def test_what_needs_attention_comes_by_urgency(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    pending = create(acm_pca, Tags=[{"Key": "Name", "Value": "the new one"}])
    expiring = active_subordinate(acm_pca, now=clock(), days=20)
    failing = active_root(acm_pca)
    issue(acm_pca, failing, Validity=WEEK)
    ca = rt.store.get_certificate_authority(failing)
    rt.store.reserve_audit_report(report(failing, "SUCCESS"), last_before=clock() - timedelta(hours=2))
    clock.forward(minutes=1)
    rt.store.reserve_audit_report(report(failing, "FAILED", clock()), last_before=clock())
    rt.store.schedule_crl(ca.arn, due_at=clock())
    state = rt.store.reserve_crl(ca.arn, number=1, now=clock(), lease_until=clock() + timedelta(minutes=1))
    rt.store.fail_crl(state, "no such bucket", retry_at=clock() + timedelta(minutes=1))
    found = overview(rt, caller, clock()).attention
    assert [(each.kind, each.ca_arn) for each in found] == [
        ("CRL_FAILING", failing),
        ("CA_EXPIRES", expiring),
        ("CERTIFICATES_EXPIRE", ""),
        ("AUDIT_REPORT_FAILED", failing),
        ("CA_PENDING_CERTIFICATE", pending),
    ]
    assert [each.severity for each in found] == ["urgent", "warning", "warning", "warning", "note"]
    assert found[0].text == "The CRL failed 1 times: no such bucket"
    assert found[2].text == "One certificate expires within 7 days."
    assert found[3].text == "The last audit report failed: no room"
    assert found[4].name == "the new one"
    assert found[1].name == "Test CA"


def report(ca_arn: str, status: Any, created_at: Any = START) -> AuditReport:
    return AuditReport(
        ca_arn=ca_arn,
        report_id=status,
        bucket="b",
        key="k",
        format="CSV",
        status=status,
        created_at=created_at,
        failure="no room",
    )


def test_crl_that_nobody_makes_is_seen_ever_more_urgently(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    assert overview(rt, caller, clock()).attention == ()
    for days, kind in ((3.6, "CRL_OLD"), (4, "CRL_EXPIRED")):
        later(rt, clock, days=days)
        (found,) = overview(rt, caller, clock()).attention
        assert (found.kind, found.ca_arn, found.name) == (kind, arn, "Test CA")
    publish_due_crls(rt, seconds=60)
    assert overview(rt, caller, clock()).attention == ()


def test_chain_that_does_not_verify_any_more_is_urgent(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    """Above a CA, its parent gets a certificate that allows no CA below it."""
    top = active_subordinate(acm_pca, now=clock(), days=1000)
    install_subordinate(acm_pca, top, now=clock(), path_length=1, serial_number=3)
    below = active_below(acm_pca, top, "Below", days=900)
    assert overview(rt, caller, clock()).attention == ()
    install_subordinate(acm_pca, top, now=clock(), path_length=0, serial_number=4)
    (found,) = overview(rt, caller, clock()).attention
    assert (found.kind, found.severity, found.ca_arn, found.name) == ("CHAIN_REFUSED", "urgent", below, "Below")
    assert "“Test CA” allows 0 levels of CAs below it, and there is 1." in found.text
    install_subordinate(acm_pca, top, now=clock(), path_length=1, serial_number=5)
    assert overview(rt, caller, clock()).attention == ()


def test_authorities_of_others_are_not_counted(acm_pca: Any, rt: Any, clock: Any) -> None:
    active_root(acm_pca)
    stranger = Caller(account_id="999999999999", access_key_id="AKIASTRANGER", principal=ADMINISTRATOR)
    assert overview(rt, stranger, clock()).authorities == 0
    assert sum(bar.number for bar in overview(rt, stranger, clock()).issued) == 0
    assert hierarchy(rt, stranger) == ()


class Counted:
    """A table that counts what is asked of it."""

    def __init__(self, table: Any) -> None:
        self._table, self.calls = table, 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        return getattr(self._table, name)


def test_overview_asks_no_more_of_the_table_where_there_are_more_authorities(
    acm_pca: Any, rt: Any, caller: Caller, clock: Any
) -> None:
    asked = []
    for more in (1, 5):
        for _ in range(more):
            issue(acm_pca, active_root(acm_pca))
        table = Counted(rt.store.table)
        found = overview(replace(rt, store=TableStore(table)), caller, clock())
        asked.append((found.authorities, len(found.crls), table.calls))
    (_, _, calls), last = asked
    assert asked == [(1, 1, calls), last]
    assert last == (6, 6, calls)


# activity


def test_overview_reads_no_issuer_however_many_authorities_there_are(
    acm_pca: Any, rt: Any, caller: Caller, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    active_root(acm_pca)

    def read(*_: object) -> None:
        raise AssertionError("an issuer was read: no cache holds those of 10,000 CAs")

    monkeypatch.setattr(ca_state, "_issuer", read)
    found = overview(rt, caller, clock())
    assert (found.authorities, found.totals.authorities) == (1, {"ACTIVE": 1})


def test_activity_tells_of_the_last_things(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    arn = active_root(acm_pca)
    leaves = []
    for number in range(4):
        clock.forward(minutes=1)
        leaves.append(issue(acm_pca, arn, Csr=csr(f"leaf{number}.example.com")))
    for each in (leaves[0], leaves[2]):
        clock.forward(minutes=1)
        revoke(acm_pca, arn, each)
    publish_due_crls(rt, seconds=60)
    answer = acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="reports", AuditReportResponseFormat="CSV"
    )
    audit_report_writer.write_due_reports(rt)
    found = activity(rt, caller, arn, limit=3)
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert (found.created_at, found.last_state_change_at) == (described["CreatedAt"], described["LastStateChangeAt"])
    assert [each.record.arn for each in found.issued] == [leaves[3], leaves[2], leaves[1]]
    assert found.issued[0].summary.subject == "CN=leaf3.example.com"
    assert [each.state for each in found.issued] == ["ISSUED", "REVOKED", "ISSUED"]
    assert [each.record.arn for each in found.revoked] == [leaves[2], leaves[0]]
    assert [(each.report_id, each.status) for each in found.audit_reports] == [(answer["AuditReportId"], "SUCCESS")]
    (crl,) = found.crls
    assert (crl.crl_arn, crl.condition, crl.state.published_entries, crl.state.failures) == (arn, "FRESH", 2, 0)
    assert crl.state.published_at == clock()


def test_activity_is_the_owner_s(acm_pca: Any, rt: Any, caller: Caller) -> None:
    arn = create(acm_pca)
    found = activity(rt, caller, arn)
    assert (found.crls, found.issued, found.revoked, found.audit_reports) == ((), (), (), ())
    with pytest.raises(errors.AccessDeniedException):
        activity(rt, replace(caller, account_id="999999999999"), arn)


# hierarchy


def shape(nodes: Iterable[Node]) -> list[Any]:
    return [(node.name, node.status, shape(node.children)) for node in nodes]


def test_hierarchy_puts_each_below_the_one_that_signed_it(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    def below(parent: str, common_name: str, length: int) -> str:
        arn = create(acm_pca, CertificateAuthorityConfiguration=named(common_name))
        request = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
        template = f"arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen{length}/V1"
        days = {"Type": "DAYS", "Value": 100 * (length + 1)}
        made = issue(acm_pca, parent, Csr=request, TemplateArn=template, Validity=days)
        clock.forward(seconds=1)
        answer = acm_pca.get_certificate(CertificateAuthorityArn=parent, CertificateArn=made)
        acm_pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn,
            Certificate=answer["Certificate"].encode(),
            CertificateChain=answer["CertificateChain"].encode(),
        )
        return arn

    root = active_root(acm_pca, CertificateAuthorityConfiguration=named("Root"))
    middle = below(root, "Middle", 1)
    below(middle, "b leaf", 0)
    below(middle, "A leaf", 0)
    create(acm_pca, CertificateAuthorityConfiguration=named("Waiting"))
    for name in ("x", "y"):
        arn = create(acm_pca, CertificateAuthorityConfiguration=named(f"outside {name}"))
        install_subordinate(acm_pca, arn, now=clock())
    found = hierarchy(rt, caller)
    assert shape(found) == [
        ("Offline Root", EXTERNAL, [("outside x", "ACTIVE", []), ("outside y", "ACTIVE", [])]),
        ("Root", "ACTIVE", [("Middle", "ACTIVE", [("A leaf", "ACTIVE", []), ("b leaf", "ACTIVE", [])])]),
        ("Waiting", "PENDING_CERTIFICATE", []),
    ]
    external, own, waiting = found
    assert (external.arn, external.type) == ("", EXTERNAL)
    assert (own.arn, own.type, own.children[0].arn) == (root, "ROOT", middle)
    assert (waiting.not_before, waiting.not_after) == (None, None)
    assert (
        own.not_after
        == acm_pca.describe_certificate_authority(CertificateAuthorityArn=root)["CertificateAuthority"]["NotAfter"]
    )
    clock.forward(days=365 * 11)
    assert hierarchy(rt, caller)[1].status == "EXPIRED"


def test_authorities_that_signed_each_other_are_shown_once(acm_pca: Any, rt: Any, caller: Caller, clock: Any) -> None:
    """Cross-certificates: A under B and B under A, and C below A. Whoever begins, nobody is lost or shown twice."""
    arns = [create(acm_pca, CertificateAuthorityConfiguration=named(name)) for name in "ABC"]
    requests = [acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"] for arn in arns]
    key = ec.generate_private_key(ec.SECP256R1())
    root = root_certificate(now=clock())
    a, b = (sign_csr(request, issuer=root, now=clock(), path_length=None) for request in requests[:2])
    a_by_b, b_by_a = (
        sign_csr(request, issuer=issuer, issuer_key=key, now=clock())
        for request, issuer in ((requests[0], b), (requests[1], a))
    )
    c_by_a = sign_csr(requests[2], issuer=a, issuer_key=key, now=clock())
    for arn, certificate, parent in zip(arns, (a_by_b, b_by_a, c_by_a), (b, a, a), strict=True):
        ca = rt.store.get_certificate_authority(arn)
        parts = [each.public_bytes(Encoding.DER) for each in (certificate, parent)]
        new = replace(ca, status="ACTIVE", certificate_der=parts[0], chain_der=tuple(parts[1:]))
        rt.store.update_certificate_authority(ca, new)
    assert shape(hierarchy(rt, caller)) in (
        [("A", "ACTIVE", [("B", "ACTIVE", []), ("C", "ACTIVE", [])])],
        [("B", "ACTIVE", [("A", "ACTIVE", [("C", "ACTIVE", [])])])],
    )
