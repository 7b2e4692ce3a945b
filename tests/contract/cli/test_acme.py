"""`signet acme`: directories, bindings, accounts and orders, as docs/acme.md has them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from chalicelib.acme import directories
from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeBinding
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from tests.contract.audit.conftest import ends
from tests.support import console_steps, documents
from tests.support.acme_calls import AcmeClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from chalicelib.runtime import Runtime

    Run = Callable[..., Result]

pytestmark = pytest.mark.laptop
SERVER = "EndEntityServerAuthCertificate"


@pytest.fixture
def home(run: Run, tmp_path: Path) -> Runtime:
    rt = from_settings(Settings(data=str(tmp_path / "data")))
    root = console_steps.root(rt, {"CommonName": "Example root CA"})
    for name in ("Example issuing CA", "Example issuing CA 2"):
        console_steps.subordinate(rt, root, {"CommonName": name})
    return rt


def client_of(rt: Runtime, run: Run, *words: str) -> AcmeClient:
    """A client with an account, bound by the command."""
    found = run("acme", "eab", "create", "--directory", "web", "--names", "*.example.test", "--json", *words)
    shown = json.loads(found.output)
    binding = rt.store.get_entity(AcmeBinding, rt.settings.account_id, shown["kid"])
    assert binding is not None
    client = AcmeClient(rt, "web")
    assert client.register(Made(binding, shown["hmac_key"])).status == 201
    return client


def test_commands_of_the_documents_make_a_directory_and_a_binding(run: Run, home: Runtime) -> None:
    for document in ("docs/acme.md", "README.md"):
        blocks = [each for each in documents.blocks(document) if "cli/test_acme.py" in each.why]
        assert blocks
        for block in blocks:
            commands = [line.removeprefix("$ signet ") for line in block.text.splitlines() if line.startswith("$ ")]
            outputs = [run(*shlex.split(command)) for command in commands]
            assert [each.exit_code for each in outputs] == [0] * len(commands), [each.output for each in outputs]
            assert outputs[0].output == "http://127.0.0.1:8000/acme/web/directory\n"
            assert [line.split()[0] for line in outputs[1].output.splitlines()] == ["directory", "kid", "hmac_key"]
        assert run("acme", "directory", "delete", "web").output == "deleted web\n"


def test_orders_of_an_account_are_listed_and_revoked_with_it(run: Run, home: Runtime) -> None:
    run("acme", "directory", "create", "web", "--ca", "Example issuing CA")
    client = client_of(home, run, "--preauthorized")
    for name in ("a.example.test", "b.example.test"):
        assert client.finalize(client.order(name)).body["status"] == "valid"
    acme_id = client.kid.rpartition("/")[2]
    assert acme_id in run("acme", "account", "list", "--directory", "web").output
    listed = run("acme", "order", "list", "--directory", "web").output
    assert listed.count("  valid  ") == 2
    ended = run("acme", "account", "revoke", acme_id, "--directory", "web", "--certificates")
    assert ended.output == f"revoked {acme_id}\nrevoked 2, failed 0\n"
    assert client.order("c.example.test").status == 401
    again = run("acme", "account", "revoke", acme_id, "--directory", "web", "--certificates")
    assert again.output == f"revoked {acme_id}\nrevoked 0, failed 0\n"


def test_failed_validation_is_listed_in_words(run: Run, home: Runtime) -> None:
    run("acme", "directory", "create", "web", "--ca", "Example issuing CA")
    client = client_of(home, run)
    order = client.order("a.example.test")
    found = client.post(order.body["authorizations"][0])
    challenge = next(each for each in found.body["challenges"] if each["type"] == "dns-01")
    assert client.post(challenge["url"], {}).body["status"] == "invalid"
    client.post(order.headers["Location"])
    listed = run("acme", "order", "list", "--directory", "web").output
    assert "  invalid  a.example.test" in listed
    assert "dns-01" in listed or "_acme-challenge.a.example.test" in listed


def test_compromised_ca_is_replaced_and_what_remains_is_revoked(run: Run, home: Runtime) -> None:
    run("acme", "directory", "create", "web", "--ca", "Example issuing CA")
    client = client_of(home, run, "--preauthorized")
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"
    replaced = run("acme", "directory", "replace-ca", "web", "--ca", "Example issuing CA 2", "--compromised")
    assert replaced.output.startswith("web issues from arn:aws:acm-pca:")
    again = run("acme", "directory", "replace-ca", "web", "--ca", "Example issuing CA 2", "--compromised")
    assert again.exit_code != 0
    assert "The directory issues from this CA already: name another one." in f"{again.output}{again.exception}"
    assert run("acme", "directory", "revoke-former", "web").output == "revoked 1, failed 0\n"


def test_directory_is_shown_and_changed_by_what_is_given(run: Run, home: Runtime) -> None:
    run("acme", "directory", "create", "web", "--ca", "Example issuing CA")
    first, second = (
        next(line for line in run(*words).output.splitlines() if line.startswith("CA: "))
        for words in (
            ("acme", "directory", "show", "web"),
            ("acme", "directory", "update", "web", "--terms", "https://example.test/terms"),
        )
    )
    assert first == second
    ca_arn = first.removeprefix("CA: ")
    found = directories.find(home, home.settings.account_id, "web")
    assert (found.profiles, found.terms) == (directories.DEFAULT_PROFILES, "https://example.test/terms")
    profiles = ("--profile", f"tlsserver={SERVER}:90d", "--profile", f"day={SERVER}:30h")
    eab = ("--without-eab", "--names", "*.example.test", "--names", "10.0.0.0/8")
    run("acme", "directory", "replace-ca", "web", "--ca", "Example issuing CA 2", "--compromised")
    printed = run("acme", "directory", "update", "web", *profiles, *eab, "--disable").output
    assert printed == run("acme", "directory", "show", "web").output
    url, state, ca, *rest = printed.splitlines()
    assert (url, state) == ("URL: http://127.0.0.1:8000/acme/web/directory", "State: disabled: it answers no request")
    assert ca.startswith("CA: arn:aws:acm-pca:")
    assert ca_arn not in ca
    assert rest == [
        f"Former CA: {ca_arn}, compromised",
        f"Profile: tlsserver: {SERVER}, 90 days",
        f"Profile: day: {SERVER}, 30 hours",
        "External account binding: not required",
        "Names without a binding: *.example.test, 10.0.0.0/8",
        "Principal without a binding: administrator",
        "Terms of service: https://example.test/terms",
    ]
    found = directories.find(home, home.settings.account_id, "web")
    assert found.profiles[0].description == "TLS servers, 90 days"
    empty = ("--profile", "", "--names", "", "--terms", "", "--principal", "")
    printed = run("acme", "directory", "update", "web", "--require-eab", "--enable", *empty).output
    assert "State: enabled\n" in printed
    assert printed.endswith("External account binding: required\nTerms of service: none\n")
    found = directories.find(home, home.settings.account_id, "web")
    assert (found.names, [each.name for each in found.profiles]) == ((), ["tlsserver", "shortlived"])
    recorded = [each["requestParameters"] for each in ends(home) if each["eventName"] == "UpdateAcmeDirectory"]
    assert [each.get("state") for each in recorded] == [None, "disabled", "enabled"]
    assert [each.get("eab") for each in recorded] == [None, "not required", "required"]
    assert recorded[2]["terms"] == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("directory", "create", "Web!", "--ca", "Example issuing CA"), "A name is 1 to 63 lower-case letters"),
        (("directory", "create", "web", "--ca", "Nobody"), "No CA of this home is called 'Nobody'."),
        (("directory", "create", "web", "--ca", "Example issuing CA", "--profile", "x=Nothing:9d"), "no template"),
        (("eab", "create", "--directory", "nothing", "--names", "a.test"), "There is no ACME directory nothing."),
        (("directory", "update", "nothing", "--disable"), "There is no ACME directory nothing."),
        (("directory", "show", "nothing"), "There is no ACME directory nothing."),
        (("account", "list", "--directory", "nothing"), "There is no ACME directory nothing."),
    ],
)
def test_what_cannot_be_done_gets_one_sentence(run: Run, home: Runtime, words: tuple[str, ...], sentence: str) -> None:
    refused = run("acme", *words)
    assert refused.exit_code != 0
    assert sentence in f"{refused.output}{refused.exception}"
