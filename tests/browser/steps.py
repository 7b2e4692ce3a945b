"""What an operator does in the console, step by step."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

SUBJECT = {"Organization (O)": "Example Corp", "Country (C)": "US", "Common name (CN)": "Example Issuing CA"}
BUCKET, CNAME, DAYS = "first-day-crls", "crl.example.com", "3"
LIGHTS_OF_NOBODYS_NAME = {"not looked at yet", "unusable"}  # before and after the monitor's first look
SEEN_MILLISECONDS = 100_000
CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


class Authority(NamedTuple):
    """A CA, and where its files lie outside of Signet."""

    ca_id: str
    work: Path

    def openssl(self, *words: str, check: bool = True) -> str:
        found = subprocess.run(
            ["openssl", *words], cwd=self.work, capture_output=True, text=True, check=False, timeout=60
        )
        assert found.returncode == 0 or not check, found.stderr
        return found.stdout + found.stderr


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """A link, whatever it looks like."""
    page.locator("a", has_text=name).click()


def at(page: Page, title: str) -> None:
    """The page with this heading is there."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def wizard(page: Page) -> None:
    """All steps, with the ways back and the refusals that people meet; a CA with CRLs is created."""
    at(page, "CA type")
    expect(page.get_by_role("radio", name="Subordinate CA")).to_be_checked()
    press(page, "Next")
    subject_step(page)
    at(page, "Key algorithm")
    expect(page.get_by_role("radio", name="RSA 2048")).to_be_checked()
    press(page, "Next")
    revocation_step(page)
    at(page, "Tags")
    page.locator("#key\\.0").fill("Name")
    page.locator("#value\\.0").fill("First")
    press(page, "Next")
    at(page, "Renewal permission")
    expect(page.get_by_role("checkbox")).not_to_be_checked()
    press(page, "Next")
    review_step(page)


def subject_step(page: Page) -> None:
    at(page, "Subject name")
    press(page, "Next")
    expect(page.get_by_role("alert")).to_contain_text("A subject needs at least one field.")
    page.get_by_label("Country (C)").fill("USA")
    press(page, "Next")
    expect(page.get_by_label("Country (C)")).to_have_accessible_description(
        re.compile("It must be two letters, such as US.")
    )
    for label, text in SUBJECT.items():
        page.get_by_label(label).fill(text)
    press(page, "Next")
    at(page, "Key algorithm")
    press(page, "Previous")  # by the page's own way back
    at(page, "Subject name")
    for label, text in SUBJECT.items():
        expect(page.get_by_label(label)).to_have_value(text)
    press(page, "Next")


def revocation_step(page: Page) -> None:
    at(page, "Revocation")
    expect(page.get_by_role("checkbox", name="Enable CRL distribution")).not_to_be_checked()
    expect(page.get_by_label("Name of the new bucket")).to_be_hidden()
    page.get_by_role("checkbox", name="Enable CRL distribution").check()
    page.get_by_label("Name of the new bucket").fill("Not_A_Bucket")
    press(page, "Next")
    expect(page.locator("#new_bucket-problem")).to_contain_text("not a bucket name")
    page.get_by_label("Name of the new bucket").fill(BUCKET)
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Custom CRL name").fill(CNAME)
    before = page.locator("#midpoint time").get_attribute("datetime")
    page.get_by_label("Validity in days").fill(DAYS)
    expect(page.locator("#midpoint time")).not_to_have_attribute("datetime", before or "")  # htmx asked for it
    press(page, "Next")


def review_step(page: Page) -> None:
    at(page, "Review and create")
    page.go_back()  # by the browser's own
    at(page, "Renewal permission")
    page.go_back()
    at(page, "Tags")
    expect(page.locator("#value\\.0")).to_have_value("First")
    page.go_forward()
    page.go_forward()
    at(page, "Review and create")
    for value in (*SUBJECT.values(), "RSA 2048", f"{BUCKET} (will be created)", CNAME, f"{DAYS} days", "First"):
        expect(page.locator(".review")).to_contain_text(value)
    page.get_by_role("link", name="Edit Organization (O)").click()
    page.get_by_label("Organization (O)").fill("Example Corporation")
    press(page, "Save and review")
    expect(page.locator(".review")).to_contain_text("Example Corporation")
    expect(page.locator(".cli")).to_contain_text("aws acm-pca create-certificate-authority")
    press(page, "Confirm and create")


