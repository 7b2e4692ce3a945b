"""The wire of AWS STS: forms, XML, and what is refused before anything is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.access import access_keys
from chalicelib.api import query_codec
from tests.support.client import send
from tests.support.roles import OWNER, make_role

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

ROLE = f"arn:aws:iam::{OWNER}:role/r"
VERSION = {"Version": "2011-06-15"}
IDENTITY = {"Action": "GetCallerIdentity"} | VERSION
ASSUME = {"Action": "AssumeRole", "RoleArn": ROLE, "RoleSessionName": "s1"} | VERSION
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


def post(rt: Runtime, form: Any, *, signs: str = "sts", **headers: str) -> tuple[int, Any, bytes]:
    """Status, code or action of the answer, and the answer; signed with the root key unless `signs` is empty."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    named = {"host": "127.0.0.1:8000", "content-type": "application/x-www-form-urlencoded; charset=utf-8"} | headers
    request = AWSRequest("POST", "http://127.0.0.1:8000/", headers=named, data=body)
    if signs:
        root = access_keys.ensure_root_key(rt)
        SigV4Auth(Credentials(root.access_key_id, root.secret), signs, "us-east-1").add_auth(request)
    status, found, answer = send("POST", str(request.url), list(request.headers.items()), body)
    assert found["Content-Type"] == "text/xml"
    document = ET.fromstring(answer)
    ids = [each.text for each in document.iter(f"{NAMESPACE}RequestId")]
    assert ids == [found["x-amzn-RequestId"]]
    if status == 200:
        return status, document.tag.removeprefix(NAMESPACE), answer
    assert document.tag == f"{NAMESPACE}ErrorResponse"
    code = document.find(f"{NAMESPACE}Error/{NAMESPACE}Code")
    assert code is not None
    assert found["x-amzn-ErrorType"] == code.text
    return status, code.text, answer


def test_answers_have_the_form_of_sts(rt: Runtime, acm_pca: Any) -> None:
    make_role(rt)
    assert post(rt, IDENTITY)[:2] == (200, "GetCallerIdentityResponse")
    status, name, answer = post(rt, ASSUME)
    assert (status, name) == (200, "AssumeRoleResponse")
    assert re.search(
        rb"<AssumeRoleResult><AssumedRoleUser>.*</AssumedRoleUser><Credentials><AccessKeyId>ASIA[A-Z2-7]{16}<.*"
        rb"<Expiration>2030-01-01T13:00:..Z</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>",
        answer,
    )


LIMITS = ("PolicyArns.member.1.arn", "Tags.member.1.Key", "TransitiveTagKeys.member.1", "SerialNumber", "TokenCode",
          "SourceIdentity", "ProvidedContexts.member.1.ProviderArn", "Nonsense")  # fmt: skip
