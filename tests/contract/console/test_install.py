"""Installing a CA's certificate in the console: signed here by one button, pasted, or uploaded as files of any kind."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.support.builders import pem, root_certificate, sign_csr
from tests.support.console_browser import ORIGIN, Answer, Browser
from tests.support.console_steps import pressed_by_enter, problems, signed_in
from tests.support.console_wizard_steps import create, described

if TYPE_CHECKING:
    from tests.faults.world import Clock


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


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
        ({"parent": other, "path_length": "0"}, "CA that signs it: Only a root signs its own certificate."),
    ):
        refused = browser.submit(form, "install-signed", **fields)
        assert refused.status == 422
        assert words in refused.text
    assert described(browser, other).status == "PENDING_CERTIFICATE"


def test_no_parent_is_chosen_by_itself_nor_by_enter(browser: Browser) -> None:
    roots = [create(browser, "ROOT", name=name) for name in ("First", "Second")]
    for each in roots:
        browser.submit(browser.get(f"/console/cas/{each}/install"), "install-own")
    ca_id = create(browser, name="Below")
    page = browser.get(f"/console/cas/{ca_id}/install")
    assert "parent" not in page.form("install-signed")["fields"]
    assert "name" not in pressed_by_enter(page, "install-signed")
    assert {each["value"] for _, each in page.elements if each.get("name") == "parent"} == set(roots)
    refused = browser.submit(page, "install-signed", years="2")
    assert (refused.status, "CA that signs it: Choose one of these." in refused.text) == (422, True)
    assert described(browser, ca_id).status == "PENDING_CERTIFICATE"
    refused = browser.submit(page, "install-signed", parent=roots[1], years="99")
    assert refused.form("install-signed")["fields"]["parent"] == roots[1]  # what was chosen stays


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
    assert answer.status == 303
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
        (empty.replace(b"-----END", b"----END"), "The end is missing: the last line must begin with -----END."),
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
