"""Files that are dropped on fields or chosen beside them: shown and decoded at once; private keys are not sent."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import expect

from tests.support.authority_steps import active_root, create
from tests.support.builders import LEAF_KEY, csr, pem, root_certificate

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
CSR = csr("dropped.example.com", dns_names=["dropped.example.com"])
DER = x509.load_pem_x509_csr(CSR).public_bytes(Encoding.DER)
ROOT = root_certificate()
KEY = LEAF_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
DROP = """(area, [name, content]) => {
  const octets = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([octets], name));
  area.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


def drop(page: Page, field: str, name: str, content: bytes) -> None:
    page.locator(field).evaluate(DROP, [name, base64.b64encode(content).decode()])


def test_files_become_the_text_of_fields_and_keys_are_refused_here(page: Page, home: Home) -> None:
    ca = active_root(home.client()).rsplit("/", 1)[1]
    for content in (CSR, DER):
        page.goto(f"cas/{ca}/issue")
        drop(page, "#csr", "request.csr", content)
        expect(page.locator("#csr-decoded")).to_contain_text("dropped.example.com")
        page.goto(f"cas/{ca}/issue")
        page.locator("#csr_file").set_input_files({"name": "a.csr", "mimeType": "", "buffer": content})
        expect(page.locator("#csr-decoded")).to_contain_text("dropped.example.com")
        expect(page.locator("#csr")).to_have_value(CSR.decode())
    waiting = create(home.client()).rsplit("/", 1)[1]
    page.goto(f"cas/{waiting}/install")
    drop(page, "#certificate", "ca.cer", ROOT.public_bytes(Encoding.DER))
    expect(page.locator("#certificate")).to_have_value(pem(ROOT).decode())
    drop(page, "#chain", "chain.pem", pem(ROOT))
    expect(page.locator("#chain")).to_have_value(pem(ROOT).decode())
    page.goto("inspect")
    drop(page, "#thing", "request.der", DER)
    page.get_by_role("button", name="Decode").click()
    expect(page.locator("main")).to_contain_text("It meets the rules for CSRs here")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    drop(page, "#thing", "key.pem", KEY)
    expect(page.locator("#thing")).to_have_value("")
    page.locator("#thing").fill(KEY.decode())
    page.get_by_role("button", name="Decode").click()
    expect(page.locator("#thing")).to_have_value("")
    expect(page.locator(".announce")).to_contain_text("It was not sent anywhere")
    assert "POST" not in sent
