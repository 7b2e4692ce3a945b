"""Revoking several certificates: chosen in a list or by its filters, each with its own record and result."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from chalicelib.console.views import revoke_many
from tests.support.builders import csr
from tests.support.console_steps import arn_of, issue, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def box(ca: str, serial: str) -> str:
    return f"c.{ca}.{serial}"


def state(rt: Any, ca: str, serial: str) -> str | None:
    record = rt.store.get_certificate(arn_of(ca), int(serial, 16))
    return str(record.revocation_reason) if record.revoked_at else None


def results(page: Answer) -> dict[str, str]:
    found = re.findall(r'certificates/([0-9a-f]{32})">.*?</span> ([^<]+)</span>', page.text, re.DOTALL)
    return dict(found)


def test_chosen_certificates_are_revoked_after_a_preview(browser: Browser, rt: Any) -> None:
    ca, other = root(rt), root(rt)
    chosen, kept, elsewhere = issue(rt, ca), issue(rt, ca), issue(rt, other)
    page = browser.get("/console/certificates?template=EndEntityCertificate")
    form = page.form("certificates/revoke")
    boxes = {each["name"] for tag, each in page.elements if tag == "input" and each.get("name", "").startswith("c.")}
    assert boxes == {box(ca, chosen), box(ca, kept), box(other, elsewhere)}
    address = urljoin(page.url, f"{form['action']}?{box(ca, chosen)}=on&{box(other, elsewhere)}=on")
    preview = browser.get(address)
    assert "2 certificates would be revoked" in preview.text
    assert kept not in preview.text
    assert state(rt, ca, chosen) is None  # looking revokes nothing
    done = browser.submit(preview, "certificates/revoke", **{box(ca, chosen): "on", box(other, elsewhere): "on"},
                          reason="KEY_COMPROMISE")  # fmt: skip
    assert results(done) == {chosen: "Now revoked", elsewhere: "Now revoked"}
    assert [state(rt, ca, chosen), state(rt, ca, kept), state(rt, other, elsewhere)] == [
        "KEY_COMPROMISE",
        None,
        "KEY_COMPROMISE",
    ]
    names = [each.record["eventName"] for each in rt.audit.newest("000000000000", now=rt.now())]
    assert names.count("RevokeCertificate") >= 2
    again = browser.submit(preview, "certificates/revoke", **{box(ca, chosen): "on", box(other, elsewhere): "on"})
    assert results(again) == {chosen: "Was revoked", elsewhere: "Was revoked"}
    assert state(rt, ca, chosen) == "KEY_COMPROMISE"


def test_list_is_revoked_in_parts_of_a_bounded_number(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoke_many, "MOST", 2)
    ca = root(rt)
    serials = {issue(rt, ca, csr(f"host{number}.example.com")) for number in range(3)}
    kept = issue(rt, ca, csr("other.example.com"))
    page = browser.get("/console/certificates?q=host")
    (address,) = {each["href"] for tag, each in page.elements if tag == "a" and "all=1" in each.get("href", "")}
    for left in (3, 1):
        preview = browser.get(urljoin(page.url, address.replace("&amp;", "&")))
        assert ("There are more: 2 can be revoked at a time." in preview.text) == (left > 2)
        boxes = {each["name"]: "on" for tag, each in preview.elements if each.get("name", "").startswith("c.")}
        assert len(boxes) == min(left, 2)
        browser.submit(preview, "certificates/revoke", **boxes)
    assert {state(rt, ca, serial) for serial in serials} == {"UNSPECIFIED"}
    assert state(rt, ca, kept) is None
    nothing = browser.get(urljoin(page.url, address.replace("&amp;", "&")))
    assert "No certificate is chosen." in nothing.text
    many = {box(ca, f"{number:032x}"): "on" for number in range(3)}
    refused = browser.submit(preview, "certificates/revoke", **many)
    assert (refused.status, "at most 2 certificates" in refused.text) == (400, True)


def test_what_cannot_be_revoked_is_left_out_with_its_reason(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    own = re.findall(r"certificates/([0-9a-f]{32})", browser.get(f"/console/cas/{ca}/certificates").text)[0]
    gone, good = issue(rt, ca), issue(rt, ca)
    revoke(rt, ca, gone)
    boxes = "&".join(f"{box(ca, serial)}=on" for serial in (own, gone, good, "0" * 32))
    preview = browser.get(f"/console/certificates/revoke?{boxes}")
    assert "One certificate would be revoked" in preview.text
    assert "A root cannot revoke its own certificate" in preview.text
    assert "The certificate is revoked already" in preview.text
    sent = {box(ca, serial): "on" for serial in (own, good, "0" * 32)}
    done = browser.submit(preview, "certificates/revoke", **sent)
    assert results(done) == {own: "Not revoked", good: "Now revoked", "0" * 32: "Not revoked"}
    assert "Self-signed certificate can not be revoked" in done.text
    assert "1 of 3 are revoked" in done.text
    assert "Try 2 again" in done.text


def test_certificate_that_expires_before_the_press_is_not_called_revoked(
    browser: Browser, rt: Any, clock: Clock
) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    preview = browser.get(f"/console/certificates/revoke?{box(ca, serial)}=on")
    clock.forward(days=31)
    browser.sign_in()
    token = browser.get("/console").form("sign-out")["fields"]["token"]
    done = browser.submit(preview, "certificates/revoke", **{box(ca, serial): "on", "token": token})
    assert results(done) == {serial: "Not revoked"}
    assert "It has expired and cannot be revoked." in done.text


def test_outage_ends_the_run_and_the_rest_can_be_tried_again(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    serials = [issue(rt, ca) for _ in range(3)]
    boxes = {box(ca, serial): "on" for serial in serials}
    preview = browser.get("/console/certificates/revoke?" + "&".join(f"{name}=on" for name in boxes))
    browser.rt = replace(rt, store=FailingOnce(rt.store))
    done = browser.submit(preview, "certificates/revoke", **boxes)
    found = results(done)
    assert sorted(found.values()) == ["Not revoked", "Not revoked", "Now revoked"]
    assert "Not tried, because an earlier one failed." in done.text
    browser.rt = rt
    again = browser.submit(done, "certificates/revoke")
    assert set(results(again).values()) == {"Now revoked"}
    assert {state(rt, ca, serial) for serial in serials} == {"UNSPECIFIED"}


class FailingOnce:
    """A store whose second revocation fails for an unknown reason."""

    def __init__(self, store: Any) -> None:
        self.store, self.revoked = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def revoke_certificate(self, *given: Any, **named: Any) -> None:
        self.revoked += 1
        if self.revoked == 2:
            raise RuntimeError("unknown")
        self.store.revoke_certificate(*given, **named)


@pytest.mark.parametrize("reason", ["", "NO_REASON"])
def test_unknown_reason_revokes_nothing(browser: Browser, rt: Any, reason: str) -> None:
    ca = root(rt)
    serial = issue(rt, ca)
    preview = browser.get(f"/console/certificates/revoke?{box(ca, serial)}=on")
    refused = browser.submit(preview, "certificates/revoke", **{box(ca, serial): "on"}, reason=reason)
    assert (refused.status, "Choose a reason." in refused.text) == (400, True)
    assert state(rt, ca, serial) is None


def test_form_of_a_ca_revokes_none_of_another(browser: Browser, rt: Any) -> None:
    ca, other = root(rt), root(rt)
    serial, elsewhere = issue(rt, ca), issue(rt, other)
    boxes = {box(ca, serial): "on", box(other, elsewhere): "on"}
    preview = browser.get(f"/console/cas/{ca}/certificates/revoke?" + "&".join(f"{name}=on" for name in boxes))
    assert "One certificate would be revoked" in preview.text
    assert results(browser.submit(preview, "certificates/revoke", **boxes)) == {serial: "Now revoked"}
    assert state(rt, other, elsewhere) is None
