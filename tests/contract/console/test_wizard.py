"""The wizard over HTTP, as the AWS guide has it: steps, ways back, refusals beside their fields; the list of CAs."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from chalicelib.access import access_keys
from chalicelib.console import drafts, sessions
from chalicelib.console.forms import wizard_draft
from chalicelib.console.views import authorities as authorities_view
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import creation
from chalicelib.runtime import Caller
from tests.support.console_browser import ORIGIN, Answer, Browser
from tests.support.console_steps import pressed_by_enter, problems, signed_in, signed_in_as
from tests.support.console_wizard_steps import CRLS, SUBJECT, begin, create, described, go, step_of, to_review

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

HOSTILE = "<script>alert(1)</script>\u202e\x07'\"&{{777*13007}}"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def test_without_a_ca_there_is_the_introduction(browser: Browser) -> None:
    page = browser.get("/console")
    assert "Private certificate authority</h1>" in page.text
    assert "Get started" in page.text
    create(browser)
    page = browser.get("/console")
    assert "Create CA" in page.text
    assert "Get started" not in page.text


@pytest.mark.laptop  # there is an address for OCSP
def test_wizard_makes_what_was_chosen(browser: Browser) -> None:
    page = to_review(browser, acm="yes", **CRLS, ocsp="yes")
    for value in (*SUBJECT.values(), "Subordinate", "ECDSA P-256", "example-crls (will be created)", "5 days", "First"):
        assert value in page.text
    assert "example-crls" not in browser.rt.buckets.list_buckets()  # nothing exists before it is confirmed
    page = go(browser, page, "create")
    assert "<h1>Success</h1>" in page.text
    assert "You can also finish this later" in page.text
    ca = described(browser, urlsplit(page.url).path.split("/")[-2])
    assert (ca.type, ca.status, dict(ca.tags)) == ("SUBORDINATE", "PENDING_CERTIFICATE", {"Name": "First"})
    assert ca.configuration == {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": SUBJECT,
    }
    assert ca.revocation_configuration == {
        "CrlConfiguration": {
            "Enabled": True,
            "ExpirationInDays": 5,
            "CustomCname": "crl.example.com",
            "S3BucketName": "example-crls",
            "S3ObjectAcl": "PUBLIC_READ",
        },
        "OcspConfiguration": {"Enabled": True},
    }
    assert [each.principal for each in ca.permissions] == ["acm.amazonaws.com"]
    assert "example-crls" in browser.rt.buckets.list_buckets()


def test_defaults_are_those_of_the_guide(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)), CommonName="Plain")
    assert page.forms[-1]["fields"]["algorithm"] == "RSA_2048"
    page = go(browser, go(browser, go(browser, page)))
    page = go(browser, page)
    assert step_of(page) == "review"
    for value in ("Subordinate", "RSA 2048", "Disabled"):
        assert value in page.text
    assert "ACM may renew certificates of this CA" not in page.text  # not as in the guide: nobody has to withdraw it


def test_step_opens_when_those_before_it_are_done(browser: Browser) -> None:
    page = begin(browser)
    later = page.url.replace("/type", "/review")
    assert step_of(browser.get(later)) == "type"
    go(browser, page)
    assert step_of(browser.get(later)) == "subject"
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    assert step_of(browser.post(later, {"token": token, "go": "create"})) == "subject"
    assert browser.rt.store.list_certificate_authorities("000000000000", limit=1) == []
    assert browser.get(page.url.replace("/type", "/nothing")).status == 404


def test_back_and_forward_lose_nothing(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser), type="ROOT"), **SUBJECT)
    page = go(browser, page, "back", algorithm="EC_secp384r1")
    assert step_of(page) == "subject"
    assert {name: page.forms[-1]["fields"][name] for name in SUBJECT} == SUBJECT
    page = go(browser, page, "back", CommonName="", Country="not checked yet")
    assert page.forms[-1]["fields"]["type"] == "ROOT"
    page = go(browser, page)
    assert page.forms[-1]["fields"]["Country"] == "not checked yet"
    assert step_of(browser.get(page.url.replace("/subject", "/key"))) == "subject"  # to be checked again
    page = go(browser, page, **SUBJECT)
    assert page.forms[-1]["fields"]["algorithm"] == "EC_secp384r1"
    assert browser.get(page.url).forms[-1]["fields"]["algorithm"] == "EC_secp384r1"


def test_edit_of_a_value_leads_back_to_the_review(browser: Browser) -> None:
    page = to_review(browser)
    edits = [each["href"] for tag, each in page.elements if tag == "a" and each.get("href", "").endswith("/subject")]
    page = browser.get(urljoin(page.url, edits[0]))
    page = go(browser, page, "review", CommonName="Changed")
    assert step_of(page) == "review"
    assert "Changed" in page.text


@pytest.mark.parametrize(
    ("before", "fields", "field", "message"),
    [
        (1, {"Country": "USA"}, "Country", "It must be two letters, such as US."),
        (1, {"Country": "11"}, "Country", "It must be two letters, such as US."),
        (3, CRLS | {"path": "a?b"}, "path", "It must be segments without"),
        (3, CRLS | {"path": "a b"}, "path", "in parts with one / between"),
        (1, {"CommonName": "x" * 65, "Organization": "fine"}, "CommonName", "It must have at most 64 characters."),
        (1, {"CommonName": "x" * 65536}, "CommonName", "This is longer than 4096 characters."),
        (1, {"Locality": "a\x00b"}, "Locality", "It holds control characters."),
        (0, {"type": "OTHER"}, "type", "Choose one of these."),
        (2, {"algorithm": "DSA"}, "algorithm", "Choose one of these."),
        (2, {"algorithm": "SM2"}, "algorithm", ""),
        (3, CRLS | {"new_bucket": "Not_A_Bucket"}, "new_bucket", "not a bucket name"),
        (3, CRLS | {"new_bucket": ""}, "new_bucket", "Enter a name for the new bucket."),
        (3, CRLS | {"choice": "existing"}, "bucket", "Choose a bucket."),
        (3, CRLS | {"days": "0"}, "days", "It must be at least 1."),
        (3, CRLS | {"days": "seven"}, "days", "It must be at least 1."),
        (3, CRLS | {"cname": "http://crl.example.com/x"}, "cname", "must be a host name"),
        (3, {"ocsp": "yes", "ocsp_cname": "a b"}, "ocsp_cname", "It must be a host name"),
        (4, {"key.0": "aws:x", "value.0": "1"}, "key.0", "begins with"),
        (4, {"key.0": "a", "value.0": "<"}, "value.0", "It must be at most 256 letters, digits, spaces"),
        (4, {"key.0": "", "value.0": "1"}, "key.0", "It must not be empty."),
    ],
)
def test_refusal_stands_beside_its_field(
    browser: Browser, before: int, fields: dict[str, str], field: str, message: str
) -> None:
    page = begin(browser)
    for number in range(before):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    refused = go(browser, page, **fields)
    assert refused.status == 422
    assert refused.url == page.url
    found = problems(refused)
    assert set(found) == {field}
    assert message.replace("'", "&#39;") in found[field]
    (bound,) = (each for _, each in refused.elements if each.get("id") == field)
    assert bound["aria-invalid"] == "true"
    assert f"{field}-problem" in bound["aria-describedby"].split()
    if "value" in bound:
        assert bound["value"] == fields.get(field, "")


def sent(browser: Browser, page: Answer, **fields: str) -> Answer:
    """The answer to a step itself, before its redirect is followed."""
    form = page.form(step_of(page))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN}
    body = urlencode(form["fields"] | {"go": "next"} | fields).encode()
    return browser.request("POST", urljoin(page.url, form["action"]), body, **headers)


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        (0, {"type": "OTHER"}),
        (1, {"Country": "USA", "CommonName": "kept"}),
        (2, {"algorithm": "DSA"}),
        (3, CRLS | {"days": "0"}),
        (4, {"key.0": "aws:x", "value.0": "kept"}),
    ],
)
def test_what_has_a_problem_is_kept_and_shown_by_get(browser: Browser, before: int, fields: dict[str, str]) -> None:
    page = begin(browser)
    for number in range(before):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    answer = sent(browser, page, **fields)
    assert (answer.status, urljoin(page.url, answer.headers["Location"])) == (303, page.url)  # no form is sent twice
    for _ in range(2):
        shown = browser.get(page.url)
        found = {name: value for name, value in shown.forms[-1]["fields"].items() if name in fields}
        radio = {"type", "algorithm"} & fields.keys()  # a choice that there is not cannot be shown
        assert found == {name: value for name, value in fields.items() if name not in radio}
        assert len(problems(shown)) == 1
    if before:
        back = go(browser, shown, "back")
        again = browser.get(page.url)
        assert step_of(back) != step_of(again) == step_of(page)
        assert problems(again) == {}  # nothing was checked on the way back
    fine = go(browser, page, **(SUBJECT if before == 1 else {}))
    assert step_of(fine) != step_of(page)
    assert problems(browser.get(page.url)) == {}


def test_what_is_too_long_to_be_kept_is_not_lost_either(browser: Browser) -> None:
    page = go(browser, begin(browser))
    for button in ("next", "back"):
        shown = go(browser, page, button, CommonName="x" * 5000, Locality="here")
        assert shown.status == 422
        assert shown.forms[-1]["fields"]["CommonName"] == "x" * 5000
        assert shown.forms[-1]["fields"]["Locality"] == "here"


@pytest.mark.laptop  # its buckets are directories
def test_refusal_of_the_ca_itself_is_shown_by_get(browser: Browser, tmp_path: Path) -> None:
    page = to_review(browser, **CRLS)
    browser.rt.buckets.create("other-crls")
    (other,) = tmp_path.rglob("other-crls")
    (other.parent / "example-crls").symlink_to(other)
    refused = go(browser, page, "create")
    assert step_of(refused) == "revocation"
    assert "new_bucket" in problems(refused)
    assert problems(browser.get(refused.url)) == problems(refused)
    assert browser.rt.store.list_certificate_authorities("000000000000", limit=1) == []


def test_each_step_shows_the_command_so_far_once_it_can_be_run(browser: Browser) -> None:
    page = begin(browser)
    assert "create-certificate-authority" not in page.text
    for fields in ({"type": "ROOT"}, SUBJECT, {}, {}, {}, {}):
        page = go(browser, page, **fields)
        assert ("--certificate-authority-type ROOT" in page.text) == (step_of(page) != "subject")
        assert ("Example Corp&#34;" in page.text) == (step_of(page) != "subject")
    assert step_of(page) == "review"


def test_enter_in_each_step_leads_on(browser: Browser) -> None:
    page, pressed = begin(browser), []
    for fields in ({}, SUBJECT, {}, {}, {}, {}, {}):
        pressed.append(pressed_by_enter(page, step_of(page))["value"])
        page = go(browser, page, pressed[-1], **fields)
    assert pressed == ["next"] * 6 + ["create"]


def test_empty_subject_is_refused(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)))
    assert page.status == 422
    assert "A subject needs at least one field." in page.text


def test_same_tag_twice_is_refused(browser: Browser) -> None:
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    page = go(browser, page)
    page = go(browser, page, **{"key.0": "a", "value.0": "1", "key.1": "a", "value.1": "2"})
    assert page.status == 422
    assert "is given more than once" in page.text


def test_more_tags_than_the_form_shows_can_be_added(browser: Browser) -> None:
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    page = go(browser, page)
    for number in range(5):
        page = go(browser, page, "more", **{f"key.{number}": f"k{number}", f"value.{number}": "v"})
    page = go(browser, go(browser, page))
    assert all(f"k{number}" in page.text for number in range(5))


def test_existing_bucket_is_chosen_from_the_list(browser: Browser) -> None:
    browser.rt.buckets.create("old-crls")
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    assert '<option value="old-crls">' in page.text
    refused = go(browser, page, **CRLS | {"choice": "existing", "bucket": "others"})
    assert "There is no bucket others here" in problems(refused)["bucket"]
    taken = go(browser, page, **CRLS | {"new_bucket": "old-crls"})
    assert "exists already" in problems(taken)["new_bucket"]
    assert step_of(go(browser, page, **CRLS | {"choice": "existing", "bucket": "old-crls"})) == "tags"


def test_midpoint_is_shown_as_a_date(browser: Browser) -> None:
    assert 'datetime="2030-01-04T12:00:00Z"' in browser.get("/console/cas/midpoint?days=6").text
    assert "Enter a number of days" in browser.get("/console/cas/midpoint?days=x").text


def test_pressing_confirm_twice_makes_one_ca(browser: Browser) -> None:
    page = to_review(browser)
    token = page.form("review")["fields"]["token"]
    first = browser.request(
        "POST",
        page.url,
        f"token={token}&go=create".encode(),
        **{"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN},
    )
    again = go(browser, page, "create")
    assert urljoin(page.url, first.headers["Location"]) == again.url
    assert len(browser.rt.store.list_certificate_authorities("000000000000", limit=9)) == 1
    assert browser.get(page.url).url == again.url  # the way back leads to what was made


def test_draft_is_of_its_principal_and_the_oldest_gives_way(browser: Browser, rt: Any, clock: Clock) -> None:
    page = go(browser, begin(browser), type="ROOT")
    same = Browser(rt)
    same.sign_in()
    assert step_of(same.get(page.url)) == "subject"
    other = signed_in_as(rt, "ops")
    assert step_of(other.get(page.url)) == "type"
    for _ in range(drafts.MOST + 2):
        clock.forward(seconds=1)
        last = go(browser, begin(browser))
    assert step_of(browser.get(last.url)) == "subject"
    assert step_of(browser.get(page.url)) == "type"  # the oldest draft gave way


def test_command_of_the_review_asks_for_the_same(browser: Browser, acm_pca: Any) -> None:
    page = to_review(browser, **CRLS)
    shown = next(each["data-copy"] for _, each in page.elements if "create-certificate" in each.get("data-copy", ""))
    words = shlex.split(shown.replace(" \\\n", " "))
    given = dict(zip(words[3::2], words[4::2], strict=True))
    request = {
        "CertificateAuthorityType": given["--certificate-authority-type"],
        "CertificateAuthorityConfiguration": json.loads(given["--certificate-authority-configuration"]),
        "RevocationConfiguration": json.loads(given["--revocation-configuration"]),
        "Tags": json.loads(given["--tags"]),
        "IdempotencyToken": given["--idempotency-token"],
    }
    browser.rt.buckets.create("example-crls")
    made = acm_pca.create_certificate_authority(**request)["CertificateAuthorityArn"]
    again = go(browser, page, "create")
    assert made.rsplit("/", 1)[1] in again.url  # the very same request: one CA


def test_hostile_names_are_shown_and_do_nothing(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)), CommonName=HOSTILE.replace("\x07", ""))
    pages = [go(browser, go(browser, go(browser, go(browser, page))))]
    pages.append(go(browser, pages[0], "create"))
    ca_id = urlsplit(pages[1].url).path.split("/")[-2]
    pages += [browser.get(f"/console/cas{rest}") for rest in ("", f"/{ca_id}", f"/{ca_id}/csr", f"/{ca_id}/install")]
    for shown in pages:
        assert shown.status == 200
        assert "<script>alert" not in shown.text
        assert "\u202e" not in shown.text
        assert "10106439" not in shown.text
    assert "\\u{202e}" in pages[0].text
    refused = go(browser, go(browser, begin(browser)), CommonName=HOSTILE)
    assert "<script>alert" not in refused.text


def test_list_is_paged(browser: Browser) -> None:
    draft = wizard_draft.WizardDraft(steps={"subject": {"CommonName": "x"}, "key": {"algorithm": "EC_prime256v1"}})
    caller: Any = Caller(account_id="000000000000", access_key_id="x", principal=ADMINISTRATOR)
    request: Any = wizard_draft.create_request(draft)
    for _ in range(authorities_view.PAGE + 1):
        creation.create_certificate_authority(browser.rt, caller, request)
    first = browser.get("/console/cas")
    following = next(each["href"] for tag, each in first.elements if each.get("rel") == "next")
    second = browser.get(urljoin(first.url, following))
    rows = [page.text.count('data-label="Name"') for page in (first, second)]
    assert rows == [authorities_view.PAGE, 1]
    assert browser.get("/console/cas?page=forged").text.count('data-label="Name"') == authorities_view.PAGE


def test_ca_of_another_account_is_not_there(browser: Browser, rt: Any) -> None:
    ca_id = create(browser)
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    for rest in ("", "/csr", "/install", "/created", "/csr.pem"):
        answer = stranger.get(f"/console/cas/{ca_id}{rest}")
        assert answer.status == 404
        assert "Could not find Certificate Authority" in answer.text
