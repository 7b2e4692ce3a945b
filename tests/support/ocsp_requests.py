"""OCSP requests as cryptography builds them, and the answers as it reads them."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs

from chalicelib.ocsp import answers
from chalicelib.pki.asn1 import der

ON = {"OcspConfiguration": {"Enabled": True}}
GOOD, REVOKED, UNKNOWN = theirs.OCSPCertStatus.GOOD, theirs.OCSPCertStatus.REVOKED, theirs.OCSPCertStatus.UNKNOWN
STATUS = theirs.OCSPResponseStatus


def authority(client: Any, arn: str) -> x509.Certificate:
    pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    return x509.load_pem_x509_certificate(pem.encode())


def request_for(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    digest: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    builder = theirs.OCSPRequestBuilder().add_certificate(certificate, issuer, digest or hashes.SHA1())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def several(*requests: bytes) -> bytes:
    """One request for what each of these asks for."""
    lists = [der.parse(each).children()[0].children()[0].content for each in requests]
    return der.sequence(der.sequence(der.sequence(*lists)))


def asked(rt: Any, request: bytes) -> theirs.OCSPResponse:
    return theirs.load_der_ocsp_response(answers.respond(rt, request).der)


def ecdsa_of(answer: theirs.OCSPResponse) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    assert answer.signature_hash_algorithm is not None
    return ec.ECDSA(answer.signature_hash_algorithm)