REFUSED: dict[str, tuple[Any, str, str]] = {
    **{f"parameter {name}": (ASSUME | {name: "x"}, "ValidationError", name) for name in LIMITS},
    "parameter of another action": (IDENTITY | {"RoleArn": ROLE}, "ValidationError", "RoleArn"),
    "no action": (VERSION, "InvalidAction", "AssumeRole"),
    "other action": ({"Action": "GetSessionToken"} | VERSION, "InvalidAction", "AssumeRole"),
    "other version": ({"Action": "GetCallerIdentity", "Version": "2010-01-01"}, "InvalidAction", "2011-06-15"),
    "no role": ({"Action": "AssumeRole", "RoleSessionName": "s1"} | VERSION, "ValidationError", "RoleArn"),
    "role of another service": (ASSUME | {"RoleArn": f"arn:aws:s3::{OWNER}:role/r"}, "ValidationError", "RoleArn"),
    "role with a path": (ASSUME | {"RoleArn": f"arn:aws:iam::{OWNER}:role/a/r"}, "ValidationError", "RoleArn"),
    "short role": (ASSUME | {"RoleArn": "arn"}, "ValidationError", "roleArn"),
    "session's name": (ASSUME | {"RoleSessionName": "a b"}, "ValidationError", "roleSessionName"),
    "session's name with a slash": (ASSUME | {"RoleSessionName": "a/b"}, "ValidationError", "roleSessionName"),
    "session's name with a line": (ASSUME | {"RoleSessionName": "ab\n"}, "ValidationError", "roleSessionName"),
    "session's name in Arabic digits": (ASSUME | {"RoleSessionName": "\u0661\u0662"}, "ValidationError", "role"),
    "short session's name": (ASSUME | {"RoleSessionName": "a"}, "ValidationError", "roleSessionName"),
    "long session's name": (ASSUME | {"RoleSessionName": "a" * 65}, "ValidationError", "roleSessionName"),
    "short": (ASSUME | {"DurationSeconds": "899"}, "ValidationError", "durationSeconds"),
    "long": (ASSUME | {"DurationSeconds": "43201"}, "ValidationError", "durationSeconds"),
    "longer than the role allows": (ASSUME | {"DurationSeconds": "43200"}, "ValidationError", "MaxSessionDuration"),
    "negative": (ASSUME | {"DurationSeconds": "-900"}, "ValidationError", "durationSeconds"),
    "no number": (ASSUME | {"DurationSeconds": "1e3"}, "ValidationError", "durationSeconds"),
    "digits of others": (ASSUME | {"DurationSeconds": "\u0661\u0660\u0660\u0660"}, "ValidationError", "duration"),
    "empty policy": (ASSUME | {"Policy": ""}, "ValidationError", "policy"),
    "policy that is none": (ASSUME | {"Policy": "{}"}, "MalformedPolicyDocument", "Statement"),
    "long policy": (ASSUME | {"Policy": "x" * 2049}, "ValidationError", "policy"),
    "external id": (ASSUME | {"ExternalId": "a b"}, "ValidationError", "externalId"),
    "twice": (urlencode(ASSUME).encode() + b"&RoleSessionName=s2", "MalformedInput", "twice"),
    "no form": (b"{}", "MalformedInput", "form"),
    "nothing": (b"", "InvalidAction", "Available"),
    "no UTF-8": (urlencode(ASSUME).encode() + b"&ExternalId=%ff%fe", "MalformedInput", "form"),
    "octets": (urlencode(ASSUME).encode() + b"&ExternalId=\xff", "MalformedInput", "form"),
    "many": (b"&".join(b"a%d=b" % number for number in range(101)), "MalformedInput", "form"),
    "long form": (b"a=" + b"b" * query_codec.MOST_BYTES, "MalformedInput", "longer"),
}  # fmt: skip


@pytest.mark.parametrize(("form", "code", "text"), REFUSED.values(), ids=REFUSED)
def test_requests_are_refused_by_name(rt: Runtime, acm_pca: Any, form: Any, code: str, text: str) -> None:
    """Above all, what would limit a session is never ignored."""
    make_role(rt)
    found = post(rt, form)
    assert found[:2] == (400, code)
    assert text in found[2].decode()


def test_empty_lists_limit_nothing(rt: Runtime, acm_pca: Any) -> None:
    """botocore writes an empty list as an empty parameter."""
    make_role(rt)
    assert post(rt, ASSUME | {"Tags": "", "PolicyArns": ""})[0] == 200


SIGNATURES: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "none": ({"signs": ""}, (403, "MissingAuthenticationToken")),
    "of another service": ({"signs": "acm-pca"}, (403, "SignatureDoesNotMatch")),
    "of no form": ({"signs": "", "authorization": "AWS4-HMAC-SHA256 x"}, (400, "IncompleteSignature")),
}


@pytest.mark.parametrize("form", [IDENTITY, ASSUME])
@pytest.mark.parametrize(("how", "refused"), SIGNATURES.values(), ids=SIGNATURES)
def test_requests_are_signed_for_sts(
    rt: Runtime, acm_pca: Any, form: Any, how: dict[str, Any], refused: tuple[int, str]
) -> None:
    make_role(rt)
    assert post(rt, form, **how)[:2] == refused


def test_signature_for_sts_calls_no_operation_of_the_api(rt: Runtime, acm_pca: Any) -> None:
    root = access_keys.ensure_root_key(rt)
    headers = {
        "host": "127.0.0.1:8000",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "ACMPrivateCA.ListCertificateAuthorities",
    }
    request = AWSRequest("POST", "http://127.0.0.1:8000/", headers=headers, data=b"{}")
    SigV4Auth(Credentials(root.access_key_id, root.secret), "sts", "us-east-1").add_auth(request)
    status, found, _ = send("POST", str(request.url), list(request.headers.items()), b"{}")
    assert (status, found["x-amzn-ErrorType"]) == (400, "InvalidSignatureException")


def test_names_that_are_no_xml_do_no_harm(rt: Runtime, acm_pca: Any) -> None:
    make_role(rt)
    for text in ("<a>", "&", "]]>", "\x00", "\x1b", "\ufffe"):
        body = urlencode(VERSION).encode() + f"&Action=AssumeRole&{quote(text)}=x".encode()
        assert post(rt, body)[1] == "ValidationError"
