"""Issuing in the console: the form, the CSR decoded, the preview, and one certificate for each preview."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.access import access_keys
from chalicelib.api import constraints, model
from chalicelib.console import sessions
from chalicelib.console.forms import issue_request
from chalicelib.pki.issuing.templates import TEMPLATES
from tests.support.builders import csr
from tests.support.console_browser import ORIGIN, Answer, Browser
from tests.support.console_steps import (
    HOSTILE,
    arn_of,
    check_harmless,
    create,
    got,
    problems,
    root,
    signed_in,
    signed_in_as,
)

if TYPE_CHECKING:
    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console

CSR = csr("new.example.com", dns_names=["new.example.com", "www.new.example.com"]).decode()


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


def previewed(browser: Browser, ca: str, **fields: str) -> Answer:
    form = browser.get(f"/console/cas/{ca}/issue")
    return browser.submit(form, "/issue", **{"csr": CSR} | fields)


def issue(browser: Browser, page: Answer) -> Answer:
    return browser.submit(page, page.url.rsplit("/", 1)[1])


def certificates_of(rt: Any, ca: str) -> list[Any]:
    return list(rt.store.list_certificates(arn_of(ca)))


def loaded(rt: Any, ca: str, page: Answer) -> x509.Certificate:
    """The certificate whose page was reached."""
    serial = urlsplit(page.url).path.rsplit("/", 1)[1]
    return x509.load_pem_x509_certificate(got(rt, ca, serial)["Certificate"].encode())


def test_form_offers_every_template_and_the_usual_ones_first(browser: Browser, rt: Any) -> None:
    page = browser.get(f"/console/cas/{root(rt)}/issue")
    offered = [each["value"] for tag, each in page.elements if tag == "option"]
    assert set(offered) - set(issue_request.UNITS) == set(TEMPLATES)
    assert len(offered) == len(set(offered))
    radios = [each["value"] for _, each in page.elements if each.get("type") == "radio"]
    assert radios == [*issue_request.COMMON, "other"]
    assert set(issue_request.COMMON) <= set(TEMPLATES)
    defaults = page.form("/issue")["fields"]
    assert {name: defaults[name] for name in issue_request.DEFAULTS} == issue_request.DEFAULTS


def test_what_is_previewed_is_what_is_issued(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    before = len(certificates_of(rt, ca))
    page = previewed(browser, ca, template="EndEntityServerAuthCertificate", amount="45")
    assert page.status == 200
    for said in ("CN=new.example.com", "www.new.example.com", "EndEntityServerAuthCertificate", "Subject alternative"):
        assert said in page.text
    assert 'datetime="2030-02-15T12:00:00Z"' in page.text
    sources = re.findall(
        r'data-label="Extension">([^<]*?)(?: <.*?)?</td>\s*<td data-label="Source">([^<]*)<', page.text
    )
    assert dict(sources)["Subject alternative names"] == "the CSR"
    assert dict(sources)["Extended key usage"] == "the template"
    assert dict(sources)["CRL distribution points"] == "the CA"
    assert "holds the key" in page.text  # the CSR, decoded
    assert len(certificates_of(rt, ca)) == before  # nothing is issued by looking
    done = issue(browser, page)
    assert "The certificate is issued." in done.text
    certificate = loaded(rt, ca, done)
    assert len(certificates_of(rt, ca)) == before + 1
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert f"{certificate.not_valid_after_utc:%Y-%m-%d}" == "2030-02-15"


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"amount": "3", "unit": "MONTHS"}, "2030-04-01 12:00:00"),
        ({"amount": "2", "unit": "YEARS"}, "2032-01-01 12:00:00"),
        ({"unit": "END_DATE", "end": "2031-05-06"}, "2031-05-06 23:59:59"),
    ],
)
def test_validity_in_every_unit(browser: Browser, rt: Any, fields: dict[str, str], ends: str) -> None:
    ca = root(rt)
    page = previewed(browser, ca, **fields)
    assert f"{ends} UTC" in page.text
    assert f"{loaded(rt, ca, issue(browser, page)).not_valid_after_utc:%Y-%m-%d %H:%M:%S}" == ends


def test_other_template_is_taken_from_the_list(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    page = previewed(browser, ca, template="other", other_template="BlankEndEntityCertificate_CSRPassthrough")
    certificate = loaded(rt, ca, issue(browser, page))
    assert not [each for each in certificate.extensions if isinstance(each.value, x509.ExtendedKeyUsage)]


def test_subject_names_and_usages_pass_through(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    typed = {
        "template": "other",
        "other_template": "BlankEndEntityCertificate_APIPassthrough",
        "CommonName": "typed",
        "Organization": "Example",
        "OrganizationalUnit": "Unit",
        "dns": "a.example.com, b.example.com\n",
        "ip": "10.0.0.1",
        "email": "a@example.com",
        "usage.DigitalSignature": "yes",
        "purpose.CLIENT_AUTH": "yes",
    }
    page = previewed(browser, ca, **typed)
    assert ">this form</td>" in page.text
    certificate = loaded(rt, ca, issue(browser, page))
    assert certificate.subject.rfc4514_string() == "OU=Unit,O=Example,CN=typed" or "CN=typed" in str(
        certificate.subject
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example.com", "b.example.com"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert names.get_values_for_type(x509.RFC822Name) == ["a@example.com"]
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_what_is_passed_through_is_of_the_model() -> None:
    assert set(issue_request.KEY_USAGES) <= set(model.shape("KeyUsage")["members"])
    assert set(issue_request.PURPOSES) <= set(model.shape("ExtendedKeyUsageType")["enum"])
    typed = (
        {"csr": CSR, "amount": "1"}
        | dict.fromkeys(issue_request.SUBJECT, "x")
        | dict.fromkeys(issue_request.NAMES, "x")
    )
    for unit in issue_request.UNITS:
        given = typed | {"unit": unit, "end": "2031-01-01", "template": "EndEntityCertificate"}
        assert issue_request.problems_of(given) == {}
        template_arn = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
        request = issue_request.request_of(
            given, arn_of("0" * 8 + "-0000-0000-0000-" + "0" * 12), "SHA256WITHRSA", template_arn
        )
        constraints.check("IssueCertificateRequest", request)


def test_pressing_issue_twice_makes_one_certificate(browser: Browser, rt: Any, clock: Clock) -> None:
    ca = root(rt)
    page = previewed(browser, ca)
    first = issue(browser, page)
    again = issue(browser, page)
    assert again.url == first.url
    assert browser.get(page.url).url == first.url  # the way back leads to what was made
    # As when both requests are there at once: neither has seen that the other was done.
    draft = rt.store.get_draft("000000000000", "administrator", page.url.rsplit("/", 1)[1])
    undone = {key: value for key, value in draft.content.items() if key != "issued"}
    rt.store.put_draft(replace(draft, content=undone))
    clock.forward(seconds=2)
    assert issue(browser, page).url == first.url
    assert len(certificates_of(rt, ca)) == 2  # with the root's own


def test_two_previews_make_two_certificates(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    assert issue(browser, previewed(browser, ca)).url != issue(browser, previewed(browser, ca)).url


@pytest.mark.parametrize("name", ["0" * 16, "another principal's", "of another CA"])
def test_nothing_is_issued_that_was_not_previewed_here(browser: Browser, rt: Any, name: str) -> None:
    ca, other = root(rt), root(rt)
    draft = name
    if name == "another principal's":
        draft = previewed(signed_in_as(rt, "ops"), ca).url.rsplit("/", 1)[1]
    if name == "of another CA":
        draft = previewed(browser, other).url.rsplit("/", 1)[1]
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    answer = browser.post(f"/console/cas/{ca}/issue/{draft}", {"token": token, "csr": CSR})
    assert answer.url == f"{ORIGIN}/console/cas/{ca}/issue"
    assert [len(certificates_of(rt, each)) for each in (ca, other)] == [1, 1]


PASSED = {"template": "EndEntityCertificate_APIPassthrough"}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"csr": ""}, "csr", "Paste the CSR"),
        ({"csr": "garbage"}, "csr", "MalformedCSRException"),
        ({"csr": CSR.replace("MII", "MIJ", 1)}, "csr", "MalformedCSRException"),
        ({"csr": "x" * 65536}, "csr", "This is longer than 32768 characters."),
        ({"template": "NoSuchTemplate"}, "template", "Choose a template."),
        ({"template": "other", "other_template": ""}, "template", "Choose a template."),
        ({"amount": "0"}, "amount", "a number from 1 to 99999"),
        ({"amount": "9" * 30}, "amount", "a number from 1 to 99999"),
        ({"unit": "WEEKS"}, "unit", "Choose one of these units."),
        ({"unit": "END_DATE", "end": "soon"}, "end", "Choose a date."),
        ({"CommonName": "x" * 5000}, "CommonName", "longer than 4096 characters"),
        ({"dns": "a " * 101}, "dns", "100 entries"),
        ({"ip": "10.0.0.1 " * 101}, "ip", "100 entries"),
        ({"amount": "50", "unit": "YEARS"}, "amount", "exceeds the certificate authority validity"),
        ({"unit": "END_DATE", "end": "2020-01-01"}, "end", "ends in the past"),
        ({"unit": "END_DATE", "end": "2090-01-01"}, "end", "exceeds the certificate authority validity"),
        ({"template": "RootCACertificate_APIPassthrough"}, "template", "a root's own certificate"),
        ({**PASSED, "CommonName": "x" * 100}, "CommonName", "It must have at most 64 characters."),
        ({**PASSED, "Organization": "a\x00b"}, "Organization", "It holds control characters."),
        ({**PASSED, "ip": "no-address"}, "ip", "It is neither an IPv4 nor an IPv6 address."),
        ({**PASSED, "email": "\xe9@example.com"}, "email", "It holds characters other than ASCII."),
        ({**PASSED, "dns": "a_b..example"}, "dns", "is malformed"),
    ],
)
def test_refusal_stands_beside_its_field(
    browser: Browser, rt: Any, fields: dict[str, str], field: str, message: str
) -> None:
    ca = root(rt)
    refused = previewed(browser, ca, **fields)
    assert refused.status == 422
    assert set(problems(refused)) == {field}
    assert message in unescape(problems(refused)[field])
    (bound,) = (each for _, each in refused.elements if each.get("id") == field)
    assert f"{field}-problem" in bound["aria-describedby"].split()
    assert len(certificates_of(rt, ca)) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": "50", "unit": "YEARS"}, "ValidationException"),
        ({"unit": "END_DATE", "end": "2020-01-01"}, "ends in the past"),
        ({"template": "EndEntityCertificate_APIPassthrough", "ip": "no address"}, "InvalidArgsException"),
        ({"template": "EndEntityCertificate_APIPassthrough", "CommonName": "x" * 100}, "at most 64 characters"),
    ],
)
def test_refusal_names_its_rule(browser: Browser, rt: Any, fields: dict[str, str], message: str) -> None:
    ca = root(rt)
    refused = previewed(browser, ca, **fields)
    assert refused.status == 422
    assert message in refused.text
    for name, value in fields.items():
        assert value in refused.text, name  # nothing that was typed is lost
    assert CSR.splitlines()[1] in refused.text
    assert len(certificates_of(rt, ca)) == 1


def test_ca_that_stops_issuing_after_the_preview_is_told(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    page = previewed(browser, ca)
    found = rt.store.get_certificate_authority(arn_of(ca))
    rt.store.update_certificate_authority(
        found, replace(found, status="DISABLED", issuing_epoch=found.issuing_epoch + 1)
    )
    refused = issue(browser, page)
    assert refused.status == 422
    assert "InvalidStateException" in refused.text
    assert len(certificates_of(rt, ca)) == 1
    assert "This certificate cannot be issued." in browser.get(page.url).text
    waiting = create(rt)
    assert "cannot issue certificates" in browser.get(f"/console/cas/{waiting}/issue").text
    fields = {"token": page.form("sign-out")["fields"]["token"], "csr": CSR, **issue_request.DEFAULTS}
    refused = browser.post(f"/console/cas/{waiting}/issue", fields)
    assert "InvalidStateException" in refused.text
    assert refused.form("/issue")["fields"]["csr"].strip() == CSR.strip()  # what was typed is not lost


def test_change_leads_back_to_what_was_typed(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    page = previewed(browser, ca, template="CodeSigningCertificate", amount="12")
    change = next(each["href"] for tag, each in page.elements if "draft=" in each.get("href", ""))
    form = browser.get(urljoin(page.url, change))
    fields = form.form("/issue")["fields"]
    assert (fields["template"], fields["amount"]) == ("CodeSigningCertificate", "12")
    assert CSR.splitlines()[1] in form.text
    other = browser.get(f"/console/cas/{root(rt)}/issue?draft={change.rsplit('=', 1)[1]}")
    assert CSR.splitlines()[1] not in other.text  # a draft is its CA's


@pytest.mark.parametrize("form", ["PEM", "DER", "PEM with a mark", "PEM in UTF-16"])
def test_csr_is_uploaded(browser: Browser, rt: Any, form: str) -> None:
    ca = root(rt)
    fields = browser.get(f"/console/cas/{ca}/issue").form("/issue")["fields"]
    given = {
        "PEM": CSR.encode(),
        "DER": base64.b64decode("".join(CSR.splitlines()[1:-1])),
        "PEM with a mark": CSR.encode("utf-8-sig"),
        "PEM in UTF-16": CSR.encode("utf-16"),
    }
    parts = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()]
    head = b'--x\r\nContent-Disposition: form-data; name="csr_file"; filename="f.csr"\r\n\r\n'
    body = b"".join([*parts, head, given[form], b"\r\n--x--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": ORIGIN}
    answer = browser.request("POST", f"/console/cas/{ca}/issue", body, **headers)
    page = browser.get(urljoin(answer.url, answer.headers["Location"]))
    assert "CN=new.example.com" in page.text


def test_csr_is_decoded_as_soon_as_it_is_pasted(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    form = browser.get(f"/console/cas/{ca}/issue")
    (asks,) = (each for _, each in form.elements if "hx-post" in each)
    token = form.form("/issue")["fields"]["token"]
    part = browser.post(urljoin(form.url, asks["hx-post"]), {"token": token, "csr": CSR})
    assert "www.new.example.com" in part.text
    assert "<html" not in part.text
    for wrong in ("garbage", HOSTILE, "x" * 65536):
        refused = browser.post(part.url, {"token": token, "csr": wrong})
        assert 'role="alert">The CSR' in refused.text
        check_harmless(refused)
    assert browser.post(part.url, {"token": token, "csr": ""}).text.strip() == ""


def test_hostile_names_are_shown_and_do_nothing(browser: Browser, rt: Any) -> None:
    ca = root(rt, {"CommonName": HOSTILE[:60]})
    page = previewed(browser, ca, csr=csr(HOSTILE[:60]).decode())
    assert "\\u{202e}" in page.text
    refused = previewed(browser, ca, **dict.fromkeys(issue_request.FIELDS, HOSTILE + "\r\nX: y"))
    assert refused.status == 422
    typed = {"template": "EndEntityCertificate_APIPassthrough", "CommonName": HOSTILE[:60], "dns": "<b>"}
    for shown in (page, refused, issue(browser, page), previewed(browser, ca, **typed)):
        check_harmless(shown)


def test_ca_of_another_account_is_not_there(browser: Browser, rt: Any) -> None:
    ca = root(rt)
    page = previewed(browser, ca)
    stranger = Browser(rt)
    stranger.sign_in(access_keys.create_access_key(rt, "111122223333"))
    token = sessions.form_token(stranger.cookies[sessions.COOKIE])
    assert stranger.get(f"/console/cas/{ca}/issue").status == 404
    assert stranger.get(page.url).status == 404
    for address, fields in ((f"/console/cas/{ca}/issue", {"csr": CSR} | issue_request.DEFAULTS), (page.url, {})):
        assert stranger.post(address, {"token": token} | fields).status == 404
    assert len(certificates_of(rt, ca)) == 1


def test_command_of_the_preview_asks_for_the_same(browser: Browser, rt: Any) -> None:
    page = previewed(browser, root(rt), template="EndEntityCertificate_APIPassthrough", dns="a.example.com")
    (shown,) = (each["data-copy"] for _, each in page.elements if "issue-certificate" in each.get("data-copy", ""))
    for said in (
        "--csr fileb://request.csr.pem",
        "--template-arn arn:aws:acm-pca:::template/EndEntityCertificate_APIPassthrough/V1",
        """--validity '{"Type": "DAYS", "Value": 90}'""",
        """--api-passthrough '{"Extensions": {"SubjectAlternativeNames": [{"DnsName": "a.example.com"}]}}'""",
    ):
        assert said in shown


@pytest.mark.parametrize(("mode", "days"), [("GENERAL_PURPOSE", "90"), ("SHORT_LIVED_CERTIFICATE", "7")])
def test_command_of_the_form_has_the_validity_that_the_form_has(
    browser: Browser, rt: Any, mode: str, days: str
) -> None:
    page = browser.get(f"/console/cas/{root(rt, UsageMode=mode, RevocationConfiguration={})}/issue")
    (command,) = (each["data-copy"] for _, each in page.elements if "issue-certificate" in each.get("data-copy", ""))
    assert page.form("/issue")["fields"]["amount"] == days
    assert f'"Value": {days}}}' in command
