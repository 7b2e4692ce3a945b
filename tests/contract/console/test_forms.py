"""Every form of the console, as a browser never sends it: without one of its fields, and without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.access import access_keys, presets, principals, resource_policy
from chalicelib.acme import directories
from chalicelib.console import table
from tests.support.acme_calls import ordered
from tests.support.builders import csr
from tests.support.console_steps import arn_of, create, issue, root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = [pytest.mark.wide, pytest.mark.laptop]  # pages are the same in every home
LAST = ("/delete", "/sign-out")  # after these there is nothing to be asked


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def visited(browser: Browser, rt: Any) -> list[Answer]:
    """The pages that have forms, in states in which they show them."""
    ca, waiting, below = root(rt), create(rt, "ROOT"), create(rt, "SUBORDINATE")
    serial, disabled = issue(rt, ca), root(rt)
    for path, form, fields in (
        ("tags", "/tags", {"key": "Name", "value": "x"}),
        ("sharing", "/permit", {}),
        ("sharing", "/policy", {"policy": json.dumps(policy(ca))}),
    ):
        browser.submit(browser.get(f"/console/cas/{ca}/{path}"), form, **fields)
    browser.submit(browser.get("/console/calendar"), "calendar/feeds")
    browser.submit(browser.get("/console/presets"), "presets", preset_name="x")
    tabs = (
        "",
        "/renew",
        "/disable",
        "/sharing/forbid",
        "/sharing/unshare",
        "/revocation",
        "/revocation/edit",
        "/tags",
        "/sharing",
        "/reports",
    )
    own = [f"cas/{ca}{rest}" for rest in tabs]
    paths = [*own, f"cas/{waiting}/install", f"cas/{below}/install", f"cas/{waiting}/delete"]
    paths += [f"cas/{ca}/certificates/{serial}/revoke", "inspect", "calendar", "presets"]
    paths += [*access_paths(rt), *acme_paths(rt, ca)]
    paths += [f"{base}certificates/revoke?c.{ca}.{serial}=on" for base in ("", f"cas/{ca}/")]
    found = [browser.get(f"/console/{path}") for path in paths]
    issuing = browser.get(f"/console/cas/{ca}/issue")
    found += [issuing, browser.submit(issuing, "/issue", csr=csr().decode())]
    page = browser.get("/console/cas/create")
    for fields in ({}, {"CommonName": "x"}, {}, {}, {}, {}):
        found.append(page)
        page = browser.submit(page, page.url.rsplit("/", 1)[1], go="next", **fields)
    found.append(page)
    page = browser.get(f"/console/cas/{disabled}/disable")
    found += [page, browser.submit(page, "/disable")]
    found.append(browser.get(f"/console/cas/{disabled}/delete"))
    browser.submit(found[-1], "/delete")
    return [*found, browser.get(f"/console/cas/{disabled}"), browser.get("/console/sign-in")]


def access_paths(rt: Any) -> list[str]:
    """The pages with forms of a principal that has a policy and an access key."""
    principals.create(rt, "0" * 12, "zed", policies=(("p", presets.policy_of("auditor")),))
    key = access_keys.create_access_key(rt, "0" * 12, principal="zed").access_key_id
    pages_of = ("", "/policy", "/policy/remove", "/delete", "/key/delete", "/key/switch")
    return ["principals/create", *(f"principal{path}?name=zed&policy=p&key={key}" for path in pages_of)]


def acme_paths(rt: Any, ca: str) -> list[str]:
    """The pages with forms of an ACME directory that has a binding and an account."""
    client = ordered(rt, arn_of(ca), "a.example.test")
    directory = directories.find(rt, "0" * 12, "web")
    account = rt.store.get_acme_account(directory.directory_id, client.kid.rpartition("/")[2])
    pages_of = ("binding", "update", "replace", "delete", "binding/revoke", "account/revoke")
    query = f"name=web&kid={account.binding}&account={account.acme_id}"
    return ["acme/create", *(f"acme/directory/{path}?{query}" for path in pages_of)]


def policy(ca: str) -> dict[str, Any]:
    common = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Resource": arn_of(ca)}
    reads = {"Action": [f"acm-pca:{each}" for each in resource_policy.READ_ACTIONS]}
    issuing = {
        "Action": "acm-pca:IssueCertificate",
        "Condition": {
            "StringEquals": {resource_policy.TEMPLATE_ARN: "arn:aws:acm-pca:::template/EndEntityCertificate/V1"}
        },
    }
    return {"Version": "2012-10-17", "Statement": [common | reads, common | issuing]}


def forms(answers: list[Answer]) -> list[tuple[str, dict[str, str]]]:
    """Each form's address and fields, by the address with each button's own; the final ones last."""
    found: dict[str, dict[str, str]] = {}
    for page in answers:
        assert page.status == 200, page.text
        for form in page.forms:
            if form["method"] == "post":
                found.setdefault(urljoin(page.url, form["action"]), form["fields"])
        buttons = ("formaction", "hx-post")
        actions = [each[name] for _, each in page.elements for name in buttons if name in each]
        given = page.forms[-1]["fields"]
        found |= {urljoin(page.url, action): given for action in actions if urljoin(page.url, action) not in found}
    return sorted(found.items(), key=lambda each: each[0].endswith(LAST) + each[0].endswith("/sign-out"))


def test_form_without_a_field_is_no_failure_of_ours(browser: Browser, rt: Any) -> None:
    """A radio button that is not chosen is not sent (HTML, "constructing the entry list"); strangers send anything."""
    found = forms(visited(browser, rt))
    asked = {page.path for url, _ in found for page in table.find(urlsplit(url).path.removeprefix("/console/"))[0]}
    assert {page.path for page in table.PAGES if page.method == "POST"} <= asked
    for url, fields in found:
        token = {"token": fields["token"]}
        without = [{name: value for name, value in fields.items() if name != left} for left in fields]
        for sent in (*without, token, {}, token | {"go": "next"}, token | {"go": "review"}):
            answer = browser.post(url, sent)
            assert answer.status < 500, (url, sent, answer.text)
