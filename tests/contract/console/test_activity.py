"""The pages of who did what: the account's, a CA's, and one record in full."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, presets, principals
from chalicelib.console.views import activity
from tests.contract.audit.conftest import ends, event
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.client import client_for
from tests.support.console_authority_steps import page_of
from tests.support.console_browser import Browser
from tests.support.good_requests import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer

pytestmark = pytest.mark.laptop

OWNER = "000000000000"


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def operations(page: Answer) -> list[str]:
    """The operations of the list, from the top."""
    return re.findall(r'<small class="event">([^<]*)<', page.text)


def links(page: Answer) -> Iterator[str]:
    """The addresses of records."""
    found = (each["href"] for tag, each in page.elements if tag == "a" and "/record?at=" in each.get("href", ""))
    return (urljoin(page.url, address) for address in found)


def test_activity_of_a_ca_is_told_newest_first_with_who_did_it(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn, other = active_root(acm_pca), active_root(acm_pca)
    clock.forward(minutes=1)
    leaf = issue(acm_pca, arn, Csr=csr("first.example.com"))
    clock.forward(minutes=1)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaf), RevocationReason="SUPERSEDED"
    )
    issue(acm_pca, other)
    page = page_of(browser, arn, "/activity?happened_from=2030-01-01")
    changes = [each for each in operations(page) if not each.startswith(("Get", "Describe"))]
    assert changes == [
        "RevokeCertificate",
        "IssueCertificate",
        "ImportCertificateAuthorityCertificate",
        "IssueCertificate",
        "CreateCertificateAuthority",
    ]
    assert "first.example.com" in page.text
    assert serial_of(leaf) in page.text
    assert access_keys.ensure_root_key(browser.rt).access_key_id in page.text
    assert "administrator" in page.text


def test_filters_choose_calls(browser: Browser, acm_pca: Any, rt: Runtime) -> None:
    arn = active_root(acm_pca)
    principals.create(rt, OWNER, "ci")
    key = access_keys.create_access_key(rt, OWNER, principal="ci")
    with pytest.raises(ClientError):
        issue(client_for(rt, access_key_id=key.access_key_id, secret=key.secret), arn)
    client_for(rt)

    def found(query: str) -> list[str]:
        return operations(browser.get(f"/console/activity?{query}"))

    assert found("outcome=denied") == ["IssueCertificate"]
    assert found("actor=ci") == ["IssueCertificate"]
    assert found(f"actor={key.access_key_id}") == ["IssueCertificate"]
    assert found("operation=CreateCertificateAuthority") == ["CreateCertificateAuthority"]
    assert found("operation=CreateCertificateAuthority&outcome=denied") == []
    assert found("operation=ConsoleLogin&happened_from=2030-01-01&happened_to=2030-01-01") == ["ConsoleLogin"]
    assert found("happened_to=2029-12-31") == []
    for query in ("happened_from=x", "outcome=x"):
        assert browser.get(f"/console/activity?{query}").status == 422
    assert browser.get("/console/activity?next=x").status == 404


def test_pages_hold_every_call_once(browser: Browser, rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    for _ in range(activity.PAGE * 2 + 3):
        acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    page, seen = browser.get("/console/activity?operation=TagCertificateAuthority"), list[str]()
    while True:
        seen += links(page)
        following = [each["href"] for tag, each in page.elements if tag == "a" and each.get("rel") == "next"]
        if not following:
            break
        page = browser.get(urljoin(page.url, following[0]))
    assert len(seen) == len(set(seen)) == activity.PAGE * 2 + 3
    assert "Unfinished</span>" not in page.text


def test_a_call_that_a_crash_interrupted_is_unfinished(browser: Browser, rt: Runtime) -> None:
    begun = event("IssueCertificate", requestID="r", readOnly=False, eventTime="2030-01-01T12:00:00.000000Z")
    begun |= {"additionalEventData": {"channel": "api", "phase": "begun"}, "userIdentity": {"type": "IAMUser"}}
    rt.audit.append(begun | {"sourceIPAddress": "", "userAgent": ""}, now=rt.now(), durable=False)
    page = browser.get("/console/activity?outcome=unfinished")
    assert operations(page) == ["IssueCertificate"]
    (address,) = links(page)
    assert "Unfinished" in browser.get(address).text


def test_a_record_is_shown_in_full(browser: Browser, rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    record = ends(rt)[-1]
    address = next(links(browser.get("/console/activity?operation=IssueCertificate")))
    page = browser.get(address)
    for text in (record["requestID"], record["previous"], "statement 1 of policy &#39;administrator&#39;", arn):
        assert text in page.text
    of_ca = next(links(page_of(browser, arn, "/activity?operation=IssueCertificate")))
    assert browser.get(of_ca).status == 200
    for at in ("", "x", "000000000001-7", "9" * 12 + "-0"):
        assert browser.get(f"/console/activity/record?at={at}").status == 404


def test_records_of_another_ca_or_account_are_not_found(browser: Browser, rt: Runtime, acm_pca: Any) -> None:
    arn, other = active_root(acm_pca), active_root(acm_pca)
    address = next(links(page_of(browser, other, "/activity")))
    assert browser.get(address.replace(other[-36:], arn[-36:])).status == 404
    foreign = access_keys.create_access_key(rt, "111122223333")
    client_for(rt, access_key_id=foreign.access_key_id, secret=foreign.secret).list_certificate_authorities()
    position = next(rt.audit.newest("111122223333", now=rt.now())).position
    client_for(rt)
    assert browser.get(f"/console/activity/record?at={position}").status == 404


def test_the_owner_sees_which_account_used_a_shared_ca(browser: Browser, rt: Runtime, acm_pca: Any) -> None:
    policy = World(acm_pca).policy()
    acm_pca.put_policy(**policy)
    arn = policy["ResourceArn"]
    leaf = issue(acm_pca, arn)
    foreign = access_keys.create_access_key(rt, "111122223333")
    other = client_for(rt, access_key_id=foreign.access_key_id, secret=foreign.secret)
    other.get_certificate(CertificateAuthorityArn=arn, CertificateArn=leaf)
    client_for(rt)
    page = page_of(browser, arn, "/activity?operation=GetCertificate")
    assert "account 111122223333" in page.text
    assert foreign.access_key_id in page.text


def test_what_was_before_the_record_comes_from_the_store(
    rt: Runtime, acm_pca: Any, tmp_path: Path, clock: Clock
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn, Csr=csr("first.example.com"))
    (rt.settings.data_path / "audit").rename(tmp_path / "away")
    (rt.settings.data_path / "audit").mkdir(mode=0o700)
    clock.forward(minutes=1)
    browser = Browser(rt)
    browser.sign_in()
    text = page_of(browser, arn, "/activity").text
    _, _, before = text.partition("Before the record began")
    assert 'data-label="Event">Certificate issued<' in before
    assert "CN=first.example.com" in before


def test_whoever_may_not_read_the_record_sees_none_of_it(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    policy = presets.policy_of("revoker", [arn])
    principals.create(rt, OWNER, "revoker", policies=(("p", policy),))
    made = Browser(rt)
    made.sign_in(access_keys.create_access_key(rt, OWNER, principal="revoker"))
    for path in ("activity", "activity/record", f"cas/{arn[-36:]}/activity"):
        refused = made.get(f"/console/{path}")
        assert (refused.status, "acm-pca:ReadAuditRecord" in refused.text) == (403, True)
