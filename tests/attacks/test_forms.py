"""Anonymous visitors cannot make the console parse much: forms, multipart bodies, cookies and headers."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from chalicelib import errors
from chalicelib.access import access_keys
from chalicelib.api.sigv4 import WireRequest
from chalicelib.console import sessions, table, web
from chalicelib.console.forms import body, multipart
from tests.support.console_browser import ORIGIN, Browser
from tests.support.console_steps import create, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.laptop
CPU_SECONDS = 1.0  # the attacks took 4 to 17 seconds
URLENCODED = "application/x-www-form-urlencoded"


def nested(depth: int) -> bytes:
    """Multipart bodies in multipart bodies."""
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(depth)
    )
    return opened + b"--b%d\r\n\r\nx\r\n" % depth


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[WireRequest]:
    """The requests whose bodies were parsed."""
    seen: list[WireRequest] = []
    parse: Callable[[WireRequest], web.Form] = body.parse

    def recorded(request: WireRequest) -> web.Form:
        seen.append(request)
        return parse(request)

    monkeypatch.setattr(body, "parse", recorded)
    return seen


# before anything is parsed


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b0",
        "multipart/mixed; boundary=b0",
        "message/rfc822",
        "text/plain",
        "",
        f"{URLENCODED}, multipart/form-data; boundary=b0",
    ],
)
def test_public_page_reads_urlencoded_forms_alone(rt: Any, parsed: list[WireRequest], content_type: str) -> None:
    browser = Browser(rt)
    browser.get("/console/sign-in")
    headers = {"Content-Type": content_type, "Origin": ORIGIN}
    started = time.process_time()
    answer = browser.request("POST", "/console/sign-in", nested(12_000), **headers)
    assert answer.status in {413, 415}
    assert time.process_time() - started < CPU_SECONDS
    assert parsed == []


@pytest.mark.parametrize("page", [each.path for each in table.PAGES if each.public and each.method == "POST"])
def test_public_page_reads_8_kilobytes_at_most(rt: Any, parsed: list[WireRequest], page: str) -> None:
    browser = Browser(rt)
    form = browser.get("/console/sign-in").form("sign-in")
    padding = 8192 - len(urlencode(form["fields"] | {"x": ""}))
    assert browser.post(f"/console/{page}", form["fields"] | {"x": "a" * padding}).status == 403  # a wrong key
    assert browser.post(f"/console/{page}", form["fields"] | {"x": "a" * (padding + 1)}).status == 413
    assert len(parsed) == 1


def test_form_of_another_origin_is_refused_unread(rt: Any, parsed: list[WireRequest]) -> None:
    browser = signed_in(rt)
    parsed.clear()
    ca_id = create(rt)
    path, fields = f"/console/cas/{ca_id}/tags", {"token": "x", "key": "a", "value": "b"}
    assert browser.post(path, fields, Origin="http://evil.example").status == 403
    headers = {"Content-Type": URLENCODED}
    assert browser.request("POST", path, urlencode(fields).encode(), **headers).status == 403  # no Origin
    wrong = browser.post(path, fields, **{"X-Signet-Token": "x"})
    assert wrong.status == 403
    assert parsed == []


@pytest.mark.parametrize("content_type", ["multipart/mixed; boundary=x", "message/rfc822", "text/html", "", "x" * 300])
def test_body_that_is_no_form_is_refused_unread(rt: Any, parsed: list[WireRequest], content_type: str) -> None:
    browser = signed_in(rt)
    parsed.clear()
    path = f"/console/cas/{create(rt)}/tags"
    headers = {"Content-Type": content_type, "Origin": ORIGIN}
    assert browser.request("POST", path, nested(20_000), **headers).status == 415
    assert parsed == []


def test_body_of_nobody_is_not_read(rt: Any, parsed: list[WireRequest]) -> None:
    answer = Browser(rt).request("POST", "/console/sign-out", nested(1_000), Origin=ORIGIN)
    assert answer.status == 303
    assert parsed == []


# multipart


def form_of(content: bytes, content_type: str = "multipart/form-data; boundary=x") -> web.Form:
    headers = (("content-type", content_type),)
    return body.parse(WireRequest(method="POST", path="/", query="", headers=headers, body=content))


def test_form_with_a_file_is_read() -> None:
    content = part("token", b"t") + part("file", b"\x30\x00\r\n--y", '; filename="a.der"') + part("none", b"\xc3\xa9")
    form = form_of(content + b"--x--\r\n")
    assert form.fields == {"token": "t", "none": "é"}
    assert form.files == {"file": b"\x30\x00\r\n--y"}


@pytest.mark.parametrize("ends", [b"--x--", b"--x--\r\n"])
@pytest.mark.parametrize("boundary", ["x", '"x"', "x; charset=utf-8"])
def test_boundary_in_the_forms_that_clients_send(ends: bytes, boundary: str) -> None:
    assert form_of(part("a", b"1") + ends, f"multipart/form-data; boundary={boundary}").fields == {"a": "1"}


def test_first_of_two_fields_counts() -> None:
    assert form_of(part("a", b"1") + part("a", b"2") + b"--x--").fields == {"a": "1"}


def test_empty_line_before_the_first_boundary_is_skipped() -> None:
    """API Gateway on LocalStack writes forms again, and begins them so."""
    assert form_of(b"\r\n" + part("a", b"1") + b"--x--\r\n").fields == {"a": "1"}


BAD_PARTS = {
    "nested": part("a", b"1").replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n"),
    "nested in quotes": part("a", b"1").replace(b"\r\n\r\n", b"\r\ncontent-type:Multipart/Mixed\r\n\r\n"),
    "message": part("a", b"1").replace(b"\r\n\r\n", b"\r\nContent-Type: message/rfc822\r\n\r\n"),
    "encoded": part("a", b"MQ==").replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
    "folded": b'--x\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n',
    "no name": b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n",
    "no header": b"--x\r\n\r\n1\r\n",
    "twice": part("a", b"1").replace(b"\r\n\r\n", b'\r\nContent-Disposition: form-data; name="b"\r\n\r\n'),
    "two names": b'--x\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\n1\r\n',
    "attachment": b'--x\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n',
    "long header": part("a" * 5_000, b"1"),
    "no end of headers": b'--x\r\nContent-Disposition: form-data; name="a"\r\n',
    "bare line feeds": part("a", b"1").replace(b"\r\n", b"\n"),
    "padding": part("a", b"1").replace(b"--x\r\n", b"--x \r\n"),
    "preamble": b"hello\r\n" + part("a", b"1"),
    "not utf-8": part("a", b"\xff"),
}


@pytest.mark.parametrize("content", BAD_PARTS.values(), ids=BAD_PARTS)
def test_multipart_body_that_no_browser_sends_is_refused(content: bytes) -> None:
    with pytest.raises(errors.ValidationException, match="cannot be read"):
        form_of(content + b"--x--\r\n")


BAD_ENDS = [b"", b"--x", b"--x-", b"--x--\r\nx", b"--x--\r\n" + part("b", b"2")]


@pytest.mark.parametrize("ends", BAD_ENDS)
def test_multipart_body_ends_with_its_last_boundary(ends: bytes) -> None:
    with pytest.raises(errors.ValidationException, match="cannot be read"):
        form_of(part("a", b"1") + ends)


@pytest.mark.parametrize("boundary", ["", '""', "a" * 71, "a b ", '"a', "a;b=c; boundary=d", "\u0661", "é"])
def test_boundary_that_no_browser_sends_is_refused(boundary: str) -> None:
    content = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--'.encode()
    if boundary != "a;b=c; boundary=d":  # the first one counts
        with pytest.raises(errors.ValidationException, match="cannot be read"):
            form_of(content, f"multipart/form-data; boundary={boundary}")


def test_parts_are_counted() -> None:
    fields = b"".join(part(f"f{number}", b"1") for number in range(multipart.MOST_PARTS))
    assert len(form_of(fields + b"--x--").fields) == multipart.MOST_PARTS
    with pytest.raises(errors.ValidationException, match="cannot be read"):
        form_of(fields + part("one more", b"1") + b"--x--")


HEAVY = {
    "boundaries": b"\r\n--x" * 1_000_000,
    "almost boundaries": part("a", b"\r\n--" * 1_200_000) + b"--x--",
    "dashes": part("a", b"-" * 5_000_000) + b"--x--",
    "headers": b"--x\r\n" + b"A: b\r\n" * 800_000,
    "semicolons": part("a", b"1", ";" * 4_000_000),
    "quotes": part("a", b"1", '; b="\\' * 700_000),
    "spaces": b"--x\r\nContent-Disposition:" + b" " * 5_000_000 + b"\r\n\r\n",
    "carriage returns": b"\r" * 5_000_000,
    "nested": nested(50_000),
}


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("content", HEAVY.values(), ids=HEAVY)
def test_multipart_takes_linear_time(content: bytes) -> None:
    started = time.process_time()
    with suppress(errors.ValidationException):
        form_of(content[: 5 * 1024 * 1024])
    assert time.process_time() - started < CPU_SECONDS


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("content", [b"%", b"a=%41", b"%E9", b"&", b"=", b"+", b"a=b&"])
def test_urlencoded_form_takes_little_time(content: bytes) -> None:
    most = body.MOST_URLENCODED_BYTES
    headers = (("content-type", URLENCODED),)
    sent = WireRequest(method="POST", path="/", query="", headers=headers, body=(content * most)[:most])
    body.check_kind(sent, public=False)
    started = time.process_time()
    with suppress(errors.ValidationException):
        body.parse(sent)
    assert time.process_time() - started < CPU_SECONDS
    with pytest.raises(errors.RequestEntityTooLargeException):
        body.check_kind(replace(sent, body=sent.body + b"a"), public=False)


# cookies and other headers

ID = "A" * 42 + "_"


def id_in(*cookies: str) -> str:
    headers = tuple(("cookie", cookie) for cookie in cookies)
    request = WireRequest(method="GET", path="/", query="", headers=headers, body=b"")
    return sessions.id_in(request, sessions.COOKIE)


HEAVY_COOKIES = {
    "backslashes": 'x="' + "\\" * 50_000,
    "closed backslashes": 'x="' + "\\" * 50_000 + '"',
    "octal": 'x="' + "\\000" * 15_000 + '"',
    "quotes": 'x="' + '\\"' * 25_000,
    "many": "; ".join(f"c{number}=1" for number in range(8_000)),
    "semicolons": ";" * 60_000,
    "equals": "=" * 60_000,
    "spaces": " " * 60_000,
    "commas": "a=1," * 15_000,
}


@pytest.mark.no_cover  # measures CPU time
@pytest.mark.parametrize("cookie", HEAVY_COOKIES.values(), ids=HEAVY_COOKIES)
def test_cookies_take_linear_time(cookie: str) -> None:
    started = time.process_time()
    assert id_in(cookie, f"{cookie}; {sessions.COOKIE}={ID}") in {"", ID}
    assert time.process_time() - started < CPU_SECONDS


@pytest.mark.parametrize(
    "cookie",
    [
        f"{sessions.COOKIE}={ID}",
        f"a=b;{sessions.COOKIE}={ID};c",
        f"a=b; {sessions.COOKIE} = {ID} ; c=d",
        f'x="\\"; {sessions.COOKIE}={ID}',
        f"broken[]@=1; {sessions.COOKIE}={ID}",  # what other programs on the host have set keeps nobody out
        f"{sessions.COOKIE}=short; {sessions.COOKIE}={ID}",
    ],
)
def test_cookie_is_found_as_rfc_6265_says(cookie: str) -> None:
    assert id_in(cookie) == ID


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        sessions.COOKIE,
        f"{sessions.COOKIE}={ID}x",
        f"{sessions.COOKIE.upper()}={ID}",
        f"x{sessions.COOKIE}={ID}",
        f"x={sessions.COOKIE}={ID}",
        f'{sessions.COOKIE}="{ID[:41]}\\101{ID[42:]}"',
        f"$Version=1, {sessions.COOKIE}={ID}",
        f"{sessions.COOKIE}=\u0661{ID[1:]}",
    ],
)
def test_cookie_is_not_found_elsewhere(cookie: str) -> None:
    assert id_in(cookie) == ""


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/cas", "/console/none"])
def test_headers_of_the_console_are_16_kilobytes_at_most(rt: Any, path: str) -> None:
    browser = Browser(rt)
    for name in ("Cookie", "X-Other"):
        browser.cookies.clear()
        assert browser.request("GET", path, b"", **{name: "x=" + "a" * 14_000}).status in {200, 303, 404}
        browser.cookies.clear()
        assert browser.request("GET", path, b"", **{name: "x=" + "a" * 16_384}).status == 431
    many = {f"X-{number}": "" for number in range(5_000)}
    assert browser.request("GET", path, b"", **many).status == 431


def test_headers_of_the_api_are_16_kilobytes_at_most(rt: Any) -> None:
    access_keys.ensure_root_key(rt)
    signed = {"Authorization": "AWS4-HMAC-SHA256 " + "Credential=," * 2_000}
    for path in ("/", "/service/ACMPrivateCA/operation/ListTags", "/certificate-authorities/x/certificates"):
        method = "GET" if path.endswith("certificates") else "POST"
        assert Browser(rt).request(method, path, b"", **signed).status == 431


def test_query_counts_as_a_header(rt: Any) -> None:
    assert Browser(rt).request("GET", "/console/sign-in?" + "a=b&" * 5_000).status == 431
