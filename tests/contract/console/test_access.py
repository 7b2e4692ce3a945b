"""The console does what its access key may do, and ends with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.access import access_keys, presets, principals
from chalicelib.api import dispatch
from chalicelib.console import needs, table
from tests.support.authority_steps import active_root, issue, serial_of, status
from tests.support.console_browser import Browser

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

ACCOUNT = "000000000000"
BY_ITSELF = {  # nothing of an account is in them
    *("", "you", "cas/midpoint", "sign-out", "theme", "help", "help/{page}", "inspect"),
}


def signed_in(rt: Runtime, preset: str = "", **more: Any) -> Browser:
    policies = ((preset, presets.policy_of(preset)),) if preset else ()
    principals.create(rt, ACCOUNT, preset or "nobody", policies=policies)
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, ACCOUNT, principal=preset or "nobody", **more))
    return browser


def address(path: str, arn: str, issued: str) -> str:
    """A page of an active CA and its certificate."""
    named = {"ca_id": arn[-36:], "serial": serial_of(issued), "draft": "0" * 16, "step": "type"}
    return f"/console/{path.format(**named, report_id=arn[-36:], file='ca.pem', name='x', version='1')}"


def test_key_that_may_do_nothing_sees_nothing(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    browser = signed_in(rt)
    begun = browser.get("/console/")
    assert (begun.status, begun.url.endswith("/console/you")) == (200, True)
    refused = browser.get("/console/overview")
    assert "is not authorized to perform: acm-pca:ListCertificateAuthorities" in refused.text
    for page in table.PAGES:
        if page.public or page.path in BY_ITSELF:
            continue
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin}
        answer = browser.request(page.method, address(page.path, arn, issued), b"", **headers)
        if page.path.endswith(("/issue/csr", "{draft}")):  # what is typed, or a draft of nobody's
            assert answer.status in {303, 400, 403, 404, 422}, page
        else:
            assert answer.status == 403, page
        assert serial_of(issued) not in answer.text.replace(answer.url, ""), page
    assert status(acm_pca, arn) == "ACTIVE"


def test_reader_reads_and_changes_nothing(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    browser = signed_in(rt, "read-only")
    for path in ("overview", "hierarchy", "cas", "cas/{ca_id}", "cas/{ca_id}/certificate", "cas/{ca_id}/revocation",
                 "cas/{ca_id}/tags", "cas/{ca_id}/sharing", "cas/{ca_id}/reports", "cas/{ca_id}/activity",
                 "cas/{ca_id}/certificates", "cas/{ca_id}/certificates/{serial}",
                 "cas/{ca_id}/certificates/{serial}/pem"):  # fmt: skip
        assert browser.get(address(path, arn, issued)).status == 200, path
    for path in ("cas/create", "cas/{ca_id}/delete", "cas/{ca_id}/revocation/edit", "cas/{ca_id}/install",
                 "cas/{ca_id}/certificates/{serial}/revoke"):  # fmt: skip
        refused = browser.get(address(path, arn, issued))
        assert (refused.status, "is not authorized to perform: acm-pca:" in refused.text) == (403, True), path
    token = browser.get(address("cas/{ca_id}/tags", arn, issued)).form("sign-out")["fields"]
    tagged = browser.post(address("cas/{ca_id}/tags", arn, issued), token | {"key": "team", "value": "x"})
    assert (tagged.status, "acm-pca:TagCertificateAuthority" in tagged.text) == (403, True)
    assert acm_pca.list_tags(CertificateAuthorityArn=arn)["Tags"] == []
    assert browser.post(address("cas/{ca_id}/revocation/publish", arn, issued), token).status == 403


def test_session_ends_when_its_access_key_expires(rt: Runtime, clock: Any) -> None:
    browser = signed_in(rt, "auditor", expires_at=clock() + timedelta(hours=1))
    assert browser.get("/console/cas").status == 200
    clock.forward(hours=1)
    assert "/console/sign-in" in browser.get("/console/cas").url
    key = access_keys.create_access_key(rt, ACCOUNT, expires_at=clock())
    assert Browser(rt).sign_in(key).status == 403


def test_needs_are_operations_of_pages_that_exist() -> None:
    known = {(page.method, page.path) for page in table.PAGES}
    assert needs.NEEDS.keys() <= known
    named = {need.partition("/")[0] for every in needs.NEEDS.values() for need in every}
    assert named <= {*dispatch.OPERATIONS, "ManageIssuingPresets", "ReadAuditRecord", "SearchCertificates"}