def take_csr(page: Page, ca: Authority) -> None:
    """The CSR as it is shown, copied and downloaded: three times the same."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = page.locator("main pre").first.inner_text()
    page.get_by_role("button", name="Copy CSR").click()
    expect(page.locator(".announce")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as download:
        follow(page, "Download")
    download.value.save_as(ca.work / "ca.csr")
    assert download.value.suggested_filename == f"{ca.ca_id}.csr.pem"
    assert shown.strip() == copied.strip() == (ca.work / "ca.csr").read_text().strip()


def sign_by_openssl(ca: Authority) -> None:
    """A root outside of Signet signs the CSR."""
    (ca.work / "ca.ext").write_text(CA_EXTENSIONS)
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.pem")
    ca.openssl("req", "-x509", *made, "-subj", "/CN=Offline Root", "-days", "3650")
    signing = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "1825", "-extfile", "ca.ext")
    ca.openssl("x509", "-req", "-in", "ca.csr", *signing, "-out", "ca.pem")


def install_by_paste(page: Page, ca: Authority) -> None:
    """First the wrong one, whose refusal stands beside its field; then the right one with its chain."""
    expect(page.get_by_role("heading", name="Install the CA certificate")).to_be_visible()
    certificate, chain = page.get_by_label("Certificate", exact=True), page.get_by_label("Certificate chain")
    certificate.fill((ca.work / "root.pem").read_text())
    press(page, "Install")
    expect(page.locator("#certificate-problem")).not_to_be_empty()
    certificate.fill((ca.work / "ca.pem").read_text())
    chain.fill((ca.work / "root.pem").read_text())
    press(page, "Install")


def issue(page: Page, ca: Authority, name: str) -> str:
    """Issue from a CSR of OpenSSL's; the certificate lies in the CA's directory; returns its serial number."""
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key")
    host = f"{name}.example.com"
    ca.openssl("req", *made, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-out", f"{name}.csr")
    page.goto(f"cas/{ca.ca_id}/issue")
    page.get_by_label("CSR", exact=True).fill((ca.work / f"{name}.csr").read_text())
    page.get_by_label("CSR", exact=True).blur()
    expect(page.locator("#csr-decoded")).to_contain_text(host)  # htmx asked for it
    press(page, "Preview")
    at(page, "Preview")
    expect(page.locator("main")).to_contain_text("Nothing has been issued yet.")
    expect(page.locator("main")).to_contain_text(host)
    press(page, "Issue")
    expect(page.locator("#status")).to_contain_text("not revoked")
    with page.expect_download() as download:
        page.locator("a[download$='.pem']").first.click()
    download.value.save_as(ca.work / f"{name}.pem")
    return page.url.split("?")[0].rsplit("/", 1)[1]


def revoke(page: Page) -> None:
    """Revoke the certificate that is shown, and see it on its way until clients hear of it."""
    follow(page, "Revoke")
    at(page, "Revoke this certificate?")
    expect(page.locator("main")).to_contain_text("The CRL lists it, normally within a minute")
    page.get_by_role("radio", name="Key compromise").check()
    press(page, "Revoke")
    expect(page.get_by_role("status").first).to_contain_text("The certificate is revoked.")
    told = page.locator("#status div", has_text="The CRL says").first
    expect(told.locator(".badge")).to_contain_text(re.compile("^. revoked"), timeout=SEEN_MILLISECONDS)  # by htmx


def verdict(ca: Authority, crl_der: bytes, name: str) -> str:
    """What OpenSSL says of a certificate by a CRL."""
    (ca.work / "ca.crl").write_bytes(crl_der)
    (ca.work / "trusted.pem").write_text((ca.work / "ca.pem").read_text() + (ca.work / "root.pem").read_text())
    ca.openssl("crl", "-inform", "DER", "-in", "ca.crl", "-out", "crl.pem")
    checks = ("-crl_check", "-CAfile", "trusted.pem", "-CRLfile", "crl.pem")
    return ca.openssl("verify", *checks, f"{name}.pem", check=False)


def crl_light(page: Page, ca: Authority) -> tuple[str, int]:
    """The word of the CA's light, and the number of its CRL; 0 where there is none."""
    page.goto(f"cas/{ca.ca_id}/revocation")
    number = page.locator("main dt", has_text=re.compile("^Number$")).locator("xpath=following-sibling::dd")
    found = number.first.inner_text().strip() if number.count() else ""
    page.goto(f"cas/{ca.ca_id}")
    light = page.locator("main dt", has_text=re.compile("^CRL$")).locator("xpath=following-sibling::dd").inner_text()
    return light.split(maxsplit=1)[1], int(found) if found.isdecimal() else 0


def delete_and_restore(page: Page, ca: Authority) -> None:
    page.goto(f"cas/{ca.ca_id}")
    follow(page, "Disable…")
    expect(page.locator("main")).to_contain_text("It issues nothing until you enable it again")
    press(page, "Disable")
    expect(page.locator("main .badge").first).to_contain_text("Disabled")
    follow(page, "Delete…")
    page.get_by_label("Keep restorable for").select_option("7")
    press(page, "Delete")
    expect(page.locator("main .badge").first).to_contain_text("Deleted")
    press(page, "Restore")
    expect(page.get_by_role("status").first).to_contain_text("is restored")
    expect(page.locator("main .badge").first).to_contain_text("Disabled")
    press(page, "Enable")
    expect(page.locator("main .badge").first).to_contain_text("Active")
