"""Lists of certificates as files: the same certificates as on the page, and nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import access_keys, principals
from chalicelib.console.views import certificate_export
from chalicelib.operations import listing
from tests.support.builders import csr
from tests.support.console_browser import Browser
from tests.support.console_steps import arn_of, issue, revoke, root, signed_in

if TYPE_CHECKING:
    from tests.support.console_browser import Answer

pytestmark = pytest.mark.laptop
ACCOUNT = "000000000000"


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def csv_rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def shows(page: Answer, serial: str) -> bool:
    """Whether a page has a serial number, in whichever spelling: one with colons has no zeros before it."""
    return serial.lstrip("0") in re.sub(":|<wbr>", "", page.text).lower()


def disposition(answer: Answer) -> str:
    return answer.headers["Content-Disposition"]


@pytest.mark.parametrize("most", [2000, 1], ids=["read", "walked"])
def test_both_formats_have_the_certificates_of_the_list(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(listing, "MOST", most)
    ca, other = root(rt), root(rt)
    serial = issue(rt, ca, csr("a.example.com", dns_names=["a.example.com", "b.example.com"]))
    revoke(rt, ca, serial)
    kept = issue(rt, ca, csr("c.example.com"))
    issue(rt, other)
    page = browser.get(f"/console/cas/{ca}/certificates?template=EndEntityCertificate")
    links = [each["href"] for tag, each in page.elements if tag == "a" and "export" in each.get("href", "")]
    assert len(links) == 2
    found = browser.get(f"/console/cas/{ca}/certificates/export?template=EndEntityCertificate&format=json")
    rows = {row["Serial"]: row for row in json.loads(found.body)}
    assert set(rows) == {kept, serial}
    assert disposition(found) == 'attachment; filename="certificates.json"'
    assert rows[serial] | {"IssuedAt": "", "RevokedAt": "", "NotBefore": ""} == {
        "Name": "a.example.com",
        "Subject": "CN=a.example.com",
        "SubjectAlternativeNames": ["a.example.com", "b.example.com"],
        "Serial": serial,
        "State": "REVOKED",
        "TemplateArn": "arn:aws:acm-pca:::template/EndEntityCertificate/V1",
        "IssuedAt": "",
        "NotBefore": "",
        "NotAfter": "2030-01-31T12:00:00Z",
        "RevokedAt": "",
        "RevocationReason": "SUPERSEDED",
        "RequestedBy": "AKIATEST",
        "CertificateAuthorityArn": arn_of(ca),
        "CertificateArn": f"{arn_of(ca)}/certificate/{serial}",
    }
    listed = csv_rows(browser.get(f"/console/certificates/export?of={ca}&state=REVOKED&format=csv"))
    assert [(row["Serial"], row["SubjectAlternativeNames"]) for row in listed] == [
        (serial, "a.example.com b.example.com")
    ]
    assert json.loads(browser.get("/console/certificates/export?q=absent&format=json").body) == []
    assert csv_rows(browser.get("/console/certificates/export?q=absent&format=csv")) == []


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", 'a","=1', "|x", "%x"])
def test_no_cell_begins_a_formula(browser: Browser, rt: Any, name: str) -> None:
    issue(rt, root(rt), csr(name))
    answer = browser.get("/console/certificates/export?template=EndEntityCertificate&format=csv")
    cells = [cell for line in csv.reader(io.StringIO(answer.body.decode(), newline="")) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "|", "%"))]
    assert any(name in cell for cell in cells) or "\\" in answer.text


def test_file_that_lacks_certificates_says_so_in_its_name(
    browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_export, "MOST", 2)
    ca = root(rt)
    for _ in range(3):
        issue(rt, ca)
    page = browser.get("/console/certificates")
    assert "Export the first 2:" in page.text
    answer = browser.get("/console/certificates/export?format=csv")
    assert disposition(answer) == 'attachment; filename="certificates-first-2.csv"'
    assert len(csv_rows(answer)) == 2
    monkeypatch.setattr(certificate_export, "MOST", 4)
    assert len(csv_rows(browser.get("/console/certificates/export?format=csv"))) == 4
    monkeypatch.setattr(certificate_export, "MOST_BYTES", 700)
    assert "certificates-first-1.csv" in disposition(browser.get("/console/certificates/export?format=csv"))


@pytest.mark.parametrize("query", ["", "format=xml", "format=csv&state=FINE"])
def test_export_without_a_format_or_with_wrong_filters_is_refused(browser: Browser, query: str) -> None:
    assert browser.get(f"/console/certificates/export?{query}").status == 400


def test_others_get_only_what_they_may_search(rt: Any) -> None:
    ca, hidden = root(rt), root(rt)
    serial, other = issue(rt, ca), issue(rt, hidden)
    statement = {"Effect": "Allow", "Action": "acm-pca:SearchCertificates", "Resource": arn_of(ca)}
    listing_all = {"Effect": "Allow", "Action": "acm-pca:ListCertificateAuthorities", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement, listing_all]})
    principals.create(rt, ACCOUNT, "somebody", policies=(("one", text),))
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, ACCOUNT, principal="somebody"))
    for path in ("certificates", "certificates/export?format=json", "certificates?q=leaf", f"certificates?q={serial}"):
        page = browser.get(f"/console/{path}")
        assert shows(page, serial), path
        assert not shows(page, other)
    assert f"certificates/{other}" not in browser.get(f"/console/certificates?q={other}").text
    assert browser.get(f"/console/certificates/export?of={hidden}&format=json").status == 403
