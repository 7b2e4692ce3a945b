"""Revoking in the console: the preview, the record, and what OCSP and the CRL say of it at that moment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.api import model
from chalicelib.console.views import certificate
from chalicelib.crl import publication
from chalicelib.operations import authorities, search
from tests.support.console_steps import CALLER, arn_of, issue, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Browser

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def test_reasons_are_those_of_the_api() -> None:
    assert list(certificate.REASONS) == model.shape("RevocationReason")["enum"]


def says(text: str) -> list[str]:
    """The words of the badges of the status: the record's, that of OCSP, and that of the CRL."""
    part = text.partition('id="status"')[2].partition("</section>")[0].partition("<dt>Distribution point</dt>")[0]
    return re.findall(r'class="badge [a-z]+"><span aria-hidden="true">.</span> ([^<]*)<', part)


def test_revocation_is_previewed_recorded_and_seen_where_clients_look(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    address = f"/console/cas/{ca}/certificates/{serial}"
    page = browser.get(address)
    assert says(page.text) == ["Issued", "good", "not revoked"]
    assert "hx-get" not in page.text
    form = browser.get(f"{address}/revoke")
    for said in ("This is final.", f"/crl/{ca}.crl", "2030-01-01 12:01:00 UTC", "within 2 seconds"):
        assert said in form.text
    assert search.state_of(record(rt, ca, serial), clock()) == "ISSUED"  # nothing has changed yet
    clock.forward(seconds=3)
    done = browser.submit(form, "/revoke", reason="KEY_COMPROMISE")
    assert "The certificate is revoked." in done.text
    assert record(rt, ca, serial).revocation_reason == "KEY_COMPROMISE"
    assert says(done.text) == ["Revoked", "revoked", "not yet revoked"]
    (asks,) = (each for _, each in done.elements if "hx-get" in each)
    assert asks["hx-trigger"] == "every 3s"
    part = browser.get(urljoin(done.url, asks["hx-get"]))
    assert "<html" not in part.text
    assert says(part.text) == ["Revoked", "revoked", "not yet revoked"]
    assert urljoin(done.url, next(each["hx-get"] for _, each in part.elements if "hx-get" in each)) == part.url
    publication.publish_due_crls(rt, seconds=60)
    settled = browser.get(urljoin(done.url, asks["hx-get"]))
    assert says(settled.text) == ["Revoked", "revoked", "revoked"]
    assert "hx-get" not in settled.text  # it asks no more
    assert "/revoke" not in browser.get(address).text


def record(rt: Any, ca: str, serial: str) -> Any:
    return rt.store.get_certificate(arn_of(ca), int(serial, 16))


def test_revoking_twice_is_revoking_once(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    form = browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke")
    browser.submit(form, "/revoke", reason="SUPERSEDED")
    first = record(rt, ca, serial)
    clock.forward(seconds=5)
    again = browser.submit(form, "/revoke", reason="KEY_COMPROMISE")
    assert again.status == 200
    assert record(rt, ca, serial) == first


@pytest.mark.parametrize("reason", ["", "BECAUSE", "<script>"])
def test_reason_that_is_none_revokes_nothing(browser: Browser, rt: Any, reason: str) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    form = browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke")
    refused = browser.submit(form, "/revoke", reason=reason)
    assert refused.status == 422
    assert "<script>" not in refused.text
    assert record(rt, ca, serial).revoked_at is None


def switch_off(rt: Any, ca: str) -> None:
    request: Any = {"CertificateAuthorityArn": arn_of(ca)}
    authorities.update_certificate_authority(rt, CALLER, request | {"Status": "DISABLED"})
    authorities.delete_certificate_authority(rt, CALLER, request)


@pytest.mark.parametrize("why", ["revoked already", "has expired", "status DELETED"])
def test_what_cannot_be_revoked_says_why_and_has_no_button(browser: Browser, rt: Any, clock: Clock, why: str) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    address = f"/console/cas/{ca}/certificates/{serial}"
    form = browser.get(f"{address}/revoke")
    if why == "revoked already":
        revoke(rt, ca, serial)
    if why == "has expired":
        clock.forward(days=31)
        browser.sign_in()
    if why == "status DELETED":
        switch_off(rt, ca)
    before = record(rt, ca, serial)
    page = browser.get(f"{address}/revoke")
    assert page.status == 200
    assert why in page.text
    assert not [each for each in page.forms if each["action"].endswith("/revoke")]
    assert "/revoke" not in browser.get(address).text
    assert not [each for _, each in page.elements if "revoke-certificate" in each.get("data-copy", "")]
    token = page.form("sign-out")["fields"]["token"]
    refused = browser.submit(form, "/revoke", reason="SUPERSEDED", token=token)
    assert refused.status == (200 if why == "revoked already" else 422)
    assert not [each for each in refused.forms if each["action"].endswith("/revoke")]
    assert record(rt, ca, serial) == before


def test_status_without_ocsp_and_crls_says_so(browser: Browser, rt: Any) -> None:
    ca = root(rt, RevocationConfiguration={"CrlConfiguration": {"Enabled": False}})
    serial = issue(rt, ca)
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert says(page.text) == ["Issued", "off", "off"]
    form = browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke")
    assert "clients will not learn of the revocation" in form.text
    done = browser.submit(form, "/revoke", reason="SUPERSEDED")
    assert "hx-get" not in done.text  # there is nothing to wait for


def test_partitioned_crl_is_the_certificate_s_own(browser: Browser, rt: Any) -> None:
    crl = {"Enabled": True, "S3BucketName": "parts", "CrlType": "PARTITIONED"}
    ca = root(rt, RevocationConfiguration={"CrlConfiguration": crl})
    serial = issue(rt, ca)
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert f"/crl/{record(rt, ca, serial).crl_partition}.crl" in page.text
    assert says(page.text)[2] == "not revoked"
    revoke(rt, ca, serial)
    publication.publish_due_crls(rt, seconds=60)
    assert says(browser.get(page.url).text)[2] == "revoked"


def test_crl_that_cannot_be_read_says_nothing(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    key = f"crl/{ca}.crl"
    etag = rt.buckets.get("crl-bucket", key).etag
    rt.buckets.put("crl-bucket", key, b"garbage", expected_etag=etag, content_type="application/pkix-crl")
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert page.status == 200
    assert says(page.text) == ["Issued", "good", "nothing"]
