"""A certificate in the console: its page, its chain and files."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib.access import access_keys
from tests.support.builders import csr
from tests.support.console_browser import Browser
from tests.support.console_steps import (
    HOSTILE,
    check_harmless,
    got,
    issue,
    revoke,
    root,
    signed_in,
    subordinate,
)

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def rows(text: str) -> list[str]:
    """The serial numbers of a page of results, in order."""
    return re.findall(r'data-label="Name"><a href="[^"]*/certificates/([0-9a-f]{32})"', text)


# a certificate


def test_certificate_is_shown_with_its_chain_and_files(browser: Browser, rt: Any) -> None:
    top = root(rt, {"CommonName": "Top"})
    ca = subordinate(rt, top, {"CommonName": "Middle"})
    serial = issue(rt, ca, csr("leaf.example.com", dns_names=["leaf.example.com"]))
    answer = got(rt, ca, serial)
    leaf = x509.load_pem_x509_certificate(answer["Certificate"].encode())
    chain = x509.load_pem_x509_certificates(answer["CertificateChain"].encode())
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    for said in ("CN=leaf.example.com", "CN=Middle", "CN=Top", "Extended key usage", "server auth", "P-256"):
        assert said in page.text
    octets = leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 7) // 8)
    assert octets.hex(":") in page.text
    files = {each["download"]: each["href"] for _, each in page.elements if "download" in each}
    host = "leaf.example.com"
    held = {f"{host}.pem": [leaf], f"{host}-chain.pem": chain, f"{host}-fullchain.pem": [leaf, *chain]}
    assert set(files) == {*held, f"{serial}.tlog-proof"}
    for name, certificates in held.items():
        file = browser.get(urljoin(page.url, files[name]))
        assert x509.load_pem_x509_certificates(file.body) == certificates
        assert file.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    binary = browser.get(f"/console/cas/{ca}/certificates/{serial}/binary")
    files = {each["download"]: each["href"] for _, each in binary.elements if "download" in each}
    assert set(files) == {f"{host}{end}" for end in (".der", ".p7b")}
    der = base64.b64decode(files[f"{host}.der"].removeprefix("data:application/pkix-cert;base64,"))
    assert der == leaf.public_bytes(Encoding.DER)
    bundle = base64.b64decode(files[f"{host}.p7b"].removeprefix("data:application/x-pkcs7-certificates;base64,"))
    assert set(pkcs7.load_der_pkcs7_certificates(bundle)) == {leaf, *chain}


def test_page_says_what_a_certificate_is_how_long_it_lasts_and_who_is_above_it(
    browser: Browser, rt: Any, clock: Clock
) -> None:
    top = root(rt, {"CommonName": "Top"})
    ca = subordinate(rt, top, {"CommonName": "Middle"})
    serial = issue(rt, ca, csr("leaf.example.com"))
    address = f"/console/cas/{ca}/certificates/{serial}"
    page = browser.get(address)
    lead = re.sub("<[^>]+>", "", re.findall('<p class="lead">(.*?)</p>', page.text, re.DOTALL)[0])
    assert lead == "A certificate for TLS servers and clients, issued by Middle. ● 30 days left"
    drawn = re.findall(r'<ol class="chain".*?</ol>', page.text, re.DOTALL)[0]
    assert re.findall("<bdi>([^<]*)</bdi>", drawn) == ["leaf.example.com", "Middle", "Top"]
    assert [urljoin(page.url, path) for path in re.findall('href="([^"]+)"', drawn)] == [
        urljoin(page.url, f"/console/cas/{each}") for each in (ca, top)
    ]
    clock.forward(days=25)
    assert "</span> 5 days left</span>" in signed_in(rt).get(address).text
    clock.forward(days=7)
    assert "</span> expired 2 days ago</span>" in signed_in(rt).get(address).text


def test_revoked_certificate_has_no_days_left(browser: Browser, rt: Any) -> None:
    ca = root(rt, {"CommonName": "Top"})
    serial = issue(rt, ca, csr("leaf.example.com"))
    address = f"/console/cas/{ca}/certificates/{serial}"
    assert "days left" in browser.get(address).text
    revoke(rt, ca, serial)
    assert "days left" not in browser.get(address).text


def test_what_a_page_leaves_out_is_told_and_stands_in_full_elsewhere(browser: Browser, rt: Any) -> None:
    ca, names = root(rt), [f"host-{number}.example.com" for number in range(100)]
    serial = issue(rt, ca, csr("many.example.com", dns_names=names))
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert "75 more: show all" in page.text
    assert names[-1] not in page.text
    (address,) = {each["href"] for tag, each in page.elements if tag == "a" and each["href"].endswith("/full")}
    full = browser.get(urljoin(page.url, address))
    assert re.findall(r"<bdi>(host-[^<]*)</bdi>", full.text) == names
    assert full.text.count(got(rt, ca, serial)["Certificate"]) == 1


def test_root_s_own_certificate_has_no_chain_and_is_not_revoked(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    (serial,) = rows(browser.get(f"/console/cas/{ca}/certificates").text)
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert "there is no CA above it" in page.text
    assert "/revoke" not in page.text
    told = browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke")
    assert "A root cannot revoke its own certificate" in told.text
    refused = browser.post(told.url, told.form("sign-out")["fields"] | {"reason": "UNSPECIFIED"})
    assert refused.status == 422
    assert "Self-signed certificate can not be revoked" in refused.text


def test_certificate_that_was_not_issued_says_why(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    failing = replace(rt, keys=Broken(rt.keys))
    with pytest.raises(RuntimeError):
        issue(failing, ca)
    (serial,) = rows(browser.get(f"/console/cas/{ca}/certificates?state=FAILED").text)
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert page.status == 200
    assert "The certificate was not issued." in page.text
    assert not [each for _, each in page.elements if "download" in each]
    assert browser.get(f"/console/cas/{ca}/certificates/{serial}/pem").status == 400


class Broken:
    """Keys that do not sign."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys

    def __getattr__(self, name: str) -> Any:
        return getattr(self.keys, name)

    def private_key(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no key today")


@pytest.mark.parametrize("rest", ["", "/pem", "/chain", "/full", "/binary", "/revoke", "?part=status"])
def test_certificate_that_is_not_there_is_told(browser: Browser, rt: Any, rest: str) -> None:
    ca, other = root(rt), root(rt)
    serial = issue(rt, other)
    for address in (f"{ca}/certificates/{serial}", f"{ca}/certificates/{'0' * 32}"):
        assert browser.get(f"/console/cas/{address}{rest}").status == 404
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    answer = stranger.get(f"/console/cas/{other}/certificates/{serial}{rest}")
    assert answer.status == 404
    assert "leaf.example.com" not in answer.text


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, rt: Any) -> None:
    ca = root(rt, {"CommonName": HOSTILE[:60], "Organization": HOSTILE[:60]})
    extra = [f"{number}-{'x' * 50}.example.com" for number in range(300)]
    serial = issue(rt, ca, csr(HOSTILE[:60], dns_names=extra))
    paths = [
        "/console/certificates",
        f"/console/cas/{ca}/certificates?{urlencode({'subject': HOSTILE, 'san': HOSTILE})}",
    ]
    paths += [f"/console/cas/{ca}/certificates{rest}" for rest in ("", f"/{serial}", f"/{serial}/revoke")]
    paths += [
        f"/console/cas/{ca}/certificates/{serial}?part=status",
        f"/console/cas/{ca}/certificates?serial={HOSTILE}",
    ]
    for path in paths:
        page = browser.get(path)
        assert page.status in {200, 422}, path
        check_harmless(page)
    assert "\\u{202e}" in browser.get(f"/console/cas/{ca}/certificates").text
