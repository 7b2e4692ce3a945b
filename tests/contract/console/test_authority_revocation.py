"""A CA's revocation page: CRLs with what to do, publishing now, settings with refusals beside their fields; and S3."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.buckets.s3 import S3Buckets
from chalicelib.crl import publication
from tests.support.authority_steps import activate_root, active_root, create, issue
from tests.support.builders import CRL_CONFIGURATION
from tests.support.console_authority_steps import (
    HOSTILE,
    authority,
    facts,
    is_harmless,
    note,
    page_of,
    path_of,
    problems,
)
from tests.support.console_browser import Answer, Browser
from tests.support.localstack_home import make_bucket
from tests.support.s3_refusals import refusal

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console
EDIT = "/revocation/edit"


@pytest.fixture
def browser(rt: Any) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def state(browser: Browser, arn: str) -> Any:
    return browser.rt.store.get_crl_state(arn)


def settings(browser: Browser, arn: str) -> Any:
    return authority(browser, arn).revocation_configuration


# CRLs


def test_crl_is_shown_with_number_times_and_address(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    assert "No CRL has been published yet" in page_of(browser, arn, "/revocation").text
    issue(acm_pca, arn)
    page, crl = page_of(browser, arn, "/revocation"), state(browser, arn)
    found = facts(page)
    assert found["Number"] == str(crl.published_number)
    assert found["Entries"] == "0"
    for name, moment in (
        ("Published", crl.published_at),
        ("Next publication", crl.next_crl_at),
        ("Expires", crl.next_update),
    ):
        assert found[name].startswith(f"{moment:%Y-%m-%d %H:%M:%S} UTC "), name
    (own,) = (each["href"] for _, each in page.elements if each.get("rel") == "noreferrer")
    url = urljoin(page.url, own)
    assert url in [each.get("data-copy") for _, each in page.elements]
    answer = browser.request("GET", urlsplit(url).path)
    assert answer.headers["Content-Type"] == "application/pkix-crl"


def test_publish_now_makes_the_crl_due_and_the_schedule_publishes_it(
    browser: Browser, acm_pca: Any, clock: Clock
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(hours=1)
    before = state(browser, arn)
    assert before.next_crl_at > clock()
    browser.sign_in()
    page = browser.submit(page_of(browser, arn, "/revocation"), "/revocation/publish")
    assert "due now" in note(page)
    due = state(browser, arn)
    assert (due.next_crl_at, due.published_number) == (clock(), before.published_number)  # nothing is published by it
    (outcome,) = publication.publish_due_crls(browser.rt, seconds=10)
    assert outcome.result == "published"
    assert state(browser, arn).published_number > before.published_number
    assert facts(page_of(browser, arn, "/revocation"))["Number"] == str(outcome.crl_number)


def test_ca_without_crls_has_nothing_to_publish(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    page = page_of(browser, arn, "/revocation")
    assert not [each for each in page.forms if each["action"].endswith("/publish")]
    assert "CRL distribution is disabled" in page.text
    refused = browser.post(path_of(arn, "/revocation/publish"), {"token": page.form("sign-out")["fields"]["token"]})
    assert refused.status == 400
    assert "not in a state in which its CRLs are published" in refused.text


def test_failure_is_shown_with_its_error_and_what_to_do(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    clock.forward(days=4)
    browser.sign_in()
    held = browser.rt.store.reserve_crl(arn, number=1, now=clock(), lease_until=clock())
    browser.rt.store.fail_crl(held, HOSTILE, retry_at=clock())
    page = page_of(browser, arn, "/revocation")
    assert is_harmless(page)
    assert "&lt;script&gt;alert(1)" in page.text
    assert facts(page)["Failed attempts since"] == "1"
    assert "Fix the last error." in page.text


def test_crl_of_an_expired_ca_is_not_published_and_says_so(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION)
    issue(acm_pca, arn)
    assert "not published" not in page_of(browser, arn, "/revocation").text
    clock.forward(days=3655)
    browser.sign_in()
    assert [each.result for each in publication.publish_due_crls(browser.rt, seconds=10)] == ["skipped"]
    page = page_of(browser, arn, "/revocation")
    assert not re.search("[0-9]", facts(page)["Next publication"])
    assert "no longer published" in page.text
    for rest in ("", "/revocation"):
        assert "not published" in page_of(browser, arn, rest).text
        assert not re.findall(r"> (fresh|ended|old|overdue|on its way)<", page_of(browser, arn, rest).text)


def test_partitions_are_shown_each(browser: Browser, acm_pca: Any) -> None:
    crl = CRL_CONFIGURATION["CrlConfiguration"] | {"CrlType": "PARTITIONED"}
    arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": crl})
    issue(acm_pca, arn)
    (location,) = authority(browser, arn).distribution_points
    page = page_of(browser, arn, "/revocation")
    assert location.partition in page.text
    assert facts(page)["Partitioned CRL"] == "Yes"


# OCSP


def test_ocsp_is_shown_as_it_answers(browser: Browser, acm_pca: Any) -> None:
    on, off = {"OcspConfiguration": {"Enabled": True}}, {"OcspConfiguration": {"Enabled": False}}
    arn = create(acm_pca, "ROOT", RevocationConfiguration=on)
    said = []
    for step in (
        lambda: None,
        lambda: activate_root(acm_pca, arn),
        lambda: acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=off),
    ):
        step()
        page = page_of(browser, arn, "/revocation")
        said.append(re.findall(r">OCSP\s*<[^>]*>\s*<[^>]*>.</span> ([a-z]+)<", page.text))
    assert said == [["pending"], ["answers"], ["answers"]]
    assert "still answers for those that contain its URL" in page.text
    never = active_root(acm_pca)
    assert "No certificate contains an OCSP URL." in page_of(browser, never, "/revocation").text


# settings


ALL = {
    "crl": "yes",
    "choice": "existing",
    "bucket": "crl-bucket",
    "cname": "crl.example.com",
    "path": "lists/crls",
    "days": "3",
    "acl": "BUCKET_OWNER_FULL_CONTROL",
    "partitioned": "yes",
    "ocsp": "yes",
    "ocsp_cname": "ocsp.example.com",
}


def edit(browser: Browser, arn: str, **fields: str) -> Answer:
    """Fill in the form of the settings as it is, but for these fields; "" takes a tick away."""
    page = page_of(browser, arn, EDIT)
    form = page.form(EDIT)
    left = {name: value for name, value in (form["fields"] | fields).items() if value or name not in {"crl", "ocsp"}}
    return browser.post(urljoin(page.url, form["action"]), left)


def test_settings_are_changed_and_shown(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    page = edit(browser, arn, **ALL)
    assert note(page) == "The revocation settings are saved."
    assert settings(browser, arn) == {
        "CrlConfiguration": {
            "Enabled": True,
            "ExpirationInDays": 3,
            "CustomCname": "crl.example.com",
            "CustomPath": "lists/crls",
            "S3BucketName": "crl-bucket",
            "S3ObjectAcl": "BUCKET_OWNER_FULL_CONTROL",
            "CrlType": "PARTITIONED",
        },
        "OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"},
    }
    found = facts(page)
    assert found["Partitioned CRL"] == "Yes"
    assert {"lists/crls", "crl.example.com", "3 days"} <= set(found.values())
    before = settings(browser, arn)
    edit(browser, arn)  # sent as it came, it changes nothing
    assert settings(browser, arn) == before
    edit(browser, arn, cname="", omit="yes")
    omitted = settings(browser, arn)["CrlConfiguration"]
    assert omitted["CrlDistributionPointExtensionConfiguration"] == {"OmitExtension": True}
    edit(browser, arn)
    assert settings(browser, arn)["CrlConfiguration"] == omitted
    edit(browser, arn, crl="", ocsp="", confirmed="yes")
    assert settings(browser, arn) == {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}}
    assert facts(page_of(browser, arn, "/revocation"))["CRL distribution"] == "Disabled"


def test_midpoint_of_the_settings_is_shown(browser: Browser, acm_pca: Any) -> None:
    page = page_of(browser, active_root(acm_pca), EDIT)
    (days,) = (each for _, each in page.elements if each.get("id") == "days")
    assert 'datetime="2030-01-05T00:00:00Z"' in page.text
    assert "renewed at the midpoint of its validity" in browser.get(urljoin(page.url, days["hx-get"]) + "?days=6").text


def test_new_bucket_is_made_when_it_is_saved(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    edit(browser, arn, choice="new", new_bucket="signet-crl-own-fresh")
    assert settings(browser, arn)["CrlConfiguration"]["S3BucketName"] == "signet-crl-own-fresh"
    assert "signet-crl-own-fresh" in browser.rt.buckets.list_buckets()


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"days": "0"}, "days", "It must be at least 1."),
        ({"days": "5001"}, "days", "It must be at most 5000."),
        ({"days": HOSTILE}, "days", "It must be at least 1."),
        ({"cname": "http://x/y"}, "cname", "It must be a host name"),
        ({"cname": "x" * 65536}, "cname", "at most 253 characters"),
        ({"cname": HOSTILE}, "cname", ""),
        ({"cname": "crl.example.com:99999"}, "cname", "from 1 to 65535"),
        ({"ocsp": "yes", "ocsp_cname": "ocsp.example.com:0"}, "ocsp_cname", "from 1 to 65535"),
        ({"path": "a?b"}, "path", "It must be segments without"),
        ({"path": "../up"}, "path", "begins with a dot"),
        ({"path": HOSTILE}, "path", "in parts with one / between"),
        ({"acl": HOSTILE}, "acl", "Choose one of these."),
        ({"cname": "crl.example.com", "omit": "yes"}, "cname", "It cannot be combined with leaving"),
        ({"bucket": ""}, "bucket", "Choose a bucket."),
        ({"bucket": "no-such-bucket"}, "bucket", "There is no bucket no-such-bucket here"),
        ({"bucket": HOSTILE}, "bucket", ""),
        ({"choice": "new", "new_bucket": "crl-bucket"}, "new_bucket", "exists already"),
        ({"choice": "new", "new_bucket": "B" * 65536}, "new_bucket", ""),
        ({"choice": "new", "new_bucket": ""}, "new_bucket", "Enter a name"),
        ({"ocsp": "yes", "ocsp_cname": HOSTILE}, "ocsp_cname", "It must be a host name"),
    ],
)
def test_refusal_of_settings_stands_beside_the_field(
    browser: Browser, acm_pca: Any, fields: dict[str, str], field: str, message: str
) -> None:
    arn = active_root(acm_pca)
    before, buckets = settings(browser, arn), browser.rt.buckets.list_buckets()
    refused = edit(browser, arn, **fields)
    assert refused.status == 422
    assert set(problems(refused)) == {field}
    assert message in problems(refused)[field]
    assert "<script>alert" not in refused.text
    (bound,) = (each for _, each in refused.elements if each.get("id") == field)
    assert f"{field}-problem" in bound["aria-describedby"].split()
    assert settings(browser, arn) == before
    assert browser.rt.buckets.list_buckets() == buckets


def test_deleted_ca_keeps_its_settings_and_makes_no_bucket(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn)
    refused = edit(browser, arn, choice="new", new_bucket="signet-crl-own-fresh")
    assert refused.status == 422
    assert "must be in the ACTIVE or DISABLED state" in refused.text
    assert "signet-crl-own-fresh" not in browser.rt.buckets.list_buckets()


# S3: its own answers, by the HTTP layer of the real client


@pytest.fixture
def s3(browser: Browser, aws: None) -> S3Buckets:
    """The console with buckets in S3."""
    buckets = S3Buckets("us-east-1")
    browser.rt = replace(browser.rt, buckets=buckets, settings=replace(browser.rt.settings, buckets="s3"))
    return buckets


def shown_policy(page: Answer) -> str:
    """The policy to paste; empty where there is none."""
    found = [each["data-copy"] for _, each in page.elements if '"Statement"' in each.get("data-copy", "")]
    return found[0] if found else ""


def wizard_step(browser: Browser, client: Any, **fields: str) -> Answer:
    """The wizard's revocation step, sent."""
    page = browser.get("/console/cas/create")
    for given in ({}, {"CommonName": "x"}, {}):
        page = browser.submit(page, page.url.rsplit("/", 1)[1], go="next", **given)
    return browser.submit(page, "revocation", go="next", **fields)


