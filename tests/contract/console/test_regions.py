"""The console has the CAs of every region: it shows and filters by regions, and acts in the region of each CA."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.api import dispatch
from chalicelib.console import commands
from tests.support.authority_steps import active_root
from tests.support.authority_steps import create as create_ca
from tests.support.builders import EC_CONFIGURATION
from tests.support.client import client_for
from tests.support.console_steps import CALLER, signed_in
from tests.support.console_wizard_steps import SUBJECT, begin, go

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop
THERE = "eu-west-1"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


@pytest.fixture
def there(rt: Any, acm_pca: Any) -> Any:
    return client_for(rt, region=THERE)


def page_of(browser: Browser, arn: str, path: str = "") -> Answer:
    return browser.get(f"/console/cas/{arn.rpartition('/')[2]}{path}")


def through_the_wizard(browser: Browser, region: str) -> tuple[Answer, str]:
    """The review, and the CA that it made."""
    page = go(browser, begin(browser), type="ROOT", region=region)
    page = go(browser, page, **SUBJECT)
    page = go(browser, page, algorithm="EC_prime256v1")
    page = go(browser, page)
    page = go(browser, page)
    review = go(browser, page)
    made = go(browser, review, "create")
    return review, re.findall(r'data-copy="(arn:[^"]*)"', made.text)[0]


@pytest.mark.parametrize("region", [THERE, "us-gov-west-1", "cn-north-1"])
def test_wizard_creates_a_ca_in_a_region(browser: Browser, rt: Any, region: str) -> None:
    review, arn = through_the_wizard(browser, region)
    assert f":acm-pca:{region}:" in arn
    assert f"aws --region {region} acm-pca create-certificate-authority" in review.text
    assert f"Region</bdi></dt><dd><bdi>{region}</bdi>" in re.sub(r"\s*(<wbr>|\n)\s*", "", review.text)
    standard = rt.store.get_certificate_authority(arn).key_storage_security_standard
    assert standard == ("CCPC_LEVEL_1_OR_HIGHER" if region == "cn-north-1" else "FIPS_140_2_LEVEL_3_OR_HIGHER")


def test_wizard_refuses_a_region_that_is_not_served(browser: Browser) -> None:
    page = go(browser, begin(browser), type="ROOT", region="us-moon-1")
    assert page.status == 422
    assert "It must be one of these." in page.text


def test_list_has_regions_once_there_are_several(browser: Browser, acm_pca: Any, there: Any) -> None:
    here = create_ca(acm_pca)
    assert 'data-label="Region"' not in browser.get("/console/cas").text
    other = create_ca(there)
    page = browser.get("/console/cas")
    assert {*re.findall(r'data-label="Region">([^<]*)', page.text)} == {"us-east-1", THERE}
    listed = "aws acm-pca list-certificate-authorities", f"aws --region {THERE} acm-pca list-certificate-authorities"
    assert [text in page.text for text in listed] == [True, True]
    filtered = browser.get(f"/console/cas?region={THERE}").text
    assert [text in filtered for text in listed] == [False, True]
    assert other in filtered
    assert here not in filtered
    assert "No CA matches these filters." in browser.get("/console/cas?region=ap-south-1").text
    assert "; rm" not in browser.get("/console/cas?region=x%3B+rm").text.partition("AWS CLI")[2]


@pytest.mark.parametrize(
    "tab", ["", "/certificates", "/revocation", "/tags", "/sharing", "/reports", "/issue", "/activity"]
)
def test_pages_of_a_ca_elsewhere_are_there(browser: Browser, there: Any, tab: str) -> None:
    arn = active_root(there)
    page = page_of(browser, arn, tab)
    assert page.status == 200
    commands = re.findall(r"aws [^\n]*acm-pca [a-z-]+", page.text)
    assert all(command.startswith(f"aws --region {THERE} acm-pca ") for command in commands)


def test_ca_elsewhere_is_changed(browser: Browser, there: Any) -> None:
    arn = active_root(there)
    assert browser.submit(page_of(browser, arn, "/disable"), "/disable").status == 200
    described = there.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    assert described["Status"] == "DISABLED"


@pytest.mark.parametrize("region", [THERE, "us-gov-east-1"])
def test_parent_of_another_region_signs(browser: Browser, rt: Any, acm_pca: Any, region: str) -> None:
    elsewhere = client_for(rt, region=region)
    subject = {"Subject": {"CommonName": "Below"}}
    parent = active_root(acm_pca)
    below = create_ca(elsewhere, CertificateAuthorityConfiguration=EC_CONFIGURATION | subject)
    browser.submit(
        page_of(browser, below, "/install"), "install-signed", parent=parent.rpartition("/")[2], path_length="0"
    )
    described = elsewhere.describe_certificate_authority(CertificateAuthorityArn=below)["CertificateAuthority"]
    assert described["Status"] == "ACTIVE"


def test_call_without_a_signature_goes_to_the_region_of_its_ca(rt: Any, there: Any) -> None:
    arn = create_ca(there)
    found = dispatch.call(rt, CALLER, "DescribeCertificateAuthority", {"CertificateAuthorityArn": arn})
    assert found["CertificateAuthority"]["Arn"] == arn
    listed = dispatch.call(rt, CALLER, "ListCertificateAuthorities", {})["CertificateAuthorities"]
    assert [ca["Arn"] for ca in listed] == [arn]


def test_commands_name_the_region_of_their_ca_unless_it_is_the_client_s() -> None:
    here, elsewhere = (f"--certificate-authority-arn arn:aws:acm-pca:{region}:1:x" for region in ("us-east-1", THERE))
    texts = (
        f"aws acm-pca list-tags \\\n  {elsewhere} > a\naws acm-pca list-tags {here}",
        "aws acm-pca list-certificate-authorities",
        f"aws acm-pca get-policy --resource-arn arn:aws:acm-pca:{THERE}:1:x",
    )
    assert commands.from_region(texts, "us-east-1") == (
        texts[0].replace("aws acm-pca", f"aws --region {THERE} acm-pca", 1),
        texts[1],
        texts[2].replace("aws acm-pca", f"aws --region {THERE} acm-pca"),
    )
