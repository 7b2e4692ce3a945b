"""Pages of ACME accounts and orders: who has what, and what each attempt to validate a name saw."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.acme import issuing, jws, mass_revocation
from chalicelib.acme.problems import AcmeProblem
from chalicelib.acme_records import REQUESTED_BY, AcmeAccount, AcmeAuthorization, AcmeChallenge, AcmeOrder, Identifier
from chalicelib.console.views import acme_orders
from chalicelib.store import StoreError
from chalicelib.store.codecs import micros
from tests.contract.audit.conftest import ends
from tests.support.acme_calls import AcmeClient, jwk, made_binding, made_directory
from tests.support.challenge_responder import ChallengeResponder
from tests.support.console_authority_steps import note
from tests.support.console_steps import HOSTILE, arn_of, check_harmless, link_to, root, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.acme_calls import Got
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home
ACCOUNT = "0" * 12


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    return signed_in(rt)


@pytest.fixture
def directory(rt: Runtime) -> AcmeDirectory:
    return made_directory(rt, ACCOUNT, arn_of(root(rt)), "web")


@pytest.fixture
def responder() -> Iterator[ChallengeResponder]:
    with ChallengeResponder() as responder:
        yield responder


@pytest.fixture
def client(rt: Runtime, directory: AcmeDirectory, responder: ChallengeResponder) -> AcmeClient:
    """A client whose names need a challenge, to which the responder answers."""
    settings = replace(rt.settings, acme_http_port=str(responder.http_port), acme_resolver=responder.resolver)
    client = AcmeClient(replace(rt, settings=settings), "web")
    got = client.register(made_binding(rt, directory, "*.example.test"))
    assert got.status == 201, got.body
    return client


def page_of(browser: Browser, path: str, **more: str) -> Answer:
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return browser.get(f"/console/acme/directory/{path}?name=web{query}")


def followed(browser: Browser, page: Answer, part: str) -> Answer:
    """The page that the first link with this part in its address leads to."""
    address = next(each["href"] for tag, each in page.elements if tag == "a" and part in each.get("href", ""))
    return browser.get(urljoin(page.url, address))


def rows(page: Answer) -> list[dict[str, str]]:
    """The rows of a table as text, by their columns."""
    found = re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL)
    cells = [re.findall(r'data-label="(\w+)"[^>]*>(.*?)</td>', row, re.DOTALL) for row in found]
    return [
        {name: " ".join(unescape(re.sub("<[^>]*>", " ", text)).split()) for name, text in row} for row in cells if row
    ]


def challenge(client: AcmeClient, order: Got) -> dict[str, Any]:
    """The http-01 challenge of an order's first name."""
    found = client.post(order.body["authorizations"][0]).body
    return next(each for each in found["challenges"] if each["type"] == "http-01")


def steps_of(rt: Runtime, client: AcmeClient) -> list[str]:
    """What is on record of the attempts for the client's last order."""
    acme_id = client.kid.rpartition("/")[2]
    *_, order = rt.store.list_acme_orders(acme_id, limit=100)
    found = rt.store.get_acme_authorizations(acme_id, order.authorizations)
    return [step for each in found if each for challenge in each.challenges for step in challenge.steps]


def test_failed_attempt_is_shown_in_words_with_its_steps(browser: Browser, rt: Runtime, client: AcmeClient) -> None:
    order = client.order("a.example.test")
    (row,) = rows(page_of(browser, "orders"))
    assert (row["Status"], row["Names"]) == ("◐ Pending", "a.example.test ◐ Pending")
    failed = client.post(challenge(client, order)["url"], {}).body
    assert (failed["status"], "404" in failed["error"]["detail"]) == ("invalid", True)
    steps = steps_of(rt, client)
    assert any("127.0.0.1" in step for step in steps)
    (row,) = rows(page_of(browser, "orders"))
    assert row["Names"] == " ".join(("a.example.test ✕ Invalid", failed["error"]["detail"], *steps))
    client.post(order.headers["Location"])  # the server finds that the order can never be ready
    listed = page_of(browser, "orders")
    (row,) = rows(listed)
    assert row["Status"] == "✕ Invalid"
    assert row["Names"].endswith("An authorization of the order is not valid.")
    shown = followed(browser, listed, "/order?").text
    assert all(words in shown for words in (*steps, failed["error"]["detail"], "is not valid."))


