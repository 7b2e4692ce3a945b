"""A CA's tags, permissions, resource policy and audit reports in the console."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.access import access_keys
from chalicelib.buckets.s3 import S3Buckets
from chalicelib.reports import audit_report_reader, audit_report_writer
from tests.support.authority_steps import active_root, create, issue
from tests.support.console_authority_steps import HOSTILE, authority, is_harmless, note, page_of, path_of, problems
from tests.support.console_browser import Answer, Browser
from tests.support.localstack_home import make_bucket

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console
ACCOUNT = "000000000000"
LONG = "x" * 65536


@pytest.fixture
def browser(rt: Any) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def send(browser: Browser, page: Answer, action: str, **fields: str) -> Answer:
    """Press a button that sends its form elsewhere."""
    return browser.post(urljoin(page.url, action), {"token": page.form("sign-out")["fields"]["token"]} | fields)


# tags


def tags(browser: Browser, arn: str) -> dict[str, Any]:
    return dict(authority(browser, arn).tags)


def test_tags_are_added_changed_and_removed(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    page = page_of(browser, arn, "/tags")
    assert "This CA has no tags." in page.text
    page = browser.submit(page, "/tags", key="Name", value="Issuing")
    assert note(page) == "The tag is saved."
    assert "<bdi>Issuing</bdi></h1>" in page.text.replace("\n", "")
    page = browser.submit(page, "/tags", value="Changed")  # the first form is the tag's own
    assert tags(browser, arn) == {"Name": "Changed"}
    (button,) = (each["formaction"] for tag, each in page.elements if "formaction" in each)
    page = send(browser, page, button, **page.form("/tags")["fields"])
    assert note(page) == "The tag is removed."
    assert tags(browser, arn) == {}


@pytest.mark.parametrize(
    ("tag", "field", "message"),
    [
        (("", "1"), "key", "must not be empty"),
        (("aws:x", "1"), "key", "reserved"),
        ((LONG, "1"), "key", "1 to 128 letters"),
        (("a", LONG), "value", "at most 256 letters"),
        ((HOSTILE, "1"), "key", "1 to 128 letters"),
        (("a", HOSTILE), "value", "at most 256 letters"),
        (("a\r\nb", "1"), "key", "1 to 128 letters"),
        (("\u202ea", "1"), "key", "1 to 128 letters"),
    ],
    ids=range(8),
)
def test_tag_that_is_refused_is_told_beside_its_field(
    browser: Browser, acm_pca: Any, tag: tuple[str, str], field: str, message: str
) -> None:
    arn, (key, value) = create(acm_pca), tag
    page = page_of(browser, arn, "/tags")
    refused = browser.submit(page, "/tags", key=key, value=value)
    assert refused.status == 422
    assert set(problems(refused)) == {field}
    assert message in problems(refused)[field]
    assert "<script>alert" not in refused.text
    assert tags(browser, arn) == {}
    browser.submit(page, "/tags", key="a", value="1")
    changed = browser.submit(page_of(browser, arn, "/tags"), "/tags", value=value) if field == "value" else None
    if changed is not None:  # the value of a tag that is there: beside that one
        assert set(problems(changed)) == {"tag-1"}
        assert tags(browser, arn) == {"a": "1"}


def test_tag_beyond_the_fiftieth_is_refused(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    acm_pca.tag_certificate_authority(
        CertificateAuthorityArn=arn, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    )
    page = page_of(browser, arn, "/tags")
    form = page.forms[-1]
    refused = send(browser, page, form["action"], **form["fields"] | {"key": "one more"})
    assert "at most 50 tags" in problems(refused)["key"]
    assert len(tags(browser, arn)) == 50


# permissions


def test_permission_is_given_and_taken_back(browser: Browser, acm_pca: Any) -> None:
    arn = create(acm_pca)
    page = browser.submit(page_of(browser, arn, "/sharing"), "/permit")
    assert note(page) == "The permission is granted."
    assert [each.source_account for each in authority(browser, arn).permissions] == [ACCOUNT]
    again = browser.submit(page, "/permit")
    assert again.status == 422
    assert "exists already" in problems(again)["account"]
    page = browser.submit(page, "/permit", account="111122223333")
    assert [each.source_account for each in authority(browser, arn).permissions] == [ACCOUNT, "111122223333"]
    asked = page_of(browser, arn, f"/sharing/forbid?account={ACCOUNT}")
    assert f"ACM of account {ACCOUNT} can no longer issue, get or renew its certificates." in asked.text
    page = browser.submit(asked, "/forbid")
    assert note(page) == "The permission is withdrawn."
    assert [each.source_account for each in authority(browser, arn).permissions] == ["111122223333"]


@pytest.mark.parametrize("account", ["1", "abcdefghijkl", LONG, HOSTILE], ids=["short", "letters", "long", "hostile"])
def test_permission_for_what_is_no_account_is_refused(browser: Browser, acm_pca: Any, account: str) -> None:
    arn = create(acm_pca)
    page = page_of(browser, arn, "/sharing")
    for action in ("sharing/permit", "sharing/forbid"):
        refused = send(browser, page, action, account=account)
        assert (refused.status, problems(refused)) == (422, {"account": "It must be 12 digits."})
        assert "<script>alert" not in refused.text
    assert authority(browser, arn).permissions == ()


# resource policy


def policy(arn: str, **more: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": ["acm-pca:DescribeCertificateAuthority"],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]}, indent=1)


def test_policy_is_attached_shown_and_removed(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    page = page_of(browser, arn, "/sharing")
    assert "There is no policy" in page.text
    text = policy(arn, Sid=HOSTILE.replace("\r\n", "").replace("\x07", ""))
    page = browser.submit(page, "/policy", policy=text.replace("\n", "\r\n"))
    assert note(page) == "The resource policy is saved."
    assert acm_pca.get_policy(ResourceArn=arn)["Policy"] == text
    assert text in unescape(page.text)
    assert "<script>alert" not in page.text
    page = browser.submit(page_of(browser, arn, "/sharing/unshare"), "/unshare")
    assert note(page) == "The resource policy is removed."
    assert browser.rt.store.get_policy(arn) is None


def test_example_of_a_policy_is_one(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    page = page_of(browser, arn, "/sharing")
    (example,) = (each["data-copy"] for _, each in page.elements if '"Statement"' in each.get("data-copy", ""))
    assert note(browser.submit(page, "/policy", policy=example)) == "The resource policy is saved."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must not be empty"),
        (HOSTILE, ""),
        ("{", "JSON"),
        ("[" * 20000, ""),
        (LONG, ""),
        ("x" * 100000, "at most 81920 characters"),
        (policy("ARN", Action="s3:GetObject"), "Action"),
        (policy("ARNx"), "Resource"),
        (policy("ARN", Effect="Deny", Principal="*"), ACCOUNT),
    ],
    ids=range(9),
)
def test_policy_that_is_refused_is_told_in_words_and_kept_in_its_field(
    browser: Browser, acm_pca: Any, text: str, message: str
) -> None:
    arn = active_root(acm_pca)
    given = text.replace("ARN", arn)
    refused = browser.submit(page_of(browser, arn, "/sharing"), "/policy", policy=given)
    assert refused.status == 422
    assert set(problems(refused)) == {"policy"}
    assert message in problems(refused)["policy"]
    assert "<script>alert" not in refused.text
    assert given.strip() in unescape(refused.text)
    assert browser.rt.store.get_policy(arn) is None


# audit reports


def ask(browser: Browser, arn: str, bucket: str = "reports", file_format: str = "CSV") -> Answer:
    return browser.submit(page_of(browser, arn, "/reports"), "/reports", report_bucket=bucket, format=file_format)


@pytest.mark.parametrize(
    ("file_format", "content_type"),
    [("CSV", "text/csv; charset=utf-8"), ("JSON", "application/json; charset=utf-8")],
)
def test_report_is_asked_for_followed_and_downloaded(
    browser: Browser, acm_pca: Any, file_format: str, content_type: str
) -> None:
    arn = active_root(acm_pca)
    issue(acm_pca, arn)
    page = ask(browser, arn, file_format=file_format)
    assert "is requested" in note(page)
    (report,) = audit_report_reader.last(browser.rt, browser_caller(browser), arn, limit=9)
    (poll,) = (each for _, each in page.elements if each.get("hx-trigger", "").startswith("every"))
    assert (poll["hx-trigger"], poll["hx-swap"]) == ("every 2s", "outerHTML")
    assert ">Reload</a>" in page.text
    row = browser.get(urljoin(page.url, poll["hx-get"]))
    assert "Being written" in row.text
    assert urljoin(page.url, next(each["hx-get"] for _, each in row.elements if "hx-get" in each)) == row.url
    early = browser.get(path_of(arn, f"/reports/{report.report_id}"))
    assert (early.status, "not in its bucket" in early.text) == (404, True)
    audit_report_writer.write_due_reports(browser.rt)
    row = browser.get(row.url)
    assert "Ready" in row.text
    assert "hx-get" not in row.text
    page = page_of(browser, arn, "/reports")
    assert ">Reload</a>" not in page.text
    for shown in (row, page):  # the row stands in the page: its links are of the page's depth
        (link,) = (each["href"] for tag, each in shown.elements if report.report_id in each.get("href", ""))
        download = browser.get(urljoin(page.url, link))
        assert download.status == 200
        assert download.body == browser.rt.buckets.get("reports", report.key).body
        assert download.headers["Content-Type"] == content_type
        name = f"audit-report-{report.report_id}.{file_format.lower()}"
        assert download.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert download.headers["X-Content-Type-Options"] == "nosniff"


def browser_caller(browser: Browser) -> Any:
    from chalicelib.identities import ADMINISTRATOR
    from chalicelib.runtime import Caller

    return Caller(account_id=ACCOUNT, access_key_id="x", principal=ADMINISTRATOR)


def test_report_is_for_those_alone_who_may_see_the_ca(browser: Browser, rt: Any, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    ask(browser, arn)
    audit_report_writer.write_due_reports(rt)
    (report,) = audit_report_reader.last(rt, browser_caller(browser), arn, limit=9)
    stranger = Browser(rt)
    assert "sign-in" in stranger.get(path_of(arn, f"/reports/{report.report_id}")).url
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    for rest in (f"/reports/{report.report_id}", f"/report?id={report.report_id}"):
        answer = stranger.get(path_of(arn, rest))
        assert answer.status == 404
        assert "Could not find Certificate Authority" in answer.text
    other = active_root(acm_pca)
    for rest in (f"/reports/{report.report_id}", f"/report?id={report.report_id}"):
        assert browser.get(path_of(other, rest)).status == 404
    assert browser.get(path_of(arn, "/report?id=" + HOSTILE[:20].replace(" ", ""))).status == 400


@pytest.mark.parametrize(
    ("bucket", "file_format", "field"),
    [
        ("", "CSV", "report_bucket"),
        ("Not_A_Bucket", "CSV", "report_bucket"),
        (LONG, "CSV", "report_bucket"),
        (HOSTILE, "CSV", "report_bucket"),
        ("reports", "XML", "format"),
    ],
    ids=range(5),
)
def test_report_that_is_refused_is_told_beside_its_field(
    browser: Browser, acm_pca: Any, bucket: str, file_format: str, field: str
) -> None:
    arn = active_root(acm_pca)
    refused = ask(browser, arn, bucket, file_format)
    assert refused.status == 422
    assert set(problems(refused)) == {field}
    assert "<script>alert" not in refused.text
    assert browser.rt.store.list_audit_reports(arn, limit=9) == []


def test_second_report_within_half_an_hour_is_refused(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    ask(browser, arn)
    refused = ask(browser, arn)
    assert refused.status == 422
    assert re.search(
        "one audit report in 30 minutes. You can request the next one at [0-9-]{10} [0-9:]{8} UTC", refused.text
    )
    assert len(browser.rt.store.list_audit_reports(arn, limit=9)) == 1


def test_report_that_failed_says_why(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    ask(browser, arn)
    (report,) = browser.rt.store.list_audit_reports(arn, limit=9)
    browser.rt.store.update_audit_report(report, replace(report, status="FAILED", due_at=None, failure=HOSTILE))
    page = page_of(browser, arn, "/reports")
    assert "Failed" in page.text
    assert is_harmless(page)
    assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.usefixtures("aws")
def test_report_longer_than_the_gateway_passes_on_is_told(browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    buckets = S3Buckets("us-east-1")
    browser.rt = replace(browser.rt, buckets=buckets, settings=replace(browser.rt.settings, buckets="s3"))
    make_bucket(buckets._client, "reports")
    ask(browser, arn)
    audit_report_writer.write_due_reports(browser.rt)
    (report,) = browser.rt.store.list_audit_reports(arn, limit=9)
    address = path_of(arn, f"/reports/{report.report_id}")
    assert browser.get(address).status == 200
    buckets.put_pieces("reports", report.key, [b"x" * 5_000_000], content_type="text/csv")
    answer = browser.get(address)
    assert answer.status == 413
    assert f"aws s3 cp s3://reports/{report.key}" in answer.text
    buckets._client.delete_object(Bucket="reports", Key=report.key)
    assert browser.get(address).status == 404


def test_rows_of_reports_are_those_of_the_ca(browser: Browser, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    for _ in range(2):
        clock.forward(minutes=31)
        browser.sign_in()
        ask(browser, arn)
    assert page_of(browser, arn, "/reports").text.count('data-label="Requested"') == 2
