"""The wire itself: AWS JSON 1.1 and Smithy RPC v2 CBOR, signatures, and errors."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance.sources import about, inferred, model
from chalicelib.conformance.wire import JSON, Credentials, Signature

if TYPE_CHECKING:
    from chalicelib.conformance.authorities import Target
    from chalicelib.conformance.wire import Wire

PROTOCOL = model('metadata "protocols" and "jsonVersion" 1.1')
OTHERS = inferred("AWS's other services that speak AWS JSON 1.1 do this")
ERRORS = inferred("smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html and AWS's other services that speak it")
COMMON = inferred(
    "docs.aws.amazon.com/privateca/latest/APIReference/CommonErrors.html, names as JSON services spell them"
)


@about("protocol", PROTOCOL)
def test_answer_is_an_object_of_json_with_the_content_type_of_the_protocol(wire: Wire) -> None:
    answer = wire.call("ListCertificateAuthorities")
    assert isinstance(answer.accepted()["CertificateAuthorities"], list)
    assert answer.headers["content-type"] == JSON


@about("protocol", OTHERS)
def test_request_id_is_a_uuid_of_its_own_for_each_request(wire: Wire) -> None:
    found = {wire.call("ListCertificateAuthorities").headers["x-amzn-requestid"] for _ in range(2)}
    assert len({uuid.UUID(each) for each in found}) == 2


@about("protocol", OTHERS)
def test_refused_request_has_a_request_id(wire: Wire) -> None:
    answer = wire.call("ListCertificateAuthorities", MaxResults=0)
    assert answer.status == 400
    assert uuid.UUID(answer.headers["x-amzn-requestid"])


@about("protocol", model("every exception has the one member `message`, and no status of its own"))
def test_error_has_type_and_message_and_status_400(wire: Wire, target: Target) -> None:
    answer = wire.call("DescribeCertificateAuthority", CertificateAuthorityArn=target.missing())
    assert (answer.status, answer.headers["content-type"]) == (400, JSON)
    assert answer.json().keys() == {"__type", "message"}
    assert answer.message


TARGETS = {
    "an operation that is not there": "ACMPrivateCA.DescribeNothing",
    "an operation in another case": "ACMPrivateCA.listCertificateAuthorities",
    "another service": "DynamoDB_20120810.ListTables",
    "no service": "ListCertificateAuthorities",
    "no target": None,
}


@about("protocol", OTHERS)
@pytest.mark.parametrize("case", TARGETS)
def test_unknown_operation_is_refused_by_name(wire: Wire, case: str) -> None:
    wire.send(target=TARGETS[case]).refused("UnknownOperationException")


BODIES = {
    "no JSON": b"{",
    "text": b"no JSON",
    "an array": b"[]",
    "a number": b"1",
    "bytes that are no UTF-8": b'{"NextToken": "\xff"}',
    "text for a number": b'{"MaxResults": "ten"}',
    "an array for a number": b'{"MaxResults": []}',
    "an object for text": b'{"NextToken": {}}',
}


@about("protocol", ERRORS)
@pytest.mark.parametrize("case", BODIES)
def test_body_that_cannot_be_read_is_refused_by_name(wire: Wire, case: str) -> None:
    wire.send(BODIES[case]).refused("SerializationException")


@about("protocol", ERRORS)
@pytest.mark.parametrize("value", ["an object", "an array", "no base64"])
def test_member_of_another_type_is_refused_by_name(wire: Wire, target: Target, value: str) -> None:
    wrong: Any = {"an object": {}, "an array": [], "no base64": "!"}[value]
    named = {"CertificateAuthorityArn": target.missing(), "SigningAlgorithm": "SHA256WITHECDSA"}
    validity = {"Type": "DAYS", "Value": 1}
    wire.call("IssueCertificate", **named, Csr=wrong, Validity=validity).refused("SerializationException")


@about("protocol", inferred("smithy.io/2.0/spec/aggregate-types.html: unknown members are ignored"))
def test_unknown_member_is_ignored(wire: Wire) -> None:
    wire.call("ListCertificateAuthorities", Flavour="vanilla").accepted()


@about("protocol", inferred("smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html: null is as if absent"))
def test_null_is_as_absent(wire: Wire) -> None:
    wire.call("ListCertificateAuthorities", MaxResults=None, NextToken=None).accepted()


@about("protocol", inferred("RFC 8259: an escape and the character are the same"))
def test_escaped_name_of_a_member_is_its_name(wire: Wire) -> None:
    wire.send(b'{"M\\u0061xResults": 0}').refused("ValidationException", text="maxResults")


@about("protocol", COMMON)
def test_unsigned_request_is_refused(wire: Wire) -> None:
    wire.send(signature=Signature(omit=True)).refused("MissingAuthenticationTokenException")


SIGNATURES = {
    "another signature": Signature(mangle="00000000"),
    "another service": Signature(service="s3"),
    "ten days late": Signature(late=timedelta(days=10)),
    "an hour late": Signature(late=timedelta(hours=1)),
    "an hour early": Signature(late=timedelta(hours=-1)),
}


@about("protocol", COMMON)
@pytest.mark.parametrize("case", SIGNATURES)
def test_request_with_a_wrong_signature_is_refused(wire: Wire, case: str) -> None:
    wire.send(signature=SIGNATURES[case]).refused("InvalidSignatureException")


@about("protocol", COMMON)
def test_request_of_another_secret_is_refused(wire: Wire) -> None:
    other = Credentials(wire.credentials.access_key_id, "x" * 40, wire.credentials.token)
    wire.send(signature=Signature(credentials=other)).refused("InvalidSignatureException")


@about("protocol", COMMON)
def test_request_of_an_unknown_key_is_refused(wire: Wire) -> None:
    other = Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)
    wire.send(signature=Signature(credentials=other)).refused("UnrecognizedClientException")


@about("protocol", COMMON)
def test_body_that_was_not_signed_is_refused(wire: Wire) -> None:
    wire.send(b'{"MaxResults": 10}', sent=b'{"MaxResults": 11}').refused("InvalidSignatureException")


@about("protocol", COMMON)
@pytest.mark.parametrize("value", ["AWS4-HMAC-SHA256 Credential=", "Bearer x"])
def test_incomplete_authorization_is_refused(wire: Wire, value: str) -> None:
    answer = wire.send(signature=Signature(omit=True), headers={"authorization": value})
    answer.refused("IncompleteSignatureException", "MissingAuthenticationTokenException")


@about("protocol", COMMON)
def test_signature_without_a_date_is_refused(wire: Wire) -> None:
    scope = f"Credential={wire.credentials.access_key_id}/20200101/{wire.region}/acm-pca/aws4_request"
    value = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={'0' * 64}"
    answer = wire.send(signature=Signature(omit=True), headers={"authorization": value})
    answer.refused("IncompleteSignatureException", "InvalidSignatureException")


@about("protocol", inferred("RFC 8259 section 8.1: JSON is UTF-8, and white space is insignificant"))
def test_white_space_around_json_is_insignificant(wire: Wire) -> None:
    wire.send(b' \n\t{ "MaxResults" : 10 } \r\n').accepted()
