"""Pages of ACME directories, by the administrator alone; and what clients do with them."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from chalicelib.access import access_keys, presets, principals
from chalicelib.acme import bindings, directories
from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeBinding, Profile
from chalicelib.console import needs, table
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from tests.contract.audit.conftest import ends
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.console_acme_steps import bound, button, created, fact, link
from tests.support.console_authority_steps import note
from tests.support.console_browser import Browser
from tests.support.console_steps import HOSTILE, arn_of, check_harmless, problems, root, signed_in

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # pages are the same in every home
ACCOUNT = "0" * 12
SERVER = "EndEntityServerAuthCertificate"


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    return signed_in(rt)


@pytest.fixture
def ca_arn(rt: Runtime) -> str:
    return arn_of(root(rt, {"CommonName": "Issuing"}))


@pytest.fixture
def directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    return made_directory(rt, ACCOUNT, ca_arn, "web")


# the whole way


def test_client_gets_a_certificate_by_the_pages(browser: Browser, rt: Runtime, ca_arn: str) -> None:
    page = created(browser, acme_name="web", acme_profiles=f"web={SERVER}:30d\nshort={SERVER}:8h")
    assert note(page).startswith("The ACME directory is created.")
    assert fact(page, "URL") == "http://127.0.0.1:8000/acme/web/directory"
    assert fact(page, "CA") == "Issuing"
    made_page = bound(browser, acme_names="*.example.test", acme_preauthorized="yes", acme_description="web team")
    kid, key = fact(made_page, "Key identifier"), fact(made_page, "MAC key")
    found = directories.find(rt, ACCOUNT, "web")
    assert found.profiles == (Profile("web", SERVER, 30 * 24), Profile("short", SERVER, 8))
    (binding,) = bindings.of_directory(rt, found)
    assert (binding.name, binding.names, binding.preauthorized) == (kid, ("*.example.test",), True)
    client = AcmeClient(rt, "web")
    assert client.register(Made(binding, key), contact=["mailto:ops@example.test"]).status == 201
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"

    shown = browser.get("/console/acme/directory?name=web")
    assert "1 of 1" in shown.text
    assert "Usable</span>" in shown.text
    accounts = browser.get("/console/acme/directory/accounts?name=web")
    assert "mailto:ops@example.test" in accounts.text
    assert "Valid</span>" in accounts.text
    orders = browser.get("/console/acme/directory/orders?name=web")
    assert "a.example.test" in orders.text
    assert "granted by the binding" in orders.text
    order = link(browser, orders, "directory/order")
    assert fact(order, "Profile") == "web"
    certificate = browser.get(
        urljoin(
            orders.url, next(each["href"] for _, each in orders.elements if "/certificates/" in each.get("href", ""))
        )
    )
    account_id = client.kid.rpartition("/")[2]
    assert fact(certificate, "Requested by") == f"ACME account {account_id} of the directory web"
    assert link(browser, certificate, "acme/directory").url.endswith("acme/directory?name=web")
    listed = browser.get(f"/console/certificates?requested_by=acme%3Aweb%2F{account_id}")
    assert "a.example.test" in listed.text


def test_home_with_a_tls_listener_shows_its_url_and_where_its_root_is(rt: Runtime, directory: AcmeDirectory) -> None:
    browser = signed_in(replace(rt, settings=replace(rt.settings, tls_port="8443")))
    page = browser.get("/console/acme/directory?name=web")
    assert fact(page, "URL") == "https://127.0.0.1:8443/acme/web/directory"
    assert "SIGNET_TLS_PORT" not in page.text
    commands = unescape(browser.get("/console/acme/directory/clients?name=web").text)
    for words in ("signet trust root > signet-root.pem", "REQUESTS_CA_BUNDLE=$PWD/signet-root.pem", '--eab-kid "$KID"'):
        assert words in commands


def test_visitor_who_came_by_https_sees_that_url(rt: Runtime, directory: AcmeDirectory) -> None:
    browser = signed_in(rt)
    browser.headers = {"X-Forwarded-Proto": "https", "Host": "pki.example.com"}
    browser.origin = "https://pki.example.com"
    browser.sign_in()
    page = browser.get("/console/acme/directory?name=web")
    assert fact(page, "URL") == "https://pki.example.com/acme/web/directory"


# what is entered


@pytest.mark.parametrize(
    "case",
    [
        ({"acme_name": "Web"}, "acme_name", "lower-case letters"),
        ({"acme_name": ""}, "acme_name", "lower-case letters"),
        ({"acme_name": "taken"}, "acme_name", "There is an ACME directory taken already."),
        ({"acme_ca": "x"}, "acme_ca", "ARN"),
        ({"acme_ca": arn_of("0" * 8 + "-0000-0000-0000-" + "0" * 12)}, "acme_ca", "has no certificate authority"),
        ({"acme_profiles": "web=Nothing:9d"}, "acme_profiles", "There is no template or issuing preset Nothing."),
        ({"acme_profiles": "web=:9d"}, "acme_profiles", "is not a profile"),
        ({"acme_profiles": f"a={SERVER}\na={SERVER}"}, "acme_profiles", "Two profiles have the same name."),
        ({"acme_profiles": "ca=SubordinateCACertificate_PathLen0"}, "acme_profiles", "no CA certificates"),
        ({"acme_names": "a.test, b!"}, "acme_names", "is not a pattern"),
        ({"acme_principal": "nobody"}, "acme_principal", "nobody"),
        ({"acme_terms": "javascript:alert(1)"}, "acme_terms", "http or https URL"),
    ],
)
def test_invalid_directory_comes_back_with_its_problem(
    browser: Browser, rt: Runtime, ca_arn: str, case: tuple[dict[str, str], str, str]
) -> None:
    fields, field, words = case
    made_directory(rt, ACCOUNT, ca_arn, "taken")
    sent = {"acme_name": "web", "acme_ca": ca_arn} | fields
    answer = created(browser, **sent)
    assert (answer.status, words in problems(answer)[field]) == (422, True), problems(answer)
    assert answer.form("acme/create")["fields"][field] == sent[field]
    assert [each.name for each in directories.of_account(rt, ACCOUNT)] == ["taken"]


def test_profile_without_a_validity_has_that_of_its_preset(browser: Browser, rt: Runtime, ca_arn: str) -> None:
    preset = IssuingPreset(
        account_id=ACCOUNT, name="hosts", template=SERVER, names=(), days=7, description="", created_at=rt.now()
    )
    issuing_presets.save(rt, preset)
    created(browser, acme_name="web", acme_profiles=f"hosts\n{SERVER}")
    found = directories.find(rt, ACCOUNT, "web")
    assert found.profiles == (Profile("hosts", "hosts", 7 * 24), Profile(SERVER, SERVER, 90 * 24))
    assert "7 days" in browser.get("/console/acme/directory?name=web").text


def test_directory_without_bindings_required_is_open_to_its_names(browser: Browser, rt: Runtime, ca_arn: str) -> None:
    page = created(
        browser, acme_name="open", acme_open="yes", acme_names="*.example.test", acme_terms="https://x.test/"
    )
    assert note(page) == "The ACME directory is created."
    assert fact(page, "External account binding") == "not required"
    assert fact(page, "Names without a binding") == "*.example.test"
    assert AcmeClient(rt, "open").register().status == 201
    commands = browser.get("/console/acme/directory/clients?name=open")
    assert "eab" not in re.sub("<[^>]*>", "", commands.text).lower()  # a token in an attribute may have these letters


def test_names_that_are_shown_are_harmless(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, "*.example.test", description=HOSTILE)
    client = AcmeClient(rt, "web")
    client.register(made)
    for path in ("", "/binding", "/accounts", "/orders", "/clients", "/delete", "/replace", "/update"):
        check_harmless(browser.get(f"/console/acme/directory{path}?name=web"))
    check_harmless(created(browser, acme_name=HOSTILE, acme_ca=HOSTILE, acme_profiles=HOSTILE))
    check_harmless(bound(browser, acme_names=HOSTILE, acme_principal=HOSTILE))


# what ends something


def test_ca_is_replaced_and_the_former_one_is_compromised_if_that_is_ticked(
    browser: Browser, rt: Runtime, directory: AcmeDirectory
) -> None:
    second, third = (arn_of(root(rt, {"CommonName": name})) for name in ("Second", "Third"))
    form = link(browser, browser.get("/console/acme/directory?name=web"), "directory/replace")
    for words in ("asked to renew at once", "revoked as soon as its client has replaced it"):
        assert words in form.text
    for wrong in (directory.ca_arn, "x", ""):
        refused = button(browser, form, "directory/replace", acme_ca=wrong)
        assert (refused.status, set(problems(refused))) == (422, {"acme_ca"}), wrong
    page = button(browser, form, "directory/replace", acme_ca=second)
    assert note(page) == "The directory issues from this CA from now on."
    assert (fact(page, "CA"), "Compromised CAs" in page.text) == ("Second", False)
    form = browser.get("/console/acme/directory/replace?name=web")
    page = button(browser, form, "directory/replace", acme_ca=third, acme_compromised="yes")
    assert (fact(page, "CA"), fact(page, "Compromised CAs").partition(".")[0]) == ("Third", "Second")
    assert directories.find(rt, ACCOUNT, "web").compromised == (second,)


def test_directory_is_deleted_once_its_name_is_entered_by_whoever_signed_in_lately(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, clock: Clock
) -> None:
    made_binding(rt, directory)
    asked = link(browser, browser.get("/console/acme/directory?name=web"), "directory/delete")
    assert "Its external account bindings are deleted with it." in asked.text
    wrong = button(browser, asked, "directory/delete", confirm_directory="other")
    assert problems(wrong) == {"confirm_directory": "Enter web to delete it."}
    clock.forward(minutes=11)
    assert "Sign in again" in button(browser, asked, "directory/delete", confirm_directory="web").text
    assert directories.named(rt, "web") is not None
    browser.sign_in()
    asked = browser.get("/console/acme/directory/delete?name=web")
    done = button(browser, asked, "directory/delete", confirm_directory="web")
    assert note(done) == "The ACME directory and its bindings are deleted."
    assert directories.named(rt, "web") is None
    assert rt.store.list_entities(AcmeBinding, ACCOUNT) == []
    assert browser.get("/console/acme/directory?name=web").status == 404


# who may, and what is on record


def test_every_change_is_on_record_in_words(browser: Browser, rt: Runtime, ca_arn: str) -> None:
    created(browser, acme_name="web")
    created(browser, acme_name="web")  # refused
    bound(browser, acme_names="*.example.test", acme_preauthorized="yes")
    page = browser.get("/console/acme/directory?name=web")
    button(browser, link(browser, page, "directory/update"), "directory/update", acme_disabled="yes")
    button(browser, link(browser, page, "binding/revoke"), "binding/revoke")
    second = arn_of(root(rt))
    button(browser, link(browser, page, "directory/replace"), "directory/replace", acme_ca=second)
    button(browser, link(browser, page, "directory/delete"), "directory/delete", confirm_directory="web")
    found = [each for each in ends(rt) if "Acme" in each["eventName"]]
    assert [(each["eventName"], each["additionalEventData"]["outcome"]) for each in found] == [
        ("CreateAcmeDirectory", "allowed"),
        ("CreateAcmeDirectory", "failed"),
        ("CreateAcmeBinding", "allowed"),
        ("UpdateAcmeDirectory", "allowed"),
        ("RevokeAcmeBinding", "allowed"),
        ("ReplaceAcmeAuthority", "allowed"),
        ("DeleteAcmeDirectory", "allowed"),
    ]
    shown = {"name": "web", "acme_names": "*.example.test", "acme_preauthorized": "yes", "acme_orders": "0"}
    assert found[2]["requestParameters"] == shown
    assert found[3]["requestParameters"]["acme_disabled"] == "yes"
    activity = browser.get("/console/activity")
    for words in (
        "Create the ACME directory web",
        "Create an external account binding of the ACME directory web",
        "Change the ACME directory web",
        "Replace the CA of the ACME directory web",
        "Delete the ACME directory web",
    ):
        assert words in activity.text


@pytest.mark.parametrize("policy", [presets.policy_of("administrator"),
                                    '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'])  # fmt: skip
def test_nobody_but_the_administrator_opens_a_page_of_acme(rt: Runtime, directory: AcmeDirectory, policy: str) -> None:
    principals.create(rt, ACCOUNT, "king", policies=(("all", policy),))
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, ACCOUNT, principal="king"))
    you = browser.get("/console/you")
    assert "console/acme" not in you.text
    token = you.form("sign-out")["fields"]
    rows = [page for page in table.PAGES if needs.of_page(page.method, page.path) == (needs.MANAGE_ACME,)]
    assert len(rows) == 20
    for page in rows:
        address = f"/console/{page.path}?name=web&account=0&order=0&kid=0"
        more = {"acme_name": "x", "acme_ca": directory.ca_arn, "acme_names": "a.test", "confirm_directory": "web"}
        answer = browser.post(address, token | more) if page.method == "POST" else browser.get(address)
        assert (answer.status, "administrator alone" in answer.text) == (403, True), page
    assert [each.name for each in directories.of_account(rt, ACCOUNT)] == ["web"]
    assert bindings.of_directory(rt, directory) == []


def test_directory_of_another_account_is_not_found(rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory)
    elsewhere = Browser(rt)
    elsewhere.sign_in(access_keys.create_access_key(rt, "1" * 12))
    assert "web" not in re.sub("<[^>]*>", "", elsewhere.get("/console/acme").text.partition("<main")[2])
    token = elsewhere.get("/console/acme").form("sign-out")["fields"]
    for page in table.PAGES:
        if page.path.startswith("acme/directory"):
            address = f"/console/{page.path}?name=web&kid={made.binding.name}&account=0&order=0"
            answer = elsewhere.post(address, token) if page.method == "POST" else elsewhere.get(address)
            assert answer.status == 404, page
    assert directories.find(rt, ACCOUNT, "web").active


@pytest.mark.parametrize(
    "query", ["", "?name=", "?name=other", "?name=web&kid=0&account=%23&order=%00", "?name=web&account=a&order=b"]
)
def test_address_of_nothing_is_not_found(browser: Browser, directory: AcmeDirectory, query: str) -> None:
    for path in ("binding/revoke", "account/revoke", "order"):
        assert browser.get(f"/console/acme/directory/{path}{query}").status == 404, path
