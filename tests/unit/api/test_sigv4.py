"""Signature Version 4 (AWS IAM User Guide, "Create a signed AWS API request"): good requests, and ways to be wrong."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib import errors
from chalicelib.api import sigv4
from chalicelib.api.sigv4 import Secret, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.now(UTC).replace(microsecond=0)
BODY = b'{"MaxResults":1}'
HEADERS = {
    "host": "127.0.0.1:8000",
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "ACMPrivateCA.ListCertificateAuthorities",
}
EVENED: list[bool | None] = []


def secret_of(access_key_id: str, token: str | None) -> Secret | None:
    is_known = (access_key_id, token) == (KEY_ID, None)
    return Secret("000000000000", SECRET, "administrator", None) if is_known else None


def signed(
    *,
    body: bytes = BODY,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    path: str = "/",
    region: str = "us-east-1",
    service: str = "acm-pca",
    token: str | None = None,
    **headers: str,
) -> WireRequest:
    """A request signed by botocore."""
    named = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest("POST", f"http://{named['host']}{path}", headers=named, data=body)
    SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(request)
    found = tuple((name.lower(), value) for name, value in request.headers.items())
    path, _, query = path.partition("?")
    return WireRequest(method="POST", path=path, query=query, headers=found, body=body)


def verify(request: WireRequest, now: datetime | None = None) -> Any:
    """Verify at the time that the request claims, where it claims one."""
    try:
        claimed = datetime.strptime(request.header("x-amz-date") or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        claimed = NOW
    return sigv4.verify(
        request,
        signed=("x-amz-target",),
        secret_of=secret_of,
        equalize=EVENED.append,
        regions=("us-east-1",),
        now=now or claimed,
    )


def with_header(request: WireRequest, name: str, change: Callable[[str], str]) -> WireRequest:
    headers = tuple((each, change(value) if each == name else value) for each, value in request.headers)
    return replace(request, headers=headers)


def plus(request: WireRequest, name: str, value: str) -> WireRequest:
    return replace(request, headers=(*request.headers, (name, value)))


def without(request: WireRequest, name: str) -> WireRequest:
    return replace(request, headers=tuple(each for each in request.headers if each[0] != name))


GOOD: dict[str, Callable[[], WireRequest]] = {
    "plain": signed,
    "empty body": lambda: signed(body=b""),
    "binary body": lambda: signed(body=bytes(range(256))),
    "extra signed header": lambda: signed(x_amz_meta="a  b   c"),
    "unsigned header beside": lambda: plus(signed(), "user-agent", "x"),
    "two unsigned headers": lambda: plus(plus(signed(), "accept", "a"), "accept", "b"),
    "content hash": lambda: signed(x_amz_content_sha256=hashlib.sha256(BODY).hexdigest()),
    "host without port": lambda: signed(host="acm-pca.example.com"),
    "query": lambda: signed(path="/?b=2&a=1&a=0&empty"),
    "path": lambda: signed(path="/prod"),
    "spaces around the value": lambda: with_header(signed(), "content-type", lambda value: f"  {value} "),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_request_is_accepted(case: str) -> None:
    caller = verify(GOOD[case]())
    assert (caller.account_id, caller.access_key_id) == ("000000000000", KEY_ID)


def scoped(position: int, value: str) -> Callable[[str], str]:
    """Replace a part of the credential."""

    def change(header: str) -> str:
        credential = header.split("Credential=")[1].split(",", maxsplit=1)[0]
        parts = credential.split("/")
        parts[position] = value
        return header.replace(credential, "/".join(parts))

    return change


def unsign(name: str) -> Callable[[str], str]:
    """Take a header out of SignedHeaders."""

    def change(header: str) -> str:
        names = header.split("SignedHeaders=")[1].split(",", maxsplit=1)[0]
        return header.replace(names, ";".join(each for each in names.split(";") if each != name))

    return change


def signed_value(value: str) -> WireRequest:
    return with_header(signed(), "x-amz-target", lambda _: value)


def authorization(change: Callable[[str], str]) -> WireRequest:
    return with_header(signed(), "authorization", change)


UNKNOWN, INCOMPLETE, INVALID, MISSING = (
    errors.UnrecognizedClientException,
    errors.IncompleteSignatureException,
    errors.InvalidSignatureException,
    errors.MissingAuthenticationTokenException,
)
HOSTILE: dict[str, tuple[Callable[[], WireRequest], type[errors.ApiError]]] = {
    "unsigned": (lambda: without(signed(), "authorization"), MISSING),
    "empty authorization": (lambda: authorization(lambda _: ""), INCOMPLETE),
    "basic": (lambda: authorization(lambda _: "Basic eDp5"), INCOMPLETE),
    "bearer": (lambda: authorization(lambda _: "Bearer x"), INCOMPLETE),
    "sigv4a": (lambda: authorization(lambda v: v.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")), INCOMPLETE),
    "sha1": (lambda: authorization(lambda v: v.replace("SHA256 ", "SHA1 ")), INCOMPLETE),
    "lower-case algorithm": (lambda: authorization(lambda v: v.replace("AWS4", "aws4")), INCOMPLETE),
    "wrong secret": (lambda: signed(secret="x" * 40), UNKNOWN),
    "unknown key": (lambda: signed(key_id="AKIAXXXXXXXXXXXXXXXX"), UNKNOWN),
    "unknown key, dummy secret": (lambda: signed(key_id="AKIAXXXXXXXXXXXXXXXX", secret="0" * 40), UNKNOWN),
    "session token": (lambda: signed(token="session"), UNKNOWN),
    "flipped signature": (lambda: authorization(lambda v: v[:-1] + ("0" if v[-1] != "0" else "1")), UNKNOWN),
    "zero signature": (lambda: authorization(lambda v: v[:-64] + "0" * 64), UNKNOWN),
    "truncated signature": (lambda: authorization(lambda v: v[:-1]), INCOMPLETE),
    "empty signature": (lambda: authorization(lambda v: v[:-64]), INCOMPLETE),
    "long signature": (lambda: authorization(lambda v: v + "0"), INCOMPLETE),
    "upper-case signature": (lambda: authorization(lambda v: v[:-64] + v[-64:].upper().replace("0", "A")), INCOMPLETE),
    "two signatures": (lambda: authorization(lambda v: v + ", Signature=" + "0" * 64), INCOMPLETE),
    "two credentials": (
        lambda: authorization(lambda v: v.replace("Credential=", "Credential=x, Credential=")),
        INCOMPLETE,
    ),
    "no signed headers": (lambda: authorization(lambda v: v.replace("SignedHeaders=", "Signed=")), INCOMPLETE),
    "unsorted signed headers": (
        lambda: authorization(lambda v: v.replace("content-type;host", "host;content-type")),
        INCOMPLETE,
    ),
    "repeated signed header": (lambda: authorization(lambda v: v.replace(";host", ";host;host")), INCOMPLETE),
    "upper-case signed header": (lambda: authorization(lambda v: v.replace(";host", ";Host")), INCOMPLETE),
    "host not signed": (lambda: authorization(unsign("host")), INVALID),
    "date not signed": (lambda: authorization(unsign("x-amz-date")), INVALID),
    "target not signed": (lambda: authorization(unsign("x-amz-target")), INVALID),
    "other x-amz header not signed": (lambda: plus(signed(), "x-amz-anything", "x"), INVALID),
    "signed header absent": (lambda: without(signed(), "content-type"), INVALID),
    "target swapped": (
        lambda: with_header(signed(), "x-amz-target", lambda _: "ACMPrivateCA.DeleteCertificateAuthority"),
        UNKNOWN,
    ),
    "host swapped": (lambda: with_header(signed(), "host", lambda _: "evil.example"), UNKNOWN),
    "content type swapped": (lambda: with_header(signed(), "content-type", lambda _: "text/plain"), UNKNOWN),
    "method swapped": (lambda: replace(signed(), method="PUT"), UNKNOWN),
    "path swapped": (lambda: replace(signed(), path="/x"), UNKNOWN),
    "query added": (lambda: replace(signed(), query="a=b"), UNKNOWN),
    "body swapped": (lambda: replace(signed(), body=b"{}"), UNKNOWN),
    "body extended": (lambda: replace(signed(), body=BODY + b" "), UNKNOWN),
    "body emptied": (lambda: replace(signed(), body=b""), UNKNOWN),
    "unsigned payload": (lambda: signed(x_amz_content_sha256="UNSIGNED-PAYLOAD"), INVALID),
    "streaming payload": (lambda: signed(x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), INVALID),
    "lying content hash": (lambda: signed(x_amz_content_sha256="0" * 64), INVALID),
    "authorization twice": (lambda: plus(signed(), "authorization", "x"), INCOMPLETE),
    "target twice": (lambda: plus(signed(), "x-amz-target", "ACMPrivateCA.ListTags"), INCOMPLETE),
    "date twice": (lambda: plus(signed(), "x-amz-date", "20300101T000000Z"), INCOMPLETE),
    "host twice": (lambda: plus(signed(), "host", "evil.example"), INCOMPLETE),
    "content type twice": (lambda: plus(signed(), "content-type", "text/plain"), INCOMPLETE),
    "same header twice alike": (lambda: plus(signed(), "host", HEADERS["host"]), INCOMPLETE),
    "no date": (lambda: without(signed(), "x-amz-date"), INCOMPLETE),
    "date header instead": (
        lambda: plus(without(signed(), "x-amz-date"), "date", "Tue, 01 Jan 2030 00:00:00 GMT"),
        INCOMPLETE,
    ),
    "malformed date": (lambda: with_header(signed(), "x-amz-date", lambda _: "2030-01-01T00:00:00Z"), INCOMPLETE),
    "impossible date": (lambda: with_header(signed(), "x-amz-date", lambda _: "20301301T000000Z"), INCOMPLETE),
    "unicode digits": (lambda: with_header(signed(), "x-amz-date", lambda _: "\u0662\u0660300101T000000Z"), INCOMPLETE),
    "other service": (lambda: signed(service="s3"), INVALID),
    "execute-api": (lambda: signed(service="execute-api"), INVALID),
    "other region": (lambda: signed(region="eu-west-1"), INVALID),
    "other scope date": (lambda: authorization(scoped(1, "20200101")), INVALID),
    "other terminator": (lambda: authorization(scoped(4, "aws5_request")), INCOMPLETE),
    "scope too short": (lambda: authorization(lambda v: v.replace("/aws4_request", "")), INCOMPLETE),
    "slash in the key id": (lambda: authorization(scoped(0, "AK/IA")), INCOMPLETE),
    "long key id": (lambda: authorization(scoped(0, "A" * 129)), INCOMPLETE),
    "null in the key id": (lambda: authorization(scoped(0, "A\0")), INCOMPLETE),
    "presigned": (lambda: replace(signed(), query="X-Amz-Signature=00"), INCOMPLETE),
    "presigned in lower case": (lambda: replace(signed(), query="a=b&x-amz-credential=x"), INCOMPLETE),
    "presigned, encoded": (lambda: replace(signed(), query="X%2DAmz-Signature=00"), INCOMPLETE),
    "line break in the header": (lambda: authorization(lambda v: v + "\n"), INCOMPLETE),
    "line break in a signed header": (lambda: signed_value("a\nhost:evil.example"), INVALID),
    "null in a signed header": (lambda: signed_value("a\0"), INVALID),
    "letter beyond ascii in a signed header": (lambda: signed_value("\u00e9"), INVALID),
    "surrogate in a signed header": (lambda: signed_value("\ud800"), INVALID),
    "no-break space after a signed header": (lambda: signed_value(HEADERS["x-amz-target"] + "\u00a0"), INVALID),
    "surrogate in the names of signed headers": (
        lambda: authorization(lambda v: v.replace("x-amz-target", "x-amz-target;\ud800")),
        INCOMPLETE,
    ),
    "surrogate in the path": (lambda: replace(signed(), path="/\ud800"), INCOMPLETE),
    "surrogate in the query": (lambda: replace(signed(), query="\ud800=1"), INCOMPLETE),
    "surrogate in the method": (lambda: replace(signed(), method="\ud800"), INCOMPLETE),
    "surrogate in the content hash": (lambda: plus(signed(), "x-amz-content-sha256", "\ud800"), INVALID),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_request_is_refused_by_name(case: str) -> None:
    make, kind = HOSTILE[case]
    with pytest.raises(errors.ApiError) as caught:
        verify(make())
    assert type(caught.value) is kind
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("offset", "accepted"), [(-300, True), (300, True), (-301, False), (301, False), (86400, False)]
)
def test_skew_of_five_minutes_is_tolerated(offset: int, accepted: bool) -> None:
    request = signed()
    moment = datetime.strptime(request.header("x-amz-date") or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    now = moment + timedelta(seconds=offset)
    if accepted:
        assert verify(request, now)
    else:
        with pytest.raises(errors.InvalidSignatureException, match="5 minutes"):
            verify(request, now)


def test_unknown_key_and_wrong_secret_get_the_same_answer() -> None:
    answers = set()
    EVENED.clear()
    for request in (signed(secret="x" * 40), signed(key_id="AKIAXXXXXXXXXXXXXXXX")):
        with pytest.raises(errors.ApiError) as caught:
            verify(request)
        answers.add((caught.value.code, caught.value.message))
    assert len(answers) == 1
    assert EVENED == [True, False]


def test_single_byte_mutations_are_accepted_only_if_they_mean_the_same() -> None:
    chance = random.Random(1)
    request = signed()
    names = ("authorization", "x-amz-date", "x-amz-target", "content-type", "host")
    for _ in range(4000):
        name = chance.choice((*names, "body"))
        text = request.body.decode() if name == "body" else request.header(name) or ""
        position = chance.randrange(len(text))
        changed = text[:position] + chr(chance.randrange(1, 255)) + text[position + 1 :]
        mutated = (
            replace(request, body=changed.encode("latin-1"))
            if name == "body"
            else with_header(request, name, lambda _, changed=changed: changed)  # type: ignore[misc]  # bound now
        )
        try:
            verify(mutated)
        except errors.ApiError:
            continue
        assert " ".join(changed.split()) == " ".join(text.split()), f"{name}: {changed!r}"


CANONICAL = [
    ("/", "/"),
    ("", "/"),
    ("//", "/"),
    ("/a/../b", "/b"),
    ("/a/./b", "/a/b"),
    ("/a/b/..", "/a/"),
    ("/../..", "/"),
    ("/a//b/", "/a/b/"),
    ("/%20", "/%2520"),
    ("/-._~", "/-._~"),
]


@pytest.mark.parametrize(("path", "canonical"), CANONICAL)
def test_path_is_normalized(path: str, canonical: str) -> None:
    assert sigv4._canonical_path(path) == canonical


VALUES = [((" a  b ",), "a b"), (("a\t b",), "a b"), (("a", " b"), "a,b"), (("b", "a"), "b,a"), (('"a  b"',), '"a b"')]


@pytest.mark.parametrize(("values", "canonical"), VALUES)
def test_header_values_are_trimmed_and_joined_in_their_order(values: tuple[str, ...], canonical: str) -> None:
    headers = tuple(("a", value) for value in values)
    request = WireRequest(method="POST", path="/", query="", headers=headers, body=b"")
    assert f"\na:{canonical}\n\na\n" in sigv4.canonical_request(request, ("a",))


QUERIES = [("b=2&a=1", "a=1&b=2"), ("a=%7E&a=%41", "a=A&a=~"), ("a", "a="), ("a=b c", "a=b%20c"), ("", "")]


@pytest.mark.parametrize(("query", "canonical"), QUERIES)
def test_query_is_sorted_and_quoted_anew(query: str, canonical: str) -> None:
    assert sigv4._canonical_query(query) == canonical
