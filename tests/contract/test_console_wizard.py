"""The wizard over HTTP, as the AWS guide has it: steps, ways back, refusals beside their fields; then installing."""

from __future__ import annotations

import codecs
import json
import re
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from builders import pem, root_certificate, sign_csr
from console_browser import ORIGIN, Answer, Browser
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib.console import sessions, views_authorities, wizard_plan
from chalicelib.operations import access, authorities
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from pathlib import Path

    from world import Clock

SUBJECT = {"Organization": "Example Corp", "Country": "US", "CommonName": "Example CA"}
CRLS = {"crl": "yes", "choice": "new", "new_bucket": "example-crls", "days": "5", "cname": "crl.example.com"}
HOSTILE = "<script>alert(1)</script>\u202e\x07'\"&{{777*13007}}"


@pytest.fixture
def browser(rt: Any) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def step_of(page: Answer) -> str:
    return urlsplit(page.url).path.rsplit("/", 1)[1]


def go(browser: Browser, page: Answer, button: str = "next", **fields: str) -> Answer:
    """Press a button of a step."""
    return browser.submit(page, step_of(page), go=button, **fields)


def begin(browser: Browser) -> Answer:
    return browser.get("/console/cas/create")


def to_review(browser: Browser, kind: str = "SUBORDINATE", name: str = "Example CA", **revocation: str) -> Answer:
    page = go(browser, begin(browser), type=kind)
    page = go(browser, page, **SUBJECT | {"CommonName": name})
    page = go(browser, page, algorithm="EC_prime256v1")
    page = go(browser, page, **revocation)
    page = go(browser, page, **{"key.0": "Name", "value.0": "First"})
    return go(browser, page)


def create(browser: Browser, kind: str = "SUBORDINATE", name: str = "Example CA") -> str:
    """Make a CA by the wizard; returns its id."""
    page = go(browser, to_review(browser, kind, name), "create")
    assert page.status == 200
    return urlsplit(page.url).path.split("/")[-2]


def described(browser: Browser, ca_id: str) -> Any:
    (ca,) = (
        each for each in browser.rt.store.list_certificate_authorities("000000000000", limit=9) if ca_id in each.arn
    )
    return ca


def problems(page: Answer) -> dict[str, str]:
    return dict(re.findall(r'class="problem" id="([^"]+)-problem">([^<]*)<', page.text))


def test_without_a_ca_there_is_the_introduction(browser: Browser) -> None:
    page = browser.get("/console")
    assert "Private certificate authority</h1>" in page.text
    assert "Get started" in page.text
    create(browser)
    page = browser.get("/console")
    assert "Create CA" in page.text
    assert "Get started" not in page.text


@pytest.mark.laptop  # there is an address for OCSP
def test_wizard_makes_what_was_chosen(browser: Browser) -> None:
    page = to_review(browser, **CRLS, ocsp="yes")
    for value in (*SUBJECT.values(), "Subordinate", "ECDSA P-256", "example-crls (will be created)", "5 days", "First"):
        assert value in page.text
    assert "example-crls" not in browser.rt.buckets.list_buckets()  # nothing exists before it is confirmed
    page = go(browser, page, "create")
    assert "<h1>Success</h1>" in page.text
    assert "You can also finish this later" in page.text
    ca = described(browser, urlsplit(page.url).path.split("/")[-2])
    assert (ca.type, ca.status, dict(ca.tags)) == ("SUBORDINATE", "PENDING_CERTIFICATE", {"Name": "First"})
    assert ca.configuration == {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": SUBJECT,
    }
    assert ca.revocation_configuration == {
        "CrlConfiguration": {
            "Enabled": True,
            "ExpirationInDays": 5,
            "CustomCname": "crl.example.com",
            "S3BucketName": "example-crls",
            "S3ObjectAcl": "PUBLIC_READ",
        },
        "OcspConfiguration": {"Enabled": True},
    }
    assert [each.principal for each in ca.permissions] == ["acm.amazonaws.com"]
    assert "example-crls" in browser.rt.buckets.list_buckets()


def test_defaults_are_those_of_the_guide(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)), CommonName="Plain")
    assert page.forms[-1]["fields"]["algorithm"] == "RSA_2048"
    page = go(browser, go(browser, go(browser, page)))
    page = go(browser, page)
    assert step_of(page) == "review"
    for value in ("Subordinate", "RSA 2048", "Disabled", "ACM may renew certificates of this CA"):
        assert value in page.text


