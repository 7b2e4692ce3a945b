"""Requests of every kind, each made up by a seeded random source: one function for each thing that is read."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.pki.asn1 import pem
from tests.fuzz import console_requests, large_requests, mutation, session_requests
from tests.fuzz.model_requests import made_up
from tests.fuzz.target import latin, one_line
from tests.support.builders import LEAF_KEY, ROOT_KEY
from tests.support.rsgi import HOST, Key, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.fuzz.target import Target

TEMPLATES = (
    "EndEntityCertificate",
    "EndEntityCertificate_CSRPassthrough",
    "BlankEndEntityCertificate_APICSRPassthrough",
    "BlankSubordinateCACertificate_PathLen0_CSRPassthrough",
    "RootCACertificate",
)


_ENDING = frozenset({"DeleteCertificateAuthority", "UpdateCertificateAuthority"})


def _key(rng: Random, target: Target) -> Key:
    return target.keys[0] if rng.random() < 0.9 else rng.choice(target.keys)


def _plain(found: Any) -> Any:
    return base64.b64encode(found).decode() if isinstance(found, bytes) else found.timestamp()


def _json(request: Any) -> bytes:
    return json.dumps(request, default=_plain).encode()


def _cbor(request: Any) -> bytes:
    return cbor2.dumps(request)


def _request(rng: Random, target: Target) -> tuple[str, dict[str, Any]]:
    """An operation with a request that was good, changed or not, or one that is made up from the model."""
    operation = rng.choice(list(target.good))
    pool = target.pool
    if operation in _ENDING:  # the CA that all requests need lives on
        pool = {**pool, "CertificateAuthorityArn": target.other_arns}
    if rng.random() < 0.4:
        return operation, made_up(rng, operation, pool)
    good = rng.choice(target.good[operation])
    return operation, good if rng.random() < 0.05 else mutation.tree(rng, good, pool)


def _by_json(rng: Random, target: Target, operation: str, body: bytes) -> Request:
    headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"ACMPrivateCA.{operation}")]
    return _key(rng, target).signed(Request("POST", "/", "", headers, body))


def _by_cbor(rng: Random, target: Target, operation: str, body: bytes) -> Request:
    headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    path = f"/service/ACMPrivateCA/operation/{operation}"
    return _key(rng, target).signed(Request("POST", path, "", headers, body))


def operations_by_json(rng: Random, target: Target) -> Request:
    """Members of every operation, by JSON."""
    operation, request = _request(rng, target)
    return _by_json(rng, target, operation, _json(request))


def operations_by_cbor(rng: Random, target: Target) -> Request:
    """Members of every operation, by CBOR."""
    operation, request = _request(rng, target)
    try:
        body = _cbor(request)
    except (ValueError, TypeError, UnicodeEncodeError):  # a lone surrogate, which CBOR cannot say
        body = mutation.octets(rng, _cbor({"CertificateAuthorityArn": target.ca_arn}))
    return _by_cbor(rng, target, operation, body)


def json_octets(rng: Random, target: Target) -> Request:
    """JSON with octets that do not belong there."""
    operation = rng.choice(list(target.good))
    body = mutation.octets(rng, _json(rng.choice(target.good[operation])))
    return _by_json(rng, target, operation, body)


def cbor_octets(rng: Random, target: Target) -> Request:
    """CBOR with octets that do not belong there."""
    operation = rng.choice(list(target.good))
    body = mutation.octets(rng, _cbor(rng.choice(target.good[operation])))
    return _by_cbor(rng, target, operation, body)


def csrs(rng: Random, target: Target) -> Request:
    """CSRs, changed inside and signed again, or not; issued, explained, or shown by the console."""
    good = rng.choice(target.csrs)
    info, algorithm, _ = mutation.split(good[mutation.head(good, 0)[1] :])
    if rng.random() < 0.75:
        info = mutation.encoding(rng, info)
        signature = LEAF_KEY.sign(info, ec.ECDSA(hashes.SHA256()))
        csr_der = mutation.element(0x30, info + algorithm + mutation.element(3, b"\0" + signature))
    else:
        csr_der = mutation.encoding(rng, good)
    text = pem.encode(csr_der, "CERTIFICATE REQUEST")
    if rng.random() < 0.1:
        text = mutation.text(rng, text)
    request = {
        "CertificateAuthorityArn": target.ca_arn if rng.random() < 0.7 else target.constrained_arn,
        "Csr": text.encode(errors="replace"),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": f"arn:aws:acm-pca:::template/{rng.choice(TEMPLATES)}/V1",
        "Validity": {"Type": "DAYS", "Value": 7},
    }
    if rng.random() < 0.3:
        return _explained(rng, target, request)
    if rng.random() < 0.15:
        fields = {"token": target.form_token, "csr": text, "template": rng.choice(TEMPLATES)}
        body = urlencode(fields, errors="replace").encode()
        return console_requests.form(
            target, f"/console/cas/{target.ca_id}/issue/csr", "application/x-www-form-urlencoded", body
        )
    return _by_json(rng, target, "IssueCertificate", _json(request))


def _explained(rng: Random, target: Target, request: dict[str, Any]) -> Request:
    body = _json({name: found for name, found in request.items() if name != "CertificateAuthorityArn"})
    path = f"/certificate-authorities/{target.ca_id}/explain"
    return _key(rng, target).signed(Request("POST", path, "", [("content-type", "application/json")], body))


_POLICY = {
    "Version": "2012-10-17",
    "Id": "id",
    "Statement": [
        {
            "Sid": "1",
            "Effect": "Allow",
            "Principal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:user/a"]},
            "Action": ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"],
            "Resource": "arn",
            "Condition": {
                "StringEquals": {"acm-pca:TemplateArn": "arn:aws:acm-pca:::template/EndEntityCertificate/V1"},
                "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::1/128"]},
                "DateLessThan": {"aws:CurrentTime": "2031-01-01T00:00:00Z"},
                "ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]},
                "NumericLessThanIfExists": {"aws:EpochTime": "5"},
                "Null": {"aws:PrincipalOrgID": "true"},
            },
        },
        {"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "acm-pca:ListTags", "Resource": "arn"},
    ],
}


def policies(rng: Random, target: Target) -> Request:
    """Policies, which are JSON inside JSON."""
    changed = mutation.tree(rng, {"policy": _POLICY}, target.pool)
    text = _json(changed.get("policy")).decode().replace('"arn"', f'"{target.constrained_arn}"')
    if rng.random() < 0.2:
        text = mutation.text(rng, text)
    request = {"ResourceArn": target.constrained_arn, "Policy": text}
    return _by_json(rng, target, "PutPolicy", _json(request))


def certificates(rng: Random, target: Target) -> Request:
    """Certificates that are imported, changed inside and signed again, or not."""
    good = rng.choice(target.good["ImportCertificateAuthorityCertificate"])
    encoded = pem.blocks(good["Certificate"])[0][1]
    tbs, algorithm, _ = mutation.split(encoded[mutation.head(encoded, 0)[1] :])
    if rng.random() < 0.75:
        tbs = mutation.encoding(rng, tbs)
        signature = ROOT_KEY.sign(tbs, ec.ECDSA(hashes.SHA256()))
        encoded = mutation.element(0x30, tbs + algorithm + mutation.element(3, b"\0" + signature))
    else:
        encoded = mutation.encoding(rng, encoded)
    chain = [target.root_der if rng.random() < 0.8 else mutation.encoding(rng, target.root_der)]
    chain *= rng.choice((1, 1, 1, 1, 2, 20))
    request = {
        "CertificateAuthorityArn": good["CertificateAuthorityArn"],
        "Certificate": pem.encode(encoded).encode(),
        "CertificateChain": "".join(map(pem.encode, chain)).encode(),
    }
    return _by_json(rng, target, "ImportCertificateAuthorityCertificate", _json(request))


def ocsp(rng: Random, target: Target) -> Request:
    """OCSP requests, by POST and by GET."""
    good = rng.choice(target.ocsp)
    request = good if rng.random() < 0.05 else mutation.encoding(rng, good)
    if rng.random() < 0.5:
        path = rng.choice(("/ocsp", "/", f"/ocsp/{target.ca_id}"))
        return Request("POST", path, "", [("content-type", "application/ocsp-request"), ("host", HOST)], request)
    text = base64.b64encode(request).decode()
    if rng.random() < 0.2:
        text = mutation.text(rng, text)
    path = rng.choice(("/ocsp/", "/")) + quote(text, safe="/+=" if rng.random() < 0.3 else "", errors="replace")
    headers = [("host", HOST)] + ([("if-none-match", mutation.text(rng, '"x"'))] if rng.random() < 0.3 else [])
    return Request(rng.choice(("GET", "GET", "GET", "HEAD")), path, "", latin(headers), b"")


def files(rng: Random, target: Target) -> Request:
    """CRLs, pages and whatever else a path may name."""
    good = rng.choice(
        (
            f"/crl-bucket/crl/{target.ca_id}.crl",
            f"/crl/{target.ca_id}.crl",
            "/healthz",
            f"/console/cas/{target.ca_id}/certificates/{target.serial}",
            f"/certificate-authorities/{target.ca_id}/certificates",
            "/service/ACMPrivateCA/operation/GetPolicy",
            "/console/static/console.css",
        )
    )
    path = good if rng.random() < 0.1 else mutation.text(rng, good)
    path = "/" + (
        quote(path, safe=rng.choice(("/", "/%", "/.:%")), errors="replace").lstrip("/") if rng.random() < 0.7 else path
    )
    query = mutation.text(rng, "q=a&maxResults=10&nextToken=x") if rng.random() < 0.4 else ""
    headers = [("host", HOST if rng.random() < 0.9 else mutation.text(rng, HOST))]
    headers += [(name, mutation.text(rng, "x")) for name in ("accept", "range", "if-none-match") if rng.random() < 0.2]
    method = rng.choice(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "\u00e4"))
    return Request(method, one_line(path), one_line(query), latin(headers), b"")


def searches(rng: Random, target: Target) -> Request:
    """Search with its parameters, and explain with its members."""
    if rng.random() < 0.4:
        request = mutation.tree(rng, rng.choice(target.good["IssueCertificate"]), target.pool)
        return _explained(rng, target, request)
    fields = {
        "q": mutation.text(rng, "leaf.example.com"),
        "status": rng.choice(("ISSUED", "REVOKED", mutation.text(rng, "ISSUED"))),
        "expiresBefore": mutation.text(rng, "2030-06-01T00:00:00Z"),
        "maxResults": mutation.text(rng, "10"),
        "nextToken": mutation.text(rng, "token"),
    }
    chosen = [(name, found) for name, found in fields.items() if rng.random() < 0.5]
    query = (
        urlencode(chosen, errors="replace")
        if rng.random() < 0.8
        else one_line(mutation.text(rng, urlencode(fields, errors="replace")))
    )
    path = f"/certificate-authorities/{target.ca_id}/certificates"
    return _key(rng, target).signed(Request("GET", path, query, [], b""))


def signatures(rng: Random, target: Target) -> Request:
    """The headers of Signature Version 4."""
    request = _by_json(rng, target, "ListCertificateAuthorities", b"{}")
    headers = list(request.headers)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(headers))
        name, found = headers[at]
        kind = rng.randrange(6)
        if kind == 0:
            del headers[at]
        elif kind == 1:
            headers.insert(rng.randrange(len(headers)), headers[at])
        elif kind == 2:
            more = rng.choice(
                ("x-amz-security-token", "x-amz-content-sha256", "x-amz-user-agent", "date", "x-amz-date")
            )
            headers.append((more, mutation.text(rng, "20300101T120000Z")))
        elif kind == 3:
            headers[at] = (mutation.text(rng, name).lower(), found)
        else:
            changed = mutation.octets(rng, found.encode("latin-1", "replace")).decode("latin-1")
            headers[at] = (name, changed if kind == 4 else mutation.text(rng, found))
        headers = headers or [("host", HOST)]
    query = mutation.text(rng, "X-Amz-Signature=x") if rng.random() < 0.1 else ""
    return request._replace(headers=latin(headers), query=one_line(query))


Kind: TypeAlias = "Callable[[Random, Target], Request]"

# What share of the cases each kind has.
KINDS: dict[Kind, int] = {
    operations_by_json: 112,
    operations_by_cbor: 48,
    json_octets: 24,
    cbor_octets: 24,
    csrs: 40,
    certificates: 16,
    ocsp: 28,
    files: 16,
    searches: 16,
    policies: 12,
    console_requests.urlencoded_forms: 20,
    console_requests.multipart_forms: 16,
    console_requests.cookies: 8,
    console_requests.read_pages: 12,
    session_requests.sts_forms: 12,
    session_requests.identity_tokens: 12,
    session_requests.session_tokens: 8,
    large_requests.large: 2,
    signatures: 16,
}


def of_seed(rng: Random, target: Target) -> tuple[str, Request]:
    """Make up a request: the name of its kind, and itself."""
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    return kind.__name__, kind(rng, target)
