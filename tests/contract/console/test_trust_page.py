"""Trust in a root: its file, and commands for each system that the shell reads as they are meant."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib import trust
from tests.support.console_steps import create, got, issue, root, signed_in, subordinate

if TYPE_CHECKING:
    from tests.support.console_browser import Browser

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def test_root_is_offered_with_the_commands_of_each_system(browser: Browser, rt: Any) -> None:
    top = root(rt, {"CommonName": "Example's Root"})
    ca = subordinate(rt, top, {"CommonName": "Servers"})
    leads = browser.get(f"/console/cas/{ca}/certificate")
    (path,) = {each["href"] for tag, each in leads.elements if tag == "a" and each["href"].endswith("/trust")}
    page = browser.get(urljoin(leads.url, path))
    assert page.status == 200
    for store in trust.STORES.values():
        assert store.title in page.text
    commands = [each["data-copy"] for tag, each in page.elements if tag == "button" and "data-copy" in each]
    assert f"signet trust install --ca {ca}" in commands
    words = [shlex.split(line) for command in commands if "aws" not in command for line in command.splitlines()]
    files = {each["download"]: each["href"] for _, each in page.elements if "download" in each}
    assert list(files) == ["Example_s_Root.pem", "Example_s_Root.crt"]
    pem = browser.get(urljoin(page.url, files["Example_s_Root.pem"]))
    assert pem.headers["Content-Disposition"] == 'attachment; filename="Example_s_Root.pem"'
    certificate = x509.load_pem_x509_certificate(pem.body)
    assert certificate == x509.load_pem_x509_certificates(got(rt, ca, issue(rt, ca))["CertificateChain"].encode())[-1]
    label = trust.Root(certificate.public_bytes(Encoding.DER)).label
    place = f"/usr/local/share/ca-certificates/{label}.crt"
    assert ["sudo", "install", "-D", "-m", "644", "Example_s_Root.pem", place] in words
    assert ["export", "NODE_EXTRA_CA_CERTS=$PWD/Example_s_Root.pem"] in words
    assert any(each[:3] == ["certutil", "-A", "-d"] and each[3] == "sql:$HOME/.pki/nssdb" for each in words)


def test_root_of_a_ca_without_certificate_is_not_offered(browser: Browser, rt: Any) -> None:
    page = browser.get(f"/console/cas/{create(rt)}/trust")
    assert page.status >= 400
    assert "signet trust install" not in page.text