def test_step_opens_when_those_before_it_are_done(browser: Browser) -> None:
    page = begin(browser)
    later = page.url.replace("/type", "/review")
    assert step_of(browser.get(later)) == "type"
    go(browser, page)
    assert step_of(browser.get(later)) == "subject"
    token = sessions.form_token(browser.cookies[sessions.COOKIE])
    assert step_of(browser.post(later, {"token": token, "go": "create"})) == "subject"
    assert browser.rt.store.list_certificate_authorities("000000000000", limit=1) == []
    assert browser.get(page.url.replace("/type", "/nothing")).status == 404


def test_back_and_forward_lose_nothing(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser), type="ROOT"), **SUBJECT)
    page = go(browser, page, "back", algorithm="EC_secp384r1")
    assert step_of(page) == "subject"
    assert {name: page.forms[-1]["fields"][name] for name in SUBJECT} == SUBJECT
    page = go(browser, page, "back", CommonName="", Country="not checked yet")
    assert page.forms[-1]["fields"]["type"] == "ROOT"
    page = go(browser, page)
    assert page.forms[-1]["fields"]["Country"] == "not checked yet"
    assert step_of(browser.get(page.url.replace("/subject", "/key"))) == "subject"  # to be checked again
    page = go(browser, page, **SUBJECT)
    assert page.forms[-1]["fields"]["algorithm"] == "EC_secp384r1"
    assert browser.get(page.url).forms[-1]["fields"]["algorithm"] == "EC_secp384r1"


def test_edit_of_a_value_leads_back_to_the_review(browser: Browser) -> None:
    page = to_review(browser)
    edits = [each["href"] for tag, each in page.elements if tag == "a" and each.get("href", "").endswith("/subject")]
    page = browser.get(urljoin(page.url, edits[0]))
    page = go(browser, page, "review", CommonName="Changed")
    assert step_of(page) == "review"
    assert "Changed" in page.text


@pytest.mark.parametrize(
    ("before", "fields", "field", "message"),
    [
        (1, {"Country": "USA"}, "Country", "It must have at most 2 characters."),
        (1, {"Country": "11"}, "Country", "It must be two letters, such as US."),
        (3, CRLS | {"path": "a?b"}, "path", "It must be segments without"),
        (3, CRLS | {"path": "a b"}, "path", "in parts with one / between"),
        (1, {"CommonName": "x" * 65, "Organization": "fine"}, "CommonName", "It must have at most 64 characters."),
        (1, {"CommonName": "x" * 65536}, "CommonName", "This is longer than 4096 characters."),
        (1, {"Locality": "a\x00b"}, "Locality", "A name holds control characters."),
        (0, {"type": "OTHER"}, "type", "Choose one of these."),
        (2, {"algorithm": "DSA"}, "algorithm", "Choose one of these."),
        (2, {"algorithm": "SM2"}, "algorithm", ""),
        (3, CRLS | {"new_bucket": "Not_A_Bucket"}, "new_bucket", "not a bucket name"),
        (3, CRLS | {"new_bucket": ""}, "new_bucket", "Type a name for the new bucket."),
        (3, CRLS | {"choice": "existing"}, "bucket", "Choose a bucket."),
        (3, CRLS | {"days": "0"}, "days", "It must be at least 1."),
        (3, CRLS | {"days": "seven"}, "days", "It must be at least 1."),
        (3, CRLS | {"cname": "http://crl.example.com/x"}, "cname", "must be a host name"),
        (3, {"ocsp": "yes", "ocsp_cname": "a b"}, "ocsp_cname", "It must be a host name"),
        (4, {"key.0": "aws:x", "value.0": "1"}, "key.0", "begins with"),
        (4, {"key.0": "a", "value.0": "<"}, "value.0", "It must consist of letters, digits, spaces"),
        (4, {"key.0": "", "value.0": "1"}, "key.0", "It must not be empty."),
    ],
)
def test_refusal_stands_beside_its_field(
    browser: Browser, before: int, fields: dict[str, str], field: str, message: str
) -> None:
    page = begin(browser)
    for number in range(before):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    refused = go(browser, page, **fields)
    assert refused.status == 422
    assert refused.url == page.url
    found = problems(refused)
    assert set(found) == {field}
    assert message.replace("'", "&#39;") in found[field]
    (bound,) = (each for _, each in refused.elements if each.get("id") == field)
    assert bound["aria-invalid"] == "true"
    assert f"{field}-problem" in bound["aria-describedby"].split()
    if "value" in bound:
        assert bound["value"] == fields.get(field, "")


