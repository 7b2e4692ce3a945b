"""The next step after a CA is created: a root signs itself, a subordinate is signed here or elsewhere."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import access_keys, principals
from chalicelib.ca import chains
from chalicelib.pki.asn1 import pem
from tests.support.console_authority_steps import note
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import arn_of, create, root, signed_in, subordinate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # pages are the same in every home
PARENT = (
    *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "parent.key", "-out", "parent.pem"),
    *("-days", "4000", "-subj", "/CN=Offline Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
)


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def buttons(page: Answer) -> list[str]:
    """The ends of the addresses that the buttons of a page lead to."""
    led = [each["href"] for tag, each in page.elements if tag == "a" and each.get("role") == "button"]
    return [address.rsplit("/", 1)[1] for address in led]


def created(browser: Browser, ca_id: str) -> Answer:
    return browser.get(f"/console/cas/{ca_id}/created")


def test_root_is_led_to_its_self_signed_certificate(browser: Browser, rt: Any) -> None:
    ca_id = create(rt, "ROOT")
    page = created(browser, ca_id)
    assert buttons(page) == ["install"]
    assert "Install a self-signed certificate" in page.text
    install = browser.get(f"/console/cas/{ca_id}/install")
    done = browser.submit(install, "/install-own")
    assert note(done).startswith("The certificate is installed.")
    assert "A root signs its own certificate" in browser.get(f"/console/cas/{ca_id}/csr").text


def test_subordinate_is_led_to_a_ca_that_can_sign_it_or_to_its_csr(browser: Browser, rt: Any) -> None:
    lonely = create(rt, "SUBORDINATE", {"CommonName": "Issuing"})
    assert buttons(created(browser, lonely)) == ["csr"]
    top = root(rt, {"CommonName": "Top"})
    assert buttons(created(browser, lonely)) == ["install#signed", "csr"]
    middle = subordinate(rt, top, {"CommonName": "A middle one"}, depth=1)
    subordinate(rt, top, {"CommonName": "A sibling"}, depth=0)
    page = browser.get(f"/console/cas/{lonely}/install")
    assert [each["value"] for _, each in page.elements if each.get("name") == "parent"] == [top, middle]


def test_ca_that_the_visitor_may_not_let_sign_is_not_offered(rt: Any) -> None:
    root(rt, {"CommonName": "Top"})
    waiting = create(rt, "SUBORDINATE", {"CommonName": "Issuing"})
    allowed = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": arn_of(waiting)}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    principals.create(rt, "000000000000", "somebody", policies=(("one", policy),))
    somebody = Browser(rt)
    somebody.sign_in(access_keys.create_access_key(rt, "000000000000", principal="somebody"))
    assert buttons(created(somebody, waiting)) == ["csr"]


def commands(page: Answer) -> dict[str, str]:
    """The commands of other programs, by their names."""
    labels = {each["data-copy"]: each["aria-label"] for _, each in page.elements if each.get("data-copy")}
    prefix = "Copy command for "
    return {label.removeprefix(prefix): text for text, label in labels.items() if label.startswith(prefix)}


def test_command_for_openssl_makes_a_certificate_that_is_installed_and_verifies(
    browser: Browser, rt: Any, tmp_path: Path, clock: Clock
) -> None:
    """The first one, and its renewal, which breaks nothing."""
    clock.now = datetime.now(UTC)  # as OpenSSL's
    browser.sign_in()
    ca_id = create(rt, "SUBORDINATE", {"CommonName": "Issuing", "Organization": "Example Corp"})

    def run(*words: str) -> str:
        ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run("openssl", *PARENT)
    page = browser.get(f"/console/cas/{ca_id}/csr")
    assert set(commands(page)) == {"OpenSSL", "step", "Vault"}
    assert "Example Corp" in page.text  # decoded
    for number in range(2):
        page = browser.get(f"/console/cas/{ca_id}/csr")
        (tmp_path / "ca.csr").write_text(browser.get(f"/console/cas/{ca_id}/csr.pem").text)
        run("bash", "-euc", commands(page)["OpenSSL"])
        assert run("openssl", "verify", "-x509_strict", "-CAfile", "parent.pem", "certificate.pem").endswith("OK\n")
        texts = {name: (tmp_path / f"{name}.pem").read_text() for name in ("certificate", "parent")}
        fields = {"certificate": texts["certificate"], "chain": texts["parent"]}
        form = browser.get(f"/console/cas/{ca_id}/{'renew' if number else 'install'}")
        if number:
            form = browser.submit(form, "/renew", way="pasted", go="preview", **fields)
            assert "Nothing breaks" in form.text
        done = browser.submit(form, "/renew" if number else "/install", go="renew", **fields)
        assert "The certificate is" in note(done), done.text
        (link, _) = chains.installed(rt.store.get_certificate_authority(arn_of(ca_id)))
        assert (link.path_length, (link.not_after - link.not_before).days) == (0, 1095)
        assert pem.encode(rt.store.get_certificate_authority(arn_of(ca_id)).certificate_der) in texts["certificate"]
