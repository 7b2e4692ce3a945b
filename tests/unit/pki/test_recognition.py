"""What is pasted is recognized, and private keys are refused in every form before anything else is looked at."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, pkcs12

from chalicelib.pki import recognition
from chalicelib.pki.errors import DerError
from tests.support.builders import LEAF_KEY, ROOT_KEY, csr, root_certificate

ROOT = root_certificate()
DER = ROOT.public_bytes(Encoding.DER)
PUBLIC = LEAF_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RSA_KEY = rsa.generate_private_key(65537, 2048)
ENCRYPTED = serialization.BestAvailableEncryption(b"secret words")


def private_keys() -> dict[str, bytes]:
    """Private keys in DER, in each form that there is."""
    traditional, pkcs8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
    return {
        "EC PKCS #8": LEAF_KEY.private_bytes(Encoding.DER, pkcs8, NoEncryption()),
        "EC": LEAF_KEY.private_bytes(Encoding.DER, traditional, NoEncryption()),
        "RSA PKCS #8": RSA_KEY.private_bytes(Encoding.DER, pkcs8, NoEncryption()),
        "RSA": RSA_KEY.private_bytes(Encoding.DER, traditional, NoEncryption()),
        "RSA encrypted": RSA_KEY.private_bytes(Encoding.DER, pkcs8, ENCRYPTED),
        "DSA": dsa.generate_private_key(1024).private_bytes(Encoding.DER, traditional, NoEncryption()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, pkcs8, NoEncryption()),
        "PKCS #12": pkcs12.serialize_key_and_certificates(b"x", ROOT_KEY, ROOT, None, ENCRYPTED),
        "PKCS #12 of certificates": pkcs12.serialize_key_and_certificates(None, None, ROOT, None, NoEncryption()),
    }


KEYS = private_keys()


@pytest.mark.parametrize("form", KEYS)
def test_private_key_is_refused_in_each_form(form: str) -> None:
    key = KEYS[form]
    label = "RSA PRIVATE KEY" if form.startswith("RSA") else "PRIVATE KEY"
    pem = f"-----BEGIN {label}-----\n{base64.encodebytes(key).decode()}-----END {label}-----\n".encode()
    certificate = ROOT.public_bytes(Encoding.PEM)
    relabelled = pem.replace(label.encode(), b"CERTIFICATE")
    for content in (key, pem, base64.b64encode(key), base64.encodebytes(key), certificate + pem, relabelled):
        with pytest.raises(recognition.PrivateKeyError) as refused:
            recognition.items(content)
        assert base64.b64encode(key).decode()[:20] not in str(refused.value)
    broken = pem.replace(b"-----END", b"----END").replace(b"M", b"!")
    with pytest.raises(recognition.PrivateKeyError if b"PRIVATE KEY" in broken else DerError):
        recognition.items(broken)


def test_private_key_in_openssh_form_is_refused() -> None:
    content = ROOT_KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    with pytest.raises(recognition.PrivateKeyError):
        recognition.items(content)


@pytest.mark.parametrize(
    ("encoded", "kind", "title"),
    [
        (DER, "certificate", "Certificate"),
        (base64.b64decode(b"".join(csr().splitlines()[1:-1])), "csr", "Certificate request"),
        (PUBLIC, "key", "Public key"),
    ],
    ids=["certificate", "csr", "key"],
)
def test_each_encoding_is_recognized(encoded: bytes, kind: str, title: str) -> None:
    text = base64.encodebytes(encoded)
    pem = b"-----BEGIN X-----\n" + text + b"-----END X-----\n"
    for content in (encoded, text, b"  " + text, b"some words\n" + pem):
        (item,) = recognition.items(content)
        assert (item.kind, item.problem, item.sections[0].title) == (kind, "", title)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "neither PEM nor DER nor base64"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "A PEM block has no end"),
        (b"0" * (recognition.MAX_BYTES + 1), "longer than 64 KB"),
        (ROOT.public_bytes(Encoding.PEM) * 21, "more than 20 structures"),
    ],
    ids=["words", "cut", "long", "many"],
)
def test_what_is_nothing_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(DerError, match=words):
        recognition.items(content)


@pytest.mark.parametrize(
    "content",
    [b"\x30\x00", b"\x30\x03\x02\x01\x01", b"\x30\x80", DER[:-1], DER.replace(b"\x02\x01\x02", b"\x02\x01\x05", 1)],
    ids=["empty", "a number", "no length", "cut", "version 6"],
)
def test_damaged_der_has_a_problem_and_no_contents(content: bytes) -> None:
    (item,) = recognition.items(content)
    assert item.problem
    assert item.sections == ()


def test_only_some_csrs_are_checked_because_that_takes_time() -> None:
    found = recognition.items(csr() * 4)
    assert [item.problem for item in found] == ["", "", *["Paste it alone: checking a CSR takes time."] * 2]


def test_key_of_an_unsupported_curve_is_shown() -> None:
    key = ec.generate_private_key(ec.SECP256K1()).public_key()
    (item,) = recognition.items(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert any("secp256k1" in line.value for line in item.sections[0].lines)
