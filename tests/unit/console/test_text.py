"""What the console makes of text of others, of forms, and of requests as commands."""

from __future__ import annotations

import json
import shlex

import pytest

from chalicelib.api.sigv4 import WireRequest
from chalicelib.console import render, sessions, static_files, table
from chalicelib.console.commands import command
from chalicelib.console.forms import body as form_body
from chalicelib.errors import ValidationException
from chalicelib.printable import printable, printable_lines
from tools import trim_pico


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b> & 'x'", "plain <b> & 'x'"),
        ("Zürich 東京 Ελλάδα עברית", "Zürich 東京 Ελλάδα עברית"),
        ("a\u202eb\u2066c", "a\\u{202e}b\\u{2066}c"),
        ("a\x00\x1b[31m\r\n\tb", "a\\u{0}\\u{1b}[31m\\u{d}\\u{a}\\u{9}b"),
        ("\u200b\u2060\ufeff\u00ad", "\\u{200b}\\u{2060}\\u{feff}\\u{ad}"),
        ("a\u00a0b\u3000c", "a\\u{a0}b\\u{3000}c"),
        ("\ud800\ue000\U000e0041", "\\u{d800}\\u{e000}\\u{e0041}"),
        ("\u3164\u115f\u2800\ufe0f", "\\u{3164}\\u{115f}\\u{2800}\\u{fe0f}"),
    ],
)
def test_hidden_characters_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_stay_lines() -> None:
    assert printable_lines("a\r\nb\u202e\nc\rd") == "a\nb\\u{202e}\nc\\u{d}d"


def test_templates_show_text_of_others_without_being_asked() -> None:
    template = render.environment().from_string("<i title='{{ x }}'>{{ x }}{{ x|lines }}</i>{{ x|as_typed }}")
    shown = template.render(x="'<\u202e\n")
    escaped = "&#39;&lt;\\u{202e}"
    assert shown == f"<i title='{escaped}\\u{{a}}'>{escaped}\\u{{a}}{escaped}\n</i>&#39;&lt;\u202e\n"


def test_command_survives_the_shell() -> None:
    request = {"Name": "it's $(x) `y` \u202e\n", "S3ObjectAcl": "PUBLIC_READ", "Tags": [{"Key": "é"}]}
    text = command("CreateCertificateAuthority", request)
    assert text.isascii()
    words = shlex.split(text.replace(" \\\n", " "))
    assert words[:3] == ["aws", "acm-pca", "create-certificate-authority"]
    assert words[3::2] == ["--name", "--s3-object-acl", "--tags"]
    assert json.loads(words[4]) == request["Name"]
    assert json.loads(words[8]) == request["Tags"]


def request_of(content_type: str, body: bytes) -> WireRequest:
    return WireRequest(method="POST", path="/", query="", headers=(("content-type", content_type),), body=body)


def test_form_is_read_in_both_encodings() -> None:
    plain = form_body.parse(request_of("application/x-www-form-urlencoded; charset=utf-8", b"a=1+%C3%A9&b=&a=2"))
    assert (plain.fields, plain.files) == ({"a": "1 é", "b": ""}, {})
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1 \xc3\xa9\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n\x00\xff\r\n\r\n'
        b'--x\r\nContent-Disposition: form-data; name="g"; filename=""\r\n\r\n\r\n--x--\r\n'
    )
    mixed = form_body.parse(request_of("multipart/form-data; boundary=x", body))
    assert (mixed.fields, mixed.files) == ({"a": "1 é"}, {"f": b"\x00\xff\r\n"})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(500))),
        ("application/json", b"{}"),
        ("", b"a=1"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
        ),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ValidationException):
        form_body.parse(request_of(content_type, body))


@pytest.mark.parametrize(
    "cookie",
    ["", "signet-session=", "signet-session=short", 'signet-session="a;b"', "\x00=\x01", "signet-session=" + "A" * 44],
)
def test_cookie_that_is_no_id_is_none(cookie: str) -> None:
    made = WireRequest(method="GET", path="/", query="", headers=(("cookie", cookie),), body=b"")
    assert sessions.id_in(made, sessions.COOKIE) == ""
    assert sessions.form_token("") == ""
    assert not sessions.is_own_form(made, "", "")


def test_style_sheet_is_pico_without_what_no_page_has() -> None:
    assert trim_pico.TARGET.read_text("utf-8") == trim_pico.trimmed(trim_pico.SOURCE.read_text("utf-8"))
    assert trim_pico.trimmed("a,kbd{b:c}@media x{kbd{d:e}i:not(kbd){f:g}}kbd{h:i}") == "a{b:c}@media x{i:not(kbd){f:g}}"


def test_menu_leads_to_pages_and_templates_are_used() -> None:
    gets = {page.path for page in table.PAGES if page.method == "GET"}
    assert {path for _, path, _ in render.SECTIONS} <= gets
    for name in render.environment().list_templates():
        render.environment().get_template(name)  # it compiles
    files = {str(path.relative_to(static_files.DIRECTORY)) for path in static_files.DIRECTORY.rglob("*.*")}
    files.remove("vendor/pico.fluid.classless.min.css")  # the source of pico.css
    assert set(static_files.NAMES) == {name for name in files if name.endswith((".js", ".css", ".svg"))}