def sent(browser: Browser, page: Answer, **fields: str) -> Answer:
    """The answer to a step itself, before its redirect is followed."""
    form = page.form(step_of(page))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN}
    body = urlencode(form["fields"] | {"go": "next"} | fields).encode()
    return browser.request("POST", urljoin(page.url, form["action"]), body, **headers)


@pytest.mark.parametrize(
    ("before", "fields"),
    [
        (0, {"type": "OTHER"}),
        (1, {"Country": "USA", "CommonName": "kept"}),
        (2, {"algorithm": "DSA"}),
        (3, CRLS | {"days": "0"}),
        (4, {"key.0": "aws:x", "value.0": "kept"}),
    ],
)
def test_what_has_a_problem_is_kept_and_shown_by_get(browser: Browser, before: int, fields: dict[str, str]) -> None:
    page = begin(browser)
    for number in range(before):
        page = go(browser, page, **(SUBJECT if number == 1 else {}))
    answer = sent(browser, page, **fields)
    assert (answer.status, urljoin(page.url, answer.headers["Location"])) == (303, page.url)  # no form is sent twice
    for _ in range(2):
        shown = browser.get(page.url)
        found = {name: value for name, value in shown.forms[-1]["fields"].items() if name in fields}
        radio = {"type", "algorithm"} & fields.keys()  # a choice that there is not cannot be shown
        assert found == {name: value for name, value in fields.items() if name not in radio}
        assert len(problems(shown)) == 1
    if before:
        back = go(browser, shown, "back")
        again = browser.get(page.url)
        assert step_of(back) != step_of(again) == step_of(page)
        assert problems(again) == {}  # nothing was checked on the way back
    fine = go(browser, page, **(SUBJECT if before == 1 else {}))
    assert step_of(fine) != step_of(page)
    assert problems(browser.get(page.url)) == {}


def test_what_is_too_long_to_be_kept_is_not_lost_either(browser: Browser) -> None:
    page = go(browser, begin(browser))
    for button in ("next", "back"):
        shown = go(browser, page, button, CommonName="x" * 5000, Locality="here")
        assert shown.status == 422
        assert shown.forms[-1]["fields"]["CommonName"] == "x" * 5000
        assert shown.forms[-1]["fields"]["Locality"] == "here"


@pytest.mark.laptop  # its buckets are directories
def test_refusal_of_the_ca_itself_is_shown_by_get(browser: Browser, tmp_path: Path) -> None:
    page = to_review(browser, **CRLS)
    browser.rt.buckets.create("other-crls")
    (other,) = tmp_path.rglob("other-crls")
    (other.parent / "example-crls").symlink_to(other)
    refused = go(browser, page, "create")
    assert step_of(refused) == "revocation"
    assert "new_bucket" in problems(refused)
    assert problems(browser.get(refused.url)) == problems(refused)
    assert browser.rt.store.list_certificate_authorities("000000000000", limit=1) == []


def test_each_step_shows_the_command_so_far(browser: Browser) -> None:
    page = begin(browser)
    for fields in ({"type": "ROOT"}, SUBJECT, {}, {}, {}, {}):
        page = go(browser, page, **fields)
        assert "--certificate-authority-type ROOT" in page.text
        assert ("Example Corp&#34;" in page.text) == (step_of(page) != "subject")
    assert step_of(page) == "review"


def test_empty_subject_is_refused(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)))
    assert page.status == 422
    assert "A subject needs at least one field." in page.text


def test_same_tag_twice_is_refused(browser: Browser) -> None:
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    page = go(browser, page)
    page = go(browser, page, **{"key.0": "a", "value.0": "1", "key.1": "a", "value.1": "2"})
    assert page.status == 422
    assert "is given more than once" in page.text


def test_more_tags_than_the_form_shows_can_be_added(browser: Browser) -> None:
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    page = go(browser, page)
    for number in range(5):
        page = go(browser, page, "more", **{f"key.{number}": f"k{number}", f"value.{number}": "v"})
    page = go(browser, go(browser, page))
    assert all(f"k{number}" in page.text for number in range(5))


