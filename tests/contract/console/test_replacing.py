"""Forms that replace a value: what somebody else has changed since the form was opened is not overwritten unseen."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.access import access_keys, principals
from chalicelib.api import throttling
from chalicelib.console import table
from chalicelib.operations import issuing_presets
from tests.contract.audit.conftest import ends
from tests.support.console_replacing import ACCOUNT, CASES, Case, World, furnished
from tests.support.console_steps import CALLER, HOSTILE, check_harmless, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home
CHANGED = "Somebody has changed this since you opened the form."
TAKEN = "This exists already."
REMOVED = "Somebody has removed this since you opened the form."


@pytest.fixture
def world(rt: Runtime, acm_pca: Any) -> World:
    return furnished(rt, acm_pca)


@pytest.fixture(params=list(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(name: str) -> Case:
    return CASES[name]


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    return signed_in(rt)


def opened(browser: Browser, case: Case, world: World) -> Answer:
    page = browser.get(case.page(world))
    assert page.status == 200, page.text
    return page


def is_refused(page: Answer, words: str = CHANGED) -> bool:
    """Whether nothing was done, in these words and no others."""
    said = [each for each in (CHANGED, TAKEN, REMOVED) if each in page.text]
    return (page.status, said) == (422, [words])


@pytest.mark.parametrize("by", ["the API", "another visitor"])
def test_change_of_somebody_else_is_shown_and_not_overwritten_until_the_form_is_sent_again(
    world: World, case: Case, browser: Browser, by: str
) -> None:
    form = opened(browser, case, world)
    if by == "the API":
        case.by_api(world)
    else:
        other = signed_in(world.rt)
        assert other.submit(opened(other, case, world), case.action, **case.others(world)).status == 200
    theirs, now = case.value(world), case.now(world)
    refused = browser.submit(form, case.action, **case.fields(world))
    assert is_refused(refused), refused.text
    assert now in unescape(refused.text.partition("What is there now")[2].partition("<form")[0])
    sent = refused.form(case.action)["fields"]
    assert {name: sent[name] for name in case.fields(world) if name not in {"confirmed", "acme_compromised"}} == {
        name: text for name, text in case.fields(world).items() if name in sent and name != "acme_compromised"
    }
    assert case.value(world) == theirs
    again = browser.submit(refused, case.action, **case.fields(world))
    assert again.status == 200, again.text
    assert case.value(world) != theirs


def test_form_is_taken_where_nothing_has_changed_and_its_button_may_be_pressed_twice(
    world: World, case: Case, browser: Browser
) -> None:
    form, before = opened(browser, case, world), case.value(world)
    assert browser.submit(form, case.action, **case.fields(world)).status == 200
    mine = case.value(world)
    assert mine != before
    twice = browser.submit(form, case.action, **case.fields(world))
    assert not is_refused(twice), twice.text
    assert case.value(world) == mine


DAMAGED = (None, "", "x", "0" * 63, "0" * 65, "G" * 64, "\u0660" * 64, HOSTILE)


def test_form_without_its_digest_is_refused(world: World, case: Case, browser: Browser) -> None:
    page, before = opened(browser, case, world), case.value(world)
    form = page.form(case.action)
    fields = {name: text for name, text in form["fields"].items() if name != "opened"} | dict(case.fields(world))
    for damaged in DAMAGED:
        refused = browser.post(
            urljoin(page.url, form["action"]), fields | ({} if damaged is None else {"opened": damaged})
        )
        assert (refused.status, "The form cannot be read" in refused.text) == (400, True), (damaged, refused.text)
        check_harmless(refused)
        assert case.value(world) == before, damaged


def test_digest_of_something_else_is_refused_as_a_change(world: World, case: Case, browser: Browser) -> None:
    form, before = opened(browser, case, world), case.value(world)
    assert is_refused(browser.submit(form, case.action, **case.fields(world), opened="0" * 64))
    assert case.value(world) == before


PROBLEMS = {
    "ACME directory": {"acme_terms": "x"},
    "CA of a directory": {"acme_ca": "x"},
    "revocation": {"days": "0"},
    "resource policy": {"policy": "{"},
    "tag": {"value": "\u202e"},
    "identity policy": {"document": "{"},
    "issuing preset": {"preset_days": "0"},
}


def test_form_that_comes_back_with_a_problem_still_knows_what_it_showed(
    world: World, name: str, case: Case, browser: Browser
) -> None:
    problem = browser.submit(opened(browser, case, world), case.action, **PROBLEMS[name])
    assert (problem.status, CHANGED in problem.text) == (422, False), problem.text
    case.by_api(world)
    theirs = case.value(world)
    assert is_refused(browser.submit(problem, case.action, **case.fields(world)))
    assert case.value(world) == theirs


# at the same moment


WRITES = {
    "ACME directory": "update_entity",
    "CA of a directory": "update_entity",
    "identity policy": "update_principal",
}


@pytest.mark.parametrize("name", WRITES)
def test_change_between_the_comparison_and_the_write_is_not_overwritten(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case, store = CASES[name], world.rt.store
    form, write = opened(browser, case, world), getattr(store, WRITES[name])

    def second(*records: Any) -> Any:
        monkeypatch.setattr(store, WRITES[name], write)
        case.by_api(world)
        return write(*records)

    monkeypatch.setattr(store, WRITES[name], second)
    refused = browser.submit(form, case.action, **case.fields(world))
    assert is_refused(refused), refused.text
    assert case.now(world) in unescape(refused.text)


def test_preset_that_is_saved_at_the_same_moment_is_not_overwritten(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, store = CASES["issuing preset"], world.rt.store
    form, write = opened(browser, case, world), store.update_entity

    def second(*records: Any) -> Any:
        monkeypatch.setattr(store, "update_entity", write)
        case.by_api(world)
        return write(*records)

    monkeypatch.setattr(store, "update_entity", second)
    lost = browser.submit(form, case.action, **case.fields(world))
    assert (lost.status, "look at it again" in lost.text) == (422, True)
    assert world.presets()["web"][0] == 99
    assert is_refused(browser.submit(lost, case.action, **case.fields(world)))


# what is removed, and what is new


REMOVALS: dict[str, Callable[[World], object]] = {
    "resource policy": lambda world: world.client.delete_policy(ResourceArn=world.ca),
    "tag": lambda world: world.client.untag_certificate_authority(
        CertificateAuthorityArn=world.ca, Tags=[{"Key": "team"}]
    ),
    "identity policy": lambda world: principals.delete_policy(world.rt, ACCOUNT, "ops", "p"),
    "issuing preset": lambda world: issuing_presets.delete(world.rt, ACCOUNT, "web"),
}


@pytest.mark.parametrize("name", REMOVALS)
def test_what_somebody_else_has_removed_is_created_again_only_when_the_form_is_sent_again(
    world: World, browser: Browser, name: str
) -> None:
    case = CASES[name]
    form = opened(browser, case, world)
    REMOVALS[name](world)
    gone = case.value(world)
    refused = browser.submit(form, case.action, **case.fields(world))
    assert is_refused(refused, REMOVED), refused.text
    assert case.value(world) == gone
    assert browser.submit(refused, case.action, **case.fields(world)).status == 200
    assert case.value(world) != gone


NEW = {
    "tag": ("tags", {"key": "team", "value": "mine"}),
    "identity policy": ("principal/policy?name=ops", {"policy_name": "p", "document": '{"Statement": []}'}),
    "issuing preset": ("presets", {"preset_name": "web", "preset_days": "7"}),
}


@pytest.mark.parametrize("name", NEW)
def test_new_value_does_not_take_the_place_of_one_of_its_name(world: World, browser: Browser, name: str) -> None:
    case, (action, fields) = CASES[name], NEW[name]
    fields = fields | ({"document": world.document("acm-pca:GetPolicy")} if name == "identity policy" else {})
    page = browser.get(f"{world.path}/tags" if name == "tag" else f"/console/{action}")
    before, form = case.value(world), [each for each in page.forms if each["action"].endswith(action)][-1]
    refused = browser.post(page.url, form["fields"] | fields)
    assert is_refused(refused, TAKEN), refused.text
    assert case.value(world) == before
    assert browser.submit(refused, case.action, **fields).status == 200
    assert case.value(world) != before


def test_resource_policy_that_came_meanwhile_is_not_overwritten(world: World, browser: Browser) -> None:
    case = CASES["resource policy"]
    world.client.delete_policy(ResourceArn=world.ca)
    form = opened(browser, case, world)
    case.by_api(world)
    theirs = case.value(world)
    assert is_refused(browser.submit(form, case.action, **case.fields(world)), TAKEN)
    assert case.value(world) == theirs


@pytest.mark.parametrize(("name", "field"), [("identity policy", "policy_name"), ("issuing preset", "preset_name")])
def test_value_under_another_name_is_a_copy(world: World, browser: Browser, name: str, field: str) -> None:
    case = CASES[name]
    form, before = opened(browser, case, world), case.value(world)
    case.by_api(world)  # the copy takes nothing away
    assert browser.submit(form, case.action, **case.fields(world), **{field: "copy"}).status == 200
    assert case.value(world).keys() == before.keys() | {"copy"}
    taken = browser.submit(form, case.action, **{field: "copy"})
    assert is_refused(taken, TAKEN), taken.text


def test_tag_that_could_not_be_removed_still_knows_what_its_form_showed(world: World) -> None:
    case, limits = CASES["tag"], replace(world.rt.settings, rates="aws")
    browser = signed_in(replace(world.rt, settings=limits, rate_tokens={}))
    form = opened(browser, case, world)
    fields = form.form(case.action)["fields"]
    case.by_api(world)
    for _ in range(throttling.RATES["UntagCertificateAuthority"]):
        throttling.take_token(browser.rt, CALLER, "UntagCertificateAuthority")
    refused = browser.post(f"{form.url}/remove", fields)
    assert (refused.status, "Rate exceeded" in refused.text) == (422, True)
    shown = refused.form(case.action)["fields"]
    assert (shown["value"], shown["opened"]) == (fields["value"], fields["opened"])


def test_preview_of_a_policy_keeps_what_the_form_showed(world: World, browser: Browser) -> None:
    case = CASES["identity policy"]
    form = opened(browser, case, world)
    case.by_api(world)
    preview = browser.post(
        "/console/principal/policy/preview?name=ops&policy=p",
        form.form(case.action)["fields"] | dict(case.fields(world)),
    )
    assert preview.status == 200
    assert is_refused(browser.submit(preview, case.action))


def test_form_that_was_kept_while_the_session_had_ended_still_knows_what_it_showed(
    world: World, browser: Browser, clock: Clock
) -> None:
    case = CASES["tag"]
    form = opened(browser, case, world)
    clock.forward(minutes=31)
    asked = browser.submit(form, case.action, **case.fields(world))
    case.by_api(world)
    key = access_keys.ensure_root_key(world.rt)
    offered = browser.submit(asked, "sign-in", access_key_id=key.access_key_id, secret_access_key=key.secret)
    assert is_refused(browser.submit(offered, case.action))
    assert world.tags() == {"team": "by the API"}


# which forms


_ADDS, _ENDS, _SETS = "adds one thing", "removes or ends one thing", "sets one state"
WITHOUT = {
    **dict.fromkeys(
        (
            *("acme/create", "acme/directory/binding", "calendar/feeds", "principals/create", "principal/key"),
            *("cas/{ca_id}/sharing/permit", "cas/{ca_id}/reports"),
            *("cas/{ca_id}/install", "cas/{ca_id}/install-own", "cas/{ca_id}/install-signed"),
        ),
        _ADDS,
    ),
    **dict.fromkeys(
        (
            *("presets/remove", "acme/directory/delete", "acme/directory/binding/revoke", "sign-out"),
            *("acme/directory/account/revoke", "calendar/feeds/revoke", "principal/policy/remove"),
            *("principal/key/delete", "principal/delete", "certificates/revoke", "cas/{ca_id}/certificates/revoke"),
            *("cas/{ca_id}/certificates/{serial}/revoke", "cas/{ca_id}/delete", "cas/{ca_id}/tags/remove"),
            *("cas/{ca_id}/sharing/forbid", "cas/{ca_id}/sharing/unshare"),
        ),
        _ENDS,
    ),
    **dict.fromkeys(
        (
            *("principal/key/switch", "cas/{ca_id}/disable", "cas/{ca_id}/enable", "cas/{ca_id}/restore"),
            *("cas/{ca_id}/revocation/publish", "theme", "sign-in"),
        ),
        _SETS,
    ),
    **dict.fromkeys(("inspect", "principal/policy/preview", "cas/{ca_id}/issue", "cas/{ca_id}/issue/csr"), "shows"),
    **dict.fromkeys(("cas/create/{draft}/{step}", "cas/{ca_id}/issue/{draft}"), "is a draft of the visitor's own"),
    "cas/{ca_id}/renew": "carries the serial number of the certificate that it replaces",
}


def test_form_that_replaces_a_value_is_among_these() -> None:
    """A new form of the console gets a case, or a reason to need none."""
    checked = {
        *("acme/directory/update", "acme/directory/replace", "cas/{ca_id}/revocation/edit"),
        *("cas/{ca_id}/sharing/policy", "cas/{ca_id}/tags", "principal/policy", "presets"),
    }
    assert len(checked) == len(CASES)
    assert {page.path for page in table.PAGES if page.method == "POST"} == checked | WITHOUT.keys()


# what a change is


def test_form_is_not_refused_for_what_it_does_not_replace(world: World, browser: Browser) -> None:
    """Another tag, another policy, another preset, the tags of a directory."""
    forms = {name: opened(browser, case, world) for name, case in CASES.items()}
    world.client.tag_certificate_authority(CertificateAuthorityArn=world.ca, Tags=[{"Key": "other", "Value": "y"}])
    principals.put_policy(world.rt, ACCOUNT, "ops", "other", world.document("acm-pca:GetPolicy"))
    world.preset(5, "other")
    world.change_directory(tags=())
    for name in ("tag", "identity policy", "issuing preset", "ACME directory", "revocation"):
        form = forms[name].form(CASES[name].action)
        answer = browser.post(forms[name].url, form["fields"] | dict(CASES[name].fields(world)))
        assert answer.status == 200, (name, answer.text)


def test_what_is_there_now_is_harmless(world: World, browser: Browser) -> None:
    form = opened(browser, CASES["issuing preset"], world)
    preset = next(each for each in issuing_presets.of_account(world.rt, ACCOUNT) if each.name == "web")
    issuing_presets.save(world.rt, replace(preset, description=HOSTILE[:200]))
    refused = browser.submit(form, "presets?name=web")
    assert is_refused(refused)
    check_harmless(refused)


def test_refusal_is_on_record(world: World, browser: Browser) -> None:
    case = CASES["ACME directory"]
    form = opened(browser, case, world)
    case.by_api(world)
    browser.submit(browser.submit(form, case.action), case.action)
    found = [each for each in ends(world.rt) if each["eventName"] == "UpdateAcmeDirectory"]
    assert [each["additionalEventData"]["outcome"] for each in found] == ["failed", "allowed"]
