"""Whatever stops issuing or takes access away asks first, and nothing that was emptied falls back to a default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.operations import permissions, policies
from tests.support.console_authority_steps import note, page_of, problems
from tests.support.console_steps import CALLER, arn_of, create, root, signed_in, subordinate
from tests.support.console_wizard_steps import begin, go, step_of, to_review
from tests.support.console_wizard_steps import create as by_wizard

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home
OTHER, THIRD = "111122223333", "444455556666"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def policy(ca: str, *accounts: str) -> str:
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": ["acm-pca:GetCertificate", "acm-pca:DescribeCertificateAuthority"],
            "Resource": arn_of(ca),
        }
        for account in accounts
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def attach(rt: Any, ca: str, *accounts: str) -> None:
    policies.put_policy(rt, CALLER, {"ResourceArn": arn_of(ca), "Policy": policy(ca, *accounts)})


def record(rt: Any, ca: str) -> Any:
    return rt.store.get_certificate_authority(arn_of(ca))


def form_actions(page: Answer) -> list[str]:
    return [each["action"].rpartition("/console/")[2] for each in page.forms]


def test_disabling_says_what_stops_before_it_does(browser: Browser, rt: Any) -> None:
    ca = root(rt, {"CommonName": "Top"})
    subordinate(rt, ca, {"CommonName": "Below"})
    attach(rt, ca, OTHER)
    granted: Any = {
        "CertificateAuthorityArn": arn_of(ca),
        "Principal": permissions.PRINCIPAL,
        "Actions": list(permissions.ACTIONS),
    }
    permissions.create_permission(rt, CALLER, granted)
    assert not [each for each in form_actions(page_of(browser, arn_of(ca))) if each.endswith("/disable")]
    page = page_of(browser, arn_of(ca), "/disable")
    for words in (
        "It issues nothing until you enable it again",
        "One active CA below it goes on issuing, and cannot be renewed by it.",
        "ACM renews none of its certificates.",
        "Accounts that its resource policy names cannot issue with it.",
    ):
        assert words in page.text
    assert record(rt, ca).status == "ACTIVE"
    assert "issues nothing" in note(browser.submit(page, "/disable"))
    assert record(rt, ca).status == "DISABLED"


def test_removing_a_policy_says_who_loses_what(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    attach(rt, ca, OTHER)
    page = page_of(browser, arn_of(ca), "/sharing/unshare")
    assert f"Account {OTHER} can no longer use: DescribeCertificateAuthority, GetCertificate." in page.text
    assert rt.store.get_policy(arn_of(ca)) is not None
    assert note(browser.submit(page, "/unshare")) == "The resource policy is removed."
    assert rt.store.get_policy(arn_of(ca)) is None


def test_policy_that_takes_access_away_is_confirmed_and_one_that_gives_more_is_not(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    attach(rt, ca, OTHER)
    page = page_of(browser, arn_of(ca), "/sharing")
    page = browser.submit(page, "/policy", policy=policy(ca, OTHER, THIRD))
    assert note(page) == "The resource policy is saved."
    refused = browser.submit(page, "/policy", policy=policy(ca, THIRD))
    assert set(problems(refused)) == {"policy"}
    assert f"Account {OTHER} can no longer use: " in refused.text
    assert OTHER in rt.store.get_policy(arn_of(ca)).text
    assert note(browser.submit(refused, "/policy", confirmed="yes")) == "The resource policy is saved."
    assert OTHER not in rt.store.get_policy(arn_of(ca)).text


def test_turning_crls_and_ocsp_off_is_confirmed(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    page = page_of(browser, arn_of(ca), "/revocation/edit")
    assert "confirmed" not in page.form("/edit")["fields"]
    fields = {name: text for name, text in page.form("/edit")["fields"].items() if name not in {"crl", "ocsp"}}
    refused = browser.post(page.url, fields)
    assert problems(refused) == {
        "confirmed": "Certificates that are issued from now on will not be covered by CRLs and OCSP."
    }
    assert record(rt, ca).revocation_configuration["CrlConfiguration"]["Enabled"]
    assert note(browser.post(page.url, fields | {"confirmed": "yes"})) == "The revocation settings are saved."
    assert not record(rt, ca).revocation_configuration["CrlConfiguration"]["Enabled"]


@pytest.mark.parametrize("kind", ["ROOT", "SUBORDINATE"])
def test_emptied_validity_is_refused_beside_its_field(browser: Browser, rt: Any, kind: str) -> None:
    """A root would else live for ten years."""
    parent = root(rt, {"CommonName": "Top"})
    ca = create(rt, kind, {"CommonName": "Waiting"})
    action = "install-own" if kind == "ROOT" else "install-signed"
    page = page_of(browser, arn_of(ca), "/install")
    refused = browser.submit(page, action, years="", parent=parent, path_length="0")
    assert (refused.status, problems(refused)) == (422, {"years": "It must be from 1 to 100 years."})
    assert record(rt, ca).status == "PENDING_CERTIFICATE"


def test_emptied_window_deletes_nothing(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    browser.submit(page_of(browser, arn_of(ca), "/disable"), "/disable")
    refused = browser.submit(page_of(browser, arn_of(ca), "/delete"), "/delete", window="")
    assert (refused.status, set(problems(refused))) == (422, {"window"})
    assert record(rt, ca).status == "DISABLED"


def test_emptied_fields_of_the_wizard_are_refused_beside_them(browser: Browser) -> None:
    page = go(browser, begin(browser), type="")
    assert (step_of(page), set(problems(page))) == ("type", {"type"})
    page = go(browser, go(browser, page, type="ROOT"), CommonName="Top")
    page = go(browser, page, algorithm="")
    assert (step_of(page), set(problems(page))) == ("key", {"algorithm"})
    page = go(browser, page, algorithm="EC_prime256v1")
    crls = {"crl": "yes", "choice": "new", "new_bucket": "example-crls"}
    page = go(browser, page, **crls, days="", acl="")
    assert (step_of(page), set(problems(page))) == ("revocation", {"days", "acl"})


@pytest.mark.parametrize("kind", ["ROOT", "SUBORDINATE"])
def test_acm_gets_no_permission_unless_it_is_chosen(browser: Browser, rt: Any, kind: str) -> None:
    review = to_review(browser, kind)
    assert "ACM may renew certificates of this CA" not in review.text
    ca = by_wizard(browser, kind)
    assert record(rt, ca).permissions == ()
