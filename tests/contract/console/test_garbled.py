"""The console reads no sentence: with every refusal garbled, each problem still stands beside its field."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from chalicelib import console, errors
from chalicelib.buckets import BucketError
from chalicelib.pki.errors import PkiError
from tests.support.builders import csr, pem, root_certificate, sign_csr
from tests.support.console_steps import create, problems, root, signed_in
from tests.support.console_wizard_steps import CRLS, SUBJECT, begin, go

if TYPE_CHECKING:
    from tests.faults.world import Clock
    from tests.support.console_browser import Answer, Browser

pytestmark = [pytest.mark.wide, pytest.mark.laptop]
CSR = csr("new.example.com", dns_names=["new.example.com"]).decode()
PASSED = {"csr": CSR, "template": "EndEntityCertificate_APIPassthrough"}
NOISE = "%"
Fields = dict[str, str]


@pytest.fixture(autouse=True)
def garbled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message and every reason becomes noise, in whatever part it is raised."""
    api, pki, bucket = errors.ApiError.__init__, PkiError.__init__, BucketError.__init__

    def noise(text: str) -> str:
        return NOISE * len(text)

    def api_init(self: Any, message: str, *, reason: str = "", **more: Any) -> None:
        api(self, noise(message), reason=noise(reason), **more)

    def pki_init(self: Any, text: str, *, reason: str = "", **more: Any) -> None:
        pki(self, noise(text), reason=noise(reason), **more)

    def bucket_init(self: Any, message: str, **more: Any) -> None:
        bucket(self, noise(message), **more)

    monkeypatch.setattr(errors.ApiError, "__init__", api_init)
    monkeypatch.setattr(PkiError, "__init__", pki_init)
    monkeypatch.setattr(BucketError, "__init__", bucket_init)


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def check(page: Answer, field: str) -> None:
    """The one problem of a page stands beside this field, and the field names it."""
    assert page.status == 422
    assert set(problems(page)) == {field}
    (bound,) = (attributes for _, attributes in page.elements if attributes.get("id") == field)
    assert f"{field}-problem" in bound["aria-describedby"].split()


# The number of steps before, the text of the step, and the field of its problem.
WIZARD: tuple[tuple[int, Fields, str], ...] = (
    (0, {"type": "OTHER"}, "type"),
    (1, {"Country": "USA"}, "Country"),
    (1, {"CommonName": "x" * 65, "Organization": "fine"}, "CommonName"),
    (1, {"Locality": "a\x00b"}, "Locality"),
    (2, {"algorithm": "DSA"}, "algorithm"),
    (2, {"algorithm": "SM2"}, "algorithm"),
    (3, CRLS | {"new_bucket": "Not_A_Bucket"}, "new_bucket"),
    (3, CRLS | {"days": "0"}, "days"),
    (3, CRLS | {"cname": "http://crl.example.com/x"}, "cname"),
    (3, CRLS | {"path": "a?b"}, "path"),
    (3, {"ocsp": "yes", "ocsp_cname": "a b"}, "ocsp_cname"),
    (4, {"key.0": "aws:x", "value.0": "1"}, "key.0"),
    (4, {"key.0": "a", "value.0": "<"}, "value.0"),
    (4, {"key.0": "a", "value.0": "1", "key.1": "a", "value.1": "2"}, "key.0"),
)


@pytest.mark.parametrize(("before", "fields", "field"), WIZARD)
def test_wizard(browser: Browser, before: int, fields: Fields, field: str) -> None:
    page = begin(browser)
    for number in range(before):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    if "key.1" in fields:
        page = go(browser, page, "more", **{"key.0": "a", "value.0": "1"})
    check(go(browser, page, **fields), field)


# The page and the form of a CA, the text, and the field of its problem.
OF_A_CA: tuple[tuple[str, str, Fields, str], ...] = (
    ("revocation/edit", "/edit", {"days": "5001"}, "days"),
    ("revocation/edit", "/edit", {"cname": "crl.example.com:99999"}, "cname"),
    ("revocation/edit", "/edit", {"cname": "crl.example.com", "omit": "yes"}, "cname"),
    ("revocation/edit", "/edit", {"path": "../up"}, "path"),
    ("revocation/edit", "/edit", {"acl": "NOBODY"}, "acl"),
    ("revocation/edit", "/edit", {"ocsp": "yes", "ocsp_cname": "ocsp.example.com:0"}, "ocsp_cname"),
    ("revocation/edit", "/edit", {"choice": "existing", "bucket": "no-such-bucket"}, "bucket"),
    ("revocation/edit", "/edit", {"choice": "new", "new_bucket": "Not_A_Bucket"}, "new_bucket"),
    ("tags", "/tags", {"key": "aws:x", "value": "1"}, "key"),
    ("tags", "/tags", {"key": "", "value": "1"}, "key"),
    ("tags", "/tags", {"key": "a", "value": "<"}, "value"),
    ("sharing", "/permit", {"account": "12"}, "account"),
    ("sharing", "/policy", {"policy": "{}"}, "policy"),
    ("sharing", "/policy", {"policy": "x" * 30000}, "policy"),
    ("reports", "/reports", {"report_bucket": "Bad_Bucket", "format": "CSV"}, "report_bucket"),
    ("reports", "/reports", {"report_bucket": "reports", "format": "XML"}, "format"),
    ("delete", "/delete", {"window": "6"}, "window"),
    ("issue", "/issue", {"csr": "garbage"}, "csr"),
    ("issue", "/issue", {"csr": CSR, "template": "RootCACertificate_APIPassthrough"}, "template"),
    ("issue", "/issue", {"csr": CSR, "amount": "50", "unit": "YEARS"}, "amount"),
    ("issue", "/issue", {"csr": CSR, "unit": "END_DATE", "end": "2020-01-01"}, "end"),
    ("issue", "/issue", PASSED | {"CommonName": "x" * 100}, "CommonName"),
    ("issue", "/issue", PASSED | {"Organization": "a\x00b"}, "Organization"),
    ("issue", "/issue", PASSED | {"dns": "a_b..example"}, "dns"),
    ("issue", "/issue", PASSED | {"ip": "no-address"}, "ip"),
    ("issue", "/issue", PASSED | {"email": "\xe9@example.com"}, "email"),
)


