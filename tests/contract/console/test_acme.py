"""Pages of ACME directories and bindings, by the administrator alone; and what clients do with them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from chalicelib.access import access_keys, presets, principals
from chalicelib.acme import bindings, client_commands, directories
from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeBinding, AcmeDomain, Profile
from chalicelib.console import needs, table
from chalicelib.console.views import acme
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from tests.contract.audit.conftest import ends, records
from tests.support.acm_steps import role_arn
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.console_authority_steps import note
from tests.support.console_browser import Browser
from tests.support.console_steps import HOSTILE, arn_of, check_harmless, link_to, problems, root, signed_in
from tests.support.roles import make_role

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer

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


def created(browser: Browser, **fields: str) -> Answer:
    return browser.submit(browser.get("/console/acme/create"), "acme/create", **fields)


def bound(browser: Browser, **fields: str) -> Answer:
    """Send the form of a new binding of the directory `web`."""
    form = browser.get("/console/acme/directory/binding?name=web")
    return browser.submit(form, "acme/directory/binding?name=web", **fields)


def link(browser: Browser, page: Answer, path: str) -> Answer:
    address = next(each["href"] for tag, each in page.elements if tag == "a" and f"{path}?" in each["href"])
    return browser.get(urljoin(page.url, address))


def button(browser: Browser, page: Answer, path: str, **fields: str) -> Answer:
    form = next(each for each in page.forms if f"/{path}?" in each["action"])
    return browser.post(urljoin(page.url, form["action"]), form["fields"] | fields)


def fact(page: Answer, label: str) -> str:
    """The value of a fact on a page, as text."""
    found = re.search(rf"<dt>{label}</dt><dd>(.*?)</dd>", page.text, re.DOTALL)
    assert found is not None, label
    return unescape(re.sub("<[^>]*>", "", found[1])).strip()


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


def test_mac_key_is_shown_once_and_stored_nowhere(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    page = bound(browser, acme_names="*.example.test")
    key = fact(page, "MAC key")
    (binding,) = bindings.of_directory(rt, directory)
    assert AcmeClient(rt, "web").register(Made(binding, key)).status == 201  # it is the key
    assert page.headers["Cache-Control"] == "no-store"
    for address in ("acme", "acme/directory?name=web", "acme/directory/clients?name=web", "activity"):
        assert key not in browser.get(f"/console/{address}").text
    assert key not in str(records(rt))
    files = [path for path in rt.settings.data_path.rglob("*") if path.is_file()]
    kept = [path.name for path in files if key.encode() in path.read_bytes()]
    assert (len(files) > 3, kept) == (True, [])
    assert any(binding.name.encode() in path.read_bytes() for path in files)  # as the key would be found


def test_new_binding_shows_the_commands_with_its_values(browser: Browser, directory: AcmeDirectory) -> None:
    page = bound(browser, acme_names="*.example.test")
    url, kid, key = fact(page, "Directory"), fact(page, "Key identifier"), fact(page, "MAC key")
    text = unescape(re.sub("<[^>]*>", "", page.text))
    for client in client_commands.CLIENTS:
        shown = client_commands.filled_in(client_commands.template(client, with_root=False), url, kid, key)
        assert shown in text, client.title
    assert "HMAC_KEY" not in text
    assert "SIGNET_TLS_PORT" in browser.get("/console/acme/directory?name=web").text


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


@pytest.mark.parametrize(
    "case",
    [
        ({"acme_names": ""}, "acme_names", "at least one name"),
        ({"acme_names": "a.test, b!"}, "acme_names", "is not a pattern"),
        ({"acme_principal": "nobody"}, "acme_principal", "nobody"),
        ({"acme_orders": "x"}, "acme_orders", "0 (any number) to 1000000"),
        ({"acme_orders": "-1"}, "acme_orders", "0 (any number) to 1000000"),
        ({"acme_accounts": "10001"}, "acme_accounts", "0 (any number) to 10000"),
        ({"acme_accounts": ""}, "acme_accounts", "0 (any number) to 10000"),
        ({"expires_in": "0"}, "expires_in", "from 1 to 3650 days"),
        ({"acme_description": "x" * 257}, "acme_description", "at most 256 characters"),
    ],
)
def test_invalid_binding_comes_back_with_its_problem(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, case: tuple[dict[str, str], str, str]
) -> None:
    fields, field, words = case
    answer = bound(browser, **({"acme_names": "*.example.test"} | fields))
    assert (answer.status, words in problems(answer)[field]) == (422, True), problems(answer)
    assert bindings.of_directory(rt, directory) == []


def test_binding_has_what_the_form_says(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    principals.create(rt, ACCOUNT, "web-team", policies=(("all", presets.policy_of("administrator")),))
    bound(
        browser,
        acme_names="a.example.test\n10.0.0.0/8, *.b.example.test",
        acme_principal="web-team",
        acme_orders="5",
        acme_accounts="0",
        expires_in="30",
        acme_description="x",
        **{"profile.shortlived": "yes", "profile.other": "yes"},
    )
    (binding,) = bindings.of_directory(rt, directory)
    assert set(binding.names) == {"a.example.test", "10.0.0.0/8", "*.b.example.test"}
    assert (binding.principal, binding.orders_a_day, binding.most_accounts) == ("web-team", 5, 0)
    assert (binding.allowed_profiles, binding.preauthorized, binding.description) == (("shortlived",), False, "x")
    assert binding.expires_at == rt.now() + timedelta(days=30)
    page = browser.get("/console/acme/directory?name=web")
    for words in ("web-team", "by shortlived alone", "10.0.0.0/8", "any number of accounts, 5 orders a day", "expires"):
        assert words in page.text


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
    assert "eab" not in commands.text.lower()


def test_names_that_are_shown_are_harmless(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, "*.example.test", description=HOSTILE)
    client = AcmeClient(rt, "web")
    client.register(made)
    for path in ("", "/binding", "/accounts", "/orders", "/clients", "/delete", "/replace"):
        check_harmless(browser.get(f"/console/acme/directory{path}?name=web"))
    check_harmless(created(browser, acme_name=HOSTILE, acme_ca=HOSTILE, acme_profiles=HOSTILE))
    check_harmless(bound(browser, acme_names=HOSTILE, acme_principal=HOSTILE))


def test_bindings_have_pages_that_another_directory_does_not_shorten(
    browser: Browser, rt: Runtime, directory: AcmeDirectory
) -> None:
    other = made_directory(rt, ACCOUNT, directory.ca_arn, "other")
    patterns = [f"{each}.example.test" for each in range(9)]
    names = []
    for _ in range(acme.BINDINGS + 5):
        names.append(made_binding(rt, directory, *patterns).binding.name)
        made_binding(rt, other)
    first = browser.get("/console/acme/directory?name=web")
    rest = browser.get(urljoin(first.url, link_to(first, "next")))
    shown = [re.findall(r'data-copy="([0-9a-f]{32})"', page.text) for page in (first, rest)]
    assert [*shown[0], *shown[1]] == sorted(names)
    assert len(shown[0]) == acme.BINDINGS
    assert "and 4 more" in first.text
    assert "8.example.test" in link(browser, first, "binding/revoke").text


# what ends something


def test_binding_is_revoked_after_a_question(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    made = made_binding(rt, directory, "*.example.test", preauthorized=True)
    client = AcmeClient(rt, "web")
    client.register(made)
    asked = link(browser, browser.get("/console/acme/directory?name=web"), "binding/revoke")
    assert "The account that it has bound can order nothing more." in asked.text
    assert bindings.of_directory(rt, directory)[0].active  # nothing was done by asking
    done = button(browser, asked, "binding/revoke")
    assert note(done) == "The binding is revoked: its accounts can order nothing more."
    assert "Revoked</span>" in done.text
    assert client.order("a.example.test").status == 403


def test_expired_binding_says_so(browser: Browser, rt: Runtime, directory: AcmeDirectory, clock: Clock) -> None:
    made_binding(rt, directory, expires_at=rt.now() + timedelta(minutes=5))
    assert "Usable</span>" in browser.get("/console/acme/directory?name=web").text
    clock.forward(minutes=5)
    assert "Expired</span>" in browser.get("/console/acme/directory?name=web").text


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
    button(browser, link(browser, page, "binding/revoke"), "binding/revoke")
    second = arn_of(root(rt))
    button(browser, link(browser, page, "directory/replace"), "directory/replace", acme_ca=second)
    button(browser, link(browser, page, "directory/delete"), "directory/delete", confirm_directory="web")
    found = [each for each in ends(rt) if "Acme" in each["eventName"]]
    assert [(each["eventName"], each["additionalEventData"]["outcome"]) for each in found] == [
        ("CreateAcmeDirectory", "allowed"),
        ("CreateAcmeDirectory", "failed"),
        ("CreateAcmeBinding", "allowed"),
        ("RevokeAcmeBinding", "allowed"),
        ("ReplaceAcmeAuthority", "allowed"),
        ("DeleteAcmeDirectory", "allowed"),
    ]
    shown = {"name": "web", "acme_names": "*.example.test", "acme_preauthorized": "yes", "acme_orders": "0"}
    assert found[2]["requestParameters"] == shown
    activity = browser.get("/console/activity")
    for words in (
        "Create the ACME directory web",
        "Create an external account binding of the ACME directory web",
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
    assert len(rows) == 18
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


def test_binding_of_a_role_shows_the_role_and_the_domains(
    browser: Browser, rt: Runtime, directory: AcmeDirectory
) -> None:
    """AWS's API makes such bindings (docs/acme-api.md)."""
    make_role(rt, "r")
    now = rt.now()
    domain = AcmeDomain("1", "example.test", now, now, exact=True, subdomains=False, wildcards=False)
    directory = directories.change(rt, ACCOUNT, "web", lambda found: replace(found, domains=(domain,)))
    made = made_binding(rt, directory, principal="assumed-role/r/acme", role_arn=role_arn())
    bindings.change(rt, directory, made.binding.name, lambda found: replace(found, names=()))
    page = browser.get("/console/acme/directory?name=web").text
    for words in ("example.test", "the domains of the directory", role_arn()):
        assert words in page
    bindings.revoke(rt, directory, made.binding.name, keeps_accounts=True)
    assert "revoked" in browser.get("/console/acme/directory?name=web").text.lower()