def change(browser: Browser, client: Any, **fields: str) -> Answer:
    """The settings of a CA, sent."""
    return edit(browser, create(client), **fields)


WAYS = {"wizard": wizard_step, "settings": change}
EXISTING = {
    "location": ("GetBucketLocation", "AccessDenied", 403, "s3:GetBucketLocation is not allowed by the bucket policy"),
    "acl": ("GetBucketAcl", "AccessDenied", 403, "s3:GetBucketAcl is not allowed by the bucket policy"),
    "block": ("PutObject", "AccessDenied", 403, "with Block Public Access use S3ObjectAcl BUCKET_OWNER_FULL_CONTROL"),
    "ownership": ("PutObject", "AccessControlListNotSupported", 400, "set BucketOwnerPreferred"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", EXISTING)
def test_bucket_that_fails_the_check_says_what_is_missing(
    browser: Browser, s3: S3Buckets, acm_pca: Any, way: str, case: str
) -> None:
    operation, code, status, words = EXISTING[case]
    make_bucket(s3._client, "old-crls")
    s3._client.meta.events.register(f"before-send.s3.{operation}", refusal(code, status))
    page = WAYS[way](browser, acm_pca, crl="yes", choice="existing", bucket="old-crls", days="7")
    assert page.status == 422
    assert words in problems(page)["bucket"]
    assert json.loads(shown_policy(page)) == json.loads(s3.policy("old-crls"))
    assert "arn:aws:s3:::old-crls" in unescape(page.text)


@pytest.mark.parametrize("way", WAYS)
def test_bucket_that_does_not_exist_is_named(browser: Browser, s3: S3Buckets, acm_pca: Any, way: str) -> None:
    page = WAYS[way](browser, acm_pca, crl="yes", choice="existing", bucket="no-such-bucket", days="7")
    assert page.status == 422
    assert "The bucket does not exist." in problems(page)["bucket"]
    assert shown_policy(page)
    bad = WAYS[way](browser, acm_pca, crl="yes", choice="existing", bucket="Not_A_Bucket", days="7")
    assert "not a bucket name" in problems(bad)["bucket"]
    assert not shown_policy(bad)


NEW = {
    "ownership": ("CreateBucket", "AccessDenied", 403, "a policy of the organization enforces BucketOwnerEnforced"),
    "taken": ("CreateBucket", "BucketAlreadyExists", 409, "belongs to another account"),
    "block": ("PutPublicAccessBlock", "AccessDenied", 403, "turn the bucket's Block Public Access off"),
    "policy": ("PutBucketPolicy", "AccessDenied", 403, "BlockPublicPolicy"),
}


@pytest.mark.parametrize("case", NEW)
def test_bucket_that_cannot_be_made_says_what_stops_it(
    browser: Browser, s3: S3Buckets, acm_pca: Any, case: str
) -> None:
    operation, code, status, words = NEW[case]
    arn = create(acm_pca)
    s3._client.meta.events.register(f"before-send.s3.{operation}", refusal(code, status))
    given = {"crl": "yes", "choice": "new", "new_bucket": "signet-crl-own-x", "days": "7"}
    page = edit(browser, arn, **given)
    assert page.status == 422
    assert words in problems(page)["new_bucket"]
    assert json.loads(shown_policy(page)) == json.loads(s3.policy("signet-crl-own-x"))
    assert not settings(browser, arn)["CrlConfiguration"]["Enabled"]
    made = wizard_step(browser, acm_pca, **given | {"new_bucket": "signet-crl-own-y"})
    for _ in range(2):
        made = browser.submit(made, made.url.rsplit("/", 1)[1], go="next")
    assert made.url.endswith("/review")  # nothing is begun before it is confirmed
    made = browser.submit(made, "review", go="create")
    assert made.status == 422
    assert words in problems(made)["new_bucket"]
    assert json.loads(shown_policy(made)) == json.loads(s3.policy("signet-crl-own-y"))


def test_bucket_is_made_in_s3_and_used(browser: Browser, s3: S3Buckets, acm_pca: Any) -> None:
    arn = create(acm_pca)
    page = edit(browser, arn, crl="yes", choice="new", new_bucket="signet-crl-own-x", days="7")
    assert note(page) == "The revocation settings are saved."
    assert settings(browser, arn)["CrlConfiguration"]["S3BucketName"] == "signet-crl-own-x"
    assert s3._client.get_bucket_policy(Bucket="signet-crl-own-x")["Policy"]
