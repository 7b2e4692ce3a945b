"""What is this? Anything pasted is decoded and judged against the CAs of the account; private keys are refused."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs7

from chalicelib.access import access_keys, principals
from chalicelib.crl import publication
from chalicelib.monitor import ocsp_watch
from chalicelib.ocsp import answers
from chalicelib.pki.asn1 import der, pem
from tests.support.builders import LEAF_KEY, csr, root_certificate
from tests.support.builders import pem as pem_of
from tests.support.console_browser import ORIGIN, Browser
from tests.support.console_steps import (
    HOSTILE,
    arn_of,
    check_harmless,
    got,
    issue,
    revoke,
    root,
    signed_in,
    subordinate,
)

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def pasted(browser: Browser, content: str | bytes) -> Answer:
    text = content if isinstance(content, str) else content.decode()
    return browser.submit(browser.get("/console/inspect"), "/inspect", thing=text)


def findings(page: Answer) -> list[str]:
    """What the page says of each thing."""
    found = re.findall(r"<ul class=\"findings\">(.*?)</ul>", page.text, re.DOTALL)
    items = [item for each in found for item in re.findall("<li>(.*?)</li>", each, re.DOTALL)]
    return [unescape(re.sub("<[^>]+>|[●◐✕○]", "", item)).strip() for item in items]


def titles(page: Answer) -> list[str]:
    return [unescape(re.sub("<[^>]+>", "", each)) for each in re.findall(r'<h2 id="thing-\d+">(.*?)</h2>', page.text)]


def test_certificate_is_judged_with_its_chain_and_status(browser: Browser, rt: Runtime) -> None:
    top = root(rt, {"CommonName": "Top"})
    ca = subordinate(rt, top, {"CommonName": "Middle"})
    serial = issue(rt, ca, csr("leaf.example.com", dns_names=["leaf.example.com"]))
    certificate = got(rt, ca, serial)["Certificate"]
    page = pasted(browser, certificate)
    assert titles(page) == ["Certificate of leaf.example.com"]
    assert findings(page) == [
        "A certificate for TLS servers and clients: 30 days left.",
        "The CA Middle signed it.",
        "On record, and not revoked.",
    ]
    links = {each["href"] for tag, each in page.elements if tag == "a"}
    assert f"../console/cas/{ca}/certificates/{serial}" in links
    drawn = re.findall(r'<ol class="chain".*?</ol>', page.text, re.DOTALL)[0]
    assert re.findall("<bdi>([^<]*)</bdi>", drawn) == ["leaf.example.com", "Middle", "Top"]
    revoke(rt, ca, serial)
    assert findings(pasted(browser, certificate))[2] == "Revoked on 2030-01-01 12:00:00 UTC: superseded."


def test_who_may_see_no_ca_learns_nothing_of_the_account(rt: Runtime) -> None:
    ca = root(rt, {"CommonName": "Secret CA"}, Tags=[{"Key": "Name", "Value": "Secret name"}])
    certificate = got(rt, ca, issue(rt, ca))["Certificate"]
    principals.create(rt, "000000000000", "nobody")
    nobody = Browser(rt)
    nobody.sign_in(access_keys.create_access_key(rt, "000000000000", principal="nobody"))
    page = pasted(nobody, certificate)
    assert findings(page)[1:] == [
        "A CA of this account signed it.",
        "Its status is not shown: your access key may not read certificates of the CA.",
    ]
    assert "Secret name" not in page.text
    assert f"cas/{ca}" not in page.text


def test_chain_in_pem_or_pkcs7_is_taken_apart(browser: Browser, rt: Runtime) -> None:
    top = root(rt, {"CommonName": "Top"})
    ca = subordinate(rt, top, {"CommonName": "Middle"})
    answer = got(rt, ca, issue(rt, ca, csr("leaf.example.com")))
    whole = f"{answer['Certificate']}\n{answer['CertificateChain']}"
    expected = ["Certificate of leaf.example.com", "Certificate of Middle", "Certificate of Top"]
    assert titles(pasted(browser, whole)) == expected
    ders = [encoded for _, encoded in pem.blocks(whole.encode())]
    bundle = pkcs7.serialize_certificates([x509.load_der_x509_certificate(each) for each in ders], Encoding.PEM)
    page = pasted(browser, bundle)
    assert sorted(titles(page)) == sorted(expected)
    assert "The key is that of the CA Top." in findings(page)


def test_certificates_of_others_are_told_apart(browser: Browser, rt: Runtime, clock: Clock) -> None:
    ca = root(rt, {"CommonName": "Offline Root"})  # the same name, another key
    other = root_certificate(now=clock())
    assert findings(pasted(browser, pem_of(other)))[1:] == [
        "It is signed with its own key, and by no CA of this account."
    ]
    certificate = got(rt, ca, issue(rt, ca))["Certificate"]
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    assert findings(pasted(stranger, certificate))[1:] == [
        "No CA of this account signed it, and the certificate of its issuer, CN=Offline Root, is missing."
    ]


def test_csr_key_crl_and_ocsp_response_are_judged(browser: Browser, rt: Runtime) -> None:
    ca = root(rt, {"CommonName": "Top"})
    serial = issue(rt, ca)
    assert findings(pasted(browser, csr())) == ["It meets the rules for CSRs here, and its signature verifies."]
    public = LEAF_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert findings(pasted(browser, public)) == ["No CA here has this key."]
    publication.publish_due_crls(rt, seconds=60)
    record = rt.store.get_certificate_authority(arn_of(ca))
    assert record is not None
    crl = rt.buckets.get("crl-bucket", f"crl/{ca}.crl")
    assert crl is not None
    page = pasted(browser, pem.encode(crl.body, "X509 CRL"))
    assert (titles(page), findings(page)) == (
        ["Certificate revocation list (CRL)"],
        ["It has not expired.", "The CA Top signed it."],
    )
    answer = answers.respond(rt, ocsp_watch.request_about(record, int(serial, 16))).der
    page = pasted(browser, pem.encode(answer, "OCSP RESPONSE"))
    assert findings(page) == ["It has not expired.", "The CA Top signed it."]
    assert "<bdi>good</bdi>" in page.text


def test_ocsp_response_without_a_certificate_is_shown(browser: Browser) -> None:
    responder, produced = der.tlv(0xA2, der.tlv(der.OCTET_STRING, bytes(20))), b"20300101000000Z"
    data = der.sequence(responder, der.tlv(der.GENERALIZED_TIME, produced), der.sequence())
    basic = der.sequence(data, der.sequence(der.oid("1.2.840.10045.4.3.2")), der.bit_string(bytes(8)))
    typed = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), der.tlv(der.OCTET_STRING, basic))
    page = pasted(browser, pem.encode(der.sequence(der.tlv(0x0A, b"\0"), der.tlv(0xA0, typed)), "OCSP RESPONSE"))
    assert (page.status, findings(page)) == (200, ["It tells of no certificate."])


def test_private_key_is_refused_and_nothing_of_it_shown(browser: Browser, rt: Runtime, tmp_path: Any) -> None:
    key = LEAF_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    body = key.split("\n")[1]
    for content in (key, "".join(key.split("\n")[1:-2]), pem_of(root_certificate()).decode() + key):
        page = pasted(browser, content)
        assert page.status == 422
        assert "This is a private key. Never paste one" in page.text
        assert body not in page.text
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert body.encode() not in stored


def test_nothing_and_nonsense_are_refused_and_names_do_nothing(browser: Browser, rt: Runtime) -> None:
    assert "Paste something, or choose a file." in pasted(browser, " ").text
    page = pasted(browser, "hello")
    assert (page.status, "It is neither PEM nor DER nor base64." in page.text) == (422, True)
    ca = root(rt, {"CommonName": HOSTILE[:64]})
    check_harmless(pasted(browser, got(rt, ca, issue(rt, ca))["Certificate"]))
    assert browser.post(f"{ORIGIN}/console/inspect", {"thing": "hello"}).status == 403


def test_damaged_and_foreign_things_do_not_fail(browser: Browser, rt: Runtime) -> None:
    root(rt)
    good = root_certificate().public_bytes(Encoding.DER)
    for position in range(0, len(good), 11):
        damaged = good[:position] + bytes([good[position] ^ 0x15]) + good[position + 1 :]
        assert pasted(browser, pem.encode(damaged)).status in {200, 422}, position
