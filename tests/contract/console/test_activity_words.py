"""One feed for account and CA: everything that matters, in words, with who did it; and the open page follows."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from click.testing import CliRunner

from chalicelib.access import presets
from chalicelib.cli import signet
from chalicelib.identities import ADMINISTRATOR
from tests.support.authority_steps import MISSING, activate_root, create
from tests.support.builders import CRL_CONFIGURATION
from tests.support.console_authority_steps import page_of
from tests.support.console_browser import Browser

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def rows(page: Answer) -> list[dict[str, str]]:
    """The rows of the feed, from the top, as text by their columns."""
    found = re.findall(r"<tr>(.*?)</tr>", page.text.partition('id="feed"')[2], re.DOTALL)
    cells = [re.findall(r'data-label="(\w+)">(.*?)</td>', row, re.DOTALL) for row in found]
    return [
        {name: " ".join(unescape(re.sub("<[^>]*>", " ", text)).split()) for name, text in row} for row in cells if row
    ]


def said(page: Answer) -> list[str]:
    return [row["What"].rpartition(" ")[0] for row in rows(page)]


def test_what_the_issue_missed_is_in_both_feeds_with_its_actor(
    browser: Browser, acm_pca: Any, clock: Clock, rt: Runtime
) -> None:
    arn = create(acm_pca, "ROOT", Tags=[{"Key": "Name", "Value": "Example Root"}])
    activate_root(acm_pca, arn)
    clock.forward(days=1)
    activate_root(acm_pca, arn, years=9)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=CRL_CONFIGURATION)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE")
    acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "Team", "Value": "x"}])
    acm_pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "Team"}])
    acm_pca.create_permission(
        CertificateAuthorityArn=arn,
        Principal="acm.amazonaws.com",
        Actions=["IssueCertificate", "GetCertificate", "ListPermissions"],
    )
    browser.sign_in()
    of_ca, of_account = page_of(browser, arn, "/activity"), browser.get("/console/activity")
    expected = [
        "Grant a permission to acm.amazonaws.com",
        "Remove the tags Team",
        "Save the tags Team",
        "Enable the CA",
        "Disable the CA",
        "Change the revocation settings: CRL in crl-bucket",
    ]
    for page in (of_ca, of_account):
        assert [words for words in said(page) if words in expected] == expected
        replaced = [words for words in said(page) if words.startswith("Replace the CA certificate ")]
        assert len(replaced) == 1
        assert "Install the CA certificate" in said(page)
        assert {row["Who"].split()[0] for row in rows(page)} == {ADMINISTRATOR}
        assert not [words for words in said(page) if words.startswith(("Look", "Get", "List"))]
    assert {row["About"] for row in rows(of_account) if row["What"].startswith("Enable")} == {"Example Root"}
    everything = said(page_of(browser, arn, "/activity?scope=all"))
    assert "Get the CSR of the CA" in everything


def test_acts_of_the_console_and_of_commands_are_said_with_their_actors(
    browser: Browser, rt: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser.get("/console/principals/create")
    browser.submit(page, "create", principal_name="ci", preset="read-only")
    editing = browser.get("/console/principal/policy?name=ci")
    browser.submit(editing, "policy?name=ci", policy_name="more", document=presets.policy_of("auditor"))
    monkeypatch.setenv("SIGNET_DATA", str(rt.settings.data_path))
    assert CliRunner().invoke(signet, ["credentials", "create", "--principal", "ci"]).exit_code == 0
    words = said(browser.get("/console/activity"))
    assert words[:3] == ["Create an access key of ci", "Save the policy more of ci", "Create the principal ci"]
    (by_command,) = (
        row for row in rows(browser.get("/console/activity")) if row["What"].startswith("Create an access")
    )
    assert by_command["From"] == "localhost cli"
    assert by_command["Who"]
    who = re.findall(r'data-label="Who"><a href="([^"]+)"', browser.get("/console/activity").text)
    assert browser.get("/console/principal?name=administrator").status == 200
    assert {urljoin("http://x/console/activity", each) for each in who} == {
        "http://x/console/principal?name=administrator"
    }


def test_refusals_are_shown_and_reads_only_if_asked_for(browser: Browser, rt: Runtime, acm_pca: Any) -> None:
    acm_pca.list_certificate_authorities()
    with pytest.raises(acm_pca.exceptions.ResourceNotFoundException):
        acm_pca.list_tags(CertificateAuthorityArn=MISSING)
    page = browser.get("/console/activity")
    assert "List CAs" not in said(page)
    assert "List tags" in said(page)
    for query in ("scope=all", "operation=ListCertificateAuthorities", "outcome=allowed"):
        assert "List CAs" in said(browser.get(f"/console/activity?{query}")), query
    assert browser.get("/console/activity?scope=x").status == 422


def test_open_page_follows_what_happens(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    for address in ("/console/activity?actor=administrator", f"/console/cas/{arn[-36:]}/activity"):
        page = browser.get(address)
        assert "htmx" in page.text
        (feed,) = (each for _, each in page.elements if each.get("id") == "feed")
        assert feed["hx-trigger"] == "every 15s"
        acm_pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[{"Key": "k", "Value": "v"}])
        part = browser.request("GET", urljoin(page.url, feed["hx-get"]), b"", **{"HX-Request": "true"})
        assert part.status == 200
        assert "<html" not in part.text
        assert said(part)[0] == "Save the tags k"
        assert 'id="feed"' in part.text
