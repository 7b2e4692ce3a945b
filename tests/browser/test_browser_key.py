"""A key that the browser makes: its certificate is issued, and no byte of the key is ever sent."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from playwright.sync_api import expect

from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Request

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
NAMES = [
    "www.example.com",
    "*.example.com",
    "192.0.2.7",
    "2001:db8::7:1",
    "::ffff:c000:209",
    "a@example.com",
    "spiffe://e/x",
]


@pytest.fixture
def sent(page: Page) -> list[bytes]:
    """Everything that the page sends from now on: addresses and bodies."""
    seen: list[bytes] = []

    def note(request: Request) -> None:
        seen.append(request.url.encode() + b"\n" + (request.post_data_buffer or b""))

    page.on("request", note)
    return seen


def saved(page: Page, work: Path, algorithm: str, common_name: str = "", names: str = "") -> Path:
    """The private key that the page makes and offers as a file."""
    page.get_by_text("Make a key in this browser").click()
    page.locator("#browser-key-name").fill(common_name)
    page.locator("#browser-key-names").fill(names)
    page.get_by_label("Key", exact=True).select_option(algorithm)
    page.get_by_role("button", name="Make key and CSR").click()
    expect(page.locator("#csr-decoded")).to_contain_text("It verifies")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#browser-key-status")).to_contain_text("Save the key first")
    with page.expect_download() as offered:
        page.get_by_role("button", name="Save the private key").click()
    path = work / offered.value.suggested_filename
    offered.value.save_as(path)
    return path


def private_octets(path: Path) -> list[bytes]:
    """The secret numbers of a key, as bytes, in hex and in base64 at each offset."""
    key = load_pem_private_key(path.read_bytes(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = [key.private_numbers().private_value]
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        numbers = [key.private_numbers().d, key.private_numbers().p, key.private_numbers().q]
    octets = [number.to_bytes((number.bit_length() + 7) // 8) for number in numbers]
    spelled = [base64.b64encode(each[offset : offset + 24]) for each in octets for offset in range(3)]
    return [*octets, *(each.hex().encode() for each in octets), *spelled]


def seen_in(content: bytes) -> bytes:
    """Content without its encoding for forms and without white space, beside what it was."""
    return b"".join(unquote_to_bytes(content).split()) + content


def test_key_of_the_browser_gets_a_certificate_and_is_never_sent(
    page: Page, home: Home, sent: list[bytes], tmp_path: Path
) -> None:
    ca = active_root(home.client()).rsplit("/", 1)[1]
    page.goto(f"cas/{ca}/issue")
    key = saved(page, tmp_path, "P-256", "www.example.com", "\n".join(NAMES))
    assert key.name == "www.example.com-key.pem"
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Issue").click()
    expect(page.get_by_role("status").first).to_contain_text("The certificate is issued.")
    with page.expect_download() as offered:
        page.get_by_role("button", name="Full chain").click()
    offered.value.save_as(tmp_path / "fullchain.pem")
    certificate, root = x509.load_pem_x509_certificates((tmp_path / "fullchain.pem").read_bytes())
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in alternative] == NAMES
    for words in (
        ("pkey", "-in", key.name, "-pubout"),
        ("x509", "-in", "fullchain.pem", "-pubkey", "-noout"),
    ):
        printed = subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, check=True).stdout
        (tmp_path / f"{words[0]}.pub").write_bytes(printed)
    assert (tmp_path / "pkey.pub").read_bytes() == (tmp_path / "x509.pub").read_bytes()
    everything = seen_in(b"\n".join(sent))
    assert b"BEGINCERTIFICATEREQUEST" in everything  # what the page sends is seen
    assert root.subject == certificate.issuer
    secret = private_octets(key)
    assert [octets for octets in secret if octets in seen_in(key.read_bytes())]  # and would be recognized
    assert not [octets for octets in secret if octets in everything]
    assert b"PRIVATE" not in everything
    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage])").encode()
    assert not [octets for octets in secret if octets in seen_in(stored)]


def test_other_keys_have_csrs_that_verify(page: Page, home: Home, tmp_path: Path) -> None:
    ca = active_root(home.client()).rsplit("/", 1)[1]
    long = "a" * 61 + ".example.com"
    for algorithm in ("P-384", "RSA-2048"):
        page.goto(f"cas/{ca}/issue")
        key = saved(page, tmp_path, algorithm, long)
        assert key.name == f"{long}-key.pem"
        request = x509.load_pem_x509_csr(page.locator("#csr").input_value().encode())
        assert request.is_signature_valid
        assert request.public_key() == load_pem_private_key(key.read_bytes(), None).public_key()
        assert list(request.subject) == []  # longer than a common name may be
