"""PKCS #7 files: what is one, what is in it, and which of it belongs together."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chalicelib.pki.asn1 import pem as pems
from chalicelib.pki.errors import CertificateParseError, DerError
from chalicelib.pki.x509 import bundles
from chalicelib.pki.x509.reading import parse_certificate
from tests.support.builders import csr, pem, root_certificate, sign_csr

ROOT = root_certificate()
OTHER = root_certificate(key=ec.generate_private_key(ec.SECP256R1()), common_name="Other")
ROOT_DER, OTHER_DER = (each.public_bytes(Encoding.DER) for each in (ROOT, OTHER))
# signedData without certificates, and with none of them: version 1, no algorithms, data, no signers (RFC 2315 section 9.1).
EMPTY = bytes.fromhex("302306092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100")
NONE = bytes.fromhex("302506092a864886f70d010702a01830160201013100300b06092a864886f70d010701a0003100")


def bundle(encoding: Encoding = Encoding.DER) -> bytes:
    return pkcs7.serialize_certificates([ROOT, OTHER], encoding)


def labelled(label: str) -> bytes:
    text = base64.encodebytes(bundle()).decode()
    return f"a text before it\n-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


@pytest.mark.parametrize("given", [bundle(), bundle(Encoding.PEM), labelled("PKCS7"), labelled("CMS")])
def test_certificates_of_a_bundle(given: bytes) -> None:
    """RFC 7468 sections 8 and 9 have both labels."""
    assert bundles.is_bundle(given)
    assert sorted(bundles.certificates(given)) == sorted([ROOT_DER, OTHER_DER])


@pytest.mark.parametrize("given", [ROOT_DER, pem(ROOT), b"", b"PKCS7", EMPTY[10:]])
def test_what_is_no_bundle(given: bytes) -> None:
    assert not bundles.is_bundle(given)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (EMPTY, CertificateParseError),
        (NONE, CertificateParseError),
        (bundle()[:-9], CertificateParseError),
        (labelled("CMS")[:-9], DerError),
    ],
)
def test_bundle_that_cannot_be_read(given: bytes, error: type[Exception]) -> None:
    assert bundles.is_bundle(given)
    with pytest.raises(error):
        bundles.certificates(given)


def test_certificate_of_a_key() -> None:
    key = parse_certificate(OTHER_DER).spki_der
    assert bundles.of_key([ROOT_DER, OTHER_DER], key) == OTHER_DER
    assert bundles.of_key([ROOT_DER], key) is None


def test_chain_goes_up_to_the_root_and_leaves_others_out() -> None:
    below = sign_csr(csr().decode(), issuer=ROOT).public_bytes(Encoding.DER)
    assert bundles.above(below, [OTHER_DER, below, ROOT_DER]) == [ROOT_DER]


def test_root_has_nothing_above_it() -> None:
    assert bundles.above(ROOT_DER, [OTHER_DER, ROOT_DER]) == []


def test_pem_blocks_of_a_chain_are_found_with_text_around_them() -> None:
    text = b"subject=x\n" + pem(root_certificate()) + b"\nissuer=y\n" + pem(root_certificate())
    assert [label for label, _ in pems.blocks(text)] == ["CERTIFICATE", "CERTIFICATE"]
