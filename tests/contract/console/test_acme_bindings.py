"""Pages of external account bindings: made, shown once, and revoked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from chalicelib.access import presets, principals
from chalicelib.acme import bindings, client_commands, directories
from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeDomain
from chalicelib.console.views import acme
from tests.contract.audit.conftest import records
from tests.support.acm_steps import role_arn
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.console_acme_steps import bound, button, fact, link
from tests.support.console_authority_steps import note
from tests.support.console_steps import arn_of, link_to, problems, root, signed_in
from tests.support.roles import make_role

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home
ACCOUNT = "0" * 12


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    return signed_in(rt)


@pytest.fixture
def ca_arn(rt: Runtime) -> str:
    return arn_of(root(rt, {"CommonName": "Issuing"}))


@pytest.fixture
def directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    return made_directory(rt, ACCOUNT, ca_arn, "web")


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