@pytest.mark.parametrize(("path", "form", "fields", "field"), OF_A_CA)
def test_page_of_a_ca(browser: Browser, rt: Any, *, path: str, form: str, fields: Fields, field: str) -> None:
    ca_id = root(rt)
    if path == "delete":
        browser.submit(browser.get(f"/console/cas/{ca_id}/disable"), "/disable")
    check(browser.submit(browser.get(f"/console/cas/{ca_id}/{path}"), form, **fields), field)


@pytest.mark.parametrize("field", ["q", "requested_by", "state", "template", "expires_from", "expires_to"])
def test_search(browser: Browser, rt: Any, field: str) -> None:
    wrong = {"q": "arn:x", "requested_by": "x" * 1025, "template": "a-b"}.get(field, "wrong?")
    check(browser.get(f"/console/cas/{root(rt)}/certificates?{urlencode({field: wrong})}"), field)


def test_two_problems_stand_beside_their_fields(browser: Browser, rt: Any) -> None:
    page = begin(browser)
    for number in range(4):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    refused = go(browser, page, **{"key.0": "aws:x", "value.0": "<"})
    assert set(problems(refused)) == {"key.0", "value.0"}


@pytest.mark.parametrize(
    ("kind", "certificate", "chain", "field"),
    [
        ("ROOT", "garbage", "", "certificate"),
        ("ROOT", "other", "", "certificate"),
        ("ROOT", "signed", "other", "chain"),
        ("SUBORDINATE", "other", "", "certificate"),
        ("SUBORDINATE", "signed", "", "chain"),
        ("SUBORDINATE", "signed", "garbage", "chain"),
        ("SUBORDINATE", "signed", "stranger", "chain"),
    ],
)
def test_installation(
    browser: Browser, rt: Any, clock: Clock, *, kind: str, certificate: str, chain: str, field: str
) -> None:
    ca_id = create(rt, kind)
    offline = root_certificate(now=clock())
    request = browser.get(f"/console/cas/{ca_id}/csr.pem").text
    texts = {
        "": "",
        "garbage": "garbage",
        "signed": pem(sign_csr(request, issuer=offline, now=clock())).decode(),
        "other": pem(offline).decode(),
        "stranger": pem(root_certificate(common_name="Stranger", now=clock())).decode(),
    }
    page = browser.get(f"/console/cas/{ca_id}/install")
    check(browser.submit(page, "/install", certificate=texts[certificate], chain=texts[chain]), field)


def test_button_of_installation_tells_its_refusal(browser: Browser, rt: Any) -> None:
    """A refusal of the CA that would sign belongs to no field: it stands above the form."""
    parent, ca_id = root(rt, years=1), create(rt, "SUBORDINATE")
    page = browser.get(f"/console/cas/{ca_id}/install")
    refused = browser.submit(page, "install-signed", parent=parent, path_length="0", years="9")
    assert (refused.status, NOISE * 20 in refused.text) == (422, True)


# what a function does with a text that it is told


READERS = {"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub"}
TOLD = re.compile(r"\b(error|refusal|message|reason|problem|words)s?\b")


@pytest.mark.parametrize("path", sorted(Path(console.__file__).parent.rglob("*.py")), ids=lambda path: path.name)
def test_no_expression_is_held_against_a_message(path: Path) -> None:
    """Neither a regular expression nor a test for a part of it is applied to what a refusal says."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, arguments = node.func.attr, " ".join(map(ast.unparse, node.args))
            if name in READERS and ast.unparse(node.func.value) == "re":
                assert not TOLD.search(arguments), ast.unparse(node)
            if name in {"startswith", "endswith", "replace", "partition", "find", "index"}:
                assert not re.search(r"\.(message|reason)$", ast.unparse(node.func.value)), ast.unparse(node)
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.In) for operator in node.ops):
            compared = " ".join(ast.unparse(right) for right in node.comparators)
            assert not re.search(r"\.(message|reason)\b|str\(error\)", compared), ast.unparse(node)
