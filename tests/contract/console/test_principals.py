"""Pages of principals: made from presets, given policies and access keys, and deleted; by the administrator alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, oidc_providers, presets, principals
from chalicelib.console import needs, table
from tests.support.authority_steps import issue as issue_leaf
from tests.support.client import client_for
from tests.support.console_browser import Browser
from tests.support.console_steps import HOSTILE, arn_of, link_to, problems, root, signed_in
from tests.support.roles import make_role

if TYPE_CHECKING:
    from tests.support.console_browser import Answer

pytestmark = pytest.mark.laptop
ACCOUNT = "0" * 12
NAME = "ci+team=a,b@example.com"  # every character that a name may have
DENY = '{"Version":"2012-10-17","Statement":{"Sid":"No","Effect":"Deny","Action":"acm-pca:Get*","Resource":"*"}}'
ALLOW_ALL = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def page_of(browser: Browser, name: str) -> Answer:
    listed = browser.get("/console/principals")
    links = [each["href"] for tag, each in listed.elements if tag == "a" and "principal?name=" in each["href"]]
    found = [browser.get(urljoin(listed.url, each)) for each in links]
    return next(page for page in found if f"user/{name}" in page.text)


def button(browser: Browser, page: Answer, path: str, **fields: str) -> Answer:
    """Send the first form of a page whose action has this path."""
    form = next(each for each in page.forms if f"/{path}?" in each["action"])
    return browser.post(urljoin(page.url, form["action"]), form["fields"] | fields)


def link(browser: Browser, page: Answer, path: str) -> Answer:
    address = next(each["href"] for tag, each in page.elements if tag == "a" and f"{path}?" in each["href"])
    return browser.get(urljoin(page.url, address))


def created(browser: Browser, name: str = NAME, **fields: str) -> Answer:
    form = browser.get("/console/principals/create")
    return browser.submit(form, "principals/create", principal_name=name, **fields)


def rights_in(page: Answer) -> set[str]:
    rows = page.text.split('data-label="Operation">')[1:]
    return {row.partition("<")[0] for row in rows if "Allowed</span>" in row}


# the whole way


def test_issuer_is_made_gets_a_key_and_issues(browser: Browser, rt: Any, acm_pca: Any) -> None:
    ca_id = root(rt)
    template = {"template.EndEntityServerAuthCertificate": "on"}
    page = created(browser, preset="issuer", description="builds", **{f"ca.{ca_id}": "on"}, **template)
    assert "The principal is created." in page.text
    assert [name for name, _ in principals.find(rt, ACCOUNT, NAME).policies] == ["issuer"]
    shown = browser.get(f"{page.url}&ca={arn_of(ca_id)}")
    assert rights_in(shown) == {"IssueCertificate", "GetCertificate"}
    assert rights_in(page) == set()  # with every CA
    made = button(browser, page, "principal/key", expires_in="90", key_description="laptop")
    assert "The secret is shown this once." in made.text
    assert made.headers["Cache-Control"] == "no-store"
    (key,) = access_keys.of_principal(rt, ACCOUNT, NAME)
    assert key.expires_at == key.created_at + timedelta(days=90)
    secret = access_keys.secret_of(rt, key)
    assert secret in made.text
    client = client_for(rt, access_key_id=key.access_key_id, secret=secret)
    arn = issue_leaf(client, arn_of(ca_id), TemplateArn="arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1")
    assert arn.startswith(arn_of(ca_id))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        issue_leaf(client, arn_of(ca_id))
    page = page_of(browser, NAME)
    assert secret not in page.text
    assert f"{rt.now():%Y-%m-%d %H:%M}" in page.text  # last used


def test_policy_is_previewed_saved_edited_and_removed(browser: Browser, rt: Any) -> None:
    root(rt)
    page = created(browser, preset="read-only")
    form = link(browser, page, "principal/policy")
    new = browser.get(form.url.partition("&policy")[0])
    sent = next(each for each in new.forms if "principal/policy?" in each["action"])["fields"] | {
        "policy_name": "less",
        "document": DENY,
    }
    preview = browser.post(f"/console/principal/policy/preview?{new.url.partition('?')[2]}", sent)
    assert preview.status == 200
    assert not {right for right in rights_in(preview) if right.startswith("Get")}
    assert "ListTags" in rights_in(preview)
    assert "statement &#39;No&#39; of policy &#39;less&#39;" in preview.text
    assert [name for name, _ in principals.find(rt, ACCOUNT, NAME).policies] == ["read-only"]
    saved = button(browser, preview, "principal/policy")
    assert "The policy is saved." in saved.text
    assert dict(principals.find(rt, ACCOUNT, NAME).policies)["less"] == DENY
    again = browser.get(f"{form.url.partition('policy=')[0]}policy=less")
    assert DENY in again.text.replace("&#34;", '"')
    removed = button(browser, link(browser, saved, "principal/policy/remove"), "principal/policy/remove")
    assert "The policy is removed." in removed.text
    assert [name for name, _ in principals.find(rt, ACCOUNT, NAME).policies] == ["less"]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"document": "{"}, "document", "The policy is not JSON."),
        ({"document": '{"Statement":[]}'}, "document", "The policy has no Statement."),
        ({"document": "[" + " " * 10_240 + "]"}, "document", "at most 10240 characters"),
        ({"policy_name": "a b"}, "policy_name", "must be 1 to 64 letters"),
        ({"policy_name": ""}, "policy_name", "must be 1 to 64 letters"),
    ],
)
def test_invalid_policy_comes_back_with_its_problem(
    browser: Browser, rt: Any, fields: dict[str, str], field: str, words: str
) -> None:
    page = created(browser, preset="")
    form = link(browser, page, "principal/policy")
    sent = {"policy_name": "p", "document": ALLOW_ALL} | fields
    answer = button(browser, form, "principal/policy", **sent)
    assert answer.status == 422
    assert words in problems(answer)[field]
    assert principals.find(rt, ACCOUNT, NAME).policies == ()


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"ca": "arn:aws:s3:::x"}, "ca", "It must be the ARN of a certificate authority."),
        ({"document": "x"}, "document", "The policy is not JSON."),
        ({"policy_name": "a b"}, "policy_name", "must be 1 to 64 letters"),
    ],
)
def test_preview_names_the_same_problems(
    browser: Browser, rt: Any, fields: dict[str, str], field: str, words: str
) -> None:
    token = created(browser, preset="").form("sign-out")["fields"]
    sent = token | {"policy_name": "p", "document": ALLOW_ALL} | fields
    answer = browser.post(f"/console/principal/policy/preview?{urlencode({'name': NAME})}", sent)
    assert (answer.status, words in problems(answer)[field]) == (422, True)


def test_what_can_never_be_judged_is_warned_of(browser: Browser, rt: Any) -> None:
    text = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
                                     "Condition": {"StringEquals": {"aws:Nothing": "x"}}}})  # fmt: skip
    page = created(browser, preset="")
    form = link(browser, page, "principal/policy")
    saved = button(browser, form, "principal/policy", policy_name="p", document=text)
    assert "the key aws:Nothing is unknown, so it allows nothing." in saved.text


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"principal_name": "a/b", "preset": ""}, "principal_name", "must be 1 to 64 letters"),
        ({"principal_name": "administrator", "preset": ""}, "principal_name", "has its administrator already"),
        ({"principal_name": "taken", "preset": ""}, "principal_name", "There is a principal taken already."),
        ({"principal_name": "x", "preset": "issuer"}, "preset", "An issuer needs a CA and the templates"),
        ({"principal_name": "x", "preset": "king"}, "preset", "Choose one of these."),
        ({"principal_name": "x", "preset": "", "description": "x" * 257}, "description", "at most 256 characters"),
    ],
)
def test_invalid_principal_comes_back_with_its_problem(
    browser: Browser, rt: Any, fields: dict[str, str], field: str, words: str
) -> None:
    principals.create(rt, ACCOUNT, "taken")
    form = browser.get("/console/principals/create")
    answer = browser.submit(form, "principals/create", **fields)
    assert (answer.status, words in problems(answer)[field]) == (422, True)
    assert [each.name for each in rt.store.list_principals(ACCOUNT)] == ["taken"]


# access keys


def test_key_is_deactivated_activated_and_deleted(browser: Browser, rt: Any) -> None:
    created(browser, preset="administrator")
    key = access_keys.create_access_key(rt, ACCOUNT, principal=NAME)
    asked = link(browser, page_of(browser, NAME), "principal/key/switch")
    assert "has never been used" in asked.text
    assert Browser(rt).sign_in(key).status == 200  # nothing was done by asking
    off = button(browser, asked, "principal/key/switch")
    assert "The access key is deactivated" in off.text
    assert "Inactive</span>" in off.text
    assert Browser(rt).sign_in(key).status == 403
    assert "is active again" in button(browser, off, "principal/key/switch").text
    assert Browser(rt).sign_in(key).status == 200
    asked = link(browser, page_of(browser, NAME), "principal/key/delete")
    gone = button(browser, asked, "principal/key/delete")
    assert "The access key is deleted." in gone.text
    assert rt.store.get_access_key(key.access_key_id) is None


def test_key_that_signed_in_cannot_be_deactivated_or_deleted_by_itself(browser: Browser, rt: Any) -> None:
    used = access_keys.ensure_root_key(rt).access_key_id
    page = browser.get("/console/principal?name=administrator")
    assert "You are signed in with it" in page.text
    token = page.form("sign-out")["fields"]
    for path in ("switch", "delete"):
        address = f"/console/principal/key/{path}?name=administrator&key={used}"
        answer = browser.post(address, token | {"active": "no"})
        assert (answer.status, "You are signed in with this access key." in answer.text) == (422, True), path
    assert rt.store.get_access_key(used).active


@pytest.mark.parametrize("days", ["0", "-1", "3651", "1.5", "x", "\uff11"])
def test_lifetime_of_a_key_is_a_number_of_days(browser: Browser, rt: Any, days: str) -> None:
    answer = button(browser, created(browser, preset=""), "principal/key", expires_in=days)
    assert (answer.status, "from 1 to 3650 days" in problems(answer)["expires_in"]) == (422, True)
    assert access_keys.of_principal(rt, ACCOUNT, NAME) == []


def test_description_of_a_key_is_bounded(browser: Browser, rt: Any) -> None:
    answer = button(browser, created(browser, preset=""), "principal/key", key_description="x" * 257)
    assert (answer.status, "at most 256 characters" in problems(answer)["key_description"]) == (422, True)
    assert access_keys.of_principal(rt, ACCOUNT, NAME) == []


def test_key_of_another_principal_is_not_found(browser: Browser, rt: Any) -> None:
    principals.create(rt, ACCOUNT, "one")
    principals.create(rt, "1" * 12, "one")
    elsewhere = access_keys.create_access_key(rt, "1" * 12, principal="one")
    token = browser.get("/console/principal?name=one").form("sign-out")["fields"]
    for name in ("one", "administrator", "two"):
        address = f"/console/principal/key/delete?name={name}&key={elsewhere.access_key_id}"
        assert browser.post(address, token).status == 404
    assert rt.store.get_access_key(elsewhere.access_key_id) is not None


# deleting


def test_principal_is_deleted_once_its_name_is_entered_by_whoever_signed_in_lately(
    browser: Browser, rt: Any, clock: Any
) -> None:
    page = created(browser, preset="")
    access_keys.create_access_key(rt, ACCOUNT, principal=NAME)
    asked = link(browser, page, "principal/delete")
    assert "Its access key is deleted with it" in asked.text
    wrong = button(browser, asked, "principal/delete", confirm="other")
    assert (wrong.status, f"Enter {NAME} to delete it." in problems(wrong)["confirm"]) == (422, True)
    clock.forward(minutes=11)
    late = button(browser, asked, "principal/delete", confirm=NAME)
    assert "Sign in again" in late.text
    assert principals.find(rt, ACCOUNT, NAME)
    root_key = access_keys.ensure_root_key(rt)
    fields = {"access_key_id": root_key.access_key_id, "secret_access_key": root_key.secret}
    back = browser.submit(late, "sign-in", **fields)
    assert f"Delete {NAME}?" in back.text
    done = button(browser, back, "principal/delete", confirm=NAME)
    assert "The principal and its access keys are deleted." in done.text
    assert rt.store.get_principal(ACCOUNT, NAME) is None
    assert access_keys.of_principal(rt, ACCOUNT, NAME) == []


def test_administrator_is_shown_and_cannot_be_changed(browser: Browser, rt: Any) -> None:
    page = browser.get("/console/principal?name=administrator")
    assert "Nobody can change what the administrator may do." in page.text
    assert not [each for tag, each in page.elements if tag == "a" and "principal/delete" in each["href"]]
    assert len(rights_in(page)) == 26
    token = page.form("sign-out")["fields"]
    for path in ("policy", "policy/preview", "policy/remove", "delete"):
        more = {"confirm": "administrator", "policy_name": "administrator", "document": DENY}
        answer = browser.post(f"/console/principal/{path}?name=administrator&policy=administrator", token | more)
        assert answer.status == 404, path


# who may


@pytest.mark.parametrize("policy", [presets.policy_of("administrator"), ALLOW_ALL,
                                    '{"Statement":{"Effect":"Allow","Action":"signet:*","Resource":"*"}}'])  # fmt: skip
def test_nobody_but_the_administrator_opens_a_page_of_principals(rt: Any, policy: str) -> None:
    principals.create(rt, ACCOUNT, "king", policies=(("all", policy),))
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, ACCOUNT, principal="king"))
    token = browser.get("/console/you").form("sign-out")["fields"]
    rows = [page for page in table.PAGES if needs.MANAGE_ACCESS in needs.of_page(page.method, page.path)]
    assert len(rows) == 17
    for page in rows:
        address = f"/console/{page.path}?name=king&policy=all"
        more = {"principal_name": "x", "document": ALLOW_ALL, "policy_name": "all", "confirm": "king", "preset": ""}
        answer = browser.post(address, token | more) if page.method == "POST" else browser.get(address)
        assert (answer.status, "administrator alone" in answer.text) == (403, True), page
    assert dict(principals.find(rt, ACCOUNT, "king").policies) == {"all": policy}
    assert len(access_keys.of_principal(rt, ACCOUNT, "king")) == 1


def test_every_view_of_principals_is_the_administrator_s() -> None:
    views = {"chalicelib.console.views.principals", "chalicelib.console.views.identity_policies"}
    for page in table.PAGES:
        managed = needs.of_page(page.method, page.path) == (needs.MANAGE_ACCESS,)
        assert managed == (page.view.__module__ in views), page.path


# lists


def test_list_shows_policies_keys_and_last_use_page_by_page(browser: Browser, rt: Any) -> None:
    for number in range(55):
        principals.create(rt, ACCOUNT, f"p{number:02}", description=HOSTILE)
    access_keys.create_access_key(rt, ACCOUNT, principal="p00")
    page = browser.get("/console/principals")
    assert "<script>alert" not in page.text
    assert page.text.count('data-label="Name"') == 50
    rest = browser.get(urljoin(page.url, link_to(page, "next")))
    assert [f">p{number}<" in rest.text for number in (48, 49, 54)] == [False, True, True]


def test_roles_are_shown_as_they_are(browser: Browser, rt: Any) -> None:
    make_role(rt, "deployer")
    page = link(browser, browser.get("/console/principals"), "role")
    assert "role/deployer" in page.text
    assert "sts:AssumeRole" in page.text
    assert "deployer</bdi></a>" in browser.get("/console/principals").text
    assert browser.get("/console/role?name=other").status == 404


def test_oidc_providers_are_shown_as_they_are(browser: Browser, rt: Any) -> None:
    assert "OIDC providers" not in browser.get("/console/principals").text
    oidc_providers.create(rt, ACCOUNT, "https://token.actions.githubusercontent.com", ["sts.amazonaws.com"])
    text = browser.get("/console/principals").text
    assert "https://token.actions.githubusercontent.com" in text
    assert "sts.amazonaws.com" in text
