"""A CA's pages: its state and what can be done with it, its certificate in words, and what has happened at it."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from chalicelib.access import access_keys
from chalicelib.ca import state as ca_state
from chalicelib.console.views import install
from chalicelib.crl import freshness
from tests.support import console_steps
from tests.support.authority_steps import active_root, active_subordinate, create, issue, serial_of
from tests.support.builders import EC_CONFIGURATION
from tests.support.console_authority_steps import (
    HOSTILE,
    TABS,
    authority,
    facts,
    is_harmless,
    note,
    page_of,
    path_of,
    problems,
)
from tests.support.console_browser import ORIGIN, Browser

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def tabs(page: Any) -> list[str]:
    """The tabs of a page, by the ends of their addresses."""
    base = urlsplit(page.url).path.split("/")[3]
    links = [each["href"] for tag, each in page.elements if tag == "a" and base in each.get("href", "")]
    ends = [link.partition(base)[2] for link in links]
    return [each for each in TABS if each in ends]


# state


def test_ca_is_disabled_and_enabled(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    page = browser.submit(page_of(browser, arn, "/disable"), "/disable")
    assert "issues nothing" in note(page)
    assert authority(browser, arn).status == "DISABLED"
    page = browser.submit(page, "/enable")
    assert note(page) == "The certificate authority is enabled."
    assert authority(browser, arn).status == "ACTIVE"


def test_active_ca_is_not_deleted_before_it_is_disabled(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    page = page_of(browser, arn, "/delete")
    assert "Disable it first" in page.text
    assert not [each for each in page.forms if each["action"].endswith("/delete")]
    token = page.form("sign-out")["fields"]["token"]
    refused = browser.post(path_of(arn, "/delete"), {"token": token, "window": "7"})
    assert refused.status == 422
    assert "not in a valid state for deletion" in refused.text
    assert authority(browser, arn).status == "ACTIVE"


def test_confirmation_says_what_will_happen(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    leaf = issue(acm_pca, arn)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    page = page_of(browser, arn, "/delete")
    for text in ("Until then its CRLs are published, OCSP answers", "its key is destroyed"):
        assert text in page.text
    assert "2 certificates are still valid" in page.text  # its own, and the leaf
    assert ">7 days, until 2030-01-08<" in page.text
    assert ">30 days, until 2030-01-31<" in page.text
    assert page.form("/delete")["fields"]["window"] == "30"
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaf), RevocationReason="SUPERSEDED"
    )
    assert "1 certificate is still valid" in page_of(browser, arn, "/delete").text
    assert authority(browser, arn).status == "DISABLED"


def test_deleted_ca_is_listed_and_restored(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    page = browser.submit(page_of(browser, arn, "/delete"), "/delete", window="9")
    assert note(page) == "The certificate authority is deleted."
    assert "You can restore it until" in page.text
    assert 'datetime="2030-01-10T12:00:00Z"' in page.text
    assert authority(browser, arn).status == "DELETED"
    assert tabs(page) == ["", "/certificates", "/revocation", "/activity"]
    listed = browser.get("/console/cas")
    assert 'datetime="2030-01-10T12:00:00Z"' in listed.text
    page = browser.submit(listed, "/restore")
    assert "restored" in note(page)
    assert authority(browser, arn).status == "DISABLED"
    browser.submit(page_of(browser, arn, "/delete"), "/delete", window="7")
    clock.forward(days=7)
    browser.sign_in()
    gone = browser.get(path_of(arn))
    assert gone.status == 404
    assert "Could not find Certificate Authority" in gone.text
    assert "Restore" not in browser.get("/console/cas").text


@pytest.mark.parametrize("days", ["6", "31", "0", "-7", "seven", "9" * 5000, HOSTILE])
def test_window_of_other_length_is_refused(browser: Browser, acm_pca: Any, days: str) -> None:
    arn = create(acm_pca)
    refused = browser.submit(page_of(browser, arn, "/delete"), "/delete", window=days)
    assert refused.status == 422
    assert set(problems(refused)) == {"window"}
    assert is_harmless(refused)
    assert authority(browser, arn).status == "PENDING_CERTIFICATE"


def test_ca_that_never_came_to_be_is_gone_at_once(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    ca = authority(browser, arn)
    browser.rt.store.update_certificate_authority(ca, replace(ca, status="FAILED", failure_reason=HOSTILE))
    assert is_harmless(page_of(browser, arn))
    page = page_of(browser, arn, "/delete")
    assert "You cannot restore it" in page.text
    assert "window" not in page.form("/delete")["fields"]
    assert browser.submit(page, "/delete").url == f"{ORIGIN}/console/cas"
    assert browser.get(path_of(arn)).status == 404


@pytest.mark.parametrize("state", ["CREATING", "PENDING_CERTIFICATE", "DISABLED", "EXPIRED", "FAILED", "DELETED"])
def test_every_tab_that_is_shown_answers_and_others_say_why_not(
    browser: Browser, acm_pca: Any, clock: Clock, state: str
) -> None:
    arn = create(acm_pca) if state in {"CREATING", "PENDING_CERTIFICATE", "FAILED"} else active_root(acm_pca)
    if state in {"CREATING", "FAILED"}:
        ca = authority(browser, arn)
        browser.rt.store.update_certificate_authority(ca, replace(ca, status=state))
    elif state in {"DISABLED", "DELETED"}:
        acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    if state == "DELETED":
        acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    if state == "EXPIRED":
        clock.forward(days=365 * 11)
        browser.sign_in()
    assert ca_state.status_of(authority(browser, arn), clock()) == state
    shown = tabs(page_of(browser, arn))
    assert {"", "/revocation", "/activity"} <= set(shown)
    for tab in TABS:
        answer = browser.get(path_of(arn, tab))
        assert answer.status in ({200} if tab in shown else {200, 400}), (tab, answer.text)
        assert answer.status == 200 or "state" in answer.text
    token = page_of(browser, arn).form("sign-out")["fields"]["token"]
    for action in ("/disable", "/enable", "/restore", "/revocation/publish", "/sharing/unshare"):
        assert browser.post(path_of(arn, action), {"token": token}).status in {200, 400}, action


def test_renewal_and_csr_are_one_click_away(browser: Browser, acm_pca: Any) -> None:
    pages = [page_of(browser, arn) for arn in (create(acm_pca), active_root(acm_pca))]
    for page in pages:
        links = [each["href"] for tag, each in page.elements if tag == "a"]
        for end in ("/csr", "/install" if page is pages[0] else "/renew"):
            assert browser.get(urljoin(page.url, next(each for each in links if each.endswith(end)))).status == 200


@pytest.mark.parametrize("state", ["ACTIVE", "DISABLED", "DELETED"])
def test_what_a_root_cannot_do_in_its_state_is_not_offered(browser: Browser, acm_pca: Any, state: str) -> None:
    arn = active_root(acm_pca)
    if state != "ACTIVE":
        acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    if state == "DELETED":
        acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    offered = state == "ACTIVE"
    assert ("Renew certificate" in page_of(browser, arn).text) == offered
    assert ("Issue a certificate</a>" in page_of(browser, arn, "/certificates").text) == offered
    for rest in ("/renew", "/issue"):
        page = page_of(browser, arn, rest)
        assert any(rest in each["action"] for each in page.forms) == offered
        assert ("aws acm-pca" in page.text) == offered


def test_success_is_said_of_a_ca_that_was_made_just_now(browser: Browser, acm_pca: Any) -> None:
    assert "<h1>Success</h1>" in page_of(browser, create(acm_pca), "/created").text
    arn = active_root(acm_pca)
    assert urlsplit(page_of(browser, arn, "/created").url).path == path_of(arn)


# certificate


def test_certificate_and_chain_are_shown_in_words(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    answer = acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    own = x509.load_pem_x509_certificate(answer["Certificate"].encode())
    page = page_of(browser, arn, "/certificate")
    octets = own.serial_number.to_bytes((own.serial_number.bit_length() + 7) // 8).hex(":").upper()
    for text in (octets, "Basic constraints", "Chain 1 of 1", "CN=Test CA"):
        assert text in page.text
    copied = [each.get("data-copy") for _, each in page.elements]
    assert {answer["Certificate"].strip(), answer["CertificateChain"].strip(), octets} <= set(copied)


def test_certificate_is_downloaded_in_every_form(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    answer = acm_pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)
    own, root = (x509.load_pem_x509_certificate(answer[each].encode()) for each in ("Certificate", "CertificateChain"))
    page = page_of(browser, arn, "/certificate")
    links = {each["href"]: each.get("download") for tag, each in page.elements if tag == "a" and "download" in each}
    texts = {}
    for link in [each for each in links if not each.startswith("data:")]:
        found = browser.get(urljoin(page.url, link))
        name = link.rsplit("/", 1)[1]
        assert found.headers["Content-Disposition"] == f'attachment; filename="{arn.rsplit("/", 1)[1]}.{name}"'
        texts[name] = x509.load_pem_x509_certificates(found.body)
    assert texts == {"certificate.pem": [own], "chain.pem": [root], "full-chain.pem": [own, root]}
    binary = {each.partition(",")[0]: base64.b64decode(each.partition(",")[2]) for each in links if "data:" in each}
    assert x509.load_der_x509_certificate(binary["data:application/pkix-cert;base64"]) == own
    bundle = pkcs7.load_der_pkcs7_certificates(binary["data:application/x-pkcs7-certificates;base64"])
    assert {each.serial_number for each in bundle} == {own.serial_number, root.serial_number}


def test_root_has_no_chain_to_download(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    assert "chain.pem" not in page_of(browser, arn, "/certificate").text
    for name, status in (("certificate.pem", 200), ("full-chain.pem", 200), ("chain.pem", 404), ("other.pem", 404)):
        assert browser.get(path_of(arn, f"/certificate/{name}")).status == status


# what strangers wrote


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    hostile = HOSTILE.replace("\x07", "").replace("\r\n", "")
    configuration = EC_CONFIGURATION | {"Subject": {"CommonName": hostile, "Organization": "x" * 64}}
    arn = active_root(acm_pca, CertificateAuthorityConfiguration=configuration)
    issue(acm_pca, arn)
    for tab in (*TABS, "/delete", "/revocation/edit", "/csr", "/install"):
        page = page_of(browser, arn, tab)
        assert is_harmless(page), tab
        assert "&lt;script&gt;alert(1)" in page.text
        assert "\\u{202e}" in page.text


def test_every_page_has_its_command(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    for tab in (*TABS, "/delete", "/revocation/edit"):
        copied = [each.get("data-copy", "") for _, each in page_of(browser, arn, tab).elements]
        assert [each for each in copied if each.startswith("aws acm-pca ") and arn in each], tab


@pytest.mark.parametrize("stage", ["", "/api"])
def test_every_address_is_relative(rt: Any, acm_pca: Any, stage: str) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    acm_pca.create_certificate_authority_audit_report(
        CertificateAuthorityArn=arn, S3BucketName="reports", AuditReportResponseFormat="CSV"
    )
    browser = Browser(rt, stage=stage)
    browser.sign_in()
    for tab in (*TABS, "/delete", "/revocation/edit"):
        page = browser.get(stage + path_of(arn, tab))
        for element, attributes in page.elements:
            for name in {"href", "src", "action", "formaction", "hx-get", "hx-post"} & attributes.keys():
                given = attributes[name]
                if given.startswith(("data:", "#")) or attributes.get("rel") == "noreferrer":
                    continue
                assert not given.startswith(("/", "http")), (element, given)
                assert urlsplit(urljoin(page.url, given)).path.startswith(f"{stage}/console"), given


def test_pages_of_a_ca_of_another_account_are_not_there(browser: Browser, rt: Any, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    token = stranger.get("/console").form("sign-out")["fields"]["token"]
    for tab in (*TABS, "/delete", "/revocation/edit", "/certificate/certificate.pem", f"/report?id={arn[-36:]}"):
        answer = stranger.get(path_of(arn, tab))
        assert (answer.status, "Could not find Certificate Authority" in unquote(answer.text)) == (404, True), tab
    before = authority(browser, arn)
    for action in (
        "disable",
        "delete",
        "restore",
        "tags",
        "tags/remove",
        "sharing/permit",
        "sharing/policy",
        "reports",
    ):
        fields = {"token": token, "key": "a", "bucket": "b", "policy": "{}", "opened": "0" * 64}
        answer = stranger.post(path_of(arn, f"/{action}"), fields)
        assert answer.status == 404, action
        assert "Could not find Certificate Authority" in answer.text
    assert authority(browser, arn) == before


# the light


def test_light_is_judged_in_one_place(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    """The list and the CA's page show what `crl.freshness` says, at every age of a CRL."""
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    seen = []
    for days in (0, 3.4, 0.15, 3.5):
        clock.forward(days=days)
        browser.sign_in()
        console_steps.seen_well(browser.rt, arn)
        found = freshness.of_authority(browser.rt, authority(browser, arn))[0].condition
        word = {"FRESH": "fresh", "OLD": "old", "EXPIRED": "expired", "OVERDUE": "overdue"}[found]
        seen.append(found)
        assert f"</span> {word}</span>" in browser.get("/console/cas").text
        assert facts(page_of(browser, arn))["CRL"].endswith(word)
        assert re.search(rf">CRL *<[^>]*> *<[^>]*>.</span> {word}</span>", page_of(browser, arn, "/revocation").text)
    assert seen == ["FRESH", "FRESH", "OLD", "EXPIRED"]


def test_console_and_api_see_one_thing(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_subordinate(acm_pca, now=clock())
    shown = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    found = facts(page_of(browser, arn))
    assert found["ARN"] == arn
    assert found["Serial number"] == shown["Serial"]
    assert found["Expires"] == f"{shown['NotAfter']:%Y-%m-%d %H:%M:%S} UTC in 10 years"
    assert found["Signing algorithm"] == "SHA-256 with ECDSA"
    assert shown["CertificateAuthorityConfiguration"]["SigningAlgorithm"] == "SHA256WITHECDSA"


def test_parents_that_may_sign_are_offered_and_not_too_many(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tops = [console_steps.root(rt, {"CommonName": f"Top {number}"}) for number in range(3)]
    console_steps.subordinate(rt, tops[0], {"CommonName": "Lowest"})
    waiting = console_steps.create(rt, "SUBORDINATE", {"CommonName": "Waiting"})
    monkeypatch.setattr(install, "MOST_PARENTS", 2)
    page = browser.get(f"/console/cas/{waiting}/install")
    assert [each["value"] for _, each in page.elements if each.get("name") == "parent"] == tops[:2]
    assert "And 1 more" in page.text
