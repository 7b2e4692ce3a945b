"""Issuing presets in the console: saving and removing, and issuing by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import access_keys, presets, principals
from chalicelib.operations import issuing_presets
from tests.support.builders import csr
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import HOSTILE, arn_of, check_harmless, problems, root, signed_in
from tests.support.roles import OWNER

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
SERVER = "EndEntityServerAuthCertificate"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def save(browser: Browser, name: str = "web", **fields: str) -> Answer:
    values = {
        "preset_name": name,
        "preset_template": SERVER,
        "preset_names": "*.example.com",
        "preset_days": "30",
        "preset_description": "Web servers",
    } | fields
    return browser.submit(browser.get("/console/presets"), "presets", **values)


def test_preset_is_saved_shown_changed_and_removed(browser: Browser, rt: Any) -> None:
    page = save(browser)
    assert "The preset is saved." in page.text
    assert "arn:aws:acm-pca:us-east-1:000000000000:preset/web" in page.text
    edit = browser.get("/console/presets?name=web")
    assert 'value="30"' in edit.text
    browser.submit(edit, "presets?name=web", preset_days="7")
    (preset,) = issuing_presets.of_account(rt, OWNER)
    assert (preset.days, preset.names) == (7, ("*.example.com",))
    page = browser.submit(browser.get("/console/presets"), "presets/remove")
    assert "is removed" in page.text
    assert issuing_presets.of_account(rt, OWNER) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("preset_name", HOSTILE),
        ("preset_names", HOSTILE),
        ("preset_days", "0"),
        ("preset_days", "many"),
        ("preset_template", "Nothing"),
        ("preset_description", "x" * 201),
    ],
)
def test_problem_stands_beside_its_field_and_nothing_is_lost(browser: Browser, rt: Any, field: str, value: str) -> None:
    page = save(browser, **({"name": value} if field == "preset_name" else {field: value}))
    assert page.status == 422
    assert set(problems(page)) == {field}
    assert "*.example.com" in page.text or field == "preset_names"
    check_harmless(page)
    assert issuing_presets.of_account(rt, OWNER) == []


def test_certificate_is_issued_by_a_preset(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    save(browser)
    form = browser.get(f"/console/cas/{ca}/issue")
    assert "issue?preset=web" in form.text
    form = browser.get(f"/console/cas/{ca}/issue?preset=web")
    assert 'name="template"' not in form.text
    assert 'value="30"' in form.text
    request = csr("www.example.com", dns_names=["www.example.com"])
    preview = browser.submit(form, "/issue", csr=request.decode())
    assert preview.status == 200
    assert f"<dd>{SERVER}</dd>" in preview.text
    assert "preset/web" in preview.text  # the command of the AWS CLI
    issued = browser.submit(preview, preview.url.rsplit("/", 1)[1])
    assert "The certificate is issued." in issued.text
    (record,) = [each for each in rt.store.last_certificates(arn_of(ca), limit=2) if "EndEntity" in each.template_arn]
    assert (record.not_after - clock()).days in {29, 30}


def test_what_a_preset_refuses_is_said_in_the_form(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    save(browser)
    form = browser.get(f"/console/cas/{ca}/issue?preset=web")
    request = csr("www.other.example", dns_names=["www.other.example"])
    page = browser.submit(form, "/issue", csr=request.decode())
    assert page.status == 422
    assert "does not allow the name" in problems(page)["issuing_preset"]
    good = csr("www.example.com", dns_names=["www.example.com"])
    page = browser.submit(form, "/issue", csr=good.decode(), amount="31")
    assert "at most 30 days" in problems(page)["amount"]


def test_presets_of_other_templates_are_not_offered(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    save(browser)
    save(browser, "clients", preset_template="EndEntityClientAuthCertificate")
    policy = presets.policy_of("issuer", [arn_of(ca)], [f"arn:aws:acm-pca:::template/{SERVER}/V1"])
    reading = '{"Statement":{"Effect":"Allow","Action":"acm-pca:DescribeCertificateAuthority","Resource":"*"}}'
    principals.create(rt, OWNER, "ci", policies=(("issue", policy), ("read", reading)))
    visitor = Browser(rt)
    visitor.sign_in(access_keys.create_access_key(rt, OWNER, principal="ci"))
    form = visitor.get(f"/console/cas/{ca}/issue")
    assert "preset=web" in form.text
    assert "preset=clients" not in form.text
    assert visitor.get("/console/presets").status == 403
    page = visitor.submit(form, "/issue", csr=csr().decode(), issuing_preset="clients")
    assert page.status in {403, 422}
    assert rt.store.count_of(arn_of(ca)).reserved == 1
