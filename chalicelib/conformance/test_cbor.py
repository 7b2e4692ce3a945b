"""Smithy RPC v2 CBOR, which botocore's model lists first: the same operations under paths of their own."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import parsers, serialize

from chalicelib.conformance.authorities import TAG
from chalicelib.conformance.sources import about, inferred, model

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Authority, Target
    from chalicelib.conformance.wire import Answer, Wire

SPECIFICATION = inferred("smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html, which the model names")
LISTED = model('metadata "protocols" begins with smithy-rpc-v2-cbor')
CBOR = {"smithy-protocol": "rpc-v2-cbor"}
SERVICE = botocore.session.get_session().get_service_model("acm-pca")


def path(operation: str, service: str = "ACMPrivateCA") -> str:
    return f"/service/{service}/operation/{operation}"


def sent(wire: Wire, operation: str, body: bytes | None = None, **members: Any) -> Answer:
    """The answer to an operation by CBOR."""
    if body is None:
        made = serialize.create_serializer("smithy-rpc-v2-cbor", include_validation=False)
        body = made.serialize_to_request(members, SERVICE.operation_model(operation))["body"]
    return wire.send(body, target=None, content_type="application/cbor", path=path(operation), headers=CBOR)


def members(operation: str, answer: Answer) -> dict[str, Any]:
    """What botocore reads in an answer, or the error."""
    shape = SERVICE.operation_model(operation).output_shape
    found = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    read: dict[str, Any] = parsers.create_parser("smithy-rpc-v2-cbor").parse(found, shape)  # type: ignore[arg-type]  # None is of an operation without output
    return read


@about("protocol", LISTED)
def test_cbor_answer_has_the_headers_of_the_protocol(wire: Wire) -> None:
    answer = sent(wire, "ListCertificateAuthorities")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/cbor"
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert isinstance(members("ListCertificateAuthorities", answer)["CertificateAuthorities"], list)


@about("protocol", SPECIFICATION)
def test_cbor_error_has_its_type_in_the_body(wire: Wire, target: Target) -> None:
    answer = sent(wire, "DescribeCertificateAuthority", CertificateAuthorityArn=target.missing())
    assert answer.status == 400
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    error = members("DescribeCertificateAuthority", answer)["Error"]
    assert error["Code"] == "ResourceNotFoundException"
    assert error["Message"]


@about("protocol", SPECIFICATION)
@pytest.mark.parametrize("case", ["operation", "service"])
def test_cbor_path_of_nothing_is_refused_by_name(wire: Wire, case: str) -> None:
    place = {"operation": path("DescribeNothing"), "service": path("ListTags", "Nothing")}[case]
    answer = wire.send(b"\xa0", target=None, content_type="application/cbor", path=place, headers=CBOR)
    assert 400 <= answer.status < 500
    assert members("ListTags", answer)["Error"]["Code"].startswith("UnknownOperation")


@about("protocol", SPECIFICATION)
@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x80", b"\xa1\x6aMaxResults\x61x", b"\xbf"],
    ids=["break", "array", "text for a number", "cut off"],
)
def test_cbor_body_that_cannot_be_read_is_refused_by_name(wire: Wire, body: bytes) -> None:
    answer = sent(wire, "ListCertificateAuthorities", body)
    assert answer.status == 400
    assert members("ListCertificateAuthorities", answer)["Error"]["Code"] == "SerializationException"


@about("protocol", SPECIFICATION)
def test_cbor_body_of_json_is_refused(wire: Wire) -> None:
    answer = wire.send(b"{}", target=None, path=path("ListTags"), headers=CBOR)
    assert 400 <= answer.status < 500


@about("protocol", SPECIFICATION)
def test_cbor_request_without_its_protocol_is_refused(wire: Wire) -> None:
    answer = wire.send(b"\xa0", target=None, content_type="application/cbor", path=path("ListCertificateAuthorities"))
    assert 400 <= answer.status < 500


@about("protocol", SPECIFICATION)
def test_constraints_hold_by_cbor(wire: Wire) -> None:
    error = members("ListTags", sent(wire, "ListTags", CertificateAuthorityArn="x"))["Error"]
    assert error["Code"] == "ValidationException"


@about("protocol", SPECIFICATION)
def test_cbor_map_of_indefinite_length_is_read(wire: Wire) -> None:
    answer = sent(wire, "ListCertificateAuthorities", b"\xbf\x6aMaxResults\x0a\xff")
    assert answer.status == 200


@about("protocol", LISTED)
def test_time_and_text_are_the_same_by_both_protocols(target: Target, waiting: str) -> None:
    answer = sent(target.wire, "DescribeCertificateAuthority", CertificateAuthorityArn=waiting)
    found = members("DescribeCertificateAuthority", answer)["CertificateAuthority"]
    by_json = target.describe(waiting)
    assert isinstance(found["CreatedAt"], datetime)
    assert found["CreatedAt"].timestamp() == pytest.approx(by_json["CreatedAt"], abs=0.001)
    assert found["CertificateAuthorityConfiguration"] == by_json["CertificateAuthorityConfiguration"]


@about("protocol", LISTED, certificates=1)
def test_blob_is_bytes_by_cbor(target: Target, issuer: Authority) -> None:
    request = issuer.request()
    answer = sent(target.wire, "IssueCertificate", **request)
    arn = members("IssueCertificate", answer)["CertificateArn"]
    assert issuer.got(arn).accepted()["Certificate"].startswith("-----BEGIN CERTIFICATE-----")


@about("protocol", SPECIFICATION)
def test_base64_is_no_blob_by_cbor(target: Target, issuer: Authority) -> None:
    request = issuer.request()
    request["Csr"] = base64.b64encode(request["Csr"])
    error = members("IssueCertificate", sent(target.wire, "IssueCertificate", **request))["Error"]
    assert error["Code"] == "MalformedCSRException"


@about("protocol", SPECIFICATION)
def test_operation_without_output_has_an_empty_body_by_cbor(target: Target, waiting: str) -> None:
    answer = sent(target.wire, "TagCertificateAuthority", CertificateAuthorityArn=waiting, Tags=[TAG])
    assert (answer.status, answer.body in {b"", b"\xa0", b"\xbf\xff"}) == (200, True)
