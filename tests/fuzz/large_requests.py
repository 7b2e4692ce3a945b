"""Requests as large as the server takes them: what is read in more than linear time shows here."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.api import dispatch
from chalicelib.pki.asn1 import pem
from chalicelib.pki.ocsp import MAX_REQUEST_BYTES
from chalicelib.pki.x509 import csr
from tests.fuzz import console_requests, mutation
from tests.support.builders import LEAF_KEY
from tests.support.rsgi import HOST, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.fuzz.target import Target

_JSON = (b"[", b'{"a":', b'"a",', b"1,", b"{},", b'"\\u0041', b"\\", b"9", b" ", b'{"":"",', b'"a":1,', b"-", b"1e9")
_CBOR = (b"\x81", b"\x9f", b"\xa1\x61a", b"\xbf", b"\x5f", b"\xc1", b"\xc2\x49", b"\xf7", b"\x20", b"\x61a", b"\xff")
_FORM = (b"a=b&", b"&", b"=", b"%", b"%41", b"a=", b"+", b";", b"csr=")
_PARTS = (b"--b\r\n", b"--b", b"\r\n", b'Content-Disposition: form-data; name="a"\r\n', b'"', b"\\", b";a=", b" ")
_COOKIES = ("a=b; ", ";", "=", '"', "\\", "signet-session=", " ", 'a="\\', 'signet-session="\\')
_TARGETS = ("CreateCertificateAuthority", "IssueCertificate", "PutPolicy", "TagCertificateAuthority", "ListTags")


def _filled(rng: Random, pieces: tuple[bytes, ...], most: int) -> bytes:
    """Repeat a piece, or some in turn, until there is no more room."""
    unit = b"".join(rng.choices(pieces, k=rng.choice((1, 1, 2, 3))))
    return unit * (rng.choice((most, most // 2, most // 50)) // len(unit))


def _api(rng: Random, target: Target) -> Request:
    headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", f"ACMPrivateCA.{rng.choice(_TARGETS)}"),
    ]
    body = rng.choice((_filled(rng, _JSON, dispatch.MAX_BODY_BYTES), _well_formed(rng, target)))
    return target.keys[0].signed(Request("POST", "/", "", headers, body))


def _well_formed(rng: Random, target: Target) -> bytes:
    """JSON that a reader reads to its end."""
    arn, member = target.ca_arn.encode(), rng.choice(("Tags", "ApiPassthrough", "Policy", "Csr", "x")).encode()
    before, after = b'{"CertificateAuthorityArn":"' + arn + b'","' + member + b'":', b"}"
    item = rng.choice((b"1", b"{}", b"[]", b'"a"', b'{"Key":"a"}', b'{"Key":"a","Value":"b"}', b"[[[]]]", b"1.5e300"))
    count = (dispatch.MAX_BODY_BYTES - 400) // (len(item) + 8)
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: b"[" + b",".join([item] * count) + b"]",
        lambda: b"{" + b",".join(b'"%d":%s' % (number, item) for number in range(count // 2)) + b"}",
        lambda: b'"' + rng.choice((b"a", b"\\u0041", b"\\n", "ä".encode(), b"QUFB")) * (count // 2) + b'"',
        lambda: b"9" * rng.choice((4000, 5000, 1_000_000)),
        lambda: b"[" * 30 + item + b"]" * 30,
    )
    return before + rng.choice(kinds)() + after


def _cbor(rng: Random, target: Target) -> Request:
    headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    path = f"/service/ACMPrivateCA/operation/{rng.choice(_TARGETS)}"
    return target.keys[0].signed(Request("POST", path, "", headers, _filled(rng, _CBOR, dispatch.MAX_BODY_BYTES)))


def _policy(rng: Random, target: Target) -> Request:
    policy = _filled(rng, _JSON, 20_480).decode()
    if rng.random() < 0.5:
        names = [f"arn:aws:iam::{number:012d}:user/{'*' * (number % 9)}a" for number in range(400)]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": names[: rng.randrange(400)]},
            "Action": ["acm-pca:GetCertificate"] * rng.randrange(1, 900),
            "Resource": target.ca_arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement] * rng.choice((1, 2, 40))})[:20_480]
    body = cbor2.dumps({"ResourceArn": target.ca_arn, "Policy": policy})
    headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    return target.keys[0].signed(Request("POST", "/service/ACMPrivateCA/operation/PutPolicy", "", headers, body))


def _csr(rng: Random, target: Target) -> Request:
    """A CSR of the greatest length, signed: one of its elements is there as often as there is room."""
    good = rng.choice(target.csrs)
    info, algorithm, _ = mutation.split(good[mutation.head(good, 0)[1] :])
    room = csr.MAX_BYTES * 3 // 4 - 1200 - len(info)
    info = _grown(rng, info, room)
    signature = LEAF_KEY.sign(info, ec.ECDSA(hashes.SHA256()))
    text = pem.encode(
        mutation.element(0x30, info + algorithm + mutation.element(3, b"\0" + signature)), "CERTIFICATE REQUEST"
    )
    request = {
        "CertificateAuthorityArn": rng.choice((target.ca_arn, target.constrained_arn)),
        "Csr": base64.b64encode(text.encode()).decode(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": "arn:aws:acm-pca:::template/BlankEndEntityCertificate_CSRPassthrough/V1",
        "Validity": {"Type": "DAYS", "Value": 7},
    }
    headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "ACMPrivateCA.IssueCertificate")]
    return target.keys[0].signed(Request("POST", "/", "", headers, json.dumps(request).encode()))


def _grown(rng: Random, der: bytes, room: int) -> bytes:
    tag, start, end = mutation.head(der, 0)
    content = der[start:end]
    members = mutation.members_of(tag, content)
    if not members or rng.random() < 0.1:
        return mutation.element(tag, content + content[-1:] * room if content else content)
    at = rng.randrange(len(members))
    if rng.random() < 0.3:
        members[at:at] = [members[at]] * (room // len(members[at]))
    else:
        members[at] = _grown(rng, members[at], room)
    return mutation.element(tag, b"".join(members))


def _ocsp(rng: Random, target: Target) -> Request:
    good = rng.choice(target.ocsp)
    body = _grown(rng, good, MAX_REQUEST_BYTES - len(good) - 40)
    return Request("POST", "/ocsp", "", [("content-type", "application/ocsp-request"), ("host", HOST)], body)


def _urlencoded(rng: Random, target: Target) -> Request:
    most = rng.choice((8192, dispatch.MAX_BODY_BYTES))
    path = f"/console/{rng.choice(('sign-in', f'cas/{target.ca_id}/issue/csr', f'cas/{target.ca_id}/tags'))}"
    return console_requests.form(target, path, "application/x-www-form-urlencoded", _filled(rng, _FORM, most))


def _multipart(rng: Random, target: Target) -> Request:
    body = b"--b\r\n" + _filled(rng, _PARTS, dispatch.MAX_BODY_BYTES) + b"\r\n--b--\r\n"
    path = f"/console/cas/{target.ca_id}/install"
    return console_requests.form(target, path, f"multipart/form-data; boundary={rng.choice('b-')}", body)


def _headers(rng: Random, target: Target) -> Request:
    filled = _filled(rng, tuple(map(str.encode, _COOKIES)), 16_000).decode()
    name = rng.choice(("cookie", "cookie", "authorization", "accept", "content-type", "if-none-match", "x"))
    path = rng.choice(("/console/", f"/crl/{target.ca_id}.crl", "/console/sign-in"))
    return Request("GET", path, "", [("host", HOST), (name, filled)], b"")


_KINDS: tuple[Callable[[Random, Target], Request], ...] = (
    *(_api, _cbor, _policy, _csr, _csr, _ocsp, _urlencoded, _multipart, _headers),
)


def large(rng: Random, target: Target) -> Request:
    """A request as large as it may be."""
    return rng.choice(_KINDS)(rng, target)
