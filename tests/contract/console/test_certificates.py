"""Certificates in the console: search and its pages, a certificate's page, its chain and files."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib.access import access_keys
from chalicelib.console.views import certificate_search
from tests.support.builders import csr
from tests.support.console_browser import Browser
from tests.support.console_steps import (
    HOSTILE,
    check_harmless,
    create,
    got,
    issue,
    link_to,
    problems,
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
    return re.findall(r'data-label="Subject"><a href="[^"]*/certificates/([0-9a-f]{32})"', text)


# search


def test_one_ca_needs_no_choice_and_several_do(browser: Browser, rt: Any) -> None:
    only = root(rt, {"CommonName": "Only"})
    assert urlsplit(browser.get("/console/certificates?san=x").url).path == f"/console/cas/{only}/certificates"
    other = root(rt, {"CommonName": "Other"})
    page = browser.get("/console/certificates?expires_to=2030-02-01&forged=1")
    links = [each["href"] for tag, each in page.elements if tag == "a" and "certificates?" in each.get("href", "")]
    assert {urljoin(page.url, each) for each in links} == {
        f"http://127.0.0.1:8000/console/cas/{each}/certificates?expires_to=2030-02-01" for each in (only, other)
    }
    assert f"cas/{other}/issue" in page.text


def test_choice_is_paged(browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {create(rt) for _ in range(3)}
    monkeypatch.setattr(certificate_search, "CAS", 2)
    first = browser.get("/console/certificates?san=x")
    second = browser.get(urljoin(first.url, link_to(first, "next")))
    seen = re.findall(r"cas/([0-9a-f-]{36})/certificates\?san=x", first.text + second.text)
    assert set(seen) == made
    assert browser.get("/console/certificates?next=forged").status == 400


def test_certificates_are_found_by_what_is_in_them(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    first = issue(rt, ca, csr("first.example.com", dns_names=["a.example.com", "b.example.com"]))
    clock.forward(seconds=1)
    second = issue(rt, ca, csr("second.example.com"), "CodeSigningCertificate", {"Type": "DAYS", "Value": 60})
    clock.forward(seconds=1)
    third = issue(rt, ca, csr("third.example.com"), validity={"Type": "DAYS", "Value": 1})
    revoke(rt, ca, second)
    clock.forward(days=2)
    browser.sign_in()  # the session has ended
    cases: dict[str, list[str]] = {
        "subject=first.example.com": [first],
        "subject=SECOND*": [second],
        "subject=absent": [],
        "san=b.example.*": [first],
        f"serial={first}": [first],
        f"serial={':'.join(re.findall('..', first)).upper()}": [first],
        "state=REVOKED": [second],
        "state=EXPIRED": [third],
        "template=CodeSigningCertificate": [second],
        "expires_from=2030-01-31&expires_to=2030-01-31": [first],
        "expires_from=2030-02-01&expires_to=2030-12-31": [second],
        "expires_to=2030-01-01": [],
        "subject=first*&state=REVOKED": [],
        "subject=&state=": [],
    }
    for query, found in cases.items():
        page = browser.get(f"/console/cas/{ca}/certificates?{query}")
        assert page.status == 200
        if query == "subject=&state=":
            assert set(rows(page.text)) > {first, second, third}
        else:
            assert rows(page.text) == found, query
    page = browser.get(f"/console/cas/{ca}/certificates?serial={first}")
    for said in ("CN=first.example.com", "a.example.com", "b.example.com", "Issued", "EndEntityCertificate", first):
        assert said in page.text
    assert 'datetime="2030-01-31T12:00:00Z"' in page.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("serial=xyz", "serial"),
        ("state=FINE", "state"),
        ("template=../x", "template"),
        ("expires_from=tomorrow", "expires_from"),
        ("expires_to=2030-02-30", "expires_to"),
        ("subject=*", "subject"),
        ("san=" + "x" * 10_000, "san"),
    ],
)
def test_what_cannot_be_searched_for_is_told_beside_its_field(
    browser: Browser, rt: Any, query: str, field: str
) -> None:
    page = browser.get(f"/console/cas/{root(rt)}/certificates?{query}")
    assert page.status == 422
    assert set(problems(page)) == {field}
    assert "It must be" in problems(page)[field]
    assert rows(page.text) == []


def test_pages_follow_one_another_and_keep_the_question(browser: Browser, rt: Any, clock: Clock) -> None:
    ca, made = root(rt), []
    for number in range(certificate_search.PAGE + 3):
        clock.forward(seconds=1)
        made.append(issue(rt, ca, csr(f"host{number}.example.com")))
    page = browser.get(f"/console/cas/{ca}/certificates?template=EndEntityCertificate")
    following = urljoin(page.url, link_to(page, "next"))
    second = browser.get(following)
    assert "template=EndEntityCertificate" in following
    assert rows(page.text) + rows(second.text) == made
    assert 'value="EndEntityCertificate" selected' in second.text
    assert 'rel="next"' not in second.text
    assert (
        browser.get(page.url).text.count('data-label="Subject"') == certificate_search.PAGE
    )  # the way back is an address
    other = following.replace("template=EndEntityCertificate", "state=ISSUED")
    for wrong in (other, f"/console/cas/{ca}/certificates?next=forged", following.replace(ca, root(rt))):
        refused = browser.get(wrong)
        assert refused.status == 400
        assert "is not from this list" in refused.text


def test_token_of_another_account_is_refused(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    for _ in range(certificate_search.PAGE + 1):
        issue(rt, ca)
    following = link_to(browser.get(f"/console/cas/{ca}/certificates"), "next")
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    answer = stranger.get(f"/console/cas/{ca}/{following.rsplit('/', 1)[1]}")
    assert answer.status == 404
    assert rows(answer.text) == []


class Counting:
    """A store that counts what is asked of it."""

    def __init__(self, store: Any) -> None:
        self.store, self.asked = store, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.asked += 1
            return found(*given, **named)

        return counted if callable(found) else found


def test_reads_of_a_page_do_not_grow_with_the_certificates(browser: Browser, rt: Any) -> None:
    ca, reads = root(rt), []
    browser.rt = replace(rt, store=Counting(rt.store))
    for more in (certificate_search.PAGE + 10, 120):
        for number in range(more):
            issue(rt, ca, csr(f"host{number}.example.com"))
        browser.get(f"/console/cas/{ca}/certificates")  # what is cached, is
        counts = []
        for query in ("", "subject=host*", "template=EndEntityCertificate", "expires_from=2030-01-01"):
            browser.rt.store.asked = 0
            assert len(rows(browser.get(f"/console/cas/{ca}/certificates?{query}").text)) == certificate_search.PAGE
            counts.append(browser.rt.store.asked)
        reads.append(counts)
    assert reads[0] == reads[1]


def test_page_looks_at_a_bounded_number_of_certificates(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = root(rt)
    for _ in range(5):
        issue(rt, ca)
    monkeypatch.setattr(certificate_search, "EXAMINED", 3)
    page = browser.get(f"/console/cas/{ca}/certificates?state=FAILED")
    assert "go on to the next page" in page.text
    page = browser.get(urljoin(page.url, link_to(page, "next")))
    page = browser.get(urljoin(page.url, link_to(page, "next")))
    assert "There are no more certificates." in page.text


def test_command_asks_the_api_for_the_same(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    query = {"subject": "it's <b>", "expires_from": "2030-01-01"}
    page = browser.get(f"/console/cas/{ca}/certificates?{urlencode(query)}")
    (shown,) = (each["data-copy"] for _, each in page.elements if "curl" in each.get("data-copy", ""))
    asked = urlencode({"expiresAfter": "2030-01-01T00:00:00Z", "subject": "it's <b>"}, quote_via=quote)
    assert shown.endswith(f"'http://127.0.0.1:8000/certificate-authorities/{ca}/certificates?{asked}'")


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
    assert ":".join(re.findall("..", serial.upper())).removeprefix("00:") in page.text
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
    assert lead == "A certificate for TLS servers and clients, issued by Middle. 30 days left"
    drawn = re.findall(r'<ol class="chain".*?</ol>', page.text, re.DOTALL)[0]
    assert re.findall("<bdi>([^<]*)</bdi>", drawn) == ["leaf.example.com", "Middle", "Top"]
    assert [urljoin(page.url, path) for path in re.findall('href="([^"]+)"', drawn)] == [
        urljoin(page.url, f"/console/cas/{each}") for each in (ca, top)
    ]
    clock.forward(days=25)
    assert '<span class="badge warn">5 days left</span>' in signed_in(rt).get(address).text
    clock.forward(days=7)
    assert '<span class="badge bad">expired 2 days ago</span>' in signed_in(rt).get(address).text


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
