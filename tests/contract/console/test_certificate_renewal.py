"""Renewing a certificate in the console: same names, what differs, the old one revoked, and both in the record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.audit.conftest import ends
from tests.support.builders import csr
from tests.support.console_steps import arn_of, issue, root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console

NAMES = ["www.example.com", "example.com"]
SAME = csr("www.example.com", dns_names=NAMES)


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def renewal(browser: Browser, ca: str, serial: str) -> Answer:
    """The form of issuing, as the certificate's page leads to it."""
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    (path,) = (each["href"] for tag, each in page.elements if tag == "a" and "?renews=" in each.get("href", ""))
    assert path.endswith(f"/issue?renews={serial}")
    return browser.get(f"/console/cas/{ca}/issue?renews={serial}")


def said(page: Answer) -> str:
    """What the preview says about the renewal."""
    found = re.findall(r'<div class="alert \w+" role="note">(.*?)</div>', page.text, re.DOTALL)
    return " ".join(re.sub("<[^>]+>", "", found[-1]).split()) if found else ""


def test_form_has_the_terms_and_names_of_the_certificate(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    serial = issue(rt, ca, SAME, "EndEntityServerAuthCertificate", {"Type": "DAYS", "Value": 45})
    form = renewal(browser, ca, serial)
    fields = form.form("/issue")["fields"]
    assert {name: fields[name] for name in ("template", "amount", "unit", "renews")} == {
        "template": "EndEntityServerAuthCertificate",
        "amount": "45",
        "unit": "DAYS",
        "renews": serial,
    }
    assert "Renews <bdi>www.example.com</bdi>" in form.text
    assert "www.example.com\nexample.com</textarea>" in form.text  # for the key that the browser makes
    by_api = issue(rt, ca, SAME, "EndEntityCertificate_APIPassthrough")
    fields = renewal(browser, ca, by_api).form("/issue")["fields"]
    assert (fields["CommonName"], fields["dns"].split()) == ("www.example.com", NAMES)


def test_old_certificate_is_revoked_as_superseded_and_the_record_links_both(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    old = issue(rt, ca, SAME)
    new_key = csr("www.example.com", key=ec.generate_private_key(ec.SECP256R1()), dns_names=NAMES)
    preview = browser.submit(renewal(browser, ca, old), "/issue", csr=new_key.decode(), supersede="yes")
    assert said(preview) == (
        "It renews www.example.com with a new key and the same names. The old certificate is revoked as superseded."
    )
    done = browser.submit(preview, preview.url.rsplit("/", 1)[1])
    assert "The certificate is issued." in done.text
    new = done.url.rsplit("/", 1)[1]
    record = rt.store.get_certificate(arn_of(ca), int(old, 16))
    assert (record.revocation_reason, rt.store.get_certificate(arn_of(ca), int(new, 16)).revoked_at) == (
        "SUPERSEDED",
        None,
    )
    (event,) = (event for event in ends(rt) if event["eventName"] == "RenewCertificate")
    old_arn, new_arn = (f"{arn_of(ca)}/certificate/{serial}" for serial in (old, new))
    assert event["requestParameters"] == {"certificateArn": old_arn}
    assert event["responseElements"] == {"certificateArn": new_arn}
    assert {resource["ARN"] for resource in event["resources"]} >= {old_arn, new_arn}


def test_same_csr_and_other_names_are_told_and_the_old_certificate_stays(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    old = issue(rt, ca, SAME)
    form = renewal(browser, ca, old)
    same = browser.submit(form, "/issue", csr=SAME.decode())
    assert said(same) == (
        "It renews www.example.com with the same key and the same names. The old certificate stays valid."
    )
    other = csr("other.example.com", dns_names=["example.com", "other.example.com"])
    assert said(browser.submit(form, "/issue", csr=other.decode())) == (
        "It renews www.example.com with the same key, but not with the same names: the subject was CN=www.example.com; "
        "it lacks www.example.com; it adds other.example.com; The old certificate stays valid."
    )
    browser.submit(same, same.url.rsplit("/", 1)[1])
    assert rt.store.get_certificate(arn_of(ca), int(old, 16)).revoked_at is None


def test_what_cannot_be_renewed_has_the_usual_form(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    (own,) = rt.store.list_certificates(arn_of(ca))
    for serial in (f"{own.serial_number:032x}", "0" * 32, "x"):
        page = browser.get(f"/console/cas/{ca}/issue?renews={serial}")
        assert page.status == 200
        assert "renews" not in page.form("/issue")["fields"]
    assert "?renews=" not in browser.get(f"/console/cas/{ca}/certificates/{own.serial_number:032x}").text


def test_server_certificate_without_alternative_name_is_warned_about(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    form = browser.get(f"/console/cas/{ca}/issue")
    nameless = csr("www.example.com").decode()
    warned = "no subject alternative name, so browsers"
    assert warned in browser.submit(form, "/issue", csr=nameless).text
    assert warned not in browser.submit(form, "/issue", csr=nameless, template="CodeSigningCertificate").text
    assert warned not in browser.submit(form, "/issue", csr=SAME.decode()).text
