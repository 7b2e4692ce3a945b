"""Renewing a CA in the console: what the present certificate has is the default, and what gets worse is confirmed."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib.access import access_keys, principals
from chalicelib.ca import chains
from chalicelib.console.parts import notes
from chalicelib.operations import certificates
from tests.support.builders import csr, pem, root_certificate, sign_csr
from tests.support.console_authority_steps import note, page_of, problems
from tests.support.console_browser import Answer, Browser
from tests.support.console_steps import CALLER, arn_of, create, issue, root, signed_in, subordinate

if TYPE_CHECKING:
    from chalicelib.pki import paths
    from tests.faults.world import Clock

YEAR = {"amount": "1", "unit": "YEARS"}


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


class Tree:
    """A root, a CA below it, and one below that, which has issued."""

    def __init__(self, rt: Any) -> None:
        self.top = root(rt, {"CommonName": "Top"}, years=20)
        self.other = root(rt, {"CommonName": "A first root"}, years=20)
        self.middle = subordinate(rt, self.top, {"CommonName": "Middle"}, depth=1, years=10)
        self.sibling = subordinate(rt, self.top, {"CommonName": "A sibling"}, depth=0, years=10)
        self.below = subordinate(rt, self.middle, {"CommonName": "Below"}, depth=0, years=5)
        self.leaf = issue(rt, self.below, validity={"Type": "YEARS", "Value": 4})


@pytest.fixture
def tree(rt: Any) -> Tree:
    return Tree(rt)


def record(rt: Any, ca_id: str) -> Any:
    return rt.store.get_certificate_authority(arn_of(ca_id))


def own(rt: Any, ca_id: str) -> paths.Link:
    """The certificate that a CA has."""
    return chains.installed(record(rt, ca_id))[0]


def form(browser: Browser, ca_id: str) -> Answer:
    return page_of(browser, arn_of(ca_id), "/renew")


def compared(browser: Browser, ca_id: str, **fields: str) -> Answer:
    """The comparison, for what the form has and these fields."""
    return browser.submit(form(browser, ca_id), "/renew", go="preview", **fields)


def first_form(page: Answer) -> dict[str, str]:
    return next(each["fields"] for each in page.forms if each["action"].endswith("/renew"))


def submitted(browser: Browser, page: Answer, **fields: str) -> Answer:
    return browser.submit(page, "/renew", **fields)


def test_defaults_are_those_of_the_present_certificate(browser: Browser, rt: Any, tree: Tree, clock: Clock) -> None:
    clock.forward(days=30)
    browser.sign_in()
    for ca_id, parent, amount, depth in ((tree.middle, tree.top, "10", "1"), (tree.top, None, "20", "none")):
        found = first_form(form(browser, ca_id))
        assert (found.get("parent"), found["amount"], found["unit"], found["path_length"]) == (
            parent,
            amount,
            "YEARS",
            depth,
        )


def test_renewal_with_its_defaults_breaks_nothing(browser: Browser, rt: Any, tree: Tree, clock: Clock) -> None:
    clock.forward(days=30)
    browser.sign_in()
    for ca_id in (tree.top, tree.middle, tree.below):
        before = own(rt, ca_id)
        page = compared(browser, ca_id)
        assert (page.status, "Nothing breaks" in page.text) == (200, True)
        assert own(rt, ca_id) == before  # nothing is issued by looking
        done = submitted(browser, page, go="renew")
        assert note(done).startswith("The certificate is renewed."), done.text
        after = own(rt, ca_id)
        assert after.not_after - after.not_before >= before.not_after - before.not_before - timedelta(days=1)
        assert (after.path_length, after.issuer_der, after.identity) == (
            before.path_length,
            before.issuer_der,
            before.identity,
        )
        assert after.not_after > before.not_after


def test_length_that_outlives_the_parent_becomes_the_days_that_are_left(
    browser: Browser, rt: Any, tree: Tree, clock: Clock
) -> None:
    clock.forward(days=365 * 12)
    browser.sign_in()
    page = browser.get(f"/console/cas/{tree.middle}/renew")
    found = first_form(page)
    assert found["unit"] == "DAYS"
    assert "That is longer than its signer is valid." in page.text
    done = submitted(browser, submitted(browser, page, go="preview"), go="renew")
    assert note(done).startswith("The certificate is renewed."), done.text
    assert own(rt, tree.middle).not_after <= own(rt, tree.top).not_after


def test_shorter_life_and_shorter_path_need_the_name(browser: Browser, rt: Any, tree: Tree) -> None:
    for ca_id, fields, words in (
        (tree.top, YEAR, ["It expires sooner", "Middle", "its chain verifies only until"]),
        (tree.middle, {"path_length": "0"}, ["Its path length gets smaller: 0 instead of 1.", "no longer verifies"]),
        (tree.middle, {"parent": tree.other}, ["Another CA signs it: “A first root” instead of “Top”."]),
    ):
        before = own(rt, ca_id)
        page = compared(browser, ca_id, **fields)
        assert page.status == 200
        for each in words:
            assert each in page.text, each
        for name in ("", "Somebody"):
            refused = submitted(browser, page, go="renew", confirm_ca=name)
            assert (refused.status, set(problems(refused))) == (422, {"confirm_ca"})
        assert own(rt, ca_id) == before
        typed = {tree.top: "Top", tree.middle: "Middle"}[ca_id]
        assert note(submitted(browser, page, go="renew", confirm_ca=typed)).startswith("The certificate is renewed.")
        assert own(rt, ca_id) != before


def test_leaves_that_outlive_their_ca_are_counted(browser: Browser, rt: Any, tree: Tree) -> None:
    page = compared(browser, tree.below, **YEAR)
    assert "One certificate is valid for longer." in page.text
    page = compared(browser, tree.top, amount="2")
    assert page.text.count("One certificate is valid for longer.") >= 1


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"parent": "middle"}, ("parent", "Only a root signs its own certificate.")),
        ({"parent": "below"}, ("parent", "This CA is below the one that it would sign.")),
        ({"parent": "sibling"}, ("parent", "The path length of this CA is 0: no CA may be below it.")),
        ({"parent": "nobody"}, ("parent", "Choose one of these.")),
        ({"parent": ""}, ("parent", "Choose one of these.")),
        ({"amount": ""}, ("amount", "It must be a number from 1 to 99999.")),
        ({"amount": "21"}, ("amount", "The certificate validity specified exceeds the certificate authority validity")),
        ({"unit": ""}, ("unit", "Choose one of these units.")),
        ({"path_length": "none"}, ("path_length", "Choose one of these.")),
        ({"path_length": ""}, ("path_length", "Choose one of these.")),
    ],
)
def test_renewal_that_cannot_work_is_refused_beside_its_field(
    browser: Browser, rt: Any, tree: Tree, fields: dict[str, str], problem: tuple[str, str]
) -> None:
    before = own(rt, tree.middle)
    given = {name: getattr(tree, text, text) if name == "parent" else text for name, text in fields.items()}
    for go in ("preview", "renew"):
        refused = submitted(browser, form(browser, tree.middle), go=go, confirm_ca="Middle", **given)
        assert (refused.status, problems(refused)) == (422, dict([problem])), refused.text
    assert own(rt, tree.middle) == before


def test_path_length_that_the_parent_has_no_room_for_is_refused(browser: Browser, rt: Any, tree: Tree) -> None:
    refused = compared(browser, tree.below, path_length="1")
    assert "at most 0 levels of CAs below it" in problems(refused)["path_length"]


def test_parents_that_cannot_sign_are_not_offered_and_the_present_one_is_first(
    browser: Browser, rt: Any, tree: Tree
) -> None:
    page = form(browser, tree.middle)
    assert [each["value"] for _, each in page.elements if each.get("name") == "parent"] == [tree.top, tree.other]


def test_renewal_by_an_offline_root_is_compared_too(browser: Browser, rt: Any, clock: Clock) -> None:
    ca_id = create(rt, "SUBORDINATE", {"CommonName": "Issuing"})
    offline = root_certificate(now=clock())
    request = browser.get(f"/console/cas/{ca_id}/csr.pem").text
    first, shorter = (
        pem(sign_csr(request, issuer=offline, now=clock(), days=days, path_length=length, serial_number=days)).decode()
        for days, length in ((3650, 1), (300, 0))
    )
    chain = pem(offline).decode()
    browser.submit(browser.get(f"/console/cas/{ca_id}/install"), "/install", certificate=first, chain=chain)
    before = record(rt, ca_id)
    page = form(browser, ca_id)
    compare = browser.submit(page, "/renew", way="pasted", go="preview", certificate=shorter, chain=chain)
    assert "It expires sooner" in compare.text
    assert "Its path length gets smaller: 0 instead of 1." in compare.text
    assert record(rt, ca_id) == before
    garbage = browser.submit(page, "/renew", way="pasted", go="preview", certificate="x", chain=chain)
    assert set(problems(garbage)) == {"certificate"}
    nothing = browser.submit(page, "/renew", way="pasted", go="preview", certificate="", chain="")
    assert set(problems(nothing)) == {"certificate"}
    assert submitted(browser, compare, go="renew").status == 422
    done = submitted(browser, compare, go="renew", confirm_ca="Issuing")
    assert note(done).startswith("The certificate is renewed.")
    assert own(rt, ca_id).path_length == 0


def test_former_certificates_stay_visible_and_can_be_downloaded(browser: Browser, rt: Any, tree: Tree) -> None:
    old = [own(rt, tree.middle)]
    for _ in range(2):
        submitted(browser, compared(browser, tree.middle, amount="11"), go="renew")
        old.append(own(rt, tree.middle))
    page = page_of(browser, arn_of(tree.middle), "/certificate")
    links = [each["href"] for tag, each in page.elements if tag == "a" and "/former/" in each["href"]]
    assert len(links) == 2
    for link, former in zip(links, reversed(old[:-1]), strict=True):
        assert f"{former.serial_number:x}" in page.text
        file = browser.get(f"/console/cas/{tree.middle}/former/{link.rsplit('/', 1)[1]}")
        (certificate, above) = x509.load_pem_x509_certificates(file.body)
        assert (certificate.serial_number, above.serial_number) == (
            former.serial_number,
            own(rt, tree.top).serial_number,
        )
    assert browser.get(f"/console/cas/{tree.middle}/former/999").status == 404


def test_second_press_and_a_comparison_that_is_out_of_date_renew_nothing(browser: Browser, rt: Any, tree: Tree) -> None:
    page = compared(browser, tree.middle)
    assert submitted(browser, page, go="renew").status == 200
    renewed = own(rt, tree.middle)
    again = submitted(browser, page, go="renew")
    assert (again.status, "was replaced meanwhile" in again.text) == (422, True)
    assert own(rt, tree.middle) == renewed


def test_install_pages_of_a_ca_with_a_certificate_lead_to_its_renewal(browser: Browser, rt: Any, tree: Tree) -> None:
    before = record(rt, tree.middle)
    assert browser.get(f"/console/cas/{tree.middle}/install").url.endswith("/renew")
    fields = first_form(form(browser, tree.middle))
    for action in ("install", "install-own", "install-signed"):
        went = browser.post(f"/console/cas/{tree.middle}/{action}", fields | {"years": "1", "parent": tree.other})
        assert went.url.endswith(f"/cas/{tree.middle}")
        assert notes.NOTES["installed_before"] in went.text
    assert record(rt, tree.middle) == before
    waiting = create(rt, "SUBORDINATE", {"CommonName": "Waiting"})
    assert browser.get(f"/console/cas/{waiting}/renew").url.endswith("/install")


def test_restrictions_of_the_present_certificate_are_taken_over(browser: Browser, rt: Any) -> None:
    top, ca_id = root(rt, {"CommonName": "Top"}), create(rt, "SUBORDINATE", {"CommonName": "Narrow"})
    permitted = x509.NameConstraints([x509.DNSName("example.com")], None).public_bytes()
    passed = {
        "CustomExtensions": [
            {"ObjectIdentifier": "2.5.29.30", "Critical": True, "Value": base64.b64encode(permitted).decode()}
        ]
    }
    request: Any = {
        "CertificateAuthorityArn": arn_of(top),
        "Csr": browser.get(f"/console/cas/{ca_id}/csr.pem").body,
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0_APIPassthrough/V1",
        "Validity": {"Type": "YEARS", "Value": 2},
        "ApiPassthrough": {"Extensions": passed},
    }
    arn = certificates.issue_certificate(rt, CALLER, request)["CertificateArn"]
    named: Any = {"CertificateAuthorityArn": arn_of(top), "CertificateArn": arn}
    signed = certificates.get_certificate(rt, CALLER, named)
    install = browser.get(f"/console/cas/{ca_id}/install")
    browser.submit(install, "/install", certificate=signed["Certificate"], chain=signed["CertificateChain"])
    page = compared(browser, ca_id)
    assert "Nothing breaks" in page.text, page.text
    submitted(browser, page, go="renew")
    assert len(record(rt, ca_id).certificate_der)
    assert own(rt, ca_id).constraints is not None


def test_ca_below_a_renewed_one_gets_the_present_chain(browser: Browser, rt: Any, tree: Tree) -> None:
    page = form(browser, tree.below)
    assert "present chain" not in page.text
    submitted(browser, compared(browser, tree.middle, amount="11"), go="renew")
    before = chains.installed(record(rt, tree.below))
    page = form(browser, tree.below)
    assert "The same certificate with the present chain" in page.text
    compare = browser.submit(page, "/renew", way="chain", go="preview")
    assert "Nothing breaks" in compare.text
    assert note(submitted(browser, compare, go="renew")).startswith("The certificate is renewed.")
    after = chains.installed(record(rt, tree.below))
    assert (after[0], after[1]) == (before[0], own(rt, tree.middle))
    assert "present chain" not in form(browser, tree.below).text


def test_root_keeps_its_path_length(browser: Browser, rt: Any) -> None:
    """By a template that has one; it is another one than that of roots without."""
    top = root(rt, {"CommonName": "Top"})
    for depth in ("1", "1"):
        page = compared(browser, top, path_length=depth)
        done = submitted(browser, page, go="renew", confirm_ca="Top")
        assert note(done).startswith("The certificate is renewed."), done.text
        assert own(rt, top).path_length == 1
    assert first_form(form(browser, top))["path_length"] == "1"


def test_certificate_authority_that_is_not_here_is_judged_too(browser: Browser, rt: Any, tree: Tree) -> None:
    """A CA has signed one of another installation."""
    issue(
        rt,
        tree.top,
        csr("Elsewhere"),
        "SubordinateCACertificate_PathLen2",
        {"Type": "YEARS", "Value": 9},
    )
    page = compared(browser, tree.top, path_length="1")
    assert "Elsewhere" in page.text
    page = compared(browser, tree.top)
    assert "Nothing breaks" in page.text


def test_names_of_cas_that_the_visitor_may_not_see_are_left_out(rt: Any, tree: Tree) -> None:
    allowed = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": arn_of(tree.top)}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    principals.create(rt, "000000000000", "somebody", policies=(("one", policy),))
    somebody = Browser(rt)
    somebody.sign_in(access_keys.create_access_key(rt, "000000000000", principal="somebody"))
    page = compared(somebody, tree.top, **YEAR)
    assert "A CA that you may not see" in page.text
    assert "Middle" not in page.text
