"""CAs that another account shares, in the console: what their policies allow is there, and nothing else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from cryptography import x509

from chalicelib.access import access_keys
from chalicelib.console import table
from chalicelib.console.views import authorities
from chalicelib.crl import publication
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import policies
from chalicelib.runtime import Caller
from tests.support.builders import csr
from tests.support.console_browser import Answer, Browser
from tests.support.console_sharing import OTHER, OWNER, share
from tests.support.console_steps import (
    HOSTILE,
    arn_of,
    check_harmless,
    create,
    got,
    issue,
    problems,
    revoke,
    root,
    subordinate,
)

pytestmark = pytest.mark.laptop
LEAF_TEMPLATE = "EndEntityCertificate"
OWNERS_ALONE = [row for row in table.PAGES if "{ca_id}" in row.path and row.others is None]


@pytest.fixture
def key(rt: Any) -> access_keys.Credential:
    return access_keys.create_access_key(rt, OTHER)


@pytest.fixture
def browser(rt: Any, key: access_keys.Credential) -> Browser:
    """Of the account that something is shared with."""
    made = Browser(rt)
    made.sign_in(key)
    return made


def visible(page: Answer) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page.text.partition('<main id="main"')[2]).split())


def links(page: Answer) -> set[str]:
    """The paths behind `/console` that a page leads to."""
    found = (urlsplit(urljoin(page.url, each["href"])).path for tag, each in page.elements if tag == "a")
    return {path.removeprefix("/console").strip("/") for path in found}


# lists


def test_shared_ca_is_listed_in_the_place_of_the_introduction(browser: Browser, rt: Any) -> None:
    assert "Get started" in browser.get("/console/cas").text
    ca = share(rt, root(rt, {"CommonName": "Shared Root"}))
    assert urlsplit(browser.get("/console").url).path == "/console/cas"
    for path in ("cas", "overview", "hierarchy"):
        page = browser.get(f"/console/{path}")
        assert "Get started" not in page.text
        assert "Shared Root" in visible(page)
        assert f"cas/{ca}" in links(page)
        assert OWNER in visible(page)


def test_own_and_shared_cas_are_listed_apart(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt, {"CommonName": "Mine"}))
    owner = Browser(rt)
    owner.sign_in()
    assert "Shared with this account" not in owner.get("/console/cas").text
    theirs = share(rt, root(rt, {"CommonName": "Hidden"}), ["IssueCertificate"])
    page = browser.get("/console/cas")
    assert "This account owns no certificate authority." in page.text
    assert f"cas/{ca}" in links(page)
    assert f"cas/{theirs}" not in links(page)  # as ListCertificateAuthorities leaves it out


def test_shared_cas_are_paged(browser: Browser, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {share(rt, create(rt), ["DescribeCertificateAuthority"]) for _ in range(3)}
    monkeypatch.setattr(authorities, "PAGE", 2)
    first = browser.get("/console/cas")
    following = next(each["href"] for _, each in first.elements if each.get("rel") == "next")
    second = browser.get(urljoin(first.url, following))
    seen = [
        re.findall(r'data-label="Common name"><a href="[^"]*cas/([0-9a-f-]{36})"', each.text)
        for each in (first, second)
    ]
    assert [len(each) for each in seen] == [2, 1]
    assert {*seen[0], *seen[1]} == made
    assert browser.get("/console/cas?shared=forged").status == 400


def test_certificates_of_shared_cas_are_offered_below_those_of_the_account(browser: Browser, rt: Any) -> None:
    shared = {share(rt, root(rt)), share(rt, root(rt))}
    assert {f"cas/{ca}/certificates" for ca in shared} <= links(browser.get("/console/certificates"))


def test_hierarchy_has_shared_cas_that_may_be_read(browser: Browser, rt: Any) -> None:
    top = root(rt, {"CommonName": "Top"}, Tags=[{"Key": "Name", "Value": "Secret name"}])
    share(rt, subordinate(rt, top, {"CommonName": "Below"}))
    share(rt, root(rt, {"CommonName": "Unread"}), ["DescribeCertificateAuthority"])
    text = visible(browser.get("/console/hierarchy"))
    assert "Level 2, below Top" in text
    assert "Not a CA of this service" in text  # the root, by the chain alone
    assert "Unread" not in text
    share(rt, top, ["DescribeCertificateAuthority", "GetCertificateAuthorityCertificate"])
    text = visible(browser.get("/console/hierarchy"))
    assert "Not a CA of this service" not in text
    assert f"Root, of account {OWNER}" in text
    assert "Secret name" not in text  # tags are not among what may be read


# a CA


def test_pages_of_a_shared_ca_show_what_the_operations_say(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt, {"CommonName": "Shared Root"}, Tags=[{"Key": "team", "Value": "network"}]))
    said = {
        "": (arn_of(ca), "CN=Shared Root", "Root", "Active", OWNER),
        "/certificate": ("CN=Shared Root", "Basic constraints"),
        "/tags": ("team", "network"),
        "/sharing": ("There is no permission.",),
        "/certificates": ("Serial number",),
        "/issue": ("EndEntityCertificate",),
    }
    for rest, texts in said.items():
        page = browser.get(f"/console/cas/{ca}{rest}")
        assert page.status == 200, rest
        assert not [each for each in texts if each not in visible(page)], rest
        foreign = {"csr", "install", "disable", "delete", "revocation", "reports", "activity", "tags/remove", "revoke"}
        addresses = links(page) | {urlsplit(urljoin(page.url, each["action"])).path for each in page.forms}
        assert not [each for each in addresses if each.endswith(tuple(f"{ca}/{name}" for name in foreign))], rest
    pem = browser.get(f"/console/cas/{ca}/certificate/certificate.pem").body
    assert x509.load_pem_x509_certificate(pem).subject.rfc4514_string() == "CN=Shared Root"


@pytest.mark.wide
@pytest.mark.parametrize("row", OWNERS_ALONE, ids=lambda row: f"{row.method} {row.path}")
def test_page_of_the_owner_alone_says_so(browser: Browser, rt: Any, row: table.Page) -> None:
    ca = share(rt, root(rt, {"CommonName": "Shared Root"}, Tags=[{"Key": "Name", "Value": "Secret name"}]))
    serial = issue(rt, ca, csr("secret.example.com"))
    names = {"ca_id": ca, "serial": serial, "report_id": ca, "version": "1"}
    address = f"/console/{row.path.format(**names)}"
    before = rt.store.get_certificate_authority(arn_of(ca))
    token = browser.get("/console/cas").form("sign-out")["fields"]["token"]
    page = browser.post(address, {"token": token}) if row.method == "POST" else browser.get(address)
    assert page.status == 403
    assert f"Account {OWNER} owns this CA" in page.text
    assert not [each for each in ("Secret name", "secret.example.com") if each in page.text]
    assert rt.store.get_certificate_authority(arn_of(ca)) == before


def test_what_a_policy_leaves_out_is_refused_in_words_and_not_offered(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt), ["DescribeCertificateAuthority"])
    serial = issue(rt, ca, csr("secret.example.com"))
    page = browser.get(f"/console/cas/{ca}")
    assert page.status == 200
    assert {each for each in links(page) if each.startswith(f"cas/{ca}")} == {f"cas/{ca}"}
    for rest in ("certificate", "certificate/chain.pem", "tags", "sharing", "issue", f"certificates/{serial}"):
        refused = browser.get(f"/console/cas/{ca}/{rest}")
        assert refused.status == 403
        assert "It allows: DescribeCertificateAuthority." in visible(refused)
        assert "secret.example.com" not in refused.text


def test_ca_that_is_not_shared_any_more_is_not_there(browser: Browser, rt: Any) -> None:
    ca, stranger = share(rt, root(rt)), share(rt, root(rt), account="222222222222")
    caller = Caller(account_id=OWNER, access_key_id="AKIATEST", operation="DeletePolicy", principal=ADMINISTRATOR)
    policies.delete_policy(rt, caller, {"ResourceArn": arn_of(ca)})
    for each in (ca, stranger):
        for rest in ("", "/issue", "/certificates", "/activity"):
            page = browser.get(f"/console/cas/{each}{rest}")
            assert page.status == 404
            assert OWNER not in page.text


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt, {"CommonName": HOSTILE[:60]}, Tags=[{"Key": "Name", "Value": "=+@1 " * 30}]))
    serial = issue(rt, ca, csr(HOSTILE[1:60], dns_names=["a.example.com"]))
    rests = ("", "/certificate", "/tags", "/certificates", f"/certificates/{serial}", f"/certificates/{serial}/revoke")
    for path in ("cas", "hierarchy", *(f"cas/{ca}{rest}" for rest in rests)):
        page = browser.get(f"/console/{path}")
        assert page.status == 200, path
        check_harmless(page)


# certificates


def test_certificate_is_issued_shown_and_revoked_with_a_shared_ca(browser: Browser, rt: Any, key: Any) -> None:
    ca = share(rt, root(rt), template=LEAF_TEMPLATE)
    form = browser.get(f"/console/cas/{ca}/issue")
    assert set(re.findall(r'name="template" value="([^"]+)"', form.text)) == {LEAF_TEMPLATE, "other"}
    fields = {"csr": csr("leaf.example.com", dns_names=["leaf.example.com"]).decode(), "template": LEAF_TEMPLATE}
    preview = browser.submit(form, "/issue", **fields)
    assert preview.status == 200, preview.text
    assert "leaf.example.com" in visible(preview)
    assert "Accounts that can issue it" not in preview.text  # that is the policy, which its owner alone may get
    page = browser.submit(preview, urlsplit(preview.url).path.rsplit("/", 1)[1])
    assert "The certificate is issued." in page.text
    assert "CN=leaf.example.com" in visible(page)
    serial = page.url.rsplit("/", 1)[1].partition("?")[0]
    record = rt.store.get_certificate(arn_of(ca), int(serial, 16))
    assert (record.requested_by, record.requester_account) == (key.access_key_id, OTHER)
    pem = browser.get(f"/console/cas/{ca}/certificates/{serial}/pem").text
    assert pem == got(rt, ca, serial)["Certificate"] + "\n"
    found = browser.get(f"/console/cas/{ca}/certificates?serial={':'.join(re.findall('..', serial)).upper()}")
    assert urlsplit(found.url).path.endswith(serial)
    revoked = browser.submit(
        browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke"), "/revoke", reason="SUPERSEDED"
    )
    assert "The certificate is revoked." in revoked.text
    assert rt.store.get_certificate(arn_of(ca), int(serial, 16)).revocation_reason == "SUPERSEDED"
    again = browser.submit(browser.get(f"/console/cas/{ca}/certificates/{serial}/revoke"), "/revoke")
    assert (again.status, "It is revoked already." in again.text) == (422, True)


def test_template_that_the_policy_leaves_out_is_refused_beside_the_template(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt), template=LEAF_TEMPLATE)
    form = browser.get(f"/console/cas/{ca}/issue")
    refused = browser.submit(form, "/issue", csr=csr().decode(), template="CodeSigningCertificate")
    assert refused.status == 422
    assert "does not let your account issue with this template" in problems(refused)["template"]


def test_certificate_page_of_others_tells_nothing_that_get_certificate_does_not(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt))
    serial = issue(rt, ca, csr("leaf.example.com"))
    revoke(rt, ca, serial)
    publication.publish_due_crls(rt, seconds=60)
    page = browser.get(f"/console/cas/{ca}/certificates/{serial}")
    assert page.status == 200
    for untold in ("AKIATEST", "Requested by", "On record", "Superseded", LEAF_TEMPLATE):
        assert untold not in visible(page)
    listed = browser.get(f"/console/cas/{ca}/certificates?q=leaf")
    assert "leaf.example.com" not in listed.text
    assert browser.get(f"/console/cas/{ca}/certificates/{'0' * 32}").status == 404
    wrong = browser.get(f"/console/cas/{ca}/certificates?serial=xyz")
    assert (wrong.status, set(problems(wrong))) == (422, {"serial"})


def test_what_was_issued_is_told_even_where_it_may_not_be_got(browser: Browser, rt: Any) -> None:
    ca = share(rt, root(rt), ["DescribeCertificateAuthority", "IssueCertificate"])
    fields = {"csr": csr().decode(), "template": LEAF_TEMPLATE}
    preview = browser.submit(browser.get(f"/console/cas/{ca}/issue"), "/issue", **fields)
    page = browser.submit(preview, urlsplit(preview.url).path.rsplit("/", 1)[1])
    assert page.status == 403
    assert "The certificate is issued." in page.text
