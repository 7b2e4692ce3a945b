"""The console on the server that is used: a button pressed several times at once, and a command by real curl."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from chalicelib.access import access_keys
from tests.support.authority_steps import active_root, create
from tests.support.builders import EC_CONFIGURATION
from tests.support.console_browser import Answer, Browser

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
PRESSES, ROUNDS = 6, 3


@dataclass
class Wire(Browser):
    """The browser without a screen on a real connection."""

    def request(self, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
        whole = urljoin(self.origin, url)
        sent = headers | {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=30)
        connection.request(method, whole.removeprefix(self.origin), body, sent)
        answer = connection.getresponse()
        found, content = dict(answer.headers.items()), answer.read()
        connection.close()
        name, _, value = found.get("set-cookie", "").partition(";")[0].partition("=")
        if name:
            self.cookies[name] = value
        return Answer(answer.status, {each.title(): found[each] for each in found}, content, whole)


def signed_in(home: Home) -> Wire:
    exports: dict[str, Any] = home.exports()
    browser = Wire(None, origin=home.url)
    key = access_keys.Credential(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
    assert browser.sign_in(key).status == 200
    return browser


def press(browser: Wire, page: Answer, form: str, **fields: str) -> list[Answer]:
    with ThreadPoolExecutor(PRESSES) as pool:
        presses = [pool.submit(browser.submit, page, form, **fields) for _ in range(PRESSES)]
        return [each.result() for each in presses]


def test_certificate_that_is_installed_at_once_several_times_is_one(home: Home) -> None:
    browser, client = signed_in(home), home.client()
    parent = ""
    for kind, form in [("ROOT", "install-own"), ("SUBORDINATE", "install-signed")] * ROUNDS:
        configuration = EC_CONFIGURATION | {"Subject": {"CommonName": kind}}
        arn = create(client, kind, CertificateAuthorityConfiguration=configuration)
        ca_id = arn.rsplit("/", 1)[1]
        page = browser.get(f"/console/cas/{ca_id}/install")
        fields = {"parent": parent} if kind == "SUBORDINATE" else {}
        answers = press(browser, page, form, **fields)
        refusals = [re.findall(r'class="alert bad"[^>]*>([^<]*)<', each.text) for each in answers if each.status != 200]
        assert not refusals
        assert {urlsplit(each.url).path for each in answers} == {f"/console/cas/{ca_id}"}
        assert (
            client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"]
            == "ACTIVE"
        )
        parent = ca_id if kind == "ROOT" else parent


@pytest.mark.parametrize("query", ["", "q=Test+CA", "q=CN+%3D+Test+CA&state=ISSUED&expires_from=2020-01-01&template="])
def test_command_of_a_search_is_answered_as_the_page_is(home: Home, query: str) -> None:
    """By curl itself, which signs a query as it is written: each value encoded, and in the order of SigV4."""
    browser, client = signed_in(home), home.client()
    arn = active_root(client)
    page = browser.get(f"/console/cas/{arn.rsplit('/', 1)[1]}/certificates?{query}")
    assert "CN=Test CA" in page.text
    (command,) = (each["data-copy"] for _, each in page.elements if "curl" in each.get("data-copy", ""))
    ran = subprocess.run(
        ["bash", "-c", command], env=os.environ | home.exports(), capture_output=True, text=True, check=True
    )
    (found,) = json.loads(ran.stdout)["Certificates"]
    assert found["Subject"] == "CN=Test CA"