def test_valid_attempt_leads_to_the_certificate(
    browser: Browser, rt: Runtime, client: AcmeClient, responder: ChallengeResponder
) -> None:
    order = client.order("a.example.test")
    wanted = challenge(client, order)
    responder.set_http(wanted["token"], f"{wanted['token']}.{jws.thumbprint(jwk(client.key))}")
    assert client.post(wanted["url"], {}).body["status"] == "valid"
    assert client.finalize(order).body["status"] == "valid"
    page = page_of(browser, "orders")
    (row,) = rows(page)
    assert row["Names"] == " ".join(("a.example.test ● Valid http-01 succeeded.", *steps_of(rt, client)))
    assert (row["Status"], row["Account"]) == ("● Valid", client.kid.rpartition("/")[2])
    assert "a.example.test" in followed(browser, page, "/certificates/").text


def test_order_that_nobody_finished_has_expired(
    browser: Browser, rt: Runtime, client: AcmeClient, clock: Clock
) -> None:
    client.order("a.example.test")
    clock.forward(days=30)
    browser.sign_in()
    (row,) = rows(page_of(browser, "orders"))
    assert (row["Status"], row["Names"]) == ("✕ Expired", "a.example.test ✕ Expired")


def test_order_with_many_names_shows_the_first_and_its_page_all(browser: Browser, client: AcmeClient) -> None:
    names = [f"host-{number:02}.example.test" for number in range(12)]
    client.order(*names)
    page = page_of(browser, "orders")
    (row,) = rows(page)
    assert [each in row["Names"] for each in names] == [True] * 3 + [False] * 9
    assert "and 9 more names" in row["Names"]
    order = followed(browser, page, "/order?")
    assert all(each in order.text for each in names)


def test_what_is_on_record_of_an_attempt_is_harmless(browser: Browser, rt: Runtime, client: AcmeClient) -> None:
    client.order("a.example.test")
    acme_id = client.kid.rpartition("/")[2]
    (order,) = rt.store.list_acme_orders(acme_id, limit=2)
    (old,) = rt.store.get_acme_authorizations(acme_id, order.authorizations)
    assert old is not None
    error = AcmeProblem("dns", HOSTILE).document()
    failed = tuple(each._replace(status="invalid", error=error, steps=(HOSTILE, "x" * 500)) for each in old.challenges)
    rt.store.update_acme_authorization(old, replace(old, status="invalid", challenges=failed))
    for page in (page_of(browser, "orders"), followed(browser, page_of(browser, "orders"), "/order?")):
        assert "Invalid</span>" in page.text
        check_harmless(page)