def test_existing_bucket_is_chosen_from_the_list(browser: Browser) -> None:
    browser.rt.buckets.create("old-crls")
    page = go(browser, go(browser, go(browser, begin(browser)), **SUBJECT))
    assert '<option value="old-crls">' in page.text
    refused = go(browser, page, **CRLS | {"choice": "existing", "bucket": "others"})
    assert "There is no bucket others here" in problems(refused)["bucket"]
    taken = go(browser, page, **CRLS | {"new_bucket": "old-crls"})
    assert "exists already" in problems(taken)["new_bucket"]
    assert step_of(go(browser, page, **CRLS | {"choice": "existing", "bucket": "old-crls"})) == "tags"


def test_midpoint_is_shown_as_a_date(browser: Browser) -> None:
    assert 'datetime="2030-01-04T12:00:00Z"' in browser.get("/console/cas/midpoint?days=6").text
    assert "Type a number of days" in browser.get("/console/cas/midpoint?days=x").text


def test_pressing_confirm_twice_makes_one_ca(browser: Browser) -> None:
    page = to_review(browser)
    token = page.form("review")["fields"]["token"]
    first = browser.request(
        "POST",
        page.url,
        f"token={token}&go=create".encode(),
        **{"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN},
    )
    again = go(browser, page, "create")
    assert urljoin(page.url, first.headers["Location"]) == again.url
    assert len(browser.rt.store.list_certificate_authorities("000000000000", limit=9)) == 1
    assert browser.get(page.url).url == again.url  # the way back leads to what was made


def test_draft_is_of_its_session_alone(browser: Browser, rt: Any) -> None:
    page = go(browser, begin(browser), type="ROOT")
    other = Browser(rt)
    other.sign_in()
    assert step_of(other.get(page.url)) == "type"
    for _ in range(sessions.MOST_DRAFTS + 2):
        last = go(browser, begin(browser))
    assert step_of(browser.get(last.url)) == "subject"
    assert step_of(browser.get(page.url)) == "type"  # the oldest draft gave way


def test_command_of_the_review_asks_for_the_same(browser: Browser, acm_pca: Any) -> None:
    page = to_review(browser, **CRLS)
    shown = next(each["data-copy"] for _, each in page.elements if "create-certificate" in each.get("data-copy", ""))
    words = shlex.split(shown.replace(" \\\n", " "))
    given = dict(zip(words[3::2], words[4::2], strict=True))
    request = {
        "CertificateAuthorityType": given["--certificate-authority-type"],
        "CertificateAuthorityConfiguration": json.loads(given["--certificate-authority-configuration"]),
        "RevocationConfiguration": json.loads(given["--revocation-configuration"]),
        "Tags": json.loads(given["--tags"]),
        "IdempotencyToken": given["--idempotency-token"],
    }
    browser.rt.buckets.create("example-crls")
    made = acm_pca.create_certificate_authority(**request)["CertificateAuthorityArn"]
    again = go(browser, page, "create")
    assert made.rsplit("/", 1)[1] in again.url  # the very same request: one CA


def test_hostile_names_are_shown_and_do_nothing(browser: Browser) -> None:
    page = go(browser, go(browser, begin(browser)), CommonName=HOSTILE.replace("\x07", ""))
    pages = [go(browser, go(browser, go(browser, go(browser, page))))]
    pages.append(go(browser, pages[0], "create"))
    ca_id = urlsplit(pages[1].url).path.split("/")[-2]
    pages += [browser.get(f"/console/cas{rest}") for rest in ("", f"/{ca_id}", f"/{ca_id}/csr", f"/{ca_id}/install")]
    for shown in pages:
        assert shown.status == 200
        assert "<script>alert" not in shown.text
        assert "\u202e" not in shown.text
        assert "10106439" not in shown.text
    assert "\\u{202e}" in pages[0].text
    refused = go(browser, go(browser, begin(browser)), CommonName=HOSTILE)
    assert "<script>alert" not in refused.text


# the CA's certificate


def test_csr_is_shown_and_downloaded(browser: Browser) -> None:
    ca_id = create(browser)
    page = browser.get(f"/console/cas/{ca_id}/csr")
    download = browser.get(f"/console/cas/{ca_id}/csr.pem")
    assert download.text.rstrip() in page.text
    assert download.text.rstrip() in [each.get("data-copy") for _, each in page.elements]
    assert download.headers["Content-Disposition"] == f'attachment; filename="{ca_id}.csr.pem"'
    assert download.text.startswith("-----BEGIN CERTIFICATE REQUEST-----")


def test_root_ceremony_is_one_button_and_so_is_its_subordinate(browser: Browser) -> None:
    root = create(browser, "ROOT")
    answer = browser.submit(browser.get(f"/console/cas/{root}/install"), "install-own", years="20")
    assert "The certificate is installed." in answer.text
    assert described(browser, root).status == "ACTIVE"
    middle, leaf = create(browser, name="Middle"), create(browser, name="Leaf")
    form = browser.get(f"/console/cas/{middle}/install")
    browser.submit(form, "install-signed", parent=root, path_length="1", years="5")
    browser.submit(browser.get(f"/console/cas/{leaf}/install"), "install-signed", parent=middle, path_length="0")
    assert [described(browser, each).status for each in (middle, leaf)] == ["ACTIVE", "ACTIVE"]
    assert len(described(browser, leaf).chain_der) == 2


def test_parent_that_may_not_sign_is_told_in_its_words(browser: Browser) -> None:
    root, other = create(browser, "ROOT"), create(browser, name="Other")
    browser.submit(browser.get(f"/console/cas/{root}/install"), "install-own", years="1")
    form = browser.get(f"/console/cas/{other}/install")
    for fields, words in (
        ({"parent": root, "path_length": "0", "years": "9"}, "validity"),
        ({"parent": root, "path_length": "0", "years": "x"}, "must be from 1 to 100 years"),
        ({"parent": root, "path_length": "9"}, "Choose a path length"),
        ({"parent": other, "path_length": "0"}, "Choose one of these certificate authorities."),
    ):
        refused = browser.submit(form, "install-signed", **fields)
        assert refused.status == 422
        assert words in refused.text
    assert described(browser, other).status == "PENDING_CERTIFICATE"


def multipart(fields: dict[str, str], files: dict[str, bytes]) -> tuple[bytes, str]:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, content in files.items():
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="f.pem"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


@pytest.mark.parametrize("way", ["pasted", "uploaded", "uploaded as DER"])
def test_certificate_of_an_offline_root_is_installed(browser: Browser, clock: Clock, way: str) -> None:
    ca_id = create(browser)
    root = root_certificate(now=clock())
    certificate = sign_csr(browser.get(f"/console/cas/{ca_id}/csr.pem").text, issuer=root, now=clock())
    form = browser.get(f"/console/cas/{ca_id}/install").form("/install")
    texts = {"certificate": pem(certificate).decode(), "chain": pem(root).decode()}
    files = {f"{name}_file": text.encode() for name, text in texts.items()}
    if way == "pasted":
        body, content_type = multipart(form["fields"] | texts, {"certificate_file": b"", "chain_file": b""})
    elif way == "uploaded":
        body, content_type = multipart(form["fields"], files)
    else:
        der = {
            f"{name}_file": each.public_bytes(Encoding.DER)
            for name, each in (("certificate", certificate), ("chain", root))
        }
        body, content_type = multipart(form["fields"], der)
    headers = {"Content-Type": content_type, "Origin": ORIGIN}
    answer = browser.request("POST", f"/console/cas/{ca_id}/install", body, **headers)
    assert (answer.status, answer.headers.get("Location", "")[-14:]) == (303, "done=installed")
    assert described(browser, ca_id).status == "ACTIVE"


def uploaded(browser: Browser, ca_id: str, **files: bytes) -> Answer:
    """Send the form of installing with files."""
    form = browser.get(f"/console/cas/{ca_id}/install").form("/install")
    body, content_type = multipart(form["fields"], {f"{name}_file": content for name, content in files.items()})
    headers = {"Content-Type": content_type, "Origin": ORIGIN}
    return browser.request("POST", f"/console/cas/{ca_id}/install", body, **headers)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_certificate_in_an_encoding_of_windows_is_installed(browser: Browser, clock: Clock, encoding: str) -> None:
    ca_id, root = create(browser), root_certificate(now=clock())
    certificate = sign_csr(browser.get(f"/console/cas/{ca_id}/csr.pem").text, issuer=root, now=clock())
    texts = [pem(each).decode().replace("\n", "\r\n") for each in (certificate, root)]
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    given = [mark + each.encode(encoding) for each in texts]
    assert uploaded(browser, ca_id, certificate=given[0], chain=given[1]).status == 303
    assert described(browser, ca_id).status == "ACTIVE"


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("way", ["all in one", "both", "chain alone"])
def test_certificates_in_pkcs7_are_installed(browser: Browser, clock: Clock, encoding: Encoding, way: str) -> None:
    """In whatever order, and with others that are none of this CA's."""
    ca_id, root = create(browser), root_certificate(now=clock())
    certificate = sign_csr(browser.get(f"/console/cas/{ca_id}/csr.pem").text, issuer=root, now=clock())
    other = root_certificate(common_name="Other", now=clock())

    def bundle(*certificates: Any) -> bytes:
        return pkcs7.serialize_certificates(list(certificates), encoding)

    files = {
        "all in one": {"certificate": bundle(other, root, certificate)},
        "both": {"certificate": bundle(certificate), "chain": bundle(other, root)},
        "chain alone": {"certificate": pem(certificate), "chain": bundle(root)},
    }[way]
    assert uploaded(browser, ca_id, **files).status == 303
    found = described(browser, ca_id)
    assert found.certificate_der == certificate.public_bytes(Encoding.DER)
    assert list(found.chain_der) == [root.public_bytes(Encoding.DER)]


def test_pkcs7_without_the_certificate_of_the_ca_is_refused_in_words(browser: Browser, clock: Clock) -> None:
    ca_id, root = create(browser), root_certificate(now=clock())
    others, empty = (
        pkcs7.serialize_certificates([root], Encoding.DER),
        pkcs7.serialize_certificates([root], Encoding.PEM),
    )
    for given, words in (
        (others, "None of the certificates in the PKCS #7 file is for the key of this CA."),
        (others[:-40], "The PKCS #7 file cannot be read."),
        (b"-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----", "The PKCS #7 file cannot be read."),
        (empty.replace(b"-----END", b"----END"), "A PEM block has no end."),
    ):
        refused = uploaded(browser, ca_id, certificate=given)
        assert refused.status == 422
        assert problems(refused) == {"certificate": words}
    assert described(browser, ca_id).status == "PENDING_CERTIFICATE"


def test_certificate_that_is_refused_is_told_beside_its_field(browser: Browser, clock: Clock) -> None:
    ca_id = create(browser)
    root = root_certificate(now=clock())
    page = browser.get(f"/console/cas/{ca_id}/install")
    good = pem(sign_csr(browser.get(f"/console/cas/{ca_id}/csr.pem").text, issuer=root, now=clock())).decode()
    for fields, field in (
        ({"certificate": ""}, "certificate"),
        ({"certificate": "garbage"}, "certificate"),
        ({"certificate": pem(root).decode()}, "certificate"),
        ({"certificate": good}, "chain"),
        ({"certificate": good, "chain": "garbage"}, "chain"),
    ):
        refused = browser.submit(page, "/install", **fields)
        assert refused.status == 422
        assert set(problems(refused)) == {field}, fields
    assert described(browser, ca_id).status == "PENDING_CERTIFICATE"


def test_list_is_paged(browser: Browser) -> None:
    draft = {"subject": {"CommonName": "x"}, "key": {"algorithm": "EC_prime256v1"}}
    caller: Any = Caller(account_id="000000000000", access_key_id="x")
    request: Any = wizard_plan.create_request(draft)
    for _ in range(views_authorities.PAGE + 1):
        authorities.create_certificate_authority(browser.rt, caller, request)
    first = browser.get("/console/cas")
    following = next(each["href"] for tag, each in first.elements if each.get("rel") == "next")
    second = browser.get(urljoin(first.url, following))
    rows = [page.text.count('data-label="Name"') for page in (first, second)]
    assert rows == [views_authorities.PAGE, 1]
    assert browser.get("/console/cas?next=forged").status == 400


def test_ca_of_another_account_is_not_there(browser: Browser, rt: Any) -> None:
    ca_id = create(browser)
    stranger = Browser(rt)
    stranger.sign_in(access.create_access_key(rt, "111122223333"))
    for rest in ("", "/csr", "/install", "/created", "/csr.pem"):
        answer = stranger.get(f"/console/cas/{ca_id}{rest}")
        assert answer.status == 404
        assert "Could not find Certificate Authority" in answer.text
