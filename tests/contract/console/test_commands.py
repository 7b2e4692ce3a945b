"""The commands that pages show, in a real shell: each word arrives as it was meant, and nothing else runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from chalicelib.api import dispatch
from chalicelib.console import table
from chalicelib.crl import publication
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.console_pages import SAMPLES
from tests.support.console_steps import CALLER, arn_of, create, issue, root, signed_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # pages are the same in every home

HOSTILE = "'\"; touch PWNED; $(touch PWNED) `touch PWNED` & touch PWNED | touch PWNED > PWNED #\\"
PATH = "lists/$(touch$IFS'PWNED');touch$IFS'PWNED'"  # CustomPath may hold this
FAKES = ("aws", "curl", "openssl")
FILES = {"ca.csr"}  # that shown commands write
VARIABLES = {"CA_ARN": "arn", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}  # that they use
FAKE = """#!/bin/sh
{ printf '%s\\0' "$(basename "$0")" "$@"; printf '\\036'; } > "$CALLS.$$"
cat "$CALLS.$$" >> "$CALLS"  # in one write: those of a pipe run at the same time
"""


class Shell:
    """A bash in a directory of its own, whose aws, curl and openssl write down what they are given."""

    def __init__(self, place: Path) -> None:
        self.work, self.calls = place / "work", place / "calls"
        fakes = place / "bin"
        for each in (self.work, fakes):
            each.mkdir()
        for name in FAKES:
            (fakes / name).write_text(FAKE)
            (fakes / name).chmod(0o755)
        self.environment = {"PATH": f"{fakes}:{os.defpath}", "CALLS": str(self.calls)} | VARIABLES

    def run(self, command: str) -> list[list[str]]:
        """The programs that a command calls, with their arguments."""
        self.calls.write_bytes(b"")
        ran = subprocess.run(
            ["bash", "-euc", command], cwd=self.work, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), command
        assert {each.name for each in self.work.iterdir()} <= FILES, command
        calls = self.calls.read_text().split("\x1e")
        return [call.split("\0")[:-1] for call in calls if call]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    place = tmp_path / "shell"
    place.mkdir()
    return Shell(place)


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def shown(page: Answer) -> list[str]:
    """The commands of a page."""
    given = [each["data-copy"] for _, each in page.elements if each.get("aria-label", "").startswith("Copy AWS CLI")]
    return list(dict.fromkeys(given))


def furnish(rt: Any) -> dict[str, str]:
    """CAs, a certificate, a report and drafts with names that try to act; returns the segments of their pages."""
    crl = CRL_CONFIGURATION["CrlConfiguration"] | {"CustomPath": PATH}
    tags = [{"Key": "Name", "Value": "a=/+-@:"}]
    ca = root(rt, {"CommonName": HOSTILE[:64]}, RevocationConfiguration={"CrlConfiguration": crl}, Tags=tags)
    serial = issue(rt, ca)
    publication.publish_due_crls(rt, seconds=60)
    asked = {
        "CertificateAuthorityArn": arn_of(ca),
        "S3BucketName": "reports",
        "AuditReportResponseFormat": "JSON",
    }
    report = dispatch.call(rt, CALLER, "CreateCertificateAuthorityAuditReport", asked)
    return {"ca_id": ca, "serial": serial, "report_id": report["AuditReportId"]}


def addresses(named: dict[str, str]) -> list[str]:
    """Every page that is read, of a furnished CA."""
    known = SAMPLES | named
    paths = [page.path for page in table.PAGES if page.method == "GET" and not page.public]
    return [re.sub(r"\{(\w+)\}", lambda match: known[match[1]], path) for path in paths]


def typed_pages(browser: Browser, ca_id: str) -> list[Answer]:
    """The pages that show what was just typed: each step of the wizard, a search, a preview, refusals."""
    page, found = browser.get("/console/cas/create"), []
    steps: tuple[dict[str, str], ...] = (
        {"type": "ROOT"},
        {"CommonName": HOSTILE[:64], "Organization": HOSTILE[:64]},
        {"algorithm": "EC_prime256v1"},
        {"crl": "yes", "choice": "new", "new_bucket": "crls", "path": PATH},
        {"key.0": "a=/+-@:", "value.0": "b=@:/"},
        {},
    )
    for fields in steps:
        found.append(page)
        page = browser.submit(page, page.url.rsplit("/", 1)[1], go="next", **fields)
    assert page.url.endswith("/review")
    found.append(page)
    found.append(browser.get(f"/console/cas/{ca_id}/certificates?q=CN%3Da+b%27%24(touch+PWNED)*&state=ISSUED"))
    form = browser.get(f"/console/cas/{ca_id}/issue")
    leaf = HOSTILE[1:64]  # no certificate may have the subject of its issuer
    names = {"template": "EndEntityCertificate_APIPassthrough", "CommonName": leaf, "dns": "a.example"}
    preview = browser.submit(form, "/issue", csr=csr().decode(), amount="9", unit="DAYS", **names)
    assert preview.status == 200, preview.text
    return [*found, preview]


def test_shown_commands_run_what_they_name_and_nothing_else(browser: Browser, rt: Any, shell: Shell) -> None:
    named = furnish(rt)
    visited = [browser.get(f"/console/{path}") for path in addresses(named)]
    waiting = create(rt, subject={"CommonName": HOSTILE[:64]})
    visited += [browser.get(f"/console/cas/{waiting}/{path}") for path in ("csr", "install", "created")]
    visited += typed_pages(browser, named["ca_id"])
    commands = list(dict.fromkeys(each for page in visited for each in shown(page)))
    calls = [call for command in commands for call in shell.run(command)]
    assert {call[0] for call in calls} == set(FAKES)
    assert len(calls) > 20
    for typed in (HOSTILE[:64], PATH):  # it arrives whole, in the JSON of a member
        assert any(json.dumps(typed) in word for call in calls for word in call), typed


def test_crl_is_fetched_by_its_very_address(browser: Browser, rt: Any, shell: Shell) -> None:
    page = browser.get(f"/console/cas/{furnish(rt)['ca_id']}/revocation")
    (url,) = (each["href"] for _, each in page.elements if each.get("rel") == "noreferrer")
    assert "$(touch$IFS" in url
    (command,) = (each for each in shown(page) if each.startswith("curl"))
    fetched, read = sorted(shell.run(command))
    assert fetched == ["curl", "-s", urljoin(page.url, url)]
    assert read[0] == "openssl"


def test_search_is_signed_by_curl_as_it_is_sent(browser: Browser, rt: Any, shell: Shell) -> None:
    """Curl signs a query as it is written; a `+` in it is a plus to who verifies it.

    Source: AWS Signature Version 4, canonical query: a space is `%20`.
    """
    ca = root(rt)
    page = browser.get(f"/console/cas/{ca}/certificates?q=CN%3DExample+CA%2F*&expires_from=2030-01-01")
    (command,) = (each for each in shown(page) if each.startswith("curl"))
    (call,) = shell.run(command)
    query = urlsplit(call[-1]).query
    assert parse_qs(query) == {"subject": ["Example CA/*"], "expiresAfter": ["2030-01-01T00:00:00Z"]}
    assert not set(query) & {"+", "/", "*", ":"}
