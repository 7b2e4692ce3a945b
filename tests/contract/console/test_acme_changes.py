"""The form that changes an ACME directory: profiles, names, principal, terms, and whether it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.access import presets, principals
from chalicelib.acme import directories
from chalicelib.acme_records import Profile
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.console_acme_steps import button, fact, link
from tests.support.console_authority_steps import note
from tests.support.console_steps import HOSTILE, arn_of, check_harmless, problems, root, signed_in

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home
ACCOUNT = "0" * 12
SERVER = "EndEntityServerAuthCertificate"


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    return signed_in(rt)


@pytest.fixture
def directory(rt: Runtime) -> AcmeDirectory:
    return made_directory(rt, ACCOUNT, arn_of(root(rt, {"CommonName": "Issuing"})), "web")


def form_of(browser: Browser) -> Answer:
    return link(browser, browser.get("/console/acme/directory?name=web"), "directory/update")


def changed(browser: Browser, **fields: str) -> Answer:
    return button(browser, form_of(browser), "directory/update", **fields)


def now(rt: Runtime) -> AcmeDirectory:
    return directories.find(rt, ACCOUNT, "web")


def test_form_that_is_saved_as_it_came_changes_nothing(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    principals.create(rt, ACCOUNT, "web-team", policies=(("all", presets.policy_of("administrator")),))
    made_directory(
        rt,
        ACCOUNT,
        directory.ca_arn,
        "open",
        binding_required=False,
        names=("*.example.test", "10.0.0.0/8"),
        principal="web-team",
        terms="https://example.test/terms",
        active=False,
        profiles=(Profile("a", SERVER, 24 * 7, "seven days"), Profile("b", SERVER, 25)),
    )
    for name in ("web", "open"):
        before = directories.find(rt, ACCOUNT, name)
        form = browser.get(f"/console/acme/directory/update?name={name}")
        assert note(button(browser, form, "directory/update")) == "The ACME directory is changed."
        after = directories.find(rt, ACCOUNT, name)
        assert replace(after, version=before.version, changed_at=before.changed_at) == before


def test_every_part_of_the_form_is_saved(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    principals.create(rt, ACCOUNT, "web-team", policies=(("all", presets.policy_of("administrator")),))
    page = changed(
        browser,
        acme_profiles=f"tlsserver={SERVER}:90d\nweb={SERVER}:8h",
        acme_open="yes",
        acme_names="*.example.test, 10.0.0.0/8",
        acme_principal="web-team",
        acme_terms="https://example.test/terms",
        acme_disabled="yes",
    )
    assert "The directory is disabled: it answers no request." in page.text
    assert [fact(page, each) for each in ("Names without a binding", "Principal without a binding")] == [
        "*.example.test, 10.0.0.0/8",
        "web-team",
    ]
    found = now(rt)
    assert found.profiles == (directories.DEFAULT_PROFILES[0], Profile("web", SERVER, 8))  # with its description
    assert (found.binding_required, found.terms, found.active) == (False, "https://example.test/terms", False)
    assert (found.ca_arn, found.directory_id) == (directory.ca_arn, directory.directory_id)
    assert AcmeClient(rt, "web").get("directory").status == 404
    # The box that is not ticked is not sent: HTML, "constructing the entry list".
    form = form_of(browser)
    fields = {
        name: text for name, text in form.form("directory/update?name=web")["fields"].items() if name != "acme_disabled"
    }
    browser.post(form.url, fields)
    assert (now(rt).active, AcmeClient(rt, "web").get("directory").status) == (True, 200)


@pytest.mark.parametrize(
    "case",
    [
        ("acme_profiles", "web=Nothing:9d", "There is no template or issuing preset Nothing."),
        ("acme_names", "a.test, b!", "is not a pattern"),
        ("acme_principal", "nobody", "nobody"),
        ("acme_terms", "javascript:alert(1)", "http or https URL"),
        ("acme_terms", "https://[", "http or https URL"),
        ("acme_terms", f"https://{'a' * 2000}", "http or https URL"),
        ("acme_terms", "https://a.test/>;rel=x", "http or https URL"),
    ],
)
def test_invalid_change_comes_back_with_its_problem(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, case: tuple[str, str, str]
) -> None:
    field, text, words = case
    answer = changed(browser, **{field: text, "acme_disabled": "yes"})
    assert (answer.status, words in problems(answer)[field]) == (422, True), problems(answer)
    fields = answer.form("directory/update?name=web")["fields"]
    assert (fields[field], fields["acme_disabled"]) == (text, "yes")
    assert now(rt) == directory


def test_profile_that_a_binding_allows_stays(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, allowed_profiles=("shortlived",))
    answer = changed(browser, acme_profiles=f"tlsserver={SERVER}:90d")
    assert made.binding.name in problems(answer)["acme_profiles"]
    assert now(rt) == directory


def test_what_is_typed_is_harmless(browser: Browser, directory: AcmeDirectory) -> None:
    for field in ("acme_profiles", "acme_names", "acme_principal", "acme_terms"):
        check_harmless(changed(browser, **{field: HOSTILE}))