def test_account_is_revoked_after_a_question(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    acme_id = client.kid.rpartition("/")[2]
    page = page_of(browser, "accounts")
    (row,) = rows(page)
    (account,) = rt.store.list_acme_accounts(directory.directory_id, limit=2)
    assert (row["Account"], row["Status"]) == (f"{acme_id} binding {account.binding}", "● Valid")
    asked = followed(browser, page, "account/revoke?")
    assert "Certificates that were issued for it stay valid, unless you tick the box below." in asked.text
    assert client.order("a.example.test").status == 201  # nothing was done by asking
    form = next(each for each in asked.forms if "account/revoke" in each["action"])
    done = browser.post(urljoin(asked.url, form["action"]), form["fields"])
    assert note(done) == "The account is revoked. Its certificates stay valid."
    assert rows(done)[0]["Status"] == "✕ Revoked"
    assert "account/revoke" not in done.text
    refused = client.order("b.example.test")
    assert (refused.status, refused.kind) == (401, "unauthorized")
    (account,) = rt.store.list_acme_accounts(directory.directory_id, limit=2)
    assert account.status == "revoked"


def account_revoked(browser: Browser, client: AcmeClient, **fields: str) -> tuple[Answer, Answer]:
    """The question whether to revoke a client's account, and the answer to its form."""
    asked = page_of(browser, "account/revoke", account=client.kid.rpartition("/")[2])
    form = next(each for each in asked.forms if "account/revoke" in each["action"])
    return asked, browser.post(urljoin(asked.url, form["action"]), form["fields"] | fields)


def states(rt: Runtime, directory: AcmeDirectory) -> list[str]:
    """Of the certificates that ACME clients have: the account's id, and whether they are revoked; sorted."""
    return sorted(
        f"{str(each.requested_by).partition('/')[2]} {'revoked' if each.revoked_at else 'valid'}"
        for each in rt.store.list_certificates(directory.ca_arn)
        if str(each.requested_by).startswith(REQUESTED_BY)
    )


def preauthorized(rt: Runtime, directory: AcmeDirectory, *names: str) -> AcmeClient:
    """A client that has a certificate for each of these names."""
    client = AcmeClient(rt, "web")
    client.register(made_binding(rt, directory, preauthorized=True))
    for name in names:
        assert client.finalize(client.order(name)).body["status"] == "valid"
    return client


def test_account_is_revoked_with_its_certificates_if_that_is_ticked(
    browser: Browser, rt: Runtime, directory: AcmeDirectory
) -> None:
    other = preauthorized(rt, directory, "z.example.test")
    client = preauthorized(rt, directory, "a.example.test", "b.example.test")
    client.order("c.example.test")  # has no certificate
    ids = [each.kid.rpartition("/")[2] for each in (other, client)]
    _, done = account_revoked(browser, client, acme_certificates="yes")
    assert note(done) == "The account and its certificates are revoked."
    assert states(rt, directory) == sorted([f"{ids[0]} valid", *[f"{ids[1]} revoked"] * 2])
    (record,) = [each for each in ends(rt) if each["eventName"] == "RevokeAcmeAccount"]
    assert record["requestParameters"]["acme_certificates"] == "yes"
    _, again = account_revoked(browser, client, acme_certificates="yes")
    assert note(again) == "The account and its certificates are revoked."


def test_certificates_that_could_not_be_revoked_are_told(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = preauthorized(rt, directory, "a.example.test")

    def refuse(*_: object) -> None:
        raise StoreError("It is full.")

    monkeypatch.setattr(issuing, "revoke", refuse)
    _, done = account_revoked(browser, client, acme_certificates="yes")
    assert note(done).startswith("The account is revoked, but not all of its certificates")
    assert [each.split()[1] for each in states(rt, directory)] == ["valid"]


def test_account_with_many_orders_is_revoked_with_its_certificates_by_a_command(
    browser: Browser, rt: Runtime, directory: AcmeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mass_revocation, "MOST_ORDERS", 1)
    client = preauthorized(rt, directory, "a.example.test", "b.example.test")
    acme_id = client.kid.rpartition("/")[2]
    asked, refused = account_revoked(browser, client, acme_certificates="yes")
    assert f"signet acme account revoke {acme_id} --directory web --certificates" in unescape(asked.text)
    assert "acme_certificates" not in asked.text
    assert (refused.status, "revoke it by the command" in refused.text) == (400, True)
    (account,) = rt.store.list_acme_accounts(directory.directory_id, limit=2)
    assert account.status == "valid"
    _, done = account_revoked(browser, client)
    assert note(done) == "The account is revoked. Its certificates stay valid."


def filled(rt: Runtime, directory: AcmeDirectory, number: int) -> None:
    """Many accounts, and as many orders of one of them."""
    now = rt.now()
    for each in range(number):
        account = AcmeAccount(
            directory="web",
            directory_id=directory.directory_id,
            acme_id=f"{each:032x}",
            jwk={},
            thumbprint=f"t{each}",
            status="valid",
            created_at=now,
        )
        rt.store.put_acme_account(account)
        at = now + timedelta(seconds=each)
        authorization = AcmeAuthorization(
            directory_id=directory.directory_id,
            acme_id=account.acme_id,
            authorization_id=f"{each:032x}",
            identifier=Identifier("dns", f"host-{each}.example.test"),
            wildcard=False,
            status="pending",
            challenges=(AcmeChallenge("http-01", "token"),),
            created_at=at,
            expires_at=at + timedelta(days=7),
        )
        order = AcmeOrder(
            directory="web",
            directory_id=directory.directory_id,
            acme_id=account.acme_id,
            order_id=f"{micros(at):014x}{each:016x}",
            status="pending",
            identifiers=(authorization.identifier,),
            authorizations=(authorization.authorization_id,),
            profile="tlsserver",
            created_at=at,
            expires_at=at + timedelta(days=7),
        )
        rt.store.put_acme_order(order, [authorization])


def test_lists_have_pages_and_the_newest_order_first(browser: Browser, rt: Runtime, directory: AcmeDirectory) -> None:
    filled(rt, directory, acme_orders.ACCOUNTS + 10)
    first = page_of(browser, "accounts")
    rest = browser.get(urljoin(first.url, link_to(first, "next")))
    seen = [row["Account"].partition(" ")[0] for row in rows(first) + rows(rest)]
    assert seen == [f"{each:032x}" for each in range(acme_orders.ACCOUNTS + 10)]
    first = page_of(browser, "orders")
    rest = browser.get(urljoin(first.url, link_to(first, "next")))
    names = [row["Names"].split()[0] for row in rows(first) + rows(rest)]
    assert names == [f"host-{each}.example.test" for each in reversed(range(acme_orders.ACCOUNTS + 10))]
